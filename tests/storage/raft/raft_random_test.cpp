// Whole lives of a group under faults, from seeds; and the bugs that its judges must find.

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "raft_world.hpp"
#include "tests/support/planted_seeds.hpp"

namespace hopring {
namespace {

using namespace std::chrono_literals;

// More of them: HOPRING_RAFT_SEEDS=20000.
std::uint64_t seeds_wanted() { return from_environment("HOPRING_RAFT_SEEDS", 60); }
std::uint64_t first_seed() { return from_environment("HOPRING_RAFT_SEED", 1); }

RaftWorldOptions options_of(std::uint64_t seed) {
  RaftWorldOptions options;
  options.seed = seed;
  options.members = 1 + 2 * (seed % 3);
  options.spares = 3;
  // Small, so that members fall behind the log and need copies.
  options.raft.kept_bytes_max = seed % 4 == 0 ? 20'000 : 200'000;
  // So small that what is committed reaches further than what one message has compared.
  if (seed % 2 == 1) options.raft.append_bytes_max = 1000;
  return options;
}

BOOST_AUTO_TEST_SUITE(raft_random)

BOOST_AUTO_TEST_CASE(nothing_acknowledged_is_lost_and_nothing_stale_is_read_under_faults) {
  RaftWorldFigures sum;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + seeds_wanted(); ++seed) {
    RaftWorld world(options_of(seed));
    world.run_for(30s);
    world.heal();
    const bool recovers = world.recovers_within(10s);
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(text_of(world.violations()) == "");
      BOOST_TEST(recovers, world.describe());
    }
    sum.writes += world.figures().writes;
    sum.reads += world.figures().reads;
    sum.terms += world.figures().terms;
    sum.changes += world.figures().changes;
    sum.copies += world.figures().copies;
  }
  BOOST_TEST_MESSAGE("writes " << sum.writes << " reads " << sum.reads << " terms " << sum.terms
                               << " changes " << sum.changes << " copies " << sum.copies);
  BOOST_TEST(sum.writes > 1000 * seeds_wanted());
  BOOST_TEST(sum.reads > 1000 * seeds_wanted());
  BOOST_TEST(sum.terms > 3 * seeds_wanted());
  BOOST_TEST(sum.changes > 2 * seeds_wanted());
}

// For each bug a seed by which it was found. The others are found by tests of their own, in
// raft_test.cpp: what they break takes more than one coincidence.
constexpr PlantedSeed planted[] = {
    {PlantedBug::ack_before_majority, 1},   {PlantedBug::lease_not_checked, 86},
    {PlantedBug::votes_twice, 86},          {PlantedBug::log_not_compared, 2},
    {PlantedBug::joint_by_one_majority, 8}, {PlantedBug::joint_not_awaited, 8},
};

BOOST_AUTO_TEST_CASE(each_planted_bug_is_found_within_500_seeds_and_only_with_the_bug) {
  check_that_each_is_found(planted, 500, [](std::uint64_t seed, PlantedBug bug) {
    RaftWorldOptions options = options_of(seed);
    options.raft.bug = bug;
    RaftWorld world(options);
    world.run_for(30s);
    return text_of(world.violations());
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
