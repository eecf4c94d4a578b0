#include "client/map.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>
#include <future>
#include <set>
#include <thread>

#include "tests/client/live_peer.hpp"

using namespace hopring;
using namespace std::chrono_literals;
using hopring::test::LivePeer;

BOOST_TEST_DONT_PRINT_LOG_VALUE(Outcome)
BOOST_TEST_DONT_PRINT_LOG_VALUE(OpError)
BOOST_TEST_DONT_PRINT_LOG_VALUE(ValueType)

namespace {

struct Point {
  int x = 0, y = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& x& y;
  }
  friend bool operator==(const Point&, const Point&) = default;
};

MapOptions options_for(const std::string& address) {
  MapOptions options;
  options.contacts = {address};
  options.timeout = 20s;
  return options;
}

struct OnePeer {
  LivePeer peer;
  Map map = Map::open(options_for(peer.address())).value();
};

// A port that nobody listens at: one that was ours a moment ago.
std::string dead_address() {
  boost::asio::io_context io;
  const auto acceptor = listen_on(io, ipv4_endpoint(0x7f000001, 0)).value();
  return to_string(from_asio(acceptor.local_endpoint()));
}

}  // namespace

template <>
struct hopring::ObjectTraits<Point> {
  static constexpr std::string_view name = "test.Point";
};

BOOST_FIXTURE_TEST_SUITE(map, OnePeer)

BOOST_AUTO_TEST_CASE(what_was_put_is_got_in_its_type) {
  BOOST_TEST(map.put("text", "two words").has_value());
  BOOST_TEST(map.put("bytes", std::string("\0\xff\n", 3)).has_value());
  BOOST_TEST(map.put("whole", -7).has_value());
  BOOST_TEST(map.put("part", 0.1).has_value());
  BOOST_TEST(map.put("json", boost::json::value{{"a", 1}}).has_value());
  BOOST_TEST(map.put("object", Point{3, 4}).has_value());

  BOOST_TEST(map.get<std::string>("text").value().value() == "two words");
  BOOST_TEST(map.get<std::string>("bytes").value().value() == std::string("\0\xff\n", 3));
  BOOST_TEST(map.get<std::int16_t>("whole").value().value() == -7);
  BOOST_TEST(map.get<double>("part").value().value() == 0.1);
  BOOST_TEST(map.get<boost::json::value>("json").value().value().at("a").as_int64() == 1);
  BOOST_TEST((map.get<Point>("object").value().value() == Point{3, 4}));
  BOOST_TEST((map.get<Value>("text").value().value() == Value{ValueType::string, "two words"}));
}

BOOST_AUTO_TEST_CASE(a_key_that_is_not_there_is_a_value_and_no_failure) {
  BOOST_TEST(!map.get<int>("nobody").value());
  BOOST_TEST(!map.erase("nobody").value());
  BOOST_TEST(!map.replace("nobody", 1).value());
  BOOST_TEST((map.compare_and_set("nobody", 1, 2).value().outcome == Outcome::not_found));
}

BOOST_AUTO_TEST_CASE(a_wrong_type_says_which_one_is_there) {
  map.put("json", boost::json::value{{"a", 1}}).value();
  const auto got = map.get<int>("json");
  BOOST_REQUIRE(!got);
  BOOST_TEST(got.error().code == OpError::wrong_type);
  BOOST_TEST((got.error().found == ValueType::json));
  BOOST_TEST(got.error().text == "the value is json, not integer");
  BOOST_CHECK_THROW(map.get<int>("json").value(), boost::system::system_error);
}

BOOST_AUTO_TEST_CASE(figures_count_what_the_first_peer_that_was_asked_has_answered) {
  for (int i = 0; i < 5; ++i) map.put("key " + std::to_string(i), i).value();
  const ClientFigures figures = map.figures();
  BOOST_TEST(figures.by_hops[0] == 5u);
  BOOST_TEST(figures.requests >= 5u);
}

