// A peer that leaves when those who shared its arcs are dead: it takes the last copies with it,
// also of arcs that it led itself until they lost their majority, and whoever stops it must be
// told.

#include <boost/test/unit_test.hpp>

#include "sim/ring_checker.hpp"
#include "sim/world.hpp"
#include "tests/support/seeds.hpp"

using namespace hopring;
using namespace hopring::sim;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t keys = 100;

struct LastCopies {
  World world;
  std::vector<ProcessId> peers;

  LastCopies(std::uint64_t seed, std::size_t count) : world(options_of(seed)) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto contacts = peers.empty() ? std::vector<Endpoint>{}
                                          : std::vector<Endpoint>{world.endpoint(peers.front())};
      peers.push_back(world.start_peer(contacts));
      world.run_for(i == 0 ? 1100ms : 20ms);
    }
    BOOST_REQUIRE(world.run_until_true(
        60s, [&] { return check_tiling(world).empty() && check_copies(world).empty(); }));
    for (std::size_t i = 0; i < keys; ++i) write("key" + std::to_string(i));
  }

  static WorldOptions options_of(std::uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    options.ring.replicas = 3;
    options.ring.nodes_per_peer = 16;
    return options;
  }

  void write(const std::string& key) {
    std::optional<OpResult> result;
    const ProcessId client = world.start_client({world.endpoint(peers.front())});
    world.on_finish(client, [&](Finish&& finish) { result = std::get<OpResult>(finish.result); });
    const Now now = world.clock(client);
    world.client(client).start(now, Token{1}, Put{key, Value{ValueType::string, "v"}, {}, {}},
                               now.monotonic + 10s);
    world.perform(client);
    BOOST_REQUIRE(world.run_until_true(11s, [&] { return result.has_value(); }));
    BOOST_REQUIRE(!result->error);
    world.on_finish(client, {});
    world.crash(client);
  }

  // The others die, and the first one is stopped so much later. The records that it says it leaves
  // without a majority.
  std::uint64_t orphaned_by_leaving(Duration later) {
    for (std::size_t i = 1; i < peers.size(); ++i) world.crash(peers[i]);
    world.run_for(later);
    world.leave(peers.front());
    BOOST_REQUIRE(world.run_until_true(60s, [&] { return !world.is_alive(peers.front()); }));
    return world.left(peers.front()).value().records_orphaned;
  }
};

BOOST_AUTO_TEST_SUITE(last_copies)

BOOST_AUTO_TEST_CASE(a_peer_that_leaves_with_the_last_copies_says_so_whoever_led_them) {
  for (const std::uint64_t seed : seeds(3)) {
    for (const std::size_t count : {2u, 3u}) {
      for (const Duration later : {Duration(500ms), Duration(4s), Duration(20s)}) {
        BOOST_TEST_CONTEXT("seed " << seed << ", " << count << " peers, " << later.count()) {
          LastCopies ring(seed, count);
          BOOST_TEST(ring.orphaned_by_leaving(later) == keys);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
