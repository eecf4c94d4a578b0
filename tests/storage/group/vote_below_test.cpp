// The vote of a member in what others have split off an arc, of which it still had the whole.
//
// Goal: who has not heard of a split keeps its vote in both halves, whatever reaches it first, and
// counts as one that has lost its copy only where it may have voted before.
// Method: three hosts, of which one is cut off while their arc is split; the upper half then goes
// to a fourth one, whose order begins behind the split.

#include "replica_hosts.hpp"

using namespace hopring;
using namespace std::chrono_literals;

namespace {

const Position three_quarters = middle(Arc{half, whole_ring().end});

struct CutOff : Hosts {
  CutOff() : Hosts(4) {
    fill(members);
    isolate(3);
    split(whole_ring().end, half);
  }

  void split(Position end, Position at) {
    turn(1, [&](GroupOutbox& out) { BOOST_REQUIRE(hosts.at(1)->split(now(), end, at, out)); });
    run_for(2s);
    BOOST_REQUIRE(copy(1, at)->leads());
  }
  // Nobody can send the split to the third one any more.
  void give_upper_half_to_fourth() {
    turn(1, [&](GroupOutbox& out) {
      BOOST_REQUIRE(
          hosts.at(1)->change(now(), whole_ring().end, {peer(4), peer(1), peer(3)}, peer(4), out));
    });
    run_for(2s);
    BOOST_REQUIRE(copy(4, whole_ring().end)->leads());
  }
  std::uint64_t admitted(Position end) const {
    return hopring::find(copy(1, end)->raft().roster(), peer(3))->admitted;
  }
  bool answers(Position end) const {
    return copy(3, end) != nullptr && copy(3, end)->raft().answers_for({peer(3), admitted(end)});
  }
  bool is_served(Position end) const {
    return std::any_of(hosts.begin(), hosts.end(), [&](const auto& each) {
      const Replica* at_it = copy(each.first, end);
      return at_it != nullptr && at_it->may_serve(now());
    });
  }
  // As the primary of that arc gives it to one that lacks its copy.
  void offer_to_third(Position end) {
    const OfferCopy offer = copy(1, end)->offer({end, 77});
    turn(3, [&](GroupOutbox& out) {
      hosts.at(3)->on_message(now(), peer(1), GroupMessage(offer), out);
    });
    on_way.clear();
  }

  const Members members{peer(1), peer(2), peer(3)};
};

// Copies take long, and whoever has missed a few entries needs one.
GroupOptions short_log_and_slow_copies() {
  GroupOptions options;
  options.raft.kept_bytes_max = 200;
  options.chunk_bytes = 40;
  options.copy_rate = 1000;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(vote_below)

// Without the word of the third the half had no majority for good.
BOOST_AUTO_TEST_CASE(who_is_given_the_upper_half_in_place_of_the_whole_votes_in_the_lower_one) {
  CutOff hosts;
  hosts.give_upper_half_to_fourth();
  const std::uint64_t admitted = hosts.admitted(half);
  hosts.hosts.erase(2);
  hosts.run_for(2s);
  BOOST_REQUIRE(!hosts.is_served(half));
  hosts.cut.clear();
  hosts.run_for(3s);
  BOOST_TEST(hosts.is_served(half));
  BOOST_TEST(hosts.admitted(half) == admitted, "it was admitted anew");
  BOOST_REQUIRE(hosts.copy(3, half) != nullptr);
  BOOST_TEST(hosts.copy(3, half)->is_complete());
  BOOST_TEST(hosts.copy(3, half)->size() == hosts.copy(1, half)->size());
}

BOOST_AUTO_TEST_CASE(and_in_all_parts_of_what_was_split_more_than_once) {
  CutOff hosts;
  hosts.split(whole_ring().end, three_quarters);
  hosts.give_upper_half_to_fourth();
  hosts.hosts.erase(2);
  hosts.run_for(2s);
  hosts.cut.clear();
  hosts.run_for(4s);
  for (const Position end : {half, three_quarters, whole_ring().end}) {
    BOOST_TEST(hosts.is_served(end));
    BOOST_TEST(hosts.answers(end));
    BOOST_REQUIRE(hosts.copy(3, end) != nullptr);
    BOOST_TEST(hosts.copy(3, end)->is_complete());
  }
}

// The third has left the part in between, which nobody offers it therefore.
BOOST_AUTO_TEST_CASE(and_in_a_part_below_one_that_it_is_no_member_of_any_more) {
  CutOff hosts;
  hosts.split(whole_ring().end, three_quarters);
  hosts.give_upper_half_to_fourth();
  hosts.turn(1, [&](GroupOutbox& out) {
    const Members others{peer(1), peer(2), peer(4)};
    BOOST_REQUIRE(
        hosts.hosts.at(1)->change(hosts.now(), three_quarters, others, std::nullopt, out));
  });
  hosts.run_for(2s);
  const std::uint64_t admitted = hosts.admitted(half);
  hosts.hosts.erase(2);
  hosts.run_for(2s);
  hosts.cut.clear();
  hosts.run_for(4s);
  BOOST_TEST(hosts.is_served(half));
  BOOST_TEST(hosts.admitted(half) == admitted, "it was admitted anew");
}

// Goal: a member that is being given the whole anew when others split it goes on with its vote in
// both halves, and is given both.
// Method: a split is proposed that nobody hears of. One member then needs a copy of the whole, and
// while that is on its way the other agrees to the split, and dies.
BOOST_AUTO_TEST_CASE(who_is_being_given_the_whole_when_it_is_split_votes_in_both) {
  Hosts hosts(3, short_log_and_slow_copies());
  hosts.fill({peer(1), peer(2), peer(3)});
  hosts.isolate(3);
  hosts.run_for(3s);  // it is not waited for any more
  for (std::size_t i = 0; i < keys; ++i) hosts.write(1, put_of(i));
  hosts.isolate(2);
  hosts.turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.hosts.at(1)->split(hosts.now(), whole_ring().end, half, out));
  });
  hosts.on_way.clear();
  hosts.cut = {{1, 2}, {2, 1}};
  hosts.run_until([&] { return !hosts.copy(3)->is_complete(); });
  hosts.cut.clear();
  hosts.run_until([&] { return hosts.copy(1, half) != nullptr; });
  BOOST_TEST(!hosts.copy(3)->is_complete());
  hosts.hosts.erase(2);
  hosts.run_for(5s);
  for (const Position end : {half, whole_ring().end}) {
    BOOST_REQUIRE(hosts.copy(1, end) != nullptr);
    BOOST_TEST(hosts.copy(1, end)->may_serve(hosts.now()));
    BOOST_REQUIRE(hosts.copy(3, end) != nullptr);
    BOOST_TEST(hosts.copy(3, end)->is_complete());
    BOOST_TEST(hosts.copy(3, end)->size() == hosts.copy(1, end)->size());
  }
  BOOST_TEST(hosts.count_of(1) == keys);
}

