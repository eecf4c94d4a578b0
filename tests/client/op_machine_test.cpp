#include <boost/test/unit_test.hpp>

#include "tests/client/dialogue.hpp"

using namespace hopring;
using namespace std::chrono_literals;
BOOST_TEST_DONT_PRINT_LOG_VALUE(hopring::ClientOutbox)

BOOST_FIXTURE_TEST_SUITE(op_machine, Dialogue)

// ---- where an operation goes ----------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_first_operation_waits_for_a_link_to_a_contact) {
  BOOST_TEST(start(1, get_a) == (ClientOutbox{Connect{anyone_at(peer(1))}}));
  BOOST_TEST(connected(anyone_at(peer(1)), peer(1)) == send(peer(1), 1, OpRequest{get_a}));
  BOOST_TEST(reply(peer(1), 1, plain(found("x"))) == finish(1, found("x")));
  BOOST_TEST(machine.in_flight() == 0u);
  BOOST_TEST(machine.figures().hops_mean() == 0.0);
}

BOOST_AUTO_TEST_CASE(a_redirect_is_followed_and_the_next_operation_needs_one_request) {
  start(1, get_a);
  connected(anyone_at(peer(1)), peer(1));
  BOOST_TEST(reply(peer(1), 1, plain(to_view(arc_of("a", 3, peer(2))))) ==
             (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(connected(peer(2), peer(2)) == send(peer(2), 2, OpRequest{get_a}));
  BOOST_TEST(reply(peer(2), 2, plain(found("x"))) == finish(1, found("x")));

  BOOST_TEST(start(2, put_a) == send(peer(2), 3, OpRequest{put_a}));
  BOOST_TEST(reply(peer(2), 3, plain(OpResult{})) == finish(2, OpResult{}));
  BOOST_TEST(machine.figures().by_hops[0] == 1u);
  BOOST_TEST(machine.figures().by_hops[1] == 1u);
  BOOST_TEST(machine.figures().hops_mean() == 0.5);
}

BOOST_AUTO_TEST_CASE(a_view_that_comes_with_a_result_is_kept) {
  warm(arc_of("b", 3, peer(2)));
  BOOST_TEST(start(1, put_b) == (ClientOutbox{Connect{peer(2)}}));
}

BOOST_AUTO_TEST_CASE(hints_are_asked_the_closest_first_and_the_next_one_if_it_is_dead) {
  start(1, put_a);
  connected(anyone_at(peer(1)), peer(1));
  const Redirect closer{
      std::nullopt,
      {Hint{Arc{Position{8}, Position{9}}, peer(2)}, Hint{Arc{Position{7}, Position{8}}, peer(3)}}};
  BOOST_TEST(reply(peer(1), 1, plain(closer)) == (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(down(peer(2), LinkDown::unreachable) == (ClientOutbox{Connect{peer(3)}}));
  BOOST_TEST(connected(peer(3), peer(3)) == send(peer(3), 2, OpRequest{put_a}));
}

BOOST_AUTO_TEST_CASE(without_the_arc_the_nearest_preceding_peer_is_asked) {
  const Position before{position("b").value - 100};
  warm(view(Position{before.value - 1}, before, 3, peer(2)));
  BOOST_TEST(start(1, put_b) == (ClientOutbox{Connect{peer(2)}}));
}

// Goal: a stale arc costs a hop, once.
BOOST_AUTO_TEST_CASE(a_stale_arc_is_mended_by_the_peer_that_no_longer_has_it) {
  warm(arc_of("a", 3, peer(1)));
  BOOST_TEST(start(1, put_a) == send(peer(1), 2, OpRequest{put_a}));
  BOOST_TEST(reply(peer(1), 2, plain(to_view(arc_of("a", 4, peer(2))))) ==
             (ClientOutbox{Connect{peer(2)}}));
  connected(peer(2), peer(2));
  reply(peer(2), 3, plain(OpResult{}));
  BOOST_TEST(start(2, put_a) == send(peer(2), 4, OpRequest{put_a}));
}

BOOST_AUTO_TEST_CASE(a_redirect_to_an_older_view_is_neither_kept_nor_followed) {
  warm(arc_of("b", 5, peer(2)));
  start(1, put_b);
  down(peer(2), LinkDown::unreachable);  // forgets the arc, and asks peer 1
  reply(peer(1), 2, OpReply{to_view(arc_of("b", 4, peer(3))), arc_of("b", 6, peer(4))});
  BOOST_TEST((primary_of(*machine.cache().find(position("b"))) == peer(4)));
  BOOST_TEST(connected(peer(4), peer(4)) == send(peer(4), 3, OpRequest{put_b}));
}

// Goal: a claim that follows a view that this client has never seen is not locked out by an older
// one: the former primary's "not mine" disproves its view.
BOOST_AUTO_TEST_CASE(a_primary_that_disowns_its_arc_makes_room_for_any_other_view) {
  warm(arc_of("a", 7, peer(1)));
  View claim = arc_of("a", 9, peer(3));
  claim.number.generation = 2;
  claim.taken_from = peer(2).incarnation;
  start(1, put_a);
  BOOST_TEST(reply(peer(1), 2, plain(to_view(claim))) == (ClientOutbox{Connect{peer(3)}}));
  BOOST_TEST((*machine.cache().find(position("a")) == claim));
}

// Goal: two peers with stale hints that name each other are not asked in a circle.
BOOST_AUTO_TEST_CASE(peers_that_name_each_other_are_left_alone_for_a_pause) {
  start(1, put_a);
  connected(anyone_at(peer(1)), peer(1));
  reply(peer(1), 1, plain(to_hint(peer(2))));
  connected(peer(2), peer(2));
  BOOST_TEST(reply(peer(2), 2, plain(to_hint(peer(1)))).empty());
  BOOST_TEST((machine.next_deadline() - now.monotonic) >= 3750us);
  BOOST_TEST((machine.next_deadline() - now.monotonic) <= 6250us);
  BOOST_TEST(timer() == send(peer(2), 3, OpRequest{put_a}));  // the other one's turn
}

// Goal: after a peer that knows nothing new, a few others are asked, not all, and not at once
// again.
BOOST_AUTO_TEST_CASE(after_a_dead_end_two_others_are_asked_before_the_pause) {
  warm(view(Position{1}, Position{2}, 1, peer(1)));
  for (std::uint8_t i = 2; i <= 5; ++i) connected(peer(i), peer(i));
  ClientOutbox out = start(1, put_b);
  std::uint64_t asked = 0;
  for (std::uint64_t id = 2; !out.empty(); ++id, ++asked) {
    out = reply(std::get<SendRequest>(out.front()).to, id, plain(Redirect{}));
  }
  BOOST_TEST(asked == 3u);
}

// Goal: an adversarial chain of redirects ends.
// Method: every peer names another one that is new; count how many are asked before the pause.
BOOST_AUTO_TEST_CASE(the_peers_asked_in_one_walk_are_bounded) {
  start(1, put_a);
  ClientOutbox out = connected(anyone_at(peer(1)), peer(1));
  std::uint8_t asked = 0;
  for (std::uint64_t id = 1; !out.empty(); ++id) {
    asked += 1;
    BOOST_REQUIRE(asked <= 64);
    const PeerRef next = peer(static_cast<std::uint8_t>(asked + 1));
    const PeerRef from = std::get<SendRequest>(out.back()).to;
    const bool pauses = reply(from, id, plain(to_hint(next))).empty();
    out = pauses ? ClientOutbox{} : connected(next, next);
  }
  BOOST_TEST(asked == 64);
}

// ---- what is tried again --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_write_lost_after_it_was_sent_ends_with_an_unknown_outcome) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  BOOST_TEST(down(peer(1), LinkDown::lost) == finish(1, failed(OpError::connection_lost)));
}

BOOST_AUTO_TEST_CASE(a_read_lost_after_it_was_sent_is_sent_again) {
  warm(arc_of("a", 3, peer(1)));
  start(1, get_a);
  BOOST_TEST(down(peer(1), LinkDown::lost).empty());
  BOOST_TEST(timer() == (ClientOutbox{Connect{peer(1)}}));
  BOOST_TEST(connected(peer(1), peer(1)) == send(peer(1), 3, OpRequest{get_a}));
}

BOOST_AUTO_TEST_CASE(a_write_that_was_never_sent_goes_elsewhere) {
  warm(arc_of("b", 3, peer(2)));
  BOOST_TEST(start(1, put_b) == (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(down(peer(2), LinkDown::unreachable) == send(peer(1), 2, OpRequest{put_b}));
  BOOST_TEST(machine.cache().size() == 0u);
  BOOST_TEST(reply(peer(1), 2, plain(OpResult{})) == finish(1, OpResult{}));
}

BOOST_AUTO_TEST_CASE(a_write_that_was_refused_is_sent_again_after_a_pause) {
  warm(arc_of("a", 3, peer(1)));
  for (const OpError error : {OpError::moving, OpError::overloaded, OpError::no_route}) {
    const std::uint64_t token = static_cast<std::uint64_t>(error);
    ClientOutbox sent = start(token, put_a);
    BOOST_TEST(reply(peer(1), std::get<SendRequest>(sent[0]).id.value, ErrorReply{error}).empty());
    sent = timer();
    BOOST_REQUIRE(sent.size() == 1u);
    reply(peer(1), std::get<SendRequest>(sent[0]).id.value, plain(OpResult{}));
  }
  BOOST_TEST(machine.in_flight() == 0u);
}

// Goal: a client that waits for an arc learns of more peers, should those that it knows die.
BOOST_AUTO_TEST_CASE(peers_named_by_one_that_has_nobody_to_send_to_are_asked_after_the_pause) {
  warm(arc_of("a", 3, peer(1)));
  start(2, put_a);
  const Redirect nobody{std::nullopt, {Hint{Arc{}, peer(2)}}, OpError::moving};
  BOOST_TEST(reply(peer(1), 2, plain(nobody)).empty(), "a pause, not a walk");
  down(peer(1), LinkDown::unreachable);
  const ClientOutbox first = timer();
  BOOST_REQUIRE(first.size() == 1u);
  const PeerRef tried = std::get<Connect>(first[0]).to;  // peer 1 once more, should it be its turn
  const ClientOutbox second = down(tried, LinkDown::unreachable);
  BOOST_REQUIRE(second.size() == 1u);
  const PeerRef then = std::get<Connect>(second[0]).to;
  BOOST_TEST((tried.endpoint == peer(2).endpoint || then.endpoint == peer(2).endpoint));
}

BOOST_AUTO_TEST_CASE(every_other_error_ends_an_operation_at_once) {
  warm(arc_of("a", 3, peer(1)));
  std::uint64_t id = 2;
  for (const OpError error : {OpError::unavailable, OpError::wrong_type, OpError::out_of_memory,
                              OpError::unknown, OpError::invalid_argument}) {
    start(id, put_a);
    BOOST_TEST(reply(peer(1), id, plain(failed(error))) == finish(id, failed(error)));
    ++id;
  }
}

BOOST_AUTO_TEST_CASE(a_read_is_never_in_doubt_and_is_sent_again) {
  warm(arc_of("a", 3, peer(1)));
  BOOST_TEST(start(2, get_a) == send(peer(1), 2, OpRequest{get_a}));
  BOOST_TEST(reply(peer(1), 2, plain(failed(OpError::unknown))).empty());
  BOOST_TEST(timer() == send(peer(1), 3, OpRequest{get_a}));
  BOOST_TEST(reply(peer(1), 3, plain(found("v"))) == finish(2, found("v")));
}

// Goal: pauses double from 5 to 200 ms, each within a quarter of that.
BOOST_AUTO_TEST_CASE(pauses_double_up_to_a_bound_and_are_jittered) {
  warm(arc_of("a", 3, peer(1)));
  deadline = Time{1h};
  start(1, put_a);
  Duration expected = 5ms;
  bool jittered = false;
  for (std::uint64_t id = 2; id < 30; ++id) {
    reply(peer(1), id, ErrorReply{OpError::moving});
    const Duration pause = machine.next_deadline() - now.monotonic;
    BOOST_TEST((pause >= expected * 3 / 4 && pause <= expected * 5 / 4));
    jittered = jittered || pause != expected;
    expected = std::min<Duration>(expected * 2, 200ms);
    timer();
  }
  BOOST_TEST(jittered);
}

// ---- deadlines ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(an_unanswered_request_ends_as_timed_out_and_its_late_reply_is_passed_over) {
  warm(arc_of("a", 3, peer(1)));
  deadline = now.monotonic + 500ms;
  start(1, put_a);
  BOOST_TEST(timer() == finish(1, failed(OpError::timed_out)));
  BOOST_TEST(reply(peer(1), 2, plain(OpResult{})).empty());
}

BOOST_AUTO_TEST_CASE(what_was_only_ever_refused_ends_with_the_refusal) {
  warm(arc_of("a", 3, peer(1)));
  deadline = now.monotonic + 1ms;
  start(1, put_a);
  reply(peer(1), 2, ErrorReply{OpError::moving});
  BOOST_TEST(timer() == finish(1, failed(OpError::moving)));
}

BOOST_AUTO_TEST_CASE(nobody_there_ends_as_no_route_at_the_deadline) {
  ClientOutbox out = start(1, put_a);
  while (machine.in_flight() > 0 && now.monotonic < deadline) {
    if (out == ClientOutbox{Connect{anyone_at(peer(1))}}) {
      BOOST_TEST(down(anyone_at(peer(1)), LinkDown::unreachable).empty());
    }
    out = timer();
  }
  BOOST_TEST(out == finish(1, failed(OpError::no_route)));
  BOOST_TEST((now.monotonic == deadline));
}

BOOST_AUTO_TEST_CASE(a_ring_that_refuses_the_handshake_ends_as_stranger) {
  deadline = Time{1ms};
  start(1, put_a);
  down(anyone_at(peer(1)), LinkDown::stranger);
  BOOST_TEST(timer() == finish(1, failed(OpError::stranger)));
}

// Goal: a peer that hangs without closing its connection does not hold the client for ever.
BOOST_AUTO_TEST_CASE(a_link_that_stays_silent_is_given_up_and_others_are_asked) {
  Dialogue two({}, {peer(1).endpoint, peer(2).endpoint});
  two.warm(two.arc_of("a", 3, peer(1)));
  two.deadline = two.now.monotonic + 2s;
  two.start(1, put_a);
  BOOST_TEST(two.timer() ==
             (ClientOutbox{Finish{Token{1}, failed(OpError::timed_out)}, Disconnect{peer(1)}}));
  two.deadline = two.now.monotonic + 2s;
  BOOST_TEST(two.start(2, put_a) == (ClientOutbox{Connect{anyone_at(peer(2))}}));
}

BOOST_AUTO_TEST_CASE(a_link_that_has_answered_something_is_kept) {
  warm(arc_of("a", 3, peer(1)));
  deadline = now.monotonic + 2s;
  start(1, put_a);
  start(2, put_a);
  now.monotonic = now.monotonic + 1900ms;
  reply(peer(1), 3, plain(OpResult{}));
  BOOST_TEST(timer() == finish(1, failed(OpError::timed_out)));
}

// ---- contacts -------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_client_that_was_told_one_peer_goes_on_when_that_one_dies) {
  start(1, get_a);
  connected(anyone_at(peer(1)), peer(1));
  reply(peer(1), 1, OpReply{found("x"), view(Position{1}, Position{2}, 1, peer(2))});
  down(peer(1), LinkDown::lost);

  BOOST_TEST(start(2, get_a) == (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(connected(peer(2), peer(2)) == send(peer(2), 2, OpRequest{get_a}));
}

BOOST_AUTO_TEST_CASE(the_next_contact_is_tried_when_the_first_one_refuses) {
  Dialogue two({}, {peer(1).endpoint, peer(2).endpoint});
  BOOST_TEST(two.start(1, get_a) == (ClientOutbox{Connect{anyone_at(peer(1))}}));
  BOOST_TEST(two.down(anyone_at(peer(1)), LinkDown::unreachable) ==
             (ClientOutbox{Connect{anyone_at(peer(2))}}));
  BOOST_TEST(two.connected(anyone_at(peer(2)), peer(2)) == send(peer(2), 1, OpRequest{get_a}));
}

BOOST_AUTO_TEST_CASE(a_peer_named_twice_and_dialled_twice_is_one_link) {
  start(1, get_a);
  connected(anyone_at(peer(1)), peer(1));
  down(peer(1), LinkDown::lost);  // pauses the read; the contact has no incarnation again
  BOOST_TEST(timer() == (ClientOutbox{Connect{anyone_at(peer(1))}}));
  BOOST_TEST(connected(anyone_at(peer(1)), peer(1)) == send(peer(1), 2, OpRequest{get_a}));
  BOOST_TEST(connected(peer(1), peer(1)).empty());
  BOOST_TEST(reply(peer(1), 2, plain(found("x"))) == finish(1, found("x")));
}

BOOST_AUTO_TEST_SUITE_END()
