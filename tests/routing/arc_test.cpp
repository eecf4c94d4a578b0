// Arcs against the naive model of a ring: sixteen marks, 2^60 positions apart, and sets of them.
// Every arc between marks is tried with every other one, so nothing here is left to chance.

#include <bitset>
#include <boost/test/unit_test.hpp>

#include "routing/ring_config.hpp"
#include "tests/routing/support.hpp"

namespace hopring {
namespace {

constexpr std::uint64_t marks = 16;
using Marks = std::bitset<marks>;

constexpr Position mark(std::uint64_t n) { return Position{(n % marks) << 60}; }

// Walks from begin to end and collects the marks that it meets.
Marks model(std::uint64_t begin, std::uint64_t end) {
  Marks met;
  std::uint64_t at = begin;
  do {
    at = (at + 1) % marks;
    met.set(at);
  } while (at != end);
  return met;
}

Marks marks_in(const Arc& arc) {
  Marks held;
  for (std::uint64_t n = 0; n < marks; ++n) held.set(n, contains(arc, mark(n)));
  return held;
}

template <class Check>
void for_each_pair(Check&& check) {
  for (std::uint64_t a = 0; a < marks * marks; ++a) {
    for (std::uint64_t b = 0; b < marks * marks; ++b) {
      const Arc one{mark(a / marks), mark(a)};
      const Arc two{mark(b / marks), mark(b)};
      BOOST_TEST_CONTEXT(one << " and " << two) {
        check(one, model(a / marks, a % marks), two, model(b / marks, b % marks));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE(arcs)

BOOST_AUTO_TEST_CASE(an_arc_holds_what_a_walk_from_its_begin_to_its_end_meets) {
  for (std::uint64_t begin = 0; begin < marks; ++begin) {
    for (std::uint64_t end = 0; end < marks; ++end) {
      const Arc each{mark(begin), mark(end)};
      BOOST_TEST(marks_in(each) == model(begin, end));
      BOOST_TEST(ring_share(each) * marks == static_cast<double>(model(begin, end).count()));
    }
  }
}

BOOST_AUTO_TEST_CASE(arcs_overlap_if_they_share_a_position) {
  for_each_pair([](const Arc& a, const Marks& in_a, const Arc& b, const Marks& in_b) {
    if (overlaps(a, b) != (in_a & in_b).any()) BOOST_ERROR("overlaps() is wrong");
  });
}

BOOST_AUTO_TEST_CASE(an_arc_covers_another_if_it_has_all_its_positions) {
  for_each_pair([](const Arc& a, const Marks& in_a, const Arc& b, const Marks& in_b) {
    // All marks from a begin other than its own end: every mark, but not the positions between.
    const bool whole = is_whole_ring(a) || !is_whole_ring(b);
    if (covers(a, b) != (whole && (in_a | in_b) == in_a)) BOOST_ERROR("covers() is wrong");
  });
}

// Goal: a split leaves two arcs that tile the one that was split.
// Method: cut every arc of two marks or more in its middle, and at each of its marks.
BOOST_AUTO_TEST_CASE(the_halves_of_an_arc_tile_it) {
  for (std::uint64_t begin = 0; begin < marks; ++begin) {
    for (std::uint64_t end = 0; end < marks; ++end) {
      const Arc whole{mark(begin), mark(end)};
      BOOST_TEST(can_cut(whole, middle(whole)));
      for (std::uint64_t n = 0; n < marks; ++n) {
        BOOST_TEST(can_cut(whole, mark(n)) == (model(begin, end).test(n) && n != end));
        if (!can_cut(whole, mark(n)) || mark(n) == whole.begin) continue;
        const Marks lower = marks_in(Arc{whole.begin, mark(n)});
        const Marks upper = marks_in(Arc{mark(n), whole.end});
        BOOST_TEST((lower & upper).none());
        BOOST_TEST((lower | upper) == marks_in(whole));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_arc_of_one_position_cannot_be_cut) {
  BOOST_TEST(width_minus_one(arc(4, 5)) == 0u);
  BOOST_TEST(!can_cut(arc(4, 5), Position{4}));
  BOOST_TEST(!can_cut(arc(4, 5), Position{5}));
}

BOOST_AUTO_TEST_CASE(the_arcs_of_a_new_ring_tile_it_and_stay_of_the_form_that_halving_keeps) {
  for (std::uint32_t count = 1; count <= nodes_per_peer_max; count *= 2) {
    double share = 0;
    for (std::uint32_t n = 0; n < count; ++n) {
      const Arc each = equal_arc(n, count);
      share += ring_share(each);
      BOOST_TEST(each.begin == equal_arc((n + count - 1) % count, count).end);
      BOOST_TEST(!(contains(each, Position{~0ull}) && contains(each, Position{0}) && count > 1));
      // Of the form x * 2^k - 1 for k bits that fit the arc's width.
      BOOST_TEST((middle(each).value & (width_minus_one(each) >> 1)) == width_minus_one(each) >> 1);
    }
    BOOST_TEST(share == 1.0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
