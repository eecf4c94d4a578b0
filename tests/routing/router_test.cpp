// The peers closest to a position: against a model that sorts all that is known.

#include "routing/router.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>

#include "base/rng.hpp"
#include "tests/routing/support.hpp"

namespace hopring {
namespace {

using boost::test_tools::per_element;
using Hints = std::vector<Hint>;

struct Fixture {
  PeerHealth health{PeerHealth::Options{}};
  PeerRef self = peer(1);
  ClosestPeers best{Position{100}, self, health};

  static Hint hint(std::uint64_t begin, std::uint64_t end, std::uint16_t n) {
    return Hint{arc(begin, end), peer(n)};
  }
  void consider(const Hint& hint) { best.consider(hint.arc, hint.peer); }
};

BOOST_FIXTURE_TEST_SUITE(closest_peers, Fixture)

BOOST_AUTO_TEST_CASE(the_holder_comes_first_then_those_that_precede_most_closely) {
  consider(hint(10, 20, 2));
  consider(hint(60, 70, 3));
  consider(hint(95, 105, 4));
  consider(hint(80, 90, 5));
  BOOST_TEST(best.take() == (Hints{hint(95, 105, 4), hint(80, 90, 5), hint(60, 70, 3)}),
             per_element());
}

BOOST_AUTO_TEST_CASE(what_lies_beyond_the_position_is_furthest) {
  consider(hint(110, 120, 2));
  consider(hint(200, 10, 3));
  BOOST_TEST(best.take() == (Hints{hint(200, 10, 3), hint(110, 120, 2)}), per_element());
}

BOOST_AUTO_TEST_CASE(a_peer_is_named_once_with_its_closest_arc) {
  consider(hint(10, 20, 2));
  consider(hint(60, 70, 3));
  consider(hint(80, 90, 2));
  consider(hint(20, 30, 2));
  BOOST_TEST(best.take() == (Hints{hint(80, 90, 2), hint(60, 70, 3)}), per_element());
}

BOOST_AUTO_TEST_CASE(neither_oneself_nor_the_silent_nor_the_dead_are_named) {
  health.on_unanswered(Time{}, peer(3));
  health.on_dead(Time{}, peer(4));
  consider(hint(95, 105, 1));
  consider(hint(90, 95, 3));
  consider(hint(80, 90, 4));
  consider(hint(10, 20, 2));
  BOOST_TEST(best.take() == Hints{hint(10, 20, 2)}, per_element());
}

BOOST_AUTO_TEST_CASE(nothing_known_is_nothing_named) { BOOST_TEST(best.take().empty()); }

// Goal: the three best, whatever the order in which they are considered.
// Method: random arcs of few peers against a sorted map of each peer's smallest gap.
BOOST_AUTO_TEST_CASE(agrees_with_sorting_everything) {
  BOOST_TEST_CONTEXT("seed " << test_seed()) {
    Rng rng(test_seed());
    health.on_unanswered(Time{}, peer(2));
    for (int round = 0; round < 5000; ++round) {
      ClosestPeers ours(Position{100}, self, health);
      std::map<std::uint16_t, std::uint64_t> gaps;
      for (std::uint64_t n = rng.below(12); n > 0; --n) {
        const auto who = static_cast<std::uint16_t>(1 + rng.below(7));
        const Hint each = hint(rng.below(200), rng.below(200), who);
        ours.consider(each.arc, each.peer);
        const std::uint64_t gap =
            contains(each.arc, Position{100}) ? 0 : distance(each.arc.end, Position{100});
        if (who <= 2) continue;
        const auto known = gaps.try_emplace(who, gap).first;
        known->second = std::min(known->second, gap);
      }
      std::vector<std::uint64_t> model;
      for (const auto& [who, gap] : gaps) model.push_back(gap);
      std::sort(model.begin(), model.end());
      if (model.size() > closer_sent_max) model.resize(closer_sent_max);
      std::vector<std::uint64_t> taken;
      for (const Hint& each : ours.take()) {
        taken.push_back(gaps.at(each.peer.endpoint.port));
        gaps.erase(each.peer.endpoint.port);
      }
      BOOST_TEST(taken == model, per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_nodes_successors_and_fingers_both_count) {
  ChordNode node(view(0, 10, self));
  node.on_successor(self, view(10, 20, peer(2)), {});
  node.fingers().set(Position{10}, 6, KnownArc{arc(60, 80), peer(3)});
  best.consider(node);
  BOOST_TEST(best.take() == (Hints{hint(60, 80, 3), hint(10, 20, 2)}), per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
