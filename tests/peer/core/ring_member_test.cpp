// A peer's part in the ring as dialogues: what it asks, what it answers, what it believes of late,
// foreign, repeated and hostile messages. Peer 1 serves (10, 20]; b, c and d are the others.

#include <boost/test/unit_test.hpp>

#include "tests/peer/core/ring_member_fixture.hpp"

namespace hopring {
namespace {

using boost::test_tools::per_element;

BOOST_FIXTURE_TEST_SUITE(ring_member, RingMemberFixture)

// Successors.

BOOST_AUTO_TEST_CASE(finds_its_successor_through_a_contact_and_then_stabilizes_with_it) {
  serve({view(10, 20, self)});
  member.add_contact(b);
  deadline();
  const FindArc question = first_question(b);
  BOOST_TEST(question.position == Position{21});
  hears(b, found(question.nonce, view(20, 30, b), {view(30, 40, c)}));
  BOOST_TEST(successors() == (std::vector{view(20, 30, b), view(30, 40, c)}), per_element());
  deadline();
  BOOST_TEST(only<Stabilize>(b).node == view(10, 20, self));
}

// Goal: what its nodes ask the same peer leaves in one turn, once in the interval of each.
BOOST_AUTO_TEST_CASE(its_nodes_stabilize_in_the_same_turn) {
  serve({view(10, 20, self), view(30, 40, self), view(50, 60, self)});
  member.add_contact(b);
  const auto answer = [&](std::uint32_t nonce, Position position) {
    for (const View& each : {view(20, 30, b), view(40, 50, b), view(60, 10, b)}) {
      if (contains(each.arc, position)) hears(b, found(nonce, each));
    }
  };
  std::size_t turns = 0;
  Time before = now.monotonic;
  for (const Time end = now.monotonic + 10s; now.monotonic < end;) {
    deadline();
    const auto searched = sent<FindArc>(out);
    const auto asked = sent<Stabilize>(out);
    for (const auto& [to, question] : searched) answer(question.nonce, question.position);
    for (const auto& [to, question] : asked) {
      answer(question.nonce, advance(question.node.arc.end, 1));
    }
    if (asked.empty()) continue;
    ++turns;
    BOOST_TEST(asked.size() == 3u);
    // Who is heard of in each of two rounds is not claimed to be gone.
    BOOST_TEST((now.monotonic - before < limits.claim_delay * 0.48));
    before = now.monotonic;
  }
  const auto rounds = static_cast<std::size_t>(10s / limits.stabilize_interval);
  BOOST_TEST(turns >= rounds - 1);
  BOOST_TEST(turns <= rounds + 1);
}

// Goal: in a small ring whoever looks for another member of an arc finds all peers.
BOOST_AUTO_TEST_CASE(knows_peers_that_lead_no_arc_by_the_arcs_that_they_are_members_of) {
  View of_three = view(20, 30, b);
  of_three.members.push_back(c);
  of_three.members.push_back(d);
  hears(b, found(ask_b(), of_three));
  BOOST_TEST(member.known_peers() == (std::vector{b, c, d}), per_element());
}

BOOST_AUTO_TEST_CASE(follows_closer_peers_to_the_owner) {
  const std::uint32_t nonce = ask_b();
  hears(b, Closer{nonce, {Hint{arc(20, 30), c}}});
  const FindArc question = only<FindArc>(c);
  BOOST_TEST(question.position == Position{21});
  hears(c, found(question.nonce, view(20, 30, c)));
  BOOST_TEST(successors() == std::vector{view(20, 30, c)}, per_element());
}

BOOST_AUTO_TEST_CASE(an_answer_to_another_question_is_not_taken) {
  const std::uint32_t nonce = ask_b();
  hears(b, found(nonce + 1, view(20, 30, b)));
  BOOST_TEST(successors().empty());
  hears(b, found(nonce, view(20, 30, b)));
  BOOST_TEST(successors().size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_answer_from_one_that_was_not_asked_is_not_taken) {
  const std::uint32_t nonce = ask_b();
  hears(c, found(nonce, view(20, 30, c)));
  BOOST_TEST(successors().empty());
}

BOOST_AUTO_TEST_CASE(a_repeated_answer_changes_nothing) {
  const std::uint32_t nonce = ask_b();
  hears(b, found(nonce, view(20, 30, b)));
  hears(b, found(nonce, view(20, 30, b), {view(30, 40, c)}));
  BOOST_TEST(successors() == std::vector{view(20, 30, b)}, per_element());
}

// Goal: who answers late is silent until then, and its late answer is not taken.
BOOST_AUTO_TEST_CASE(an_answer_after_the_timeout_is_too_late_but_a_sign_of_life) {
  const std::uint32_t nonce = ask_b();
  now.monotonic = now.monotonic + limits.ask_timeout;
  clear();
  member.on_deadline(now, out, events);
  BOOST_TEST(!member.health().is_routable(b));
  BOOST_TEST(sent<Ping>(out).size() == 1u, "it is probed");
  hears(b, found(nonce, view(20, 30, b)));
  BOOST_TEST(successors().empty());
  BOOST_TEST(member.health().is_routable(b));
}

// Goal: a peer that leads nothing and is stopped is not given copies for as long as that lasts: no
// node of this peer asks it anything.
BOOST_AUTO_TEST_CASE(who_is_asked_whether_it_is_there_and_does_not_answer_is_silent) {
  for (const bool answers : {true, false}) {
    RingMember asker(self, limits, Rng(1));
    Outbox first;
    asker.ask_whether_there(now, b, first);
    BOOST_REQUIRE(sent<Ping>(first).size() == 1u);
    const std::uint32_t nonce = sent<Ping>(first).front().second.nonce;
    Outbox again;
    asker.ask_whether_there(now, b, again);
    BOOST_TEST(sent<Ping>(again).empty(), "once at a time");
    asker.on_message(now, c, Pong{nonce}, out, events);
    if (answers) asker.on_message(now, b, Pong{nonce}, out, events);
    asker.on_deadline({now.monotonic + limits.ask_timeout, {}}, out, events);
    BOOST_TEST(asker.health().is_routable(b) == answers);
  }
}

BOOST_AUTO_TEST_CASE(who_is_asked_whether_it_is_there_answers_no_other_question_by_that) {
  const std::uint32_t question = ask_b();
  hears(b, Pong{question});
  hears(b, found(question, view(20, 30, b)));
  BOOST_TEST(successors().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_successor_that_overlaps_the_own_arc_does_not_cost_the_list) {
  hears(b, found(ask_b(), view(20, 30, b)));
  deadline();
  hears(b, found(only<Stabilize>(b).nonce, view(20, 15, b), {view(15, 20, c)}));
  BOOST_TEST(successors() == std::vector{view(20, 30, b)}, per_element());
}

BOOST_AUTO_TEST_CASE(a_list_with_a_gap_is_taken_up_to_the_gap) {
  hears(b, found(ask_b(), view(20, 30, b), {view(30, 40, c), view(50, 60, d)}));
  BOOST_TEST(successors().size() == 2u);
}

// Answers.

BOOST_AUTO_TEST_CASE(answers_for_its_own_arc_and_names_closer_peers_for_others) {
  hears(b, found(ask_b(), view(20, 30, b)));
  hears(d, FindArc{9, Position{20}});
  BOOST_TEST(only<ArcFound>(d).view == view(10, 20, self));
  BOOST_TEST(only<ArcFound>(d).nonce == 9u);
  hears(d, FindArc{10, Position{25}});
  BOOST_TEST(only<Closer>(d).hints == (std::vector{hint_of(view(20, 30, b))}), per_element());
}

BOOST_AUTO_TEST_CASE(one_that_knows_nobody_says_so) {
  serve({view(10, 20, self)});
  hears(d, FindArc{9, Position{25}});
  BOOST_TEST(only<Closer>(d).hints.empty());
}

// Goal: a peer that has lost its arcs while it was about to lead one finds the ring through others.
BOOST_AUTO_TEST_CASE(one_that_was_to_lead_an_arc_does_not_route_to_itself) {
  member.on_followed(view(20, 30, self), out);
  serve({});
  member.add_contact(b);
  hears(d, FindArc{9, Position{25}});
  BOOST_REQUIRE(only<Closer>(d).hints.size() == 1u);
  BOOST_TEST(only<Closer>(d).hints[0].peer == b);
  member.on_followed(view(20, 30, c), out);
  hears(d, FindArc{10, Position{25}});
  BOOST_TEST(only<Closer>(d).hints == (std::vector{hint_of(view(20, 30, c))}), per_element());
}

BOOST_AUTO_TEST_CASE(a_predecessor_that_stabilizes_is_told_to_others) {
  serve({view(10, 20, self)});
  hears(b, Stabilize{5, view(0, 10, b)});
  BOOST_TEST(only<ArcFound>(b).nonce == 5u);
  hears(d, FindArc{9, Position{20}});
  BOOST_TEST(only<ArcFound>(d).predecessor.value() == view(0, 10, b));
}

// Goal: a predecessor that has fallen silent does not stand before the arc for ever.
// Method: it stabilizes once; five rounds later nobody is told of it any more.
BOOST_AUTO_TEST_CASE(a_predecessor_that_no_longer_stabilizes_is_not_told_any_more) {
  serve({view(10, 20, self)});
  hears(b, Stabilize{5, view(0, 10, b)});
  const Time silent_since = now.monotonic;
  while (now.monotonic - silent_since <= 8 * limits.stabilize_interval) deadline();
  hears(d, FindArc{9, Position{20}});
  BOOST_TEST(!only<ArcFound>(d).predecessor.has_value());
}

// Lookups.

BOOST_AUTO_TEST_CASE(a_lookup_of_its_own_position_asks_nobody) {
  serve({view(10, 20, self)});
  lookup(15, 7);
  const auto done = all_of<LookupDone>(events);
  BOOST_TEST(done.size() == 1u);
  BOOST_TEST(done.front().token == 7u);
  BOOST_TEST(done.front().asked == 0u);
  BOOST_TEST(done.front().found.value().view == view(10, 20, self));
  BOOST_TEST(out.empty());
}

BOOST_AUTO_TEST_CASE(a_lookup_without_anybody_to_ask_fails_at_once) {
  serve({view(10, 20, self)});
  lookup(50, 7);
  BOOST_TEST(!all_of<LookupDone>(events).front().found.has_value());
}

// Goal: who has copies and leads nothing is found when all are dead who were known to lead.
BOOST_AUTO_TEST_CASE(members_of_an_arc_are_asked_when_all_who_led_are_dead) {
  member.on_several_copies();
  member.add_contact(b);
  lookup(50, 7);
  View led = view(40, 60, b);
  led.members.push_back(self);
  led.members.push_back(c);
  hears(b, found(only<FindArc>(b).nonce, led));
  clear();
  member.on_unreachable(now, b, Unreachable::refused, out, events);
  lookup(50, 8);
  BOOST_TEST(only<FindArc>(c).position == Position{50});
}

BOOST_AUTO_TEST_CASE(hints_that_name_the_asker_or_nobody_end_a_lookup) {
  member.add_contact(b);
  lookup(50, 7);
  hears(b, Closer{only<FindArc>(b).nonce, {Hint{arc(40, 60), self}}});
  BOOST_TEST(out.empty(), "it does not ask itself");
  BOOST_TEST(!all_of<LookupDone>(events).front().found.has_value());
  lookup(50, 8);
  hears(b, Closer{only<FindArc>(b).nonce, {}});
  BOOST_TEST(all_of<LookupDone>(events).front().token == 8u);
}

BOOST_AUTO_TEST_CASE(a_lookup_goes_on_with_the_next_when_one_refuses) {
  member.add_contact(b);
  lookup(50, 7);
  hears(b, Closer{only<FindArc>(b).nonce, {Hint{arc(40, 60), c}, Hint{arc(30, 40), d}}});
  only<FindArc>(c);
  clear();
  member.on_unreachable(now, c, Unreachable::refused, out, events);
  BOOST_TEST(all_of<PeerDied>(events).size() == 1u);
  const FindArc question = only<FindArc>(d);
  hears(d, found(question.nonce, view(40, 60, d, 2)));
  BOOST_TEST(all_of<LookupDone>(events).front().asked == 3u);
  clear();
  member.on_unreachable(now, c, Unreachable::refused, out, events);
  BOOST_TEST(events.empty(), "it died once");
}

BOOST_AUTO_TEST_CASE(an_open_connection_that_was_cut_is_silence_not_death) {
  member.on_unreachable(now, b, Unreachable::lost, out, events);
  BOOST_TEST(events.empty());
  BOOST_TEST(!member.health().is_routable(b));
  BOOST_TEST(!member.health().is_dead(b));
}

BOOST_AUTO_TEST_CASE(questions_are_bounded_and_one_more_fails_at_once) {
  member.add_contact(b);
  for (std::size_t i = 0; i < RingMember::asks_max; ++i) lookup(50, i);
  BOOST_TEST(events.empty());
  lookup(50, 5000);
  BOOST_TEST(out.empty());
  BOOST_TEST(all_of<LookupDone>(events).front().token == 5000u);
}

// Whose arc it is.

BOOST_AUTO_TEST_CASE(an_arc_is_lost_to_a_better_view_of_the_peer_that_serves_it) {
  serve({view(10, 20, self, 5)});
  hears(b, found(0, view(10, 20, b, 5)));
  BOOST_TEST(events.empty(), "no better than ours");
  hears(b, found(0, view(10, 20, b, 6)));
  BOOST_TEST(all_of<LoseArc>(events).front().lost == arc(10, 20));
}

// Goal: what c says of b's arc may be out of date: it costs a question, never an arc.
BOOST_AUTO_TEST_CASE(hearsay_is_checked_with_the_peer_that_it_names) {
  serve({view(10, 20, self, 5)});
  ArcFound hearsay = found(0, view(20, 30, c));
  hearsay.predecessor = view(10, 20, b, 6);
  hears(c, hearsay);
  BOOST_TEST(events.empty());
  BOOST_TEST(only<FindArc>(b).position == Position{20});
  hears(b, Closer{0, {}});
  BOOST_TEST(events.empty(), "b does not have it");
  hears(b, found(0, view(10, 20, b, 6)));
  BOOST_TEST(all_of<LoseArc>(events).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_stranger_to_an_arc_does_not_speak_for_it) {
  serve({view(10, 20, self, 5)});
  hears(c, found(0, view(10, 20, b, 6)));
  BOOST_TEST(events.empty());
  hears(c, Stabilize{1, view(10, 20, b, 6)});
  BOOST_TEST(events.empty());
  hears(c, ArcNews{view(10, 20, b, 6)});
  BOOST_TEST(events.empty());
}

// Goal: a claim over a wide arc takes what it beats and nothing else.
// Method: of our two arcs the first is a lower claim from the same dead one, the second had moved
// on to us before; d claims both.
BOOST_AUTO_TEST_CASE(only_the_part_that_is_beaten_is_lost) {
  serve({claim(10, 20, self, b), view(20, 30, self, 8)});
  hears(d, found(0, claim(10, 30, d, b)));
  const auto lost = all_of<LoseArc>(events);
  BOOST_TEST(lost.size() == 1u);
  BOOST_TEST(lost.front().lost == arc(10, 20));
  serve({view(10, 30, self, 5)});
  hears(d, found(0, view(20, 40, d, 6)));
  BOOST_TEST(all_of<LoseArc>(events).front().lost == arc(20, 30));
}

BOOST_AUTO_TEST_CASE(the_dead_take_no_arcs) {
  serve({view(10, 20, self, 5)});
  member.on_unreachable(now, b, Unreachable::refused, out, events);
  hears(b, found(0, view(10, 20, b, 6)));
  BOOST_TEST(events.empty());
}

// Arcs that move.

BOOST_AUTO_TEST_CASE(the_next_primary_gets_the_nodes_hints_and_the_neighbours_the_news) {
  hears(b, found(ask_b(), view(20, 30, b)));
  hears(d, Stabilize{1, view(0, 10, d)});
  clear();
  member.on_moved(now, view(10, 20, c, 2), out);
  BOOST_TEST(only<NodeHints>(c).successors == std::vector{view(20, 30, b)}, per_element());
  const auto news = sent<ArcNews>(out);
  BOOST_TEST(news.size() == 2u);
  serve({});
  hears(d, FindArc{9, Position{15}});
  BOOST_TEST(only<Closer>(d).hints.front().peer == c);
}

// Goal: who is elected does not begin to look for its neighbours, and for how long nobody has been
// before it, from nothing.
BOOST_AUTO_TEST_CASE(hints_of_a_lead_that_has_gone_wait_until_it_is_known_who_leads_now) {
  hears(b, found(ask_b(), view(20, 30, b)));
  clear();
  member.on_moved(now, view(10, 20, self, 2), out);
  serve({});
  member.on_followed(view(30, 40, d), out);
  member.on_followed(view(10, 20, self, 3), out);
  BOOST_TEST(sent<NodeHints>(out).empty(), "of another arc, and of nobody else");
  member.on_followed(view(10, 20, c, 3), out);
  BOOST_TEST(only<NodeHints>(c).successors == std::vector{view(20, 30, b)}, per_element());
  member.on_followed(view(10, 20, d, 4), out);
  BOOST_TEST(sent<NodeHints>(out).size() == 1u, "once");
}

BOOST_AUTO_TEST_CASE(hints_that_come_before_the_arc_are_kept_for_it) {
  hears(b, NodeHints{arc(10, 20), {view(20, 30, c)}, {}, {}, 0});
  serve({view(10, 20, self)});
  BOOST_TEST(successors() == std::vector{view(20, 30, c)}, per_element());
}

// Goal: hints of arcs that never come leave room for those of arcs that do.
BOOST_AUTO_TEST_CASE(of_hints_for_arcs_that_do_not_come_the_oldest_go) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    hears(b, NodeHints{arc(1000 + i, 1001 + i), {}, {}, {}, 0});
  }
  hears(b, NodeHints{arc(10, 20), {view(20, 30, c)}, {}, {}, 0});
  serve({view(10, 20, self)});
  BOOST_TEST(successors() == std::vector{view(20, 30, c)}, per_element());
}

BOOST_AUTO_TEST_CASE(the_lower_half_of_a_split_is_a_node_of_its_own) {
  hears(b, found(ask_b(), view(20, 30, b)));
  serve({view(10, 15, self, 2), view(15, 20, self, 2)});
  BOOST_TEST(member.nodes().size() == 2u);
  BOOST_TEST(successors() == std::vector{view(15, 20, self, 2)}, per_element());
  BOOST_TEST(member.nodes().back().successors().entries().size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
