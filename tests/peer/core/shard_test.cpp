// A shard as a dialogue with the front of its peer.

#include "peer/core/shard.hpp"

#include <boost/test/unit_test.hpp>

#include "base/count.hpp"
#include "tests/peer/core/core_support.hpp"

namespace hopring {
namespace {

constexpr std::uint32_t cells = 4;

struct ShardFixture {
  PeerRef self = peer(1);
  PeerRef b = peer(2);
  Now now{Time{100s}, {1'700'000'000'000}};
  GroupOptions options;
  Shard shard{self, options, Rng(1)};
  GroupOutbox news;
  RingConfig ring;

  ShardFixture() {
    ring.ring_id = 7;
    ring.nodes_per_peer = cells;
  }
  GroupOutbox& tell(ShardCommand command) {
    news.clear();
    shard.on(now, std::move(command), news);
    return news;
  }
  void enter() { tell(EnterRing{ring}); }
  View own(std::uint32_t cell) const { return {equal_arc(cell, cells), {1, 0, 1}, 0, {self}}; }
  View claim_of_cell(std::uint32_t cell) const {
    return {equal_arc(cell, cells), {2, self.incarnation, 1}, b.incarnation, {self}};
  }
};

BOOST_FIXTURE_TEST_SUITE(shards, ShardFixture)

BOOST_AUTO_TEST_CASE(every_position_lies_in_the_cell_whose_arc_holds_it) {
  for (std::uint32_t cell = 0; cell < cells; ++cell) {
    const Arc arc = equal_arc(cell, cells);
    BOOST_TEST(cell_of(advance(arc.begin, 1), cells) == cell);
    BOOST_TEST(cell_of(arc.end, cells) == cell);
    BOOST_TEST(is_in_one_cell(arc, cells));
    BOOST_TEST(is_in_one_cell(Arc{arc.begin, middle(arc)}, cells));
  }
  BOOST_TEST(cell_of(Position{~0ull}, 1) == 0u);
}

BOOST_AUTO_TEST_CASE(an_arc_that_reaches_into_the_next_cell_lies_in_no_one_cell) {
  const Arc second = equal_arc(1, cells);
  BOOST_TEST(!is_in_one_cell(Arc{second.begin, advance(second.end, 1)}, cells));
  BOOST_TEST(!is_in_one_cell(Arc{middle(equal_arc(0, cells)), middle(second)}, cells));
  BOOST_TEST(!is_in_one_cell(equal_arc(0, 1), cells), "all of them");
  BOOST_TEST(is_in_one_cell(equal_arc(0, 1), 1));
  const Arc around{second.end, middle(second)};  // begins and ends in cells 2 and 1: nearly all
  BOOST_TEST(!is_in_one_cell(around, cells));
  const Arc within = Arc{middle(second), advance(second.begin, 1)};  // the other way round
  BOOST_TEST(!is_in_one_cell(within, cells));
}

BOOST_AUTO_TEST_CASE(the_shards_share_the_cells_in_turn) {
  for (std::uint32_t cell = 0; cell < cells; ++cell) {
    BOOST_TEST(shard_of(equal_arc(cell, cells).end, cells, 3) == cell % 3);
    BOOST_TEST(shard_of(equal_arc(cell, cells).end, cells, 1) == 0u);
  }
}

BOOST_AUTO_TEST_CASE(before_it_has_entered_a_ring_it_does_nothing) {
  BOOST_TEST(tell(OpenArc{own(0)}).empty());
  BOOST_TEST(shard.host() == nullptr);
  OpResultSink sink;
  const auto executed = shard.execute(now, Get{"k"}, {}, sink, {}, news);
  BOOST_TEST((executed == Shard::Executed::unserved));
  BOOST_TEST(shard.next_deadline() == Time::never());
}

BOOST_AUTO_TEST_CASE(an_arc_of_a_new_ring_is_served_until_the_ring_is_left) {
  enter();
  BOOST_TEST((tell(OpenArc{own(2)}) == GroupOutbox{ArcOpened{own(2)}}));
  BOOST_TEST(shard.host()->find(own(2).arc.end) != nullptr);
  tell(LeaveRing{});
  BOOST_TEST(shard.host() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_claim_without_a_copy_starts_empty) {
  enter();
  BOOST_TEST((tell(TakeOverArc{claim_of_cell(1)}) == GroupOutbox{ArcOpened{claim_of_cell(1)}}));
}

// Goal: a stranger that has named the last generation makes nobody say one that others take for
// malformed.
BOOST_AUTO_TEST_CASE(nothing_is_claimed_where_generations_have_come_to_their_end) {
  enter();
  View claim = claim_of_cell(1);
  claim.number.generation = count_max / 2 + 1;
  BOOST_TEST(tell(TakeOverArc{claim}).empty());
  claim.number.generation = count_max / 2;
  BOOST_TEST((tell(TakeOverArc{claim}) == GroupOutbox{ArcOpened{claim}}));
}

// Goal: the front's knowledge may lag; what has come in the meantime is not opened a second time.
BOOST_AUTO_TEST_CASE(a_claim_of_what_is_served_meanwhile_changes_nothing) {
  enter();
  tell(OpenArc{own(1)});
  BOOST_TEST(tell(TakeOverArc{claim_of_cell(1)}).empty());
  BOOST_TEST(*shard.host()->find(own(1).arc.end) == own(1));
}

BOOST_AUTO_TEST_CASE(an_arc_is_halved_until_its_part_is_small_enough_and_then_offered) {
  enter();
  tell(OpenArc{own(1)});
  const Position half = middle(own(1).arc);
  const Position quarter = middle(Arc{own(1).arc.begin, half});
  tell(GiveArc{own(1).arc.end, quarter, b});
  BOOST_TEST(shard.host()->find(quarter)->arc.end == quarter);
  BOOST_TEST(shard.host()->find(advance(quarter, 1))->arc.end == half);
  const auto offers = all_of<SendGroup>(news);
  BOOST_REQUIRE(offers.size() == 1u);
  BOOST_TEST(offers.front().to == b);
  BOOST_TEST(arc_end_of(offers.front().message) == quarter);
}

BOOST_AUTO_TEST_CASE(news_of_arcs_that_change_tell_what_they_hold) {
  enter();
  tell(OpenArc{own(1)});
  std::uint64_t keys = 0;
  for (int i = 0; keys < 100; ++i) {
    OpResultSink sink;
    const Put put{"key" + std::to_string(i), Value{ValueType::string, "v"}, {}};
    const auto executed = shard.execute(now, put, {}, sink, {}, news);
    if (executed == Shard::Executed::answered) ++keys;
  }
  const ShardNews told =
      shard.news(now, 3, GroupOutbox(tell(GiveArc{own(1).arc.end, middle(own(1).arc), b})));
  BOOST_TEST(told.shard == 3u);
  BOOST_TEST(told.ring_id == ring.ring_id);
  BOOST_TEST(told.transfers == 1u);
  BOOST_REQUIRE(told.sizes.size() == 2u);
  BOOST_TEST(told.sizes[0].keys + told.sizes[1].keys == 100u);
  BOOST_TEST(told.sizes[0].bytes > 0u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_given_is_said_to_have_stayed) {
  enter();
  const Position end = own(1).arc.end;
  const GroupOutbox stayed{MoveEnded{end, b, false}};
  BOOST_TEST((tell(GiveArc{end, end, b}) == stayed), "it is not served");
  tell(OpenArc{own(1)});
  tell(GiveArc{end, end, b});
  BOOST_TEST((tell(GiveArc{end, end, b}) == stayed), "it is on the move");
  const Position half = middle(own(1).arc);
  BOOST_TEST((tell(GiveArc{end, half, b}) == GroupOutbox{MoveEnded{half, b, false}}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
