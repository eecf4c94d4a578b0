// Replicated arcs: quiet ones, and whole lives under faults.

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "replica_world.hpp"
#include "tests/support/planted_seeds.hpp"
#include "tests/support/seed_search.hpp"

namespace hopring {
namespace {

ReplicaWorldOptions quiet(std::size_t hosts) {
  ReplicaWorldOptions options;
  options.hosts = hosts;
  options.has_faults = false;
  return options;
}

ReplicaWorldOptions options_of(std::uint64_t seed) {
  ReplicaWorldOptions options;
  options.seed = seed;
  options.hosts = 3 + seed % 3;
  options.copies = seed % 5 == 0 ? 5 : 3;
  options.groups.chunk_bytes = 40;
  options.groups.results_max = seed % 4 == 0 ? 8 : window_results_max;
  options.groups.raft.kept_bytes_max = seed % 3 == 0 ? 2000 : 100'000;
  return options;
}

// Faults for 20 s, then 30 s to get all copies back, then the judges. Did they come back?
bool lives_and_heals(ReplicaWorld& world) {
  world.run_for(20s);
  world.heal();
  const bool whole = world.run_until_whole(30s);
  world.stop_clients();
  world.judge();
  return whole;
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
    ReplicaWorld world(options_of(seed));
    const bool whole = lives_and_heals(world);
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(text_of(world.violations()) == "");
      BOOST_TEST(whole, world.describe());
    }
    sum.done += world.figures().done;
    sum.unknown += world.figures().unknown;
    sum.sent_again += world.figures().sent_again;
    sum.stale_stamps += world.figures().stale_stamps;
    sum.refused += world.figures().refused;
    sum.crashes += world.figures().crashes;
    sum.copies_lost += world.figures().copies_lost;
    sum.splits += world.figures().splits;
    sum.changes += world.figures().changes;
  }
  BOOST_TEST_MESSAGE("done " << sum.done << " unknown " << sum.unknown << " sent again "
                             << sum.sent_again << " stale stamps " << sum.stale_stamps
                             << " refused " << sum.refused << " crashes " << sum.crashes
                             << " copies lost " << sum.copies_lost << " splits " << sum.splits
                             << " changes " << sum.changes);
  if (seeds < 10) return;
  // The sooner members are whole again, the sooner the world takes the next copy from one.
  BOOST_TEST(sum.done > 150 * seeds);
  BOOST_TEST(sum.sent_again > 10 * seeds);
  BOOST_TEST(sum.stale_stamps > 0u);
  BOOST_TEST(sum.crashes > 0u);
  BOOST_TEST(sum.copies_lost > 0u);
  BOOST_TEST(sum.splits > 0u);
  BOOST_TEST(sum.changes > 5 * seeds);
}

// A few keys that many clients share, so that a stale read is seen.
ReplicaWorldOptions busy(std::uint64_t seed) {
  ReplicaWorldOptions options = options_of(seed);
  options.clients = 12;
  options.keys = 6;
  return options;
}

// A seed whose world the judges object to; 0 if there is none.
template <class OptionsOf>
std::uint64_t first_found(std::uint64_t likely, OptionsOf&& options_of_seed) {
  return seed_that_shows(likely, 1000, [&](std::uint64_t seed) {
    ReplicaWorld world(options_of_seed(seed));
    lives_and_heals(world);
    return !world.violations().empty();
  });
}

ReplicaWorldOptions wrong_clocks(std::uint64_t seed, bool reads_by_majority) {
  ReplicaWorldOptions options = busy(seed);
  options.has_wrong_clocks = true;
  options.groups.reads_by_majority = reads_by_majority;
  return options;
}

// Goal: reads by majority are right whatever clocks say.
// Method: clocks stop and run at double speed, beside all other faults. That the judges can object
// is shown by reads that trust such clocks, and by those that do not ask anew for each read.
BOOST_AUTO_TEST_CASE(reads_by_majority_are_linearizable_whatever_the_clocks_say) {
  const std::uint64_t first = from_environment("HOPRING_REPLICA_SEED", 1);
  const std::uint64_t seeds = from_environment("HOPRING_REPLICA_SEEDS", 15);
  std::uint64_t done = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    ReplicaWorld world(wrong_clocks(seed, true));
    const bool whole = lives_and_heals(world);
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(text_of(world.violations()) == "");
      BOOST_TEST(whole, world.describe());
    }
    done += world.figures().done;
  }
  BOOST_TEST_MESSAGE("done " << done);
  BOOST_TEST(done > 100 * seeds);
}

BOOST_AUTO_TEST_CASE(reads_that_trust_wrong_clocks_or_an_earlier_round_are_found) {
  const std::uint64_t by_lease =
      first_found(117, [](auto seed) { return wrong_clocks(seed, false); });
  const std::uint64_t by_earlier = first_found(120, [](auto seed) {
    ReplicaWorldOptions options = wrong_clocks(seed, true);
    options.groups.raft.bug = PlantedBug::read_by_earlier_round;
    return options;
  });
  BOOST_REQUIRE((by_lease != 0 && by_earlier != 0));
  for (const std::uint64_t seed : {by_lease, by_earlier}) {
    ReplicaWorld right(wrong_clocks(seed, true));
    lives_and_heals(right);
    BOOST_TEST(text_of(right.violations()) == "");
  }
}

// Goal: the clock that a read is judged by is read after the read has come.
// Method: a host that has been paused for longer than a promise lasts finds a read waiting, and
// does not know yet what other hosts have told it meanwhile. By the clock as it was when the pause
// began it may still serve.
BOOST_AUTO_TEST_CASE(a_clock_that_was_read_before_a_pause_is_found_by_a_stale_read) {
  const auto options = [](std::uint64_t seed, PlantedBug bug) {
    ReplicaWorldOptions given = busy(seed);
    given.clients_come_first = true;
    given.groups.raft.bug = bug;
    return given;
  };
  const std::uint64_t found =
      first_found(340, [&](auto seed) { return options(seed, PlantedBug::clock_read_early); });
  BOOST_REQUIRE(found != 0u);
  ReplicaWorld right(options(found, PlantedBug::none));
  lives_and_heals(right);
  BOOST_TEST(text_of(right.violations()) == "");
}

// For each bug a seed by which it was found.
constexpr PlantedSeed planted[] = {
    {PlantedBug::split_forgets_member, 1},     {PlantedBug::copy_skips_writes, 8},
    {PlantedBug::follower_expires, 1},         {PlantedBug::answered_before_applied, 1},
    {PlantedBug::former_self_votes, 1},        {PlantedBug::stale_append_accepted, 90},
    {PlantedBug::promise_of_another_term, 20}, {PlantedBug::ack_before_majority, 5},
    {PlantedBug::lease_not_checked, 3},        {PlantedBug::promise_not_kept, 1},
    {PlantedBug::primary_drops_results, 1},    {PlantedBug::split_drops_results, 93},
    {PlantedBug::copy_lacks_results, 1},       {PlantedBug::no_look_at_stamps, 51},
};

BOOST_AUTO_TEST_CASE(each_planted_bug_is_found_within_500_seeds_and_only_with_the_bug) {
  check_that_each_is_found(planted, 500, [](std::uint64_t seed, PlantedBug bug) {
    ReplicaWorldOptions options = options_of(seed);
    options.groups.raft.bug = bug;
    ReplicaWorld world(options);
    lives_and_heals(world);
    return text_of(world.violations());
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
