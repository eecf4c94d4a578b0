// Replicated arcs: quiet ones, and whole lives under faults.

#include <boost/test/unit_test.hpp>

#include "replica_world.hpp"

namespace hopring {
namespace {

ReplicaWorldOptions quiet(std::size_t hosts) {
  ReplicaWorldOptions options;
  options.hosts = hosts;
  options.has_faults = false;
  return options;
}

BOOST_AUTO_TEST_SUITE(replica)

BOOST_AUTO_TEST_CASE(a_peer_alone_serves_at_once) {
  ReplicaWorld world(quiet(1));
  world.run_for(100ms);
  BOOST_TEST((world.serving(Position{5}) == 0u));
  world.run_for(5s);
  BOOST_TEST(world.figures().done > 100u);
  world.judge();
  BOOST_TEST(text_of(world.violations()) == "");
}

BOOST_AUTO_TEST_CASE(an_arc_gets_its_copies_and_they_are_equal) {
  ReplicaWorld world(quiet(4));
  BOOST_TEST(world.run_until_whole(10s), world.describe());
  world.run_for(5s);
  world.stop_clients();
  world.judge();
  BOOST_TEST(text_of(world.violations()) == "");
  BOOST_TEST(world.figures().done > 200u);
  BOOST_TEST(world.figures().unknown == 0u);
}

BOOST_AUTO_TEST_CASE(an_arc_whose_primary_crashes_is_served_again_within_two_seconds) {
  ReplicaWorld world(quiet(4));
  BOOST_TEST(world.run_until_whole(10s), world.describe());
  const std::size_t first = world.serving(Position{5}).value();
  world.crash(first);
  world.run_for(2s);
  BOOST_TEST(world.serving(Position{5}).has_value(), world.describe());
  BOOST_TEST(world.run_until_whole(10s), world.describe());
  world.stop_clients();
  world.judge();
  BOOST_TEST(text_of(world.violations()) == "");
}

BOOST_AUTO_TEST_CASE(every_key_is_linearizable_and_copies_come_back_under_faults) {
  const std::uint64_t first = from_environment("HOPRING_REPLICA_SEED", 1);
  const std::uint64_t seeds = from_environment("HOPRING_REPLICA_SEEDS", 30);
  ReplicaWorldFigures sum;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    ReplicaWorldOptions options;
    options.seed = seed;
    options.hosts = 3 + seed % 3;
    options.copies = seed % 5 == 0 ? 5 : 3;
    options.groups.chunk_bytes = 40;
    options.groups.raft.kept_bytes_max = seed % 3 == 0 ? 2000 : 100'000;
    ReplicaWorld world(options);
    world.run_for(20s);
    world.heal();
    const bool whole = world.run_until_whole(30s);
    world.stop_clients();
    world.judge();
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(text_of(world.violations()) == "");
      BOOST_TEST(whole, world.describe());
    }
    sum.done += world.figures().done;
    sum.unknown += world.figures().unknown;
    sum.refused += world.figures().refused;
    sum.crashes += world.figures().crashes;
    sum.splits += world.figures().splits;
    sum.changes += world.figures().changes;
  }
  BOOST_TEST_MESSAGE("done " << sum.done << " unknown " << sum.unknown << " refused " << sum.refused
                             << " crashes " << sum.crashes << " splits " << sum.splits
                             << " changes " << sum.changes);
  BOOST_TEST(sum.done > 300 * seeds);
  BOOST_TEST(sum.crashes > 0u);
  BOOST_TEST(sum.splits > 0u);
  BOOST_TEST(sum.changes > 5 * seeds);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
