// Whole rings in which arcs lose the majority of their members at one moment: those are unavailable
// until they are repaired by hand, the others go on, and what has a copy left is there again.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>
#include <string>

#include "sim/repairer.hpp"
#include "sim/ring_checker.hpp"
#include "sim/world.hpp"
#include "tests/support/seeds.hpp"

using namespace hopring;
using namespace hopring::sim;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t keys = 400;
// Without a primary for so long an arc is unavailable: GroupOptions::orphan_after and an election.
constexpr auto orphaned = 4s;
// No arc is on its way any more: what a crash finds under way may end with other members.
constexpr auto at_rest = 20s;

std::string key(std::size_t i) { return "key-" + std::to_string(i); }
std::string value(std::size_t i) { return "value-" + std::to_string(i); }

struct Ring {
  Ring(std::uint64_t seed, std::size_t count) : world(options(seed)) {
    peers.push_back(world.start_peer({}));
    world.run_for(1100ms);
    while (peers.size() < count) {
      peers.push_back(world.start_peer({world.endpoint(peers.front())}));
      world.run_for(20ms);
    }
    BOOST_REQUIRE(becomes_healthy());
    std::vector<Endpoint> contacts;
    for (const ProcessId id : peers) contacts.push_back(world.endpoint(id));
    client = world.start_client(contacts);
    world.on_finish(client, [this](Finish&& finish) {
      results[finish.token.value] = std::get<OpResult>(finish.result);
    });
    for (std::size_t i = 0; i < keys; ++i) {
      const Value text{ValueType::string, value(i)};
      start(i, Put{key(i), text, {}, PutCondition::always});
    }
    run();
    for (const auto& [i, result] : results) BOOST_REQUIRE(!result.error);
    world.run_for(at_rest);
  }

  static WorldOptions options(std::uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    options.ring.replicas = 3;
    options.ring.nodes_per_peer = 8;
    return options;
  }

  bool is_healthy() const {
    return world.all_ready() && check_tiling(world).empty() && check_copies(world).empty();
  }
  bool becomes_healthy() {
    for (int i = 0; i < 1200 && !is_healthy(); ++i) world.run_for(50ms);
    return is_healthy();
  }

  void start(std::size_t token, Operation operation) {
    const Now now = world.clock(client);
    world.client(client).start(now, Token{token}, std::move(operation), now.monotonic + 10s);
    world.perform(client);
  }
  // Until all that has been started has ended.
  void run() {
    BOOST_REQUIRE(world.run_until_true(11s, [&] { return world.client(client).in_flight() == 0; }));
  }
  void read_all() {
    results.clear();
    for (std::size_t i = 0; i < keys; ++i) start(i, Get{key(i)});
  }
  bool is_there(std::size_t i) const {
    const OpResult& result = results.at(i);
    return !result.error && result.value && result.value->bytes == value(i);
  }
  bool is_unavailable(std::size_t i) const { return results.at(i).error == OpError::unavailable; }
  bool is_absent(std::size_t i) const {
    return !results.at(i).error && results.at(i).outcome == Outcome::not_found;
  }

  Position position_of(std::size_t i) const {
    return hopring::position_of(world.ring_config().hash_key, key(i));
  }
  // How many of the members of the key's arc are among these peers.
  std::size_t members_among(const std::vector<View>& views, std::size_t i,
                            const std::vector<PeerRef>& some) const {
    for (const View& view : views) {
      if (!contains(view.arc, position_of(i))) continue;
      return static_cast<std::size_t>(std::count_if(
          some.begin(), some.end(), [&](const PeerRef& each) { return is_member(view, each); }));
    }
    return 0;
  }
  std::vector<View> served() const {
    std::vector<View> views;
    for (const ProcessId id : world.alive_peers()) {
      for (const View& view : world.peer(id).served()) views.push_back(view);
    }
    return views;
  }

  // Looks as often as the operator's tool, until the ring is whole with all its copies.
  bool repair() {
    Repairer repairer(world);
    for (int i = 0; i < 120 && !is_healthy(); ++i) {
      repairer.look();
      world.run_for(500ms);
    }
    done = repairer.done();
    refused = repairer.refused();
    return is_healthy();
  }

  World world;
  std::vector<ProcessId> peers;
  ProcessId client = 0;
  std::map<std::uint64_t, OpResult> results;
  std::vector<RepairStep> done;
  std::size_t refused = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(repair)

// Goal: two of three members lost at one moment make an arc unavailable at once, and nothing else;
// a repair loses nothing that the third one has.
BOOST_AUTO_TEST_CASE(arcs_without_a_majority_are_unavailable_until_they_are_repaired) {
  for (const std::uint64_t seed : seeds(10)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Ring ring(seed, 6);
      const std::vector<View> before = ring.served();
      const View& halved = before[seed % before.size()];
      const std::vector<PeerRef> gone(halved.members.begin(), halved.members.begin() + 2);
      std::vector<ProcessId> victims = ring.peers;
      std::erase_if(victims, [&](ProcessId id) {
        return std::find(gone.begin(), gone.end(), ring.world.peer(id).self()) == gone.end();
      });
      for (const ProcessId id : victims) ring.world.crash(id);
      ring.world.run_for(orphaned);
      BOOST_TEST(!check_tiling(ring.world).empty());
      ring.read_all();
      ring.world.run_for(900ms);
      std::size_t lost = 0;
      for (std::size_t i = 0; i < keys; ++i) {
        const bool is_lost = ring.members_among(before, i, gone) == 2;
        lost += is_lost ? 1 : 0;
        BOOST_REQUIRE_MESSAGE(ring.results.contains(i), "within a second: " << key(i));
        BOOST_TEST((is_lost ? ring.is_unavailable(i) : ring.is_there(i)), key(i));
      }
      BOOST_TEST(lost > 0u, "a seed in which nothing is lost shows nothing");
      BOOST_TEST(ring.repair());
      BOOST_TEST(!ring.done.empty());
      for (const RepairStep& each : ring.done) BOOST_TEST(each.copy.has_value());
      BOOST_TEST(ring.refused == 0u);
      ring.read_all();
      ring.run();
      for (std::size_t i = 0; i < keys; ++i) BOOST_TEST(ring.is_there(i), key(i));
      for (const std::string& each : check_equality(ring.world)) BOOST_ERROR(each);
    }
  }
}

