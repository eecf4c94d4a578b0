// Whole groups without faults but those that a case makes. With faults from seeds:
// raft_random_test.cpp.

#include "raft_world.hpp"

#include <boost/test/unit_test.hpp>

namespace hopring {
namespace {

using namespace std::chrono_literals;

RaftWorldOptions quiet(std::size_t members) {
  RaftWorldOptions options;
  options.members = members;
  options.has_faults = false;
  options.changes_members = false;
  return options;
}

BOOST_AUTO_TEST_SUITE(raft_world)

BOOST_AUTO_TEST_CASE(three_members_elect_a_primary_that_serves) {
  RaftWorld world(quiet(3));
  world.run_for(3s);
  BOOST_TEST(world.serving().has_value());
  BOOST_TEST(world.figures().terms == 1u);
  BOOST_TEST(world.figures().writes > 100u);
  BOOST_TEST(world.violations().empty());
}

BOOST_AUTO_TEST_CASE(a_crashed_primary_is_followed_by_another_within_two_seconds) {
  RaftWorld world(quiet(3));
  world.run_for(3s);
  const std::size_t first = world.serving().value();
  world.crash(first);
  BOOST_TEST(world.recovers_within(2s));
  BOOST_TEST((world.serving().value() != first));
}

// Of two that are left one runs for an eighth of the time, and its own timer has run out when it
// finds the other's question.
BOOST_AUTO_TEST_CASE(two_of_which_one_is_stopped_again_and_again_elect_a_primary) {
  for (const Duration period : {400ms, 500ms, 600ms, 900ms}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      RaftWorldOptions options = quiet(3);
      options.seed = seed;
      options.resume_delay = 15ms;
      RaftWorld world(options);
      world.run_for(3s);
      const std::size_t first = world.serving().value();
      const auto run_while_stopping = [&](Duration duration) {
        for (Duration passed{}; passed < duration; passed += period) {
          world.pause((first + 1) % 3, period * 7 / 8);
          world.run_for(period);
        }
      };
      run_while_stopping(2s);
      world.crash(first);
      const std::uint64_t before = world.figures().writes;
      run_while_stopping(3s);
      BOOST_TEST_INFO("seed " << seed << ", period " << period.count() / 1'000'000 << " ms");
      BOOST_TEST(world.figures().writes > before);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_minority_does_not_serve) {
  RaftWorld world(quiet(3));
  world.run_for(3s);
  world.crash(0);
  world.crash(1);
  world.run_for(1s);
  BOOST_TEST(!world.serving());
  world.run_for(20s);
  BOOST_TEST(!world.serving());
  BOOST_TEST(!world.raft(2)->is_primary());
}

BOOST_AUTO_TEST_CASE(a_member_that_was_cut_off_does_not_disturb_when_it_comes_back) {
  RaftWorld world(quiet(3));
  world.run_for(3s);
  const std::size_t primary = world.serving().value();
  const std::uint64_t term = world.raft(primary)->term();
  world.isolate((primary + 1) % 3);
  world.run_for(10s);
  world.heal();
  world.run_for(3s);
  BOOST_TEST((world.serving() == primary));
  BOOST_TEST(world.raft(primary)->term() == term);
  BOOST_TEST(world.raft((primary + 1) % 3)->committed() > 1000u);
}

BOOST_AUTO_TEST_CASE(a_primary_that_is_cut_off_stops_serving_before_another_one_begins) {
  RaftWorld world(quiet(5));
  world.run_for(3s);
  const std::size_t first = world.serving().value();
  world.isolate(first);
  BOOST_TEST(world.recovers_within(2s));
  BOOST_TEST((world.serving().value() != first));
  BOOST_TEST(world.violations().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
