#include "client/core/route_cache.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "base/rng.hpp"
#include "tests/client/client_support.hpp"

using namespace hopring;

struct RouteCacheFixture {
  RouteCache cache{8};

  const PeerRef* primary_at(std::uint64_t position) {
    const View* found = cache.find(Position{position});
    return found == nullptr ? nullptr : &primary_of(*found);
  }
};

BOOST_FIXTURE_TEST_SUITE(route_cache, RouteCacheFixture)

BOOST_AUTO_TEST_CASE(finds_the_arc_that_holds_a_position) {
  BOOST_TEST(cache.adopt(view(Position{10}, Position{20}, 1, peer(1))));
  BOOST_TEST(cache.adopt(view(Position{90}, Position{5}, 1, peer(2))));
  BOOST_TEST((*primary_at(11) == peer(1)));
  BOOST_TEST((*primary_at(20) == peer(1)));
  BOOST_TEST(primary_at(10) == nullptr);
  BOOST_TEST(primary_at(21) == nullptr);
  BOOST_TEST((*primary_at(~0ull) == peer(2)));
  BOOST_TEST((*primary_at(0) == peer(2)));
  BOOST_TEST(primary_at(6) == nullptr);
}

BOOST_AUTO_TEST_CASE(the_whole_ring_is_one_entry_until_a_part_of_it_is_known_better) {
  BOOST_TEST(cache.adopt(whole_ring(1, peer(1))));
  BOOST_TEST((*primary_at(0) == peer(1)));
  BOOST_TEST(cache.adopt(view(Position{10}, Position{20}, 2, peer(2))));
  BOOST_TEST((*primary_at(15) == peer(2)));
  BOOST_TEST(primary_at(0) == nullptr);
  cache.audit();
}

BOOST_AUTO_TEST_CASE(an_older_view_of_an_overlapping_arc_is_refused) {
  BOOST_TEST(cache.adopt(view(Position{10}, Position{20}, 2, peer(2))));
  BOOST_TEST(!cache.adopt(view(Position{15}, Position{40}, 1, peer(1))));
  BOOST_TEST(!cache.adopt(whole_ring(1, peer(1))));
  BOOST_TEST((*primary_at(15) == peer(2)));
  BOOST_TEST(cache.size() == 1u);
}

BOOST_AUTO_TEST_CASE(of_equal_views_the_newcomer_says_who_is_primary) {
  BOOST_TEST(cache.adopt(view(Position{10}, Position{20}, 2, peer(1))));
  BOOST_TEST(cache.adopt(view(Position{10}, Position{20}, 2, peer(2))));
  BOOST_TEST((*primary_at(15) == peer(2)));
}

BOOST_AUTO_TEST_CASE(a_malformed_view_is_refused) {
  View nobody = view(Position{10}, Position{20}, 2, peer(1));
  nobody.members.clear();
  BOOST_TEST(!cache.adopt(nobody));
  BOOST_TEST(cache.size() == 0u);
}

BOOST_AUTO_TEST_CASE(the_nearest_preceding_arc_is_found_round_the_ring) {
  BOOST_TEST(cache.preceding(Position{1}) == nullptr);
  BOOST_TEST(cache.adopt(view(Position{10}, Position{20}, 1, peer(1))));
  BOOST_TEST(cache.adopt(view(Position{30}, Position{40}, 1, peer(2))));
  BOOST_TEST((primary_of(*cache.preceding(Position{25})) == peer(1)));
  BOOST_TEST((primary_of(*cache.preceding(Position{41})) == peer(2)));
  BOOST_TEST((primary_of(*cache.preceding(Position{5})) == peer(2)));
}

BOOST_AUTO_TEST_CASE(a_peer_is_forgotten_with_all_its_arcs) {
  BOOST_TEST(cache.adopt(view(Position{10}, Position{20}, 1, peer(1))));
  BOOST_TEST(cache.adopt(view(Position{20}, Position{30}, 1, peer(2))));
  BOOST_TEST(cache.adopt(view(Position{30}, Position{40}, 1, peer(1))));
  cache.forget(peer(1));
  BOOST_TEST(cache.size() == 1u);
  cache.forget(Position{25});
  BOOST_TEST(cache.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_full_cache_drops_one_arc_for_the_next) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    BOOST_TEST(cache.adopt(view(Position{i * 10}, Position{i * 10 + 10}, 1, peer(1))));
    cache.audit();
  }
  BOOST_TEST(cache.size() == 8u);
  BOOST_TEST(primary_at(195) != nullptr);
}

// Goal: whatever views arrive in whatever order, entries never overlap, and a position for which a
// view was adopted is held by that view or by nobody older.
// Method: random arcs, wrapping ones included, with random numbers, against the rule itself.
// A failure prints the seed; run again with HOPRING_TEST_SEED=<seed>.
BOOST_AUTO_TEST_CASE(random_views_never_leave_overlaps) {
  const char* text = std::getenv("HOPRING_TEST_SEED");
  const std::uint64_t seed = text ? std::strtoull(text, nullptr, 10) : 1;
  Rng rng(seed);
  BOOST_TEST_CONTEXT("seed " << seed) {
    for (int i = 0; i < 5000; ++i) {
      const View next = view(Position{rng.below(16) << 60}, Position{rng.below(16) << 60},
                             1 + rng.below(50), peer(static_cast<std::uint8_t>(1 + rng.below(4))));
      std::uint64_t newest = 0;
      for (std::uint64_t at = 0; at < 16; ++at) {
        const Position position{(at << 60) + 1};
        const View* holder = cache.find(position);
        if (holder && overlaps(holder->arc, next.arc)) {
          newest = std::max(newest, holder->number.number);
        }
      }
      BOOST_TEST(cache.adopt(next) == (newest <= next.number.number));
      cache.audit();
      if (rng.chance(1, 200)) cache.clear();
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
