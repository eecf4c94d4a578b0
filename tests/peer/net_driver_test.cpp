#include <boost/test/unit_test.hpp>
#include <set>

#include "peer/net/driver.hpp"
#include "tests/peer/net_support.hpp"

using namespace hopring;
using namespace hopring::test;
using namespace std::chrono_literals;

namespace {

// Limits under which a ring forms in a moment.
Limits quick_limits() {
  Limits limits;
  limits.fresh_for = 10ms;
  limits.join_timeout = 10s;
  limits.sweep_interval = 10ms;
  limits.last_words_timeout = 100ms;
  return limits;
}

// A whole peer: sockets, clocks and core. What it announces goes to a file of its own.
class WholePeer {
 public:
  WholePeer(Loop& loop, std::vector<Endpoint> contacts, Limits limits = quick_limits(),
            std::uint32_t threads = 1)
      : acceptor_(listen_on(loop.io, ipv4_endpoint(0x7f000001, 0)).value()),
        endpoint(from_asio(acceptor_.local_endpoint())),
        driver(loop.io, std::move(acceptor_), options(std::move(contacts), limits, threads)) {
    driver.start();
  }
  ~WholePeer() { std::fclose(announcements); }

  std::string announced() {
    std::rewind(announcements);
    char line[200] = {};
    return std::fgets(line, sizeof line, announcements) == nullptr ? "" : line;
  }
  bool is_ready() { return announced().starts_with("ready " + to_string(endpoint) + " id="); }

 private:
  Driver::Options options(std::vector<Endpoint> contacts, const Limits& limits,
                          std::uint32_t threads) {
    Driver::Options options;
    options.peer.self = {endpoint, random_word()};
    options.peer.ring.ring_id = random_word();
    options.peer.ring.nodes_per_peer = 4;
    options.peer.contacts = std::move(contacts);
    options.peer.limits = limits;
    options.peer.shards = threads;
    options.log_level = LogLevel::error;
    options.announcements = announcements;
    return options;
  }

  tcp::acceptor acceptor_;

 public:
  std::FILE* announcements = std::tmpfile();
  Endpoint endpoint;
  Driver driver;
};

struct Fixture {
  // Until a first write has been taken: the ring is not given up any more.
  void first_write(RawEnd& client) {
    const auto is_taken = [&] {
      const auto* reply = client.op_reply();
      return reply != nullptr && !std::get<OpResult>(reply->answer).error;
    };
    for (std::uint64_t id = 1000; !is_taken(); ++id) {
      BOOST_REQUIRE(id < 1100);
      client.send_message(put("key", "value"), id);
      BOOST_REQUIRE(loop.until([&] {
        return client.op_reply() != nullptr && client.received().back().request_id == id;
      }));
    }
  }
  static ClientRequestMessage put(std::string key, std::string value) {
    return OpRequest{Put{std::move(key), Value{ValueType::string, std::move(value)}, {}, {}}};
  }

  bool is_ready(WholePeer& peer) {
    return loop.until([&] { return peer.is_ready(); });
  }

