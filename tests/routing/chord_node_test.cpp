// A node's caches: its predecessor, its successors and the hints that travel with its arc. The
// node's arc is (10, 20] of peer 1.

#include "routing/chord_node.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/routing/support.hpp"

namespace hopring {
namespace {

using boost::test_tools::per_element;

struct Fixture {
  PeerHealth health{PeerHealth::Options{}};
  PeerRef self = peer(1);
  PeerRef a = peer(2);
  PeerRef b = peer(3);
  PeerRef c = peer(4);
  ChordNode node{view(10, 20, self), Time{}};

  std::vector<View> successors() const {
    const auto entries = node.successors().entries();
    return {entries.begin(), entries.end()};
  }
};

BOOST_FIXTURE_TEST_SUITE(chord_node, Fixture)

BOOST_AUTO_TEST_CASE(a_predecessor_is_taken_if_it_ends_where_the_node_begins) {
  node.on_notify(Time{}, view(0, 10, a), health);
  BOOST_TEST(node.predecessor().value() == view(0, 10, a));
  node.on_notify(Time{}, view(0, 9, b, 5), health);
  node.on_notify(Time{}, view(15, 10, b, 5), health);
  node.on_notify(Time{}, view(10, 10, b, 5), health);
  BOOST_TEST(node.predecessor().value() == view(0, 10, a), "none of these precedes the node");
}

BOOST_AUTO_TEST_CASE(a_later_view_replaces_the_predecessor_and_an_earlier_one_does_not) {
  node.on_notify(Time{}, view(0, 10, a, 7), health);
  node.on_notify(Time{}, view(0, 10, b, 8), health);
  node.on_notify(Time{}, view(0, 10, a, 7), health);
  BOOST_TEST(node.predecessor().value() == view(0, 10, b, 8));
}

BOOST_AUTO_TEST_CASE(a_dead_predecessor_yields_to_anybody) {
  node.on_notify(Time{}, view(0, 10, a, 7), health);
  health.on_dead(Time{}, a);
  node.on_notify(Time{}, view(5, 10, b, 3), health);
  BOOST_TEST(node.predecessor().value() == view(5, 10, b, 3));
}

// Goal: a cache that has missed a view does not stand against a valid claim for ever.
// Method: a has handed the arc to b, which the node has not heard of; b dies, and c claims its arc.
// By the numbers alone the node must take a's view for one that had moved on before the claim.
BOOST_AUTO_TEST_CASE(a_predecessor_that_is_not_confirmed_yields_in_the_end) {
  node.on_notify(Time{1s}, view(0, 10, a, 7), health);
  node.on_notify(Time{3s}, claim(0, 10, c, b), health);
  BOOST_TEST(node.predecessor().value() == view(0, 10, a, 7));
  node.expire_predecessor(Time{6s}, 5s);
  BOOST_TEST(node.predecessor().has_value());
  node.expire_predecessor(Time{6001ms}, 5s);
  node.on_notify(Time{7s}, claim(0, 10, c, b), health);
  BOOST_TEST(node.predecessor().value() == claim(0, 10, c, b));
}

BOOST_AUTO_TEST_CASE(a_predecessor_that_repeats_itself_stays) {
  for (int second = 1; second < 60; ++second) {
    node.on_notify(Time{second * 1s}, view(0, 10, a, 7), health);
    node.expire_predecessor(Time{second * 1s + 900ms}, 5s);
  }
  node.on_notify(Time{60s}, claim(0, 10, c, b), health);
  BOOST_TEST(node.predecessor().value() == view(0, 10, a, 7), "it had moved on, and lives");
}

BOOST_AUTO_TEST_CASE(after_a_split_the_part_between_becomes_the_predecessor) {
  node.on_notify(Time{}, view(0, 10, a, 9), health);
  node.set_view(view(15, 20, self, 3));
  BOOST_TEST(node.predecessor().value() == view(0, 10, a, 9), "the nearest that is known");
  node.on_notify(Time{}, view(10, 15, self, 3), health);
  BOOST_TEST(node.predecessor().value() == view(10, 15, self, 3));
}

// Goal: nodes before a gap learn of each other through the node after it.
BOOST_AUTO_TEST_CASE(of_predecessors_beyond_a_gap_the_nearest_is_known) {
  node.on_notify(Time{}, view(0, 3, a), health);
  node.on_notify(Time{}, view(3, 5, b), health);
  node.on_notify(Time{}, view(0, 3, a, 9), health);
  BOOST_TEST(node.predecessor().value() == view(3, 5, b));
  health.on_dead(Time{}, b);
  node.on_notify(Time{}, view(0, 3, a), health);
  BOOST_TEST(node.predecessor().value() == view(0, 3, a));
}

BOOST_AUTO_TEST_CASE(a_predecessor_beyond_a_gap_does_not_count_as_noticed) {
  node.on_notify(Time{3s}, view(0, 5, a), health);
  BOOST_TEST(bool(node.unnoticed_for(Time{4s}) == Duration(4s)));
  node.on_notify(Time{3s}, view(5, 10, b), health);
  BOOST_TEST(bool(node.unnoticed_for(Time{4s}) == Duration(1s)));
}

BOOST_AUTO_TEST_CASE(asks_its_first_successor_unless_that_one_is_silent) {
  BOOST_TEST(!node.successor_to_ask(health).has_value());
  node.on_successor(self, view(20, 30, a), std::vector{view(30, 40, b)});
  BOOST_TEST(node.successor_to_ask(health).value() == a);
  health.on_unanswered(Time{}, a);
  BOOST_TEST(!node.successor_to_ask(health).has_value(), "a silent one is waited for");
}

BOOST_AUTO_TEST_CASE(the_gone_run_ends_at_the_first_successor_that_is_not_gone) {
  std::vector<PeerRef> gone{b};
  const auto run = [&] {
    const auto is_gone = [&](const View& each) {
      return std::find(gone.begin(), gone.end(), primary_of(each)) != gone.end();
    };
    return node.gone_run(is_gone).size();
  };
  BOOST_TEST(run() == 0u, "there are none");
  node.on_successor(self, view(20, 30, a), std::vector{view(30, 40, b), view(40, 50, c)});
  BOOST_TEST(run() == 0u, "the first one lives");
  gone.push_back(a);
  BOOST_TEST(run() == 2u);
  gone.push_back(c);
  BOOST_TEST(run() == 3u);
}

// Goal: the arc's next primary routes as the last one did.
// Method: hand one node's hints to a fresh node of the same arc; both know the same.
BOOST_AUTO_TEST_CASE(hints_give_the_next_primary_what_the_last_one_knew) {
  node.on_successor(self, view(20, 30, a), std::vector{view(30, 40, b)});
  node.fingers().set(Position{20}, 6, Hint{arc(70, 100), c});
  node.fingers().set(Position{20}, 8, Hint{arc(200, 300), b});
  node.on_notify(Time{1s}, view(0, 10, b), health);
  const NodeHints hints = node.hints(Time{3s});
  BOOST_TEST(hints.arc == arc(10, 20));
  ChordNode next(view(10, 20, c, 2), Time{5s});
  next.take_hints(Time{5s}, c, hints);
  BOOST_TEST(next.predecessor().value() == view(0, 10, b));
  BOOST_TEST(next.unnoticed_ms(Time{6s}) == 3000u, "two seconds there, and one here");
  BOOST_TEST(next.hints(Time{}).successors == hints.successors, per_element());
  BOOST_TEST(next.hints(Time{}).fingers == hints.fingers, per_element());
}

BOOST_AUTO_TEST_CASE(hints_that_come_late_do_not_hide_who_has_made_itself_known) {
  ChordNode next(view(10, 20, c, 2), Time{5s});
  next.on_notify(Time{5s}, view(0, 10, b), health);
  next.take_hints(Time{5s}, c, NodeHints{arc(10, 20), {}, {}, std::nullopt, 3000});
  BOOST_TEST(next.unnoticed_ms(Time{6s}) == 1000u);
  ChordNode half(view(15, 20, c, 2), Time{5s});
  half.take_hints(Time{5s}, c, NodeHints{arc(10, 20), {}, {}, std::nullopt, 3000});
  BOOST_TEST(half.unnoticed_ms(Time{6s}) == 1000u, "of an arc that began elsewhere");
}

BOOST_AUTO_TEST_CASE(hints_do_not_replace_successors_that_have_answered) {
  node.on_successor(self, view(20, 30, a), {});
  node.take_hints(Time{}, self, NodeHints{arc(10, 20), {view(20, 30, b)}, {}, {}, 0});
  BOOST_TEST(successors() == std::vector{view(20, 30, a)}, per_element());
}

BOOST_AUTO_TEST_CASE(hints_that_do_not_fit_are_ignored) {
  node.take_hints(Time{}, self,
                  NodeHints{arc(10, 20), {view(30, 40, b)}, {Hint{arc(20, 20), a}}, {}, 0});
  BOOST_TEST(successors().empty());
  node.take_hints(Time{}, self, NodeHints{arc(10, 20), {}, {Hint{arc(22, 23), b}}, {}, 0});
  BOOST_TEST(node.fingers().known().size() == 1u, "no finger looks at 23");
}

BOOST_AUTO_TEST_CASE(the_dead_are_forgotten_as_fingers_but_stay_in_the_list) {
  node.on_successor(self, view(20, 30, a), {});
  node.fingers().set(Position{20}, 6, Hint{arc(70, 100), a});
  node.forget(a);
  BOOST_TEST(node.fingers().known().empty());
  BOOST_TEST(successors().size() == 1u, "its arc may be this node's to claim");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
