// The locations that a peer knows: against a model that keeps for each position who was heard last.

#include "routing/location_table.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>

#include "base/rng.hpp"
#include "tests/routing/support.hpp"

namespace hopring {
namespace {

using boost::test_tools::per_element;
using Hints = std::vector<Hint>;

struct Fixture {
  PeerHealth health{PeerHealth::Options{}};
  LocationTable table;

  static Hint hint(std::uint64_t begin, std::uint64_t end, std::uint16_t n,
                   std::uint64_t number = 1) {
    return Hint{arc(begin, end), peer(n), {1, 0, number}};
  }
  void learn(const Hint& hint) { table.learn(hint); }
  Hints closest(std::uint64_t position) const { return table.closest(Position{position}, health); }
};

BOOST_FIXTURE_TEST_SUITE(location_table, Fixture)

BOOST_AUTO_TEST_CASE(the_holder_comes_first_then_those_that_precede_most_closely) {
  for (const Hint& each : {hint(10, 20, 2), hint(60, 70, 3), hint(95, 105, 4), hint(80, 90, 5)}) {
    learn(each);
  }
  BOOST_TEST(closest(100) == (Hints{hint(95, 105, 4), hint(80, 90, 5), hint(60, 70, 3)}),
             per_element());
}

BOOST_AUTO_TEST_CASE(what_lies_beyond_the_position_is_furthest) {
  learn(hint(110, 120, 2));
  learn(hint(200, 210, 3));
  BOOST_TEST(closest(100) == (Hints{hint(200, 210, 3), hint(110, 120, 2)}), per_element());
}

BOOST_AUTO_TEST_CASE(a_peer_is_named_once_with_its_closest_arc) {
  for (const Hint& each : {hint(10, 20, 2), hint(60, 70, 3), hint(80, 90, 2), hint(20, 30, 2)}) {
    learn(each);
  }
  BOOST_TEST(closest(100) == (Hints{hint(80, 90, 2), hint(60, 70, 3)}), per_element());
}

BOOST_AUTO_TEST_CASE(neither_the_silent_nor_the_dead_are_named) {
  health.on_unanswered(Time{}, peer(3));
  health.on_dead(Time{}, peer(4));
  for (const Hint& each : {hint(90, 95, 3), hint(80, 90, 4), hint(10, 20, 2)}) learn(each);
  BOOST_TEST(closest(100) == Hints{hint(10, 20, 2)}, per_element());
}

BOOST_AUTO_TEST_CASE(an_old_remark_does_not_displace_what_is_newer) {
  learn(hint(10, 20, 2, 7));
  learn(hint(0, 40, 3, 6));
  BOOST_TEST(closest(15) == Hints{hint(10, 20, 2, 7)}, per_element());
  learn(hint(0, 40, 3, 8));
  BOOST_TEST(closest(15) == Hints{hint(0, 40, 3, 8)}, per_element());
}

BOOST_AUTO_TEST_CASE(what_is_heard_last_replaces_whatever_it_overlaps) {
  for (const Hint& each : {hint(10, 20, 2), hint(20, 30, 3), hint(30, 40, 4), hint(50, 60, 5)}) {
    learn(each);
  }
  learn(hint(15, 35, 6));
  BOOST_TEST(table.size() == 2u);
  BOOST_TEST(closest(25).front() == hint(15, 35, 6));
  BOOST_TEST(closest(55).front() == hint(50, 60, 5));
}

BOOST_AUTO_TEST_CASE(a_peer_that_denies_an_arc_is_forgotten_there_and_nowhere_else) {
  learn(hint(10, 20, 2));
  learn(hint(30, 40, 2));
  table.deny(Position{15}, peer(3));
  BOOST_TEST(table.size() == 2u, "it was said to be peer 2's");
  table.deny(Position{15}, peer(2));
  BOOST_TEST(closest(15) == Hints{hint(30, 40, 2)}, per_element());
}

BOOST_AUTO_TEST_CASE(an_arc_across_the_last_position_is_not_taken) {
  learn(hint(90, 10, 2));
  BOOST_TEST(closest(100).empty());
}

// Goal: at every position the last remark stands, and the closest are the nearest before it.
// Method: random arcs of few peers on a ring of 64 positions, against an array of who holds what.
BOOST_AUTO_TEST_CASE(names_the_neighbours_of_a_position_around_the_ring) {
  const auto first_from = [&](std::uint64_t p) {
    const Hint* found = table.first_from(Position{p}, health);
    return found != nullptr ? found->arc.end.value : 0;
  };
  const auto last_until = [&](std::uint64_t p) {
    const Hint* found = table.last_until(Position{p});
    return found != nullptr ? found->arc.end.value : 0;
  };
  BOOST_TEST(first_from(1) == 0u);
  BOOST_TEST(last_until(1) == 0u);
  for (const Hint& each : {hint(10, 20, 2), hint(30, 40, 3), hint(50, 60, 4)}) learn(each);
  BOOST_TEST(first_from(20) == 20u);
  BOOST_TEST(first_from(21) == 40u);
  BOOST_TEST(first_from(61) == 20u);
  BOOST_TEST(last_until(40) == 40u);
  BOOST_TEST(last_until(39) == 20u);
  BOOST_TEST(last_until(19) == 60u);
  health.on_unanswered(Time{}, peer(3));
  BOOST_TEST(first_from(21) == 60u, "the silent are passed over");
  BOOST_TEST(last_until(49) == 40u, "and may still serve");
}

BOOST_AUTO_TEST_CASE(agrees_with_an_array_of_positions) {
  constexpr std::uint64_t positions = 64;
  BOOST_TEST_CONTEXT("seed " << test_seed()) {
    Rng rng(test_seed());
    std::array<Hint, positions> model{};  // incarnation 0: nobody
    const auto erase_if = [&](auto condition) {
      for (Hint& each : model) {
        if (condition(each)) each = Hint{};
      }
    };
    for (int round = 0; round < 20000; ++round) {
      const std::uint64_t end = 1 + rng.below(positions - 1);
      const Hint each =
          hint(rng.below(end), end, static_cast<std::uint16_t>(1 + rng.below(5)), 1 + rng.below(3));
      const auto overlap = [&](const Hint& h) { return overlaps(h.arc, each.arc); };
      const auto newer = [&](const Hint& h) {
        return h.peer.incarnation != 0 && overlap(h) && h.number > each.number;
      };
      switch (rng.below(8)) {
        case 0:
          table.forget(each.arc);
          erase_if([&](const Hint& h) { return h.peer.incarnation != 0 && overlap(h); });
          break;
        case 1:
          table.forget(each.peer);
          erase_if([&](const Hint& h) { return h.peer == each.peer; });
          break;
        default:
          learn(each);
          if (std::any_of(model.begin(), model.end(), newer)) break;
          erase_if([&](const Hint& h) { return h.peer.incarnation != 0 && overlap(h); });
          for (std::uint64_t p = each.arc.begin.value + 1; p <= end; ++p) model[p] = each;
      }
      table.audit();
      const std::uint64_t target = rng.below(positions);
      Hints expected;
      for (std::uint64_t back = 0; back < positions && expected.size() < closer_sent_max; ++back) {
        const Hint& at = model[(target + positions - back) % positions];
        const auto same = [&](const Hint& h) { return h.peer == at.peer; };
        if (at.peer.incarnation == 0) continue;
        if (std::none_of(expected.begin(), expected.end(), same)) expected.push_back(at);
      }
      BOOST_TEST(closest(target) == expected, per_element());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
