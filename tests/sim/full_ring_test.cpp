// Rings whose peers have no memory for more copies.

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "sim/ring_checker.hpp"
#include "sim/world.hpp"
#include "tests/support/seeds.hpp"

using namespace hopring;
using namespace hopring::sim;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t value_bytes = 4000;

std::string key_of(std::size_t number) { return "key-" + std::to_string(number); }

// Five peers that hold three copies of what is written, until a write finds no memory. Or, if they
// evict, of the last of what is twice as much as they can hold.
struct FullRing {
  static constexpr std::size_t keys_evicting = 3000;

  World world;
  std::vector<ProcessId> peers;
  std::size_t keys = 0;  // written

  explicit FullRing(std::uint64_t seed, std::uint32_t shards = 0, bool evicts = false)
      : world(options_of(seed, shards, evicts)) {
    peers.push_back(world.start_peer({}));
    world.run_for(1100ms);
    while (peers.size() < 5) join();
    BOOST_REQUIRE(world.run_until_true(60s, [&] { return has_all_copies(); }));
    const Value value{ValueType::string, std::string(value_bytes, 'v')};
    std::optional<OpError> error;
    while (error != OpError::out_of_memory && !(evicts && keys == keys_evicting)) {
      error = ask(Put{key_of(keys), value, {}, {}}).error;
      if (!error) ++keys;
      if (error == OpError::overloaded) world.run_for(100ms);
    }
    BOOST_REQUIRE(keys > 500u);
    BOOST_REQUIRE(world.run_until_true(60s, [&] { return has_all_copies(); }));
  }

  static WorldOptions options_of(std::uint64_t seed, std::uint32_t shards, bool evicts) {
    WorldOptions options;
    options.seed = seed;
    options.shards = shards;
    options.ring.replicas = 3;
    options.ring.nodes_per_peer = 8;
    options.memory_bytes_max = std::uint64_t{4} << 20;
    options.evicts = evicts;
    return options;
  }

  bool has_all_copies() const {
    return world.all_ready() && check_tiling(world).empty() && check_copies(world).empty();
  }

  void join() {
    peers.push_back(world.start_peer({world.endpoint(world.alive_peers().front())}));
    world.run_for(20ms);
  }

  OpResult ask(const Operation& operation) {
    OpResult result;
    bool has_ended = false;
    const ProcessId client = world.start_client({world.endpoint(world.alive_peers().front())});
    world.on_finish(client, [&](Finish&& finish) {
      result = std::get<OpResult>(std::move(finish.result));
      has_ended = true;
    });
    const Now now = world.clock(client);
    world.client(client).start(now, Token{1}, operation, now.monotonic + 10s);
    world.perform(client);
    BOOST_REQUIRE(world.run_until_true(11s, [&] { return has_ended; }));
    world.on_finish(client, {});
    world.crash(client);
    return result;
  }

  // How many of those that have been written are read.
  std::size_t readable() {
    std::size_t count = 0;
    for (std::size_t i = 0; i < keys; ++i) {
      const OpResult result = ask(Get{key_of(i)});
      count += !result.error && result.value && result.value->bytes.size() == value_bytes;
    }
    return count;
  }

  // One in so many of those that have been written.
  void erase_each(std::size_t nth) {
    for (std::size_t i = 0; i < keys; i += nth) {
      BOOST_REQUIRE(!ask(Erase{key_of(i), {}}).error);
    }
  }

  void leave_in_order(ProcessId peer) {
    world.leave(peer);
    BOOST_REQUIRE(world.run_until_true(20s, [&] { return !world.is_alive(peer); }));
    const Left& left = world.left(peer).value();
    BOOST_TEST(left.not_handed_over.empty());
    BOOST_TEST(left.records_orphaned == 0u);
    BOOST_TEST(readable() == keys);
  }
};

BOOST_AUTO_TEST_SUITE(full_ring)

// Goal: where nobody has memory for a leaver's copies it goes all the same, and leaves no arc
// without a majority behind.
BOOST_AUTO_TEST_CASE(peers_that_leave_a_full_ring_take_nothing_with_them) {
  for (const std::uint64_t seed : seeds(3)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      FullRing ring(seed);
      ring.leave_in_order(ring.peers[1]);
      ring.leave_in_order(ring.peers[3]);
      for (int i = 0; i < 2; ++i) ring.join();
      BOOST_TEST(ring.world.run_until_true(60s, [&] { return ring.has_all_copies(); }));
    }
  }
}

BOOST_AUTO_TEST_CASE(after_a_crash_too_a_peer_that_leaves_a_full_ring_takes_nothing_with_it) {
  for (const std::uint64_t seed : seeds(3)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      FullRing ring(seed);
      ring.world.crash(ring.peers[2]);
      ring.world.run_for(5s);
      ring.leave_in_order(ring.peers[4]);
    }
  }
}

// Goal: a peer of which one shard is full has copies in the others.
// Method: what fills a shard of some peer leaves room in the other shards and peers.
BOOST_AUTO_TEST_CASE(copies_come_back_where_shards_differ_in_what_they_have_room_for) {
  for (const std::uint64_t seed : seeds(3)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      FullRing ring(seed, 4);
      ring.erase_each(4);
      ring.world.crash(ring.peers[2]);
      BOOST_TEST(ring.world.run_until_true(30s, [&] { return ring.has_all_copies(); }));
    }
  }
}

// Goal: nobody has room for the copies of one that has died, all make it, and not much more.
BOOST_AUTO_TEST_CASE(copies_come_back_where_others_must_be_evicted_for_them) {
  for (const std::uint64_t seed : seeds(3)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      FullRing ring(seed, 4, true);
      const std::size_t before = ring.readable();
      BOOST_TEST(before < ring.keys);
      ring.world.crash(ring.peers[2]);
      BOOST_TEST(ring.world.run_until_true(30s, [&] { return ring.has_all_copies(); }));
      BOOST_TEST(ring.readable() > before * 7 / 10);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