BOOST_AUTO_TEST_CASE(insert_creates_and_replace_updates) {
  BOOST_TEST(map.insert("key", 1).value());
  BOOST_TEST(!map.insert("key", 2).value());
  BOOST_TEST(map.get<int>("key").value().value() == 1);
  BOOST_TEST(map.replace("key", 3).value());
  BOOST_TEST(map.get<int>("key").value().value() == 3);
  BOOST_TEST(map.erase("key").value());
  BOOST_TEST(!map.get<int>("key").value());
}

BOOST_AUTO_TEST_CASE(compare_and_set_compares_type_and_bytes) {
  map.put("key", 1).value();
  BOOST_TEST(static_cast<bool>(map.compare_and_set("key", 1, "one").value()));
  const auto again = map.compare_and_set("key", 1, 2).value();
  BOOST_TEST((again.outcome == Outcome::mismatch));
  BOOST_TEST((again.actual == Value{ValueType::string, "one"}));
}

BOOST_AUTO_TEST_CASE(a_counter_adds_to_integers_and_decimal_strings) {
  BOOST_TEST(map.add("counter").value() == 1);
  BOOST_TEST(map.add("counter", -5).value() == -4);
  map.put("text", "41").value();
  BOOST_TEST(map.add("text").value() == 42);
  BOOST_TEST(map.get<std::string>("text").value().value() == "42");
  map.put("word", "no number").value();
  BOOST_TEST((map.add("word").error().code == OpError::wrong_type));
}

BOOST_AUTO_TEST_CASE(an_expiry_is_told_and_kept) {
  map.put("key", 1, {.expiry = expire_after(1h)}).value();
  const auto first = map.get_with_expiry<int>("key").value().value();
  BOOST_REQUIRE(first.expires_at.has_value());
  map.compare_and_set("key", 1, 2).value();
  BOOST_TEST((map.get_with_expiry<int>("key").value().value().expires_at == first.expires_at));
  map.put("key", 3).value();
  BOOST_TEST(!map.get_with_expiry<int>("key").value().value().expires_at);
}

BOOST_AUTO_TEST_CASE(bulk_gives_a_result_for_each_key) {
  const std::vector<std::pair<std::string, int>> records{{"a", 1}, {"", 2}, {"b", 3}};
  const auto put = map.put_many(records);
  BOOST_REQUIRE_EQUAL(put.size(), 3u);
  BOOST_TEST(put[0].has_value());
  BOOST_TEST((put[1].error().code == OpError::key_empty));
  BOOST_TEST(put[2].has_value());

  const auto got = map.get_many<int>(std::vector<std::string>{"b", "nobody", "a"});
  BOOST_REQUIRE_EQUAL(got.size(), 3u);
  BOOST_TEST(got[0].value().value() == 3);
  BOOST_TEST(!got[1].value());
  BOOST_TEST(got[2].value().value() == 1);

  const auto erased = map.erase_many(std::vector<std::string_view>{"a", "nobody"});
  BOOST_TEST((erased[0].value() && !erased[1].value()));
  BOOST_TEST(map.get_many<int>(std::vector<std::string>{}).empty());
}

BOOST_AUTO_TEST_CASE(a_value_that_has_no_place_in_the_map_is_refused_for_itself) {
  const std::uint64_t large = ~0ull;
  BOOST_TEST((map.put("key", large).error().code == OpError::overflow));
  const std::vector<std::pair<std::string, std::uint64_t>> records{{"a", large}, {"b", 1}};
  const auto put = map.put_many(records);
  BOOST_TEST((put[0].error().code == OpError::overflow));
  BOOST_TEST(put[1].has_value());
  BOOST_TEST(!map.get<Value>("a").value());
}

