// Which finger is asked for next, and what an answer fills in. The node's arc ends at 0, so that
// finger i looks at 2^i.

#include "routing/finger_table.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

#include "base/rng.hpp"
#include "tests/routing/support.hpp"

namespace hopring {
namespace {

constexpr Position end{0};

struct Fixture {
  FingerTable fingers;

  void set(unsigned i, std::uint64_t begin, std::uint64_t arc_end, std::uint16_t n) {
    fingers.set(end, i, Hint{arc(begin, arc_end), peer(n)});
  }
};

BOOST_FIXTURE_TEST_SUITE(finger_table, Fixture)

BOOST_AUTO_TEST_CASE(asks_first_for_the_lowest_finger_beyond_the_successors) {
  BOOST_TEST(fingers.next_to_refresh(end, Position{0}).value() == 0u);
  BOOST_TEST(fingers.next_to_refresh(end, Position{1}).value() == 1u);
  BOOST_TEST(fingers.next_to_refresh(end, Position{4}).value() == 3u);
  BOOST_TEST(fingers.next_to_refresh(end, Position{5}).value() == 3u);
}

BOOST_AUTO_TEST_CASE(asks_for_none_when_the_successors_reach_beyond_the_last) {
  BOOST_TEST(!fingers.next_to_refresh(end, Position{1ull << 63}));
  BOOST_TEST(fingers.next_to_refresh(end, Position{(1ull << 63) - 1}).value() == 63u);
}

BOOST_AUTO_TEST_CASE(an_arc_that_holds_the_targets_of_many_fingers_answers_for_them_all) {
  set(3, 7, 100, 2);
  BOOST_TEST(fingers.next_to_refresh(end, Position{7}).value() == 7u, "2^7 is above 100");
}

// Goal: no finger is forgotten once all are known.
// Method: one arc holds them all; sixty-four turns name every finger beyond the reach, and only
// those.
BOOST_AUTO_TEST_CASE(refreshes_in_turn_once_all_are_known) {
  set(60, 0, 0, 2);
  std::set<unsigned> refreshed;
  for (unsigned i = 0; i < FingerTable::bits; ++i) {
    refreshed.insert(fingers.next_to_refresh(end, Position{1000}).value());
  }
  BOOST_TEST(refreshed.size() == FingerTable::bits - 10);
  BOOST_TEST(*refreshed.begin() == 10u);
}

BOOST_AUTO_TEST_CASE(an_answer_that_does_not_hold_the_target_is_not_taken) {
  set(3, 8, 100, 2);
  BOOST_TEST(fingers.known().empty());
}

BOOST_AUTO_TEST_CASE(a_later_answer_replaces_what_it_overlaps) {
  set(3, 7, 100, 2);
  set(7, 100, 200, 3);
  set(5, 20, 60, 4);
  BOOST_TEST(fingers.known().size() == 2u);
  BOOST_TEST(fingers.known()[0].peer == peer(4));
  BOOST_TEST(fingers.known()[1].peer == peer(3));
}

BOOST_AUTO_TEST_CASE(forgets_the_dead_and_nobody_else) {
  set(3, 7, 100, 2);
  set(7, 100, 200, 3);
  set(10, 1000, 2000, 2);
  fingers.forget(peer(2));
  BOOST_TEST(fingers.known().size() == 1u);
  BOOST_TEST(fingers.known()[0].peer == peer(3));
  BOOST_TEST(fingers.next_to_refresh(end, Position{7}).value() == 3u);
}

// Goal: the table stays bounded, ordered and free of overlaps whatever is answered.
// Method: random arcs, most of which hold the finger asked for.
BOOST_AUTO_TEST_CASE(stays_ordered_and_bounded_whatever_is_answered) {
  BOOST_TEST_CONTEXT("seed " << test_seed()) {
    Rng rng(test_seed());
    std::size_t most = 0;
    for (int round = 0; round < 5000; ++round) {
      const auto i = static_cast<unsigned>(rng.below(FingerTable::bits));
      const std::uint64_t target = std::uint64_t{1} << i;
      set(i, target - 1 - rng.below(target), target + rng.below(target),
          static_cast<std::uint16_t>(1 + rng.below(9)));
      const auto known = fingers.known();
      most = std::max(most, known.size());
      for (std::size_t k = 1; k < known.size(); ++k) {
        BOOST_TEST(distance(end, known[k - 1].arc.end) < distance(end, known[k].arc.end));
        BOOST_TEST(!overlaps(known[k - 1].arc, known[k].arc));
      }
    }
    BOOST_TEST(most > 10u);
    BOOST_TEST(most <= FingerTable::bits);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
