#include "sim/world.hpp"

#include <malloc.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <utility>

#include "sim/ring_checker.hpp"
#include "sim/workload.hpp"
#include "tests/support/seeds.hpp"

using namespace hopring;
using namespace hopring::sim;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  World world{WorldOptions{}};

  // A ring of `count` peers, settled.
  std::vector<ProcessId> ring(std::size_t count) {
    std::vector<ProcessId> peers{world.start_peer({})};
    world.run_for(1100ms);
    while (peers.size() < count) peers.push_back(world.start_peer({world.endpoint(peers[0])}));
    BOOST_REQUIRE(world.run_until_true(30s, [&] { return settled(); }));
    return peers;
  }

  bool settled() const {
    const auto peers = world.alive_peers();
    const auto rests = [&](ProcessId id) { return world.is_ready(id) && world.peer(id).settled(); };
    return std::all_of(peers.begin(), peers.end(), rests) && check_tiling(world).empty();
  }

  std::size_t arcs_of(ProcessId peer) const { return world.peer(peer).served().size(); }

  // A client of that peer, whose operations count in `ended` when they end.
  ProcessId start_getter(ProcessId peer) {
    const ProcessId client = world.start_client({world.endpoint(peer)});
    world.on_finish(client, [this](Finish&&) { ++ended; });
    return client;
  }
  void get(ProcessId client) { start(client, Get{"k"}, 5s); }
  void start(ProcessId client, Operation operation, Duration deadline) {
    const Now read = world.clock(client);
    world.client(client).start(read, Token{1}, std::move(operation), read.monotonic + deadline);
    world.perform(client);
  }
  int ended = 0;
};

// Bytes that malloc has handed out.
std::size_t allocated_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(world, Fixture)

BOOST_AUTO_TEST_CASE(rings_of_one_two_and_three_peers_tile_and_share) {
  for (const std::size_t count : {1u, 2u, 3u}) {
    Fixture fresh;
    for (const ProcessId peer : fresh.ring(count)) BOOST_TEST(fresh.arcs_of(peer) >= 16u);
    BOOST_TEST(check_tiling(fresh.world).empty());
  }
}

BOOST_AUTO_TEST_CASE(a_paused_process_answers_once_it_goes_on_and_not_before) {
  const auto peers = ring(1);
  const ProcessId client = start_getter(peers[0]);
  get(client);
  world.run_for(100ms);
  BOOST_TEST(ended == 1);
  world.pause(peers[0], 2s);
  get(client);
  world.run_for(1900ms);
  BOOST_TEST(ended == 1);
  world.run_for(200ms);
  BOOST_TEST(ended == 2);
}

// Sent again after 200, 600 and 1,400 ms.
BOOST_AUTO_TEST_CASE(what_is_sent_on_a_way_that_is_blocked_arrives_when_it_is_sent_again) {
  const auto peers = ring(1);
  const ProcessId client = start_getter(peers[0]);
  get(client);
  world.run_for(100ms);
  for (const bool there : {true, false}) {
    const ProcessId from = there ? client : peers[0];
    const ProcessId to = there ? peers[0] : client;
    const int before = ended;
    world.block(from, to);
    world.block(from, to);
    get(client);
    world.run_for(600ms);
    world.open(from, to);
    world.run_for(100ms);
    BOOST_TEST(ended == before);
    world.open(from, to);
    world.run_for(600ms);
    BOOST_TEST(ended == before);
    world.run_for(200ms);
    BOOST_TEST(ended == before + 1);
  }
}

BOOST_AUTO_TEST_CASE(clocks_drift_apart_and_never_go_back) {
  WorldOptions options;
  options.clock_drift_ppm_max = 4500;
  World drifting(options);
  const ProcessId a = drifting.start_peer({});
  const ProcessId b = drifting.start_peer({drifting.endpoint(a)});
  Time last{};
  for (int i = 0; i < 1000; ++i) {
    drifting.run_for(Duration(10'000'019));
    BOOST_REQUIRE(drifting.clock(a).monotonic > last);
    last = drifting.clock(a).monotonic;
  }
  BOOST_TEST(drifting.clock(a).monotonic.since_start.count() !=
             drifting.clock(b).monotonic.since_start.count());
}