BOOST_AUTO_TEST_CASE(a_scan_gives_every_key_once_and_resumes_behind_each) {
  std::vector<std::pair<std::string, int>> records;
  for (int i = 0; i < 500; ++i) records.emplace_back("key" + std::to_string(i), i);
  for (int i = 0; i < 50; ++i) records.emplace_back("other" + std::to_string(i), i);
  for (const auto& put : map.put_many(records)) put.value();

  std::set<std::string> seen;
  ScanOptions options{.prefix = "key", .page_records_max = 7};
  for (int left = 100; const auto& entry : map.scan(options)) {
    BOOST_TEST(seen.insert(entry.value().key).second);
    BOOST_TEST("key" + std::to_string(entry->as<int>().value()) == entry->key);
    options.after = entry->cursor();
    if (--left == 0) break;
  }
  BOOST_TEST(seen.size() == 100u);
  options.after = parse_cursor(to_string(*options.after));
  for (const auto& entry : map.scan(options)) BOOST_TEST(seen.insert(entry.value().key).second);
  BOOST_TEST(seen.size() == 500u);
}

BOOST_AUTO_TEST_CASE(a_scan_that_cannot_go_on_ends_with_a_failure) {
  std::size_t elements = 0;
  for (const auto& entry : map.scan({.page_records_max = 0})) {
    BOOST_TEST((entry.error().code == OpError::invalid_argument));
    ++elements;
  }
  BOOST_TEST(elements == 1u);
}

BOOST_AUTO_TEST_CASE(a_report_names_the_peer_and_its_keys) {
  map.put("key", 1).value();
  const PeerReport report = map.report().value();
  BOOST_TEST((report.self.endpoint == peer.endpoint()));
  std::uint64_t keys = 0;
  for (const ArcReport& arc : report.arcs) keys += arc.keys;
  BOOST_TEST(keys == 1u);
}

// Goal: one twin serves every way to wait that Asio knows.
BOOST_AUTO_TEST_CASE(the_asynchronous_face_takes_any_completion_token) {
  using Got = Result<std::optional<int>>;
  BOOST_TEST(map.async_put("key", 7, boost::asio::use_future).get().has_value());

  std::promise<Got> called;
  map.async_get<int>("key", [&](Got got) { called.set_value(std::move(got)); });
  BOOST_TEST(called.get_future().get().value().value() == 7);

  auto later = map.async_add("key", 1, boost::asio::deferred);
  BOOST_TEST(std::move(later)(boost::asio::use_future).get().value() == 8);

  BOOST_TEST(map.async_erase("nobody", boost::asio::use_future).get().value() == false);
  const auto page = map.async_scan_page({.prefix = "key"}, boost::asio::use_future).get();
  BOOST_TEST(page.has_value());
}

BOOST_AUTO_TEST_CASE(a_coroutine_goes_on_in_its_own_executor) {
  boost::asio::io_context io;
  std::optional<int> got;
  boost::asio::co_spawn(
      io,
      [&]() -> boost::asio::awaitable<void> {
        const auto own_thread = std::this_thread::get_id();
        (co_await map.async_put("key", 5, boost::asio::use_awaitable)).value();
        got = (co_await map.async_get<int>("key", boost::asio::use_awaitable)).value();
        BOOST_TEST((std::this_thread::get_id() == own_thread));
      },
      [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
      });
  io.run();
  BOOST_TEST(got.value() == 5);
}

BOOST_AUTO_TEST_CASE(a_synchronous_call_in_the_maps_own_thread_is_refused) {
  std::promise<OpError> code;
  map.async_get<int>("key", [&](auto&&) { code.set_value(map.add("key").error().code); });
  BOOST_TEST((code.get_future().get() == OpError::invalid_argument));
}