BOOST_AUTO_TEST_CASE(who_is_offered_the_lower_half_first_votes_in_both) {
  CutOff hosts;
  hosts.offer_to_third(half);
  BOOST_TEST(hosts.answers(half));
  BOOST_TEST(!hosts.copy(3, half)->is_complete());
  BOOST_TEST(hosts.answers(whole_ring().end));
}

// It may have voted there, and does not know any more: the split that reaches it at last is no
// reason to answer for that.
BOOST_AUTO_TEST_CASE(who_had_the_lower_half_and_has_lost_it_is_admitted_anew) {
  CutOff hosts;
  const std::uint64_t admitted = hosts.admitted(half);
  hosts.offer_to_third(half);
  BOOST_REQUIRE(hosts.answers(half));
  GroupOutbox out;
  hosts.hosts.at(3)->give_up(half, out);
  hosts.cut.clear();
  hosts.run_for(3s);
  BOOST_TEST((hosts.copy(3, whole_ring().end)->arc().begin == half));
  BOOST_TEST(hosts.admitted(half) > admitted);
  BOOST_TEST(hosts.answers(half));
}

// What offers it is an order of which nobody who leads the whole knows: it stands in the place of
// nothing that is served.
BOOST_AUTO_TEST_CASE(no_half_of_an_arc_is_taken_while_the_whole_is_led_here) {
  Hosts hosts(3);
  hosts.fill({peer(1), peer(2), peer(3)});
  for (const std::uint64_t generation : {1u, 2u}) {
    View view = hosts.copy(1)->view();
    view.arc.end = half;
    view.number.generation = generation;
    OfferCopy offer = hosts.copy(1)->offer({half, 77});
    offer.group = group_of(view);
    offer.view = view;
    offer.index += 5;
    hosts.turn(1, [&](GroupOutbox& out) {
      hosts.hosts.at(1)->on_message(hosts.now(), peer(2), GroupMessage(offer), out);
      BOOST_TEST((sent<OfferAnswer>(out) == std::vector{OfferAnswer{offer.transfer, false}}));
    });
    BOOST_TEST(hosts.copy(1, half) == nullptr);
    BOOST_TEST(hosts.count_of(1) == keys);
  }
}

// It would stand in the place of a part of the whole when this member leads that.
BOOST_AUTO_TEST_CASE(a_late_offer_of_a_half_that_is_refused_leaves_no_vote_behind) {
  CutOff hosts;
  OfferCopy offer = hosts.copy(1, half)->offer({half, 77});
  offer.index = offer.index_term = offer.term = 1;
  hosts.turn(3, [&](GroupOutbox& out) {
    hosts.hosts.at(3)->on_message(hosts.now(), peer(1), GroupMessage(offer), out);
    BOOST_TEST((sent<OfferAnswer>(out) == std::vector{OfferAnswer{offer.transfer, false}}));
  });
  BOOST_TEST(hosts.copy(3, half) == nullptr);
  BOOST_TEST((hosts.copy(3, whole_ring().end)->arc() == whole_ring()));
}

BOOST_AUTO_TEST_SUITE_END()