// Goal: who has a wrong clock wakes when that clock says so, however long it has run.
// Method: a deadline of a client whom nobody answers.
BOOST_AUTO_TEST_CASE(timers_go_off_by_their_own_clock) {
  for (const std::uint64_t seed : seeds(8)) {
    WorldOptions options;
    options.seed = seed;
    options.clock_drift_ppm_max = 300'000;
    World wrong(options);
    wrong.run_for(100s);
    const ProcessId silent = wrong.start_peer({});
    wrong.pause(silent, 1h);
    const ProcessId client = wrong.start_client({wrong.endpoint(silent)});
    std::optional<Time> woken;
    wrong.on_finish(client, [&](Finish&&) { woken = wrong.clock(client).monotonic; });
    const Now now = wrong.clock(client);
    const Time deadline = now.monotonic + 700ms;
    wrong.client(client).start(now, Token{1}, Get{"key"}, deadline);
    wrong.perform(client);
    BOOST_REQUIRE(wrong.run_until_true(10s, [&] { return woken.has_value(); }));
    BOOST_TEST((*woken >= deadline && *woken - deadline < 10us), "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(a_clock_that_has_stood_still_goes_on_from_there) {
  const ProcessId peer = world.start_peer({});
  world.run_for(1s);
  world.stop_clock(peer, 2s);
  world.run_for(1s);
  BOOST_TEST(world.clock(peer).monotonic.since_start.count() == Duration(1s).count());
  world.stop_clock(peer, 500ms);
  world.stop_clock(peer, 3s);
  world.run_for(2999ms);
  BOOST_TEST(world.clock(peer).monotonic.since_start.count() == Duration(1s).count());
  world.run_for(1s);
  BOOST_TEST(world.clock(peer).monotonic.since_start.count() == Duration(1999ms).count());
}

// As a system does that has acknowledged it: what the peer reads when it goes on is the write, and
// then the end of the connection.
BOOST_AUTO_TEST_CASE(what_a_client_has_sent_is_executed_though_it_has_left_the_connection) {
  const auto put_of = [](const char* text) {
    return Put{"k", {ValueType::string, text}, {}, PutCondition::always};
  };
  const ProcessId peer = ring(1)[0];
  const ProcessId writer = start_getter(peer);
  start(writer, put_of("early"), 2s);  // a ring's first write is refused at first
  world.run_for(2s);
  BOOST_TEST(ended == 1);
  world.pause(peer, 1500ms);
  start(writer, put_of("late"), 1200ms);
  world.run_for(1400ms);
  BOOST_TEST(ended == 2);
  world.run_for(200ms);
  std::optional<OpResult> seen;
  const ProcessId reader = world.start_client({world.endpoint(peer)});
  world.on_finish(reader, [&](Finish&& finish) { seen = std::get<OpResult>(finish.result); });
  get(reader);
  world.run_for(100ms);
  BOOST_REQUIRE(seen && seen->value);
  BOOST_TEST(seen->value->bytes == "late");
}

BOOST_AUTO_TEST_CASE(twenty_peers_that_join_at_one_moment_end_in_one_ring) {
  const auto peers = ring(21);
  for (const ProcessId peer : peers) BOOST_TEST(arcs_of(peer) > 0u);
  BOOST_TEST(check_tiling(world).empty());
}

BOOST_AUTO_TEST_CASE(the_last_peer_that_leaves_says_what_is_lost_with_it) {
  const ProcessId only = ring(1)[0];
  world.leave(only);
  BOOST_TEST(!world.is_alive(only));
  BOOST_REQUIRE(world.left(only).has_value());
  BOOST_TEST(world.left(only)->not_handed_over.size() == 32u);
}

BOOST_AUTO_TEST_CASE(a_peer_that_leaves_hands_every_arc_over) {
  const auto peers = ring(3);
  world.leave(peers[1]);
  BOOST_TEST(world.run_until_true(10s, [&] { return !world.is_alive(peers[1]); }));
  BOOST_TEST(world.left(peers[1])->not_handed_over.empty());
  BOOST_TEST(world.run_until_true(5s, [&] { return check_tiling(world).empty(); }));
}

// Goal: kill -9 of one peer is mended within 5 s; only its own keys are gone.
BOOST_AUTO_TEST_CASE(a_crashed_peer_is_taken_over_within_five_seconds) {
  const auto peers = ring(5);
  Workload load(world, {}, {world.endpoint(peers[0]), world.endpoint(peers[1])});
  load.start();
  world.run_for(2s);
  load.stop();
  BOOST_REQUIRE(world.run_until_true(10s, [&] { return load.is_idle(); }));
  load.on_crash(peers[3]);
  world.crash(peers[3]);
  BOOST_TEST(world.run_until_true(5s, [&] { return check_tiling(world).empty(); }));
  world.run_for(3s);
  load.verify_all(world.endpoint(peers[2]));
  for (const std::string& each : load.violations()) BOOST_ERROR(each);
  BOOST_TEST(load.figures().keys_lost > 0u);
}

// Goal: the first peer, restarted with its own command, does not stay in a ring of its own.
BOOST_AUTO_TEST_CASE(the_first_peer_restarted_comes_back_into_the_ring) {
  const auto peers = ring(4);
  const Endpoint address = world.endpoint(peers[0]);
  world.crash(peers[0]);
  world.run_for(400ms);
  const ProcessId again = world.start_peer_at(address, {});
  BOOST_TEST(world.run_until_true(20s, [&] { return settled(); }));
  BOOST_TEST(world.peer(again).ring()->ring_id == world.peer(peers[1]).ring()->ring_id);
  BOOST_TEST(arcs_of(again) > 0u);
}

BOOST_AUTO_TEST_CASE(a_joiner_that_nobody_answers_fails_with_a_reason_in_time) {
  const ProcessId lonely = world.start_peer({ipv4_endpoint(0x0a0a0a0a, 1)});
  BOOST_TEST(world.run_until_true(31s, [&] { return !world.is_alive(lonely); }));
  BOOST_TEST(world.failure(lonely).find("no peer answers") != std::string::npos);
}

// Goal: users may simulate many peers: an idle one holds at most 1 MiB, all that the world keeps
// for it included.
BOOST_AUTO_TEST_CASE(an_idle_peer_holds_at_most_a_mebibyte) {
  constexpr std::size_t count = 20;
  const std::size_t before = allocated_bytes();
  ring(count);
  world.run_for(10s);
  const std::size_t held = (allocated_bytes() - before) / count;
  BOOST_TEST_MESSAGE("an idle peer holds " << held / 1024 << " KiB");
  BOOST_TEST(held <= std::size_t{1} << 20);
}

BOOST_AUTO_TEST_SUITE_END()
