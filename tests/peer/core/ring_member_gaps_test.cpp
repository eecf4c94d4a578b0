// Claims as dialogues: who is asked before an arc is taken from the dead, and whose word delays it.
// Peer 1 serves (10, 20]; (20, 30] was b's, which is dead; (30, 40] is c's.

#include <boost/test/unit_test.hpp>

#include "tests/peer/core/ring_member_fixture.hpp"

namespace hopring {
namespace {

struct GapFixture : RingMemberFixture {
  const std::uint32_t enough = static_cast<std::uint32_t>(limits.claim_delay.count());

  // b dies; c is asked what it has before it. The question's nonce.
  std::uint32_t ask_c() {
    hears(b, found(ask_b(), view(20, 30, b, 7), {view(30, 40, c)}));
    deadline();
    for (const auto& [to, message] : sent<Stabilize>(out)) {
      if (to == b) hears(b, found(message.nonce, view(20, 30, b, 7), {view(30, 40, c)}));
    }
    clear();
    member.on_unreachable(now, b, Unreachable::refused, out, events);
    return question_about(40, c);
  }
  std::uint32_t question_about(std::uint64_t position, const PeerRef& to) const {
    for (const auto& [asked, message] : sent<FindArc>(out)) {
      if (asked == to && message.position == Position{position}) return message.nonce;
    }
    BOOST_FAIL("nobody was asked about " << position);
    return 0;
  }
  void c_answers(std::uint32_t nonce, std::uint32_t unnoticed_ms,
                 std::optional<View> before = std::nullopt) {
    ArcFound answer = found(nonce, view(30, 40, c));
    answer.unnoticed_ms = unnoticed_ms;
    answer.predecessor = std::move(before);
    hears(c, answer);
  }
  std::vector<ClaimArc> claims() const { return all_of<ClaimArc>(events); }
};

BOOST_FIXTURE_TEST_SUITE(ring_member_gaps, GapFixture)

BOOST_AUTO_TEST_CASE(the_arc_of_a_dead_peer_is_claimed_from_the_view_that_was_known) {
  c_answers(ask_c(), enough);
  BOOST_REQUIRE(claims().size() == 1u);
  BOOST_TEST(claims().front().claim == claim_of(arc(20, 30), view(20, 30, b, 7), self));
}

BOOST_AUTO_TEST_CASE(nothing_is_claimed_while_somebody_may_still_make_itself_known) {
  c_answers(ask_c(), enough - 1);
  BOOST_TEST(claims().empty());
  BOOST_TEST(only<ArcNews>(c).view == view(10, 20, self), "c learns who is before the gap");
  for (int i = 0; i < 10 && sent<FindArc>(out).empty(); ++i) deadline();
  c_answers(question_about(40, c), enough);
  BOOST_TEST(claims().size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_arc_that_has_moved_on_is_not_claimed) {
  c_answers(ask_c(), enough, view(20, 30, d, 8));
  BOOST_TEST(claims().empty());
  hears(d, found(question_about(30, d), view(20, 30, d, 8)));
  BOOST_TEST(claims().empty());
  BOOST_TEST(primary_of(successors().front()) == d);
}

// Goal: a predecessor that is out of date does not stand before a claim until it expires.
BOOST_AUTO_TEST_CASE(one_who_denies_the_arc_does_not_delay_the_claim) {
  c_answers(ask_c(), enough, view(20, 30, d, 6));
  hears(d, Closer{question_about(30, d), {}});
  BOOST_TEST(claims().size() == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_is_claimed_of_one_that_is_silent) {
  c_answers(ask_c(), enough, view(20, 30, d, 8));
  clear();
  member.on_unreachable(now, d, Unreachable::lost, out, events);
  BOOST_TEST(claims().empty());
}

// Goal: who serves the end of what the dead one had does not stand before the claim of the rest.
// Method: this peer has a second node, whose predecessor c serves a part of it now.
BOOST_AUTO_TEST_CASE(what_is_left_of_a_dead_ones_arc_is_claimed) {
  const std::uint32_t nonce = ask_c();
  serve({view(10, 20, self), view(40, 50, self)});
  hears(c, Stabilize{1, view(26, 40, c, 9)});
  ArcFound answer = found(nonce, view(26, 40, c, 9));
  answer.unnoticed_ms = enough;
  hears(c, answer);
  BOOST_REQUIRE(claims().size() == 1u);
  BOOST_TEST(claims().front().claim.arc == arc(20, 26));
}

// Goal: a claim reaches no further back than to the last arc that somebody is known to serve.
BOOST_AUTO_TEST_CASE(who_is_known_to_serve_a_part_of_the_gap_is_asked_too) {
  const std::uint32_t nonce = ask_c();
  hears(d, found(0, view(25, 28, d)));
  c_answers(nonce, enough);
  BOOST_TEST(claims().empty());
  ArcFound answer = found(question_about(28, d), view(25, 28, d));
  answer.unnoticed_ms = enough;
  hears(d, answer);
  BOOST_REQUIRE(claims().size() == 1u);
  BOOST_TEST(claims().front().claim.arc == arc(20, 25));
}

BOOST_AUTO_TEST_CASE(one_that_serves_what_is_ours_by_a_better_view_is_told) {
  serve({view(10, 20, self, 6)});
  hears(b, found(0, view(10, 20, b, 5)));
  BOOST_TEST(events.empty());
  BOOST_TEST(only<ArcNews>(b).view == view(10, 20, self, 6));
}

// Goal: whoever still believes this peer to be its successor learns what became of the arc, so that
// it can claim it when its new holder is dead.
BOOST_AUTO_TEST_CASE(who_asks_for_an_arc_that_went_to_a_dead_peer_is_told_so) {
  serve({view(10, 20, self)});
  member.on_moved(now, view(10, 20, c, 2), out);
  serve({});
  member.on_unreachable(now, c, Unreachable::refused, out, events);
  hears(d, Stabilize{1, view(0, 10, d)});
  BOOST_TEST(only<ArcNews>(d).view == view(10, 20, c, 2));
}

// Where arcs have several copies gaps are noted, and nothing is claimed.

BOOST_AUTO_TEST_CASE(where_arcs_have_copies_a_gap_is_noted_until_somebody_serves_there) {
  member.on_several_copies();
  c_answers(ask_c(), enough);
  BOOST_TEST(claims().empty());
  BOOST_TEST(member.is_in_gap(Position{21}));
  BOOST_TEST(member.is_in_gap(Position{30}));
  BOOST_TEST(!member.is_in_gap(Position{31}), "c's");
  hears(d, ArcNews{view(20, 30, d, 8)});
  BOOST_TEST(!member.is_in_gap(Position{21}));
}

// Goal: while a node's lead goes from peer to peer there is always one who can say that what comes
// after it is lost, though each must look for claim_delay before it knows that by itself.
BOOST_AUTO_TEST_CASE(who_leads_next_is_told_of_the_gap_and_notes_it) {
  member.on_several_copies();
  c_answers(ask_c(), enough);
  clear();
  member.on_moved(now, view(10, 20, d, 8), out);
  BOOST_TEST(only<NodeHints>(d).gap_end.value() == Position{30});

  serve({});
  hears(d, NodeHints{arc(10, 20), {}, {}, {}, 0, Position{30}});
  serve({view(10, 20, self, 9)});
  BOOST_TEST(member.is_in_gap(Position{30}), "told before it serves");
  BOOST_TEST(!member.is_in_gap(Position{31}));
  hears(d, ArcNews{view(20, 30, d, 8)});
  BOOST_TEST(!member.is_in_gap(Position{30}));
}

// Goal: whoever was stopped or cut off, and serves again, is not called lost.
BOOST_AUTO_TEST_CASE(what_a_silent_peer_serves_is_a_gap_until_it_is_heard) {
  member.on_several_copies();
  hears(b, found(ask_b(), view(20, 30, b, 7), {view(30, 40, c)}));
  clear();
  member.on_unreachable(now, b, Unreachable::lost, out, events);
  for (int i = 0; i < 10 && sent<FindArc>(out).empty(); ++i) deadline();
  c_answers(question_about(40, c), enough);
  BOOST_TEST(member.is_in_gap(Position{21}));
  member.on_heard(b);
  BOOST_TEST(!member.is_in_gap(Position{21}));
}

// Goal: a gap that has become smaller is forgotten where it was.
BOOST_AUTO_TEST_CASE(each_look_takes_the_place_of_the_last_one) {
  member.on_several_copies();
  c_answers(ask_c(), enough);
  BOOST_TEST(member.is_in_gap(Position{29}));
  clear();
  for (int i = 0; i < 10 && sent<FindArc>(out).empty(); ++i) deadline();
  ArcFound answer = found(question_about(40, c), view(26, 40, c, 9));
  answer.unnoticed_ms = enough;
  hears(c, answer);
  BOOST_TEST(!member.is_in_gap(Position{29}));
  BOOST_TEST(member.is_in_gap(Position{21}));
}

BOOST_AUTO_TEST_CASE(a_view_whose_primary_denies_it_is_known_no_more_until_it_serves) {
  member.on_several_copies();
  hears(b, found(ask_b(), view(20, 30, b, 7), {view(30, 40, c)}));
  BOOST_REQUIRE(member.known_view(Position{35}) != nullptr);
  std::uint64_t token = 1;
  const auto ask = [&] {
    clear();
    member.start_lookup(now, Position{35}, token++, out, events);
    return question_about(35, c);
  };
  hears(c, Closer{ask(), {}});
  BOOST_TEST(member.known_view(Position{35}) == nullptr);
  hears(c, found(0, view(30, 40, c)));
  BOOST_TEST(member.known_view(Position{35}) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
