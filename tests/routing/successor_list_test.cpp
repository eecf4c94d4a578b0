// What a successor list takes from an answer, and what it refuses. The own arc is (0, 10] of peer
// 1; the arcs after it are ten positions wide and belong to peers 2, 3, 4 ...

#include "routing/successor_list.hpp"

#include <boost/test/unit_test.hpp>

#include "base/rng.hpp"
#include "tests/routing/support.hpp"

namespace hopring {
namespace {

struct Fixture {
  Arc own = arc(0, 10);
  PeerRef self = peer(1);
  SuccessorList list;

  static View nth(std::uint16_t n, std::uint64_t number = 1) {
    return view(n * 10u, n * 10u + 10, peer(static_cast<std::uint16_t>(n + 1)), number);
  }
  static std::vector<View> run(std::uint16_t first, std::uint16_t last) {
    std::vector<View> views;
    for (std::uint16_t n = first; n <= last; ++n) views.push_back(nth(n));
    return views;
  }
  bool assign(const View& successor, const std::vector<View>& rest = {}) {
    const bool changed = list.assign(own, self, successor, rest);
    list.check_invariants(own);
    return changed;
  }
  std::vector<View> entries() const { return {list.entries().begin(), list.entries().end()}; }
};

BOOST_FIXTURE_TEST_SUITE(successor_list, Fixture)

BOOST_AUTO_TEST_CASE(takes_the_successor_and_what_follows_it) {
  BOOST_TEST(assign(nth(1), run(2, 3)));
  BOOST_TEST(entries() == run(1, 3), boost::test_tools::per_element());
  BOOST_TEST(!assign(nth(1), run(2, 3)), "the same again is no change");
}

BOOST_AUTO_TEST_CASE(ends_where_it_names_enough_other_peers) {
  assign(nth(1), run(2, 20));
  BOOST_TEST(entries() == run(1, SuccessorList::other_peers_wanted),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_peer_that_holds_many_arcs_counts_once) {
  std::vector<View> rest;
  for (std::uint16_t n = 2; n < 9; ++n) rest.push_back(view(n * 10u, n * 10u + 10, peer(2)));
  assign(nth(1), rest);
  BOOST_TEST(entries().size() == 8u);
}

BOOST_AUTO_TEST_CASE(ends_with_the_first_arc_of_its_own_peer) {
  assign(nth(1), {view(20, 30, self), nth(3)});
  BOOST_TEST(entries().size() == 2u);
  BOOST_TEST(entries().back().members.front() == self);
}

BOOST_AUTO_TEST_CASE(a_list_with_a_gap_is_read_up_to_the_gap) {
  assign(nth(1), {nth(2), nth(4)});
  BOOST_TEST(entries() == run(1, 2), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_list_that_goes_once_around_ends_before_its_own_arc) {
  assign(nth(1), {view(20, 0, peer(3)), view(0, 10, self), nth(1)});
  BOOST_TEST(entries().size() == 2u);
}

BOOST_AUTO_TEST_CASE(an_arc_that_reaches_into_the_own_one_is_not_taken) {
  assign(nth(1), {view(20, 5, peer(3))});
  BOOST_TEST(entries() == run(1, 1), boost::test_tools::per_element());
  assign(nth(1), {view(20, 20, peer(3))});
  BOOST_TEST(entries() == run(1, 1), boost::test_tools::per_element());
}

// A list never loses its last live entry to an answer that does not fit.
BOOST_AUTO_TEST_CASE(a_successor_that_does_not_follow_changes_nothing) {
  assign(nth(1), run(2, 3));
  BOOST_TEST(!assign(nth(2), run(3, 4)));
  BOOST_TEST(!assign(view(10, 5, peer(7)), {}));
  BOOST_TEST(!assign(view(10, 10, peer(7)), {}));
  BOOST_TEST(entries() == run(1, 3), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_list_of_a_stranger_is_cut_at_its_bound) {
  std::vector<View> rest;
  for (std::uint64_t n = 20; n < 1000; ++n) rest.push_back(view(n, n + 1, peer(2)));
  assign(nth(1), rest);
  BOOST_TEST(entries().size() == SuccessorList::entries_max);
}

BOOST_AUTO_TEST_CASE(news_replace_the_entry_of_exactly_their_arc) {
  assign(nth(1), run(2, 3));
  BOOST_TEST(list.adopt(view(20, 30, peer(9), 2)));
  BOOST_TEST(entries()[1].members.front() == peer(9));
  BOOST_TEST(!list.adopt(view(20, 30, peer(3), 1)), "late news are no news");
  BOOST_TEST(!list.adopt(view(20, 25, peer(8), 5)), "another arc");
  BOOST_TEST(entries()[1].members.front() == peer(9));
}

BOOST_AUTO_TEST_CASE(what_no_longer_follows_is_forgotten_when_the_own_arc_is_cut) {
  assign(nth(1), run(2, 3));
  list.rebase(arc(5, 10));
  BOOST_TEST(entries().size() == 3u, "the upper half keeps its successors");
  list.rebase(arc(0, 5));
  BOOST_TEST(list.empty(), "they do not follow the lower half");
}

// Goal: whatever is assigned, in whatever order, the list keeps its invariants.
// Method: random lists with gaps, overlaps, loops and repetitions; audit after each.
BOOST_AUTO_TEST_CASE(keeps_its_invariants_whatever_is_assigned) {
  BOOST_TEST_CONTEXT("seed " << test_seed()) {
    Rng rng(test_seed());
    std::size_t changes = 0;
    for (int round = 0; round < 5000; ++round) {
      std::vector<View> sent;
      std::uint64_t begin = rng.chance(9, 10) ? 10 : rng.below(40);
      for (std::uint64_t n = 1 + rng.below(12); n > 0; --n) {
        const std::uint64_t end = rng.chance(9, 10) ? begin + 1 + rng.below(4) : rng.below(40);
        sent.push_back(view(begin, end % 40, peer(static_cast<std::uint16_t>(1 + rng.below(7)))));
        begin = end % 40;
      }
      changes += assign(sent.front(), {sent.begin() + 1, sent.end()}) ? 1u : 0u;
      if (rng.chance(1, 4)) list.adopt(sent.back());
      list.check_invariants(own);
    }
    BOOST_TEST(changes > 1000u);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