// Goal: an arc all of whose members are gone is empty once it is repaired; the others lose nothing.
BOOST_AUTO_TEST_CASE(an_arc_of_which_no_copy_is_left_begins_empty) {
  std::size_t absent = 0;
  for (const std::uint64_t seed : seeds(5)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Ring ring(seed, 6);
      const std::vector<View> before = ring.served();
      std::vector<PeerRef> gone;
      for (std::size_t i = 0; i < 3; ++i) gone.push_back(ring.world.peer(ring.peers[i]).self());
      for (std::size_t i = 0; i < 3; ++i) ring.world.crash(ring.peers[i]);
      ring.world.run_for(orphaned);
      BOOST_TEST(ring.repair());
      ring.read_all();
      ring.run();
      for (std::size_t i = 0; i < keys; ++i) {
        const bool is_gone = ring.members_among(before, i, gone) == 3;
        BOOST_TEST((is_gone ? ring.is_absent(i) : ring.is_there(i)), key(i));
        absent += is_gone ? 1 : 0;
      }
    }
  }
  BOOST_TEST(absent > 0u);
}

// Goal: nobody who asks for it destroys what is served, nor what is about to be served again.
// Method: every peer is asked to begin every cell anew, and halves of cells, of which most have
// none; at rest, and just after one has crashed.
BOOST_AUTO_TEST_CASE(no_request_begins_an_arc_anew_that_others_serve) {
  Ring ring(2, 6);
  const auto ask_all = [&] {
    const ProcessId liar = ring.world.start_client({ring.world.endpoint(ring.peers[0])});
    std::size_t refused = 0;
    ring.world.on_finish(liar, [&](Finish&& finish) {
      const auto& result = std::get<RepairResult>(finish.result);
      refused += !result.error && result.repaired.refused ? 1 : 0;
    });
    std::uint64_t token = 0;
    for (const ProcessId id : ring.world.alive_peers()) {
      for (std::uint32_t cells : {8u, 16u}) {
        for (std::uint32_t i = 0; i < cells; ++i) {
          const Now now = ring.world.clock(liar);
          const Repair repair{equal_arc(i, cells), 2, std::nullopt};
          ring.world.client(liar).start_repair(now, Token{++token}, ring.world.peer(id).self(),
                                               repair, now.monotonic + 10s);
        }
      }
    }
    ring.world.perform(liar);
    ring.world.run_for(11s);
    BOOST_TEST(refused == token);
    ring.world.on_finish(liar, [](Finish&&) {});
  };
  ask_all();
  ring.world.crash(ring.peers[2]);
  ask_all();
  BOOST_TEST(ring.becomes_healthy());
  ring.read_all();
  ring.run();
  for (std::size_t i = 0; i < keys; ++i) BOOST_TEST(ring.is_there(i), key(i));
}

BOOST_AUTO_TEST_CASE(a_ring_that_is_whole_or_that_heals_by_itself_is_left_alone) {
  Ring ring(1, 6);
  Repairer repairer(ring.world);
  ring.world.crash(ring.peers[2]);
  for (int i = 0; i < 40; ++i) {
    repairer.look();
    ring.world.run_for(250ms);
  }
  BOOST_TEST(ring.is_healthy());
  BOOST_TEST(repairer.done().empty());
  BOOST_TEST(repairer.refused() == 0u);
}

// Goal: members that were only paused, and whose arcs have been repaired meanwhile, end what they
// hold, and the ring is whole again: no position is served in two generations.
BOOST_AUTO_TEST_CASE(members_that_come_back_after_a_repair_give_way) {
  for (const std::uint64_t seed : seeds(5)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Ring ring(seed, 6);
      ring.world.pause(ring.peers[1], 20s);
      ring.world.pause(ring.peers[4], 20s + 50ms);
      ring.world.run_for(orphaned);
      Repairer repairer(ring.world);
      for (int i = 0; i < 12; ++i) {
        repairer.look({ring.peers[1], ring.peers[4]});
        ring.world.run_for(500ms);
      }
      BOOST_TEST(!repairer.done().empty());
      ring.world.run_for(9900ms);
      // They go on: at no moment may two answer for one position, be it in two generations.
      std::set<std::string> served_twice;
      for (int i = 0; i < 2000; ++i) {
        ring.world.run_for(1ms);
        for (std::string& each : check_service(ring.world)) served_twice.insert(std::move(each));
      }
      for (const std::string& each : served_twice) BOOST_ERROR(each);
      ring.world.run_for(3s);
      BOOST_TEST(ring.becomes_healthy());
      for (const std::string& each : check_tiling(ring.world)) BOOST_ERROR(each);
      for (const std::string& each : check_copies(ring.world)) BOOST_ERROR(each);
      for (const std::string& each : check_equality(ring.world)) BOOST_ERROR(each);
      ring.read_all();
      ring.run();
      for (std::size_t i = 0; i < keys; ++i) BOOST_TEST(ring.is_there(i), key(i));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
