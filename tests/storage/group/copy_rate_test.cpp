// Copies between two hosts, which take the time that their rate leaves them.

#include <boost/test/unit_test.hpp>

#include "storage/group/replica_host.hpp"
#include "support.hpp"

namespace hopring {
namespace {

constexpr std::uint64_t rate = 100'000;
constexpr int records = 200;
constexpr std::size_t value_bytes = 1000;
constexpr auto one_way = 1ms;

GroupOptions options_of(std::uint64_t copy_rate) {
  GroupOptions options;
  options.chunk_bytes = 2000;
  options.copy_rate = copy_rate;
  return options;
}

// Peer a has all arcs at first. What it and b send to each other arrives a millisecond later.
struct TwoPeers {
  struct Message {
    Time arrives;
    bool to_a;
    GroupMessage message;
  };
  PeerRef self = peer(1);
  PeerRef other = peer(2);
  ReplicaHost a;
  ReplicaHost b;
  bool b_hears = true;
  Now now = at(0ms);
  std::vector<Message> on_way;  // in order of arrival
  std::vector<MoveEnded> ended;

  explicit TwoPeers(std::uint64_t copy_rate, std::uint32_t arcs = 1)
      : a(self, test_hash_key, options_of(copy_rate), Rng(1)),
        b(other, test_hash_key, options_of(copy_rate), Rng(2)) {
    GroupOutbox out;
    for (std::uint32_t i = 0; i < arcs; ++i) {
      a.open(now, view_of(self, equal_arc(i, arcs)), out);
    }
    perform(true, out);
    run_for(1s);
    for (int i = 0; i < records; ++i) {
      OpResultSink sink;
      const Put put = put_string("key" + std::to_string(i), std::string(value_bytes, 'x'));
      const auto executed = a.execute(now, put, {}, sink, out);
      BOOST_REQUIRE(executed.view != nullptr);
      perform(true, out);
    }
    run_for(100ms);
  }

