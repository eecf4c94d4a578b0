// Whole rings of several copies under every fault that docs/testing.md names, and what the judges
// of sim/soak.hpp say of them; that they can object is shown with bugs that are planted.

#include "sim/soak.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "sim/objection.hpp"
#include "tests/support/planted_seeds.hpp"

using namespace hopring;
using namespace hopring::sim;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : std::strtoull(given, nullptr, 10);
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& each : lines) text += each + "\n";
  return text;
}

// For each bug that shows_in_rings() a seed by which it was found.
constexpr PlantedSeed planted[] = {
    {PlantedBug::ack_before_majority, 5},      {PlantedBug::lease_not_checked, 1},
    {PlantedBug::promise_of_another_term, 26}, {PlantedBug::promise_not_kept, 1},
    {PlantedBug::stale_append_accepted, 10},   {PlantedBug::votes_twice, 19},
    {PlantedBug::former_self_votes, 9},        {PlantedBug::log_not_compared, 3},
    {PlantedBug::joint_not_awaited, 5},        {PlantedBug::joint_by_one_majority, 63},
    {PlantedBug::own_entry_not_awaited, 73},   {PlantedBug::split_forgets_member, 1},
    {PlantedBug::copy_skips_writes, 16},       {PlantedBug::follower_expires, 1},
    {PlantedBug::answered_before_applied, 1},  {PlantedBug::clock_read_early, 32},
    {PlantedBug::primary_drops_results, 3},    {PlantedBug::split_drops_results, 24},
    {PlantedBug::copy_lacks_results, 182},     {PlantedBug::no_look_at_stamps, 4},
    {PlantedBug::read_by_earlier_round, 420},  {PlantedBug::scan_skips_upper_half, 1},
    {PlantedBug::copies_not_given, 1},         {PlantedBug::goes_on_alone, 1},
    {PlantedBug::client_not_woken, 1},
};
// Rules that others would hide, and by which bug each objects.
struct PlantedForRule {
  PlantedSeed planted;
  bool loses_majorities;
  std::string_view rule;
};
constexpr PlantedForRule planted_for_rules[] = {
    {{PlantedBug::client_not_woken, 1}, false, "operations never end"},
    {{PlantedBug::split_forgets_member, 2}, true, "not repaired: "},
    {{PlantedBug::goes_on_alone, 2}, true, "repaired by nobody: "},
    {{PlantedBug::repairs_what_is_served, 11}, true, "repaired what was not lost"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(soak_of_whole_rings)

// HOPRING_SOAK_SEED and HOPRING_SOAK_SEEDS choose others.
BOOST_AUTO_TEST_CASE(what_is_acknowledged_stays_and_all_comes_right_after_the_faults) {
  const std::uint64_t first = from_environment("HOPRING_SOAK_SEED", 1);
  const std::uint64_t seeds = from_environment("HOPRING_SOAK_SEEDS", 200);
  std::uint64_t voids = 0;
  std::uint64_t crashes = 0;
  std::uint64_t scanned = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const SoakFigures figures = soak({.seed = seed});
    BOOST_TEST_CONTEXT("seed " << seed) { BOOST_TEST(text_of(figures.violations) == ""); }
    if (!figures.is_void_because.empty()) ++voids;
    crashes += figures.crashes;
    scanned += figures.scanned;
  }
  BOOST_TEST(10 * voids <= seeds);
  BOOST_TEST(crashes >= seeds / 2);
  BOOST_TEST(scanned >= 100 * seeds, "keys that stayed while a scan lasted");
}

// HOPRING_SOAK_SEED and HOPRING_SOAK_SEEDS choose others here, too.
BOOST_AUTO_TEST_CASE(arcs_that_lose_their_majority_are_unavailable_until_they_are_repaired) {
  const std::uint64_t first = from_environment("HOPRING_SOAK_SEED", 1);
  const std::uint64_t seeds = from_environment("HOPRING_SOAK_SEEDS", 60);
  SoakFigures sum;
  std::uint64_t voids = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const SoakFigures figures = soak({.seed = seed, .loses_majorities = true});
    BOOST_TEST_CONTEXT("seed " << seed) { BOOST_TEST(text_of(figures.violations) == ""); }
    if (!figures.is_void_because.empty()) ++voids;
    sum.keys_lost += figures.keys_lost;
    sum.repairs += figures.repairs;
    sum.repairs_empty += figures.repairs_empty;
  }
  BOOST_TEST(10 * voids <= seeds);
  BOOST_TEST(sum.keys_lost >= 5 * seeds);
  BOOST_TEST(sum.repairs >= 5 * seeds);
  BOOST_TEST(10 * sum.repairs_empty >= seeds);
}

BOOST_AUTO_TEST_CASE(each_planted_bug_is_found_within_500_seeds_and_only_with_the_bug) {
  check_that_each_is_found(
      planted, 500, [](std::uint64_t seed, PlantedBug bug) { return objection_to(seed, bug); });
  for (const PlantedForRule& each : planted_for_rules) {
    check_that_each_is_found({&each.planted, 1}, 500, [&](std::uint64_t seed, PlantedBug bug) {
      return objection_to(seed, bug, each.loses_majorities, each.rule);
    });
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_leaves_the_same_trace) {
  BOOST_TEST(soak({.seed = 7}).trace_hash == soak({.seed = 7}).trace_hash);
  BOOST_TEST(soak({.seed = 7}).trace_hash != soak({.seed = 8}).trace_hash);
}

BOOST_AUTO_TEST_SUITE_END()
