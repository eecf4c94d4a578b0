// What a front knows of its shards' arcs.

#include "peer/core/arc_directory.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/peer/core/core_support.hpp"

namespace hopring {
namespace {

struct DirectoryFixture {
  ArcDirectory arcs;
  PeerRef self = peer(1);

  DirectoryFixture() {
    arcs.set(view(30, 40, self));
    arcs.set(view(10, 20, self));
    arcs.set(view(20, 30, self));
  }
};

BOOST_FIXTURE_TEST_SUITE(arc_directory, DirectoryFixture)

BOOST_AUTO_TEST_CASE(entries_are_in_the_order_of_their_ends) {
  BOOST_REQUIRE(arcs.entries().size() == 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(arcs.entries()[i].view.arc.end == Position{20 + 10 * i});
  }
}

BOOST_AUTO_TEST_CASE(an_arc_is_found_by_its_end_and_by_what_it_holds) {
  BOOST_TEST(arcs.at(Position{30})->view == view(20, 30, self));
  BOOST_TEST(arcs.at(Position{29}) == nullptr);
  BOOST_TEST(arcs.holding(Position{21})->view == view(20, 30, self));
  BOOST_TEST(arcs.holding(Position{10}) == nullptr);
  BOOST_TEST(arcs.holding(Position{41}) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_new_view_of_an_arc_takes_the_place_of_the_old_one_and_keeps_its_size) {
  arcs.set_size({Position{20}, 3, 100});
  arcs.set(view(15, 20, self, 2));
  BOOST_REQUIRE(arcs.entries().size() == 3u);
  BOOST_TEST(arcs.at(Position{20})->view == view(15, 20, self, 2));
  BOOST_TEST(arcs.at(Position{20})->bytes == 100u);
}

BOOST_AUTO_TEST_CASE(sizes_may_come_in_any_order_and_of_arcs_that_are_gone) {
  arcs.set_size({Position{40}, 4, 400});
  arcs.set_size({Position{20}, 2, 200});
  arcs.erase(Position{30});
  arcs.erase(Position{31});
  arcs.set_size({Position{30}, 9, 900});
  arcs.set_size({Position{40}, 5, 500});
  BOOST_TEST(arcs.keys_of_sole_copies() == 7u);
  arcs.set_size({Position{40}, 5, 500, 2});
  BOOST_TEST(arcs.keys_of_sole_copies() == 2u);
  BOOST_TEST(arcs.load().bytes == 700u);
  BOOST_TEST(arcs.load().arcs == 2u);
}

BOOST_AUTO_TEST_CASE(the_load_counts_parts_of_the_ring) {
  ArcDirectory half;
  half.set(View{equal_arc(0, 2), {1, 0, 1}, 0, {self}});
  BOOST_TEST(half.load().ring_parts == 1ull << 31);
}

// While the news of an arc's halves are on their way, one of them is counted twice.
BOOST_AUTO_TEST_CASE(the_load_is_never_more_than_the_ring) {
  ArcDirectory whole;
  whole.set(View{equal_arc(0, 2), {1, 0, 1}, 0, {self}});
  whole.set_copy(View{equal_arc(0, 1), {1, 0, 1}, 0, {self}});
  BOOST_TEST(whole.load().copy_parts == ring_parts_whole);
  whole.set(View{equal_arc(0, 1), {1, 0, 1}, 0, {self}});
  BOOST_TEST(whole.load().ring_parts == ring_parts_whole);
}

BOOST_AUTO_TEST_CASE(a_move_lasts_until_it_has_ended) {
  arcs.begin_move(Position{20});
  BOOST_TEST(arcs.is_moving(Position{20}));
  BOOST_TEST(!arcs.is_moving(Position{30}));
  arcs.end_move(Position{20});
  BOOST_TEST(arcs.moves() == 0u);
}

BOOST_AUTO_TEST_CASE(of_an_arc_that_is_cut_to_be_given_the_lower_part_is_on_its_way) {
  const Arc arc{Position{20}, Position{30}};
  BOOST_TEST(!arcs.moving_part(arc).has_value());
  arcs.begin_move(Position{20});
  BOOST_TEST(!arcs.moving_part(arc).has_value(), "the arc before");
  arcs.begin_move(Position{25});
  BOOST_TEST((arcs.moving_part(arc) == Arc{Position{20}, Position{25}}));
  BOOST_TEST((!arcs.moving_part(Arc{Position{25}, Position{30}})), "once it has been cut");
  arcs.begin_move(Position{30});
  BOOST_TEST((arcs.moving_part(arc) == arc));
}

BOOST_AUTO_TEST_CASE(a_part_on_its_way_may_lie_beyond_zero) {
  const Arc arc{Position{~0ull - 10}, Position{10}};
  arcs.begin_move(Position{5});
  BOOST_TEST((arcs.moving_part(arc) == Arc{arc.begin, Position{5}}));
  BOOST_TEST((!arcs.moving_part(Arc{Position{~0ull - 10}, Position{~0ull - 5}})));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