  void perform(bool of_a, GroupOutbox& out) {
    (of_a ? a : b).end_turn(now, out);
    for (SendGroup& each : all_of<SendGroup>(out)) {
      if (!b_hears && of_a) continue;
      on_way.push_back({now.monotonic + one_way, !of_a, std::move(each.message)});
    }
    for (const MoveEnded& each : all_of<MoveEnded>(out)) ended.push_back(each);
    out.clear();
  }
  void step(Time until) {
    Time next = std::min({until, a.next_deadline(), b.next_deadline()});
    if (!on_way.empty()) next = std::min(next, on_way.front().arrives);
    now = at(std::max(next, now.monotonic).since_start);
    GroupOutbox out;
    if (!on_way.empty() && on_way.front().arrives <= now.monotonic) {
      Message message = std::move(on_way.front());
      on_way.erase(on_way.begin());
      ReplicaHost& to = message.to_a ? a : b;
      to.on_message(now, message.to_a ? other : self, std::move(message.message), out);
      return perform(message.to_a, out);
    }
    for (ReplicaHost* each : {&a, &b}) {
      if (each->next_deadline() > now.monotonic) continue;
      each->on_deadline(now, out);
      perform(each == &a, out);
    }
  }
  void run_for(Duration duration) {
    const Time until = now.monotonic + duration;
    while (now.monotonic < until) step(until);
  }
  void begin_copy(std::uint32_t arc, std::uint32_t arcs) {
    GroupOutbox out;
    BOOST_REQUIRE(a.change(now, equal_arc(arc, arcs).end, Members{self, other}, std::nullopt, out));
    perform(true, out);
  }
  // How long it takes until so many changes are done.
  double seconds_until(std::size_t count) {
    const Time began = now.monotonic;
    while (ended.size() < count && now.monotonic < began + 100s) step(now.monotonic + 1s);
    for (const MoveEnded& each : ended) BOOST_TEST(each.done);
    return std::chrono::duration<double>(now.monotonic - began).count();
  }
  double bytes_sent() const { return static_cast<double>(a.counters().copy_bytes_sent); }
};

const double all_bytes = records * (value_bytes + 16.0);  // and keys

BOOST_AUTO_TEST_SUITE(copy_rate)

BOOST_AUTO_TEST_CASE(without_a_limit_a_copy_takes_as_long_as_its_messages) {
  TwoPeers peers(0);
  peers.begin_copy(0, 1);
  BOOST_TEST(peers.seconds_until(1) < 0.5);
  BOOST_TEST(peers.bytes_sent() >= all_bytes);
  BOOST_TEST(peers.a.counters().copies_begun == 1u);
  BOOST_TEST(peers.a.counters().copies_done == 1u);
  BOOST_TEST(peers.a.counters().copies_given_up == 0u);
}

// The burst of 50 ms goes at once.
BOOST_AUTO_TEST_CASE(a_copy_takes_as_long_as_its_bytes_at_the_rate) {
  TwoPeers peers(rate);
  peers.begin_copy(0, 1);
  const double least = all_bytes / rate - 0.05;
  const double took = peers.seconds_until(1);
  BOOST_TEST(took >= least);
  BOOST_TEST(took < least + 0.5);
  BOOST_TEST(peers.bytes_sent() < all_bytes * 1.02, "nothing was sent twice");
}

BOOST_AUTO_TEST_CASE(copies_of_two_arcs_share_the_rate) {
  TwoPeers peers(rate, 2);
  peers.begin_copy(0, 2);
  peers.begin_copy(1, 2);
  BOOST_TEST(peers.a.counters().copies_under_way() == 2u);
  const double least = all_bytes / rate - 0.05;
  const double took = peers.seconds_until(2);
  BOOST_TEST(took >= least);
  BOOST_TEST(took < least + 0.5);
  BOOST_TEST(peers.a.counters().copies_done == 2u);
  BOOST_TEST(peers.a.counters().copies_under_way() == 0u);
}

// Goal: waiting for the rate is no silence, even where it lasts for longer than the timeout.
BOOST_AUTO_TEST_CASE(a_copy_that_waits_for_long_is_not_given_up) {
  TwoPeers peers(3000, 2);  // a chunk of 2 KB every 0.7 s, for one of the two
  peers.begin_copy(0, 2);
  peers.begin_copy(1, 2);
  const double took = peers.seconds_until(2);
  BOOST_TEST(took > 60);
  BOOST_TEST(took < 80);
  BOOST_TEST(peers.a.counters().copies_given_up == 0u);
}

// Goal: but silence is silence.
BOOST_AUTO_TEST_CASE(a_copy_of_which_nothing_is_acknowledged_is_given_up_at_any_rate) {
  for (const std::uint64_t copy_rate : std::vector<std::uint64_t>{0, rate, 10'000}) {
    TwoPeers peers(copy_rate);
    peers.begin_copy(0, 1);
    peers.run_for(100ms);
    peers.b_hears = false;
    peers.run_for(20s);
    BOOST_TEST(peers.a.counters().copies_given_up == 1u);
    BOOST_REQUIRE(peers.ended.size() == 1u);
    BOOST_TEST(!peers.ended.front().done);
  }
}

// Goal: the place of a newcomer that has died is free again at once. Method: it dies before it has
// heard of the copy, or with a part of it.
BOOST_AUTO_TEST_CASE(a_copy_to_a_peer_that_is_gone_is_given_up_at_once) {
  for (const Duration copied_for : {Duration{0ms}, Duration{100ms}}) {
    TwoPeers peers(rate);
    peers.b_hears = copied_for > 0ms;
    peers.begin_copy(0, 1);
    peers.run_for(copied_for);
    BOOST_REQUIRE(peers.ended.empty());
    GroupOutbox out;
    peers.a.on_peer_gone(peers.now, peers.other, out);
    peers.perform(true, out);
    BOOST_REQUIRE(peers.ended.size() == 1u);
    BOOST_TEST(!peers.ended.front().done);
    BOOST_TEST((peers.ended.front().to == peers.other));
    BOOST_TEST(peers.a.counters().copies_given_up == 1u);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