  Loop loop;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(net_driver)

BOOST_FIXTURE_TEST_CASE(a_peer_that_creates_a_ring_says_so_and_serves, Fixture) {
  WholePeer peer(loop, {});
  BOOST_REQUIRE(is_ready(peer));
  BOOST_TEST(peer.announced().ends_with(" peers=1\n"));
  RawEnd client(loop.io, peer.endpoint);
  client.send_hello();
  first_write(client);
  client.send_message(OpRequest{Get{"key"}}, 2);
  BOOST_REQUIRE(loop.until([&] { return client.received().back().request_id == 2; }));
  const auto& result = std::get<OpResult>(client.op_reply()->answer);
  BOOST_REQUIRE(result.value.has_value());
  BOOST_TEST(result.value->bytes == "value");
}

BOOST_FIXTURE_TEST_CASE(a_peer_joins_and_leaves_and_hands_over_what_it_had, Fixture) {
  WholePeer first(loop, {});
  BOOST_REQUIRE(is_ready(first));
  WholePeer second(loop, {first.endpoint});
  BOOST_REQUIRE(is_ready(second));
  BOOST_TEST(second.announced().ends_with(" peers=2\n"));
  second.driver.leave();
  BOOST_REQUIRE(loop.until([&] { return second.driver.ending().has_value(); }));
  BOOST_TEST(second.driver.ending()->exit_code == 0);
  BOOST_TEST(second.driver.ending()->line == "");
}

BOOST_FIXTURE_TEST_CASE(the_last_peer_with_data_says_what_is_lost_with_it, Fixture) {
  WholePeer peer(loop, {});
  BOOST_REQUIRE(is_ready(peer));
  RawEnd client(loop.io, peer.endpoint);
  client.send_hello();
  first_write(client);
  peer.driver.leave();
  BOOST_REQUIRE(loop.until([&] { return peer.driver.ending().has_value(); }));
  BOOST_TEST(peer.driver.ending()->exit_code == 1);
  BOOST_TEST(peer.driver.ending()->line.find("1 record") != std::string::npos);
  BOOST_TEST(loop.until([&] { return client.is_closed(); }));
}

// Goal: whichever thread has a client's connection, it is served by all of them.
// Method: two clients, so that each thread has one; keys of all cells; a batch over all of them.
BOOST_FIXTURE_TEST_CASE(threads_serve_each_others_clients, Fixture) {
  WholePeer subject(loop, {}, quick_limits(), 2);
  BOOST_REQUIRE(is_ready(subject));
  for (const int round : {0, 1}) {
    RawEnd client(loop.io, subject.endpoint);
    client.send_hello();
    first_write(client);
    BatchRequest gets;
    for (int i = 0; i < 100; ++i) {
      const std::string key = "key" + std::to_string(round * 100 + i);
      client.send_message(put(key, "v" + key), 1);
      gets.operations.emplace_back(Get{key});
    }
    const auto received = client.received().size();
    BOOST_REQUIRE(loop.until([&] { return client.received().size() == received + 100; }));
    client.send_message(ClientRequestMessage(gets), 2);
    BOOST_REQUIRE(loop.until([&] { return client.received().size() == received + 102; }));
    std::set<std::uint16_t> places;
    for (std::size_t r = received + 100; r < received + 102; ++r) {  // one of each thread
      const auto& family = std::get<ClientReplyMessage>(client.received()[r].message);
      const auto& reply = std::get<BatchReply>(family);
      BOOST_REQUIRE(reply.answers.size() == reply.places.size());
      for (std::size_t i = 0; i < reply.answers.size(); ++i) {
        BOOST_TEST(places.insert(reply.places[i]).second);
        const std::string& key = key_of(gets.operations[reply.places[i]]);
        BOOST_TEST(std::get<OpResult>(reply.answers[i]).value.value().bytes == "v" + key);
      }
    }
    BOOST_TEST(places.size() == 100u);
    client.send_message(ReportRequest{}, 3);
    BOOST_REQUIRE(loop.until([&] { return client.received().back().request_id == 3; }));
    const auto* report = client.last<ClientReplyMessage, ReportReply>();
    BOOST_REQUIRE(report != nullptr);
    std::uint64_t keys = 0;
    for (const ArcReport& arc : report->arcs) keys += arc.keys;
    BOOST_TEST(keys == 101u + 100u * static_cast<unsigned>(round));
  }
}

BOOST_FIXTURE_TEST_CASE(peers_with_different_numbers_of_threads_share_a_ring, Fixture) {
  WholePeer first(loop, {}, quick_limits(), 3);
  BOOST_REQUIRE(is_ready(first));
  WholePeer second(loop, {first.endpoint}, quick_limits(), 2);
  BOOST_REQUIRE(is_ready(second));
  first.driver.leave();
  BOOST_REQUIRE(loop.until([&] { return first.driver.ending().has_value(); }));
  BOOST_TEST(first.driver.ending()->line == "");
  RawEnd client(loop.io, second.endpoint);
  client.send_hello();
  first_write(client);
}

BOOST_FIXTURE_TEST_CASE(more_connections_than_connections_max_are_closed_at_once, Fixture) {
  Limits limits = quick_limits();
  limits.connections_max = 2;
  WholePeer subject(loop, {}, limits);
  BOOST_REQUIRE(is_ready(subject));
  RawEnd one(loop.io, subject.endpoint);
  one.send_hello();
  BOOST_REQUIRE(loop.until([&] { return one.hello_answer() != nullptr; }));
  RawEnd two(loop.io, subject.endpoint);
  two.send_hello();
  BOOST_REQUIRE(loop.until([&] { return two.hello_answer() != nullptr; }));
  RawEnd three(loop.io, subject.endpoint);
  BOOST_TEST(loop.until([&] { return three.is_closed(); }));
  first_write(one);
  first_write(two);
}

BOOST_FIXTURE_TEST_CASE(with_nobody_at_join_it_ends_with_a_reason_in_time, Fixture) {
  Limits limits = quick_limits();
  limits.join_timeout = 200ms;
  const Endpoint nobody = WholePeer(loop, {}).endpoint;  // it is gone by now
  WholePeer peer(loop, {nobody}, limits);
  BOOST_REQUIRE(loop.until([&] { return peer.driver.ending().has_value(); }, 2s));
  BOOST_TEST(peer.driver.ending()->exit_code == 1);
  BOOST_TEST(peer.driver.ending()->line.find(to_string(nobody)) != std::string::npos);
  BOOST_TEST(peer.announced() == "");
}

BOOST_AUTO_TEST_SUITE_END()