// Goal: nothing lost, nothing torn. Method: 32 threads count on one key, and each overwrites and
// reads one of four values whose halves must agree.
BOOST_AUTO_TEST_CASE(threads_share_one_map) {
  std::atomic<int> torn = 0;
  std::vector<std::thread> threads;
  for (int n = 0; n < 32; ++n) {
    threads.emplace_back([&, n] {
      for (int i = 0; i < 50; ++i) {
        map.add("count").value();
        const std::string shared = "shared" + std::to_string(i % 4);
        map.put(shared, Point{n, n}).value();
        const auto point = map.get<Point>(shared).value().value();
        if (point.x != point.y) ++torn;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(map.get<int>("count").value().value() == 32 * 50);
  BOOST_TEST(torn == 0);
}

BOOST_AUTO_TEST_SUITE_END()

// Goal: a batch larger than the queue of a connection flows through it instead of breaking it.
BOOST_FIXTURE_TEST_CASE(large_values_of_one_batch_wait_for_their_turn, OnePeer) {
  std::vector<std::pair<std::string, std::string>> records;
  for (int i = 0; i < 8; ++i) {
    records.emplace_back("large" + std::to_string(i), std::string(std::size_t{8} << 20, 'x'));
  }
  for (const auto& put : map.put_many(records, {.timeout = 120s})) BOOST_TEST(put.has_value());
}

BOOST_AUTO_TEST_CASE(nobody_there_is_no_route_at_the_deadline) {
  auto options = options_for(dead_address());
  options.timeout = 50ms;
  auto map = Map::open(options).value();
  BOOST_TEST((map.get<int>("key").error().code == OpError::no_route));
  BOOST_TEST((map.put("key", 1).error().code == OpError::no_route));
  BOOST_TEST((map.report().error().code == OpError::no_route));
}

BOOST_AUTO_TEST_CASE(a_contact_that_is_no_address_is_named) {
  const auto map = Map::open(options_for("nonsense"));
  BOOST_REQUIRE(!map);
  BOOST_TEST(map.error().text == "\"nonsense\" is not an address; write host:port");
  BOOST_TEST((Map::open(options_for("127.0.0.1:0")).error().code == OpError::invalid_argument));
}

BOOST_AUTO_TEST_CASE(names_are_resolved) {
  LivePeer peer;
  auto map = Map::open(options_for("localhost:" + std::to_string(peer.endpoint().port))).value();
  BOOST_TEST(map.put("key", 1).has_value());
}

// Goal: destruction ends what is in flight. Method: the other end accepts and never answers.
BOOST_AUTO_TEST_CASE(a_map_that_goes_ends_its_operations_as_cancelled) {
  boost::asio::io_context io;
  const auto silent = listen_on(io, ipv4_endpoint(0x7f000001, 0)).value();
  std::future<Result<void>> put;
  std::future<Result<std::optional<int>>> got;
  {
    auto map = Map::open(options_for(to_string(from_asio(silent.local_endpoint())))).value();
    put = map.async_put("key", 1, boost::asio::use_future);
    got = map.async_get<int>("key", boost::asio::use_future);
  }
  BOOST_TEST((put.get().error().code == OpError::cancelled));
  BOOST_TEST((got.get().error().code == OpError::cancelled));
}

// Goal: a contact that swallows what it is sent holds an operation up for no longer than an arc
// needs to find another primary. Method: its port takes connections, and nobody answers there.
BOOST_AUTO_TEST_CASE(a_contact_that_never_answers_is_given_up_for_another_within_two_seconds) {
  boost::asio::io_context io;
  const auto silent = listen_on(io, ipv4_endpoint(0x7f000001, 0)).value();
  const LivePeer peer;
  MapOptions options = options_for(to_string(from_asio(silent.local_endpoint())));
  options.contacts.push_back(peer.address());
  options.timeout = 1900ms;
  auto map = Map::open(options).value();
  BOOST_TEST(map.put("key", 1).has_value());
}

// Goal: a client that was told one peer finds the others and goes on when that one is gone.
BOOST_AUTO_TEST_CASE(one_contact_is_enough) {
  auto first = std::make_unique<LivePeer>();
  auto map = Map::open(options_for(first->address())).value();
  map.put("before", 1).value();
  const LivePeer second({first->endpoint()});
  const auto has_arcs = [&] {
    const auto known = map.report().value().known;
    return !known.empty() && !map.report(known.front()).value().arcs.empty();
  };
  while (!has_arcs()) std::this_thread::yield();
  first.reset();
  BOOST_TEST(map.get<int>("before").value().value() == 1);
  BOOST_TEST(map.put("after", 2).has_value());
}
