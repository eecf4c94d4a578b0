// Peers that are paused or cut off: their connections stand, and say nothing.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <vector>

#include "tests/client/dialogue.hpp"

using namespace hopring;
using namespace std::chrono_literals;
BOOST_TEST_DONT_PRINT_LOG_VALUE(hopring::ClientOutbox)

namespace {

// A ring of three copies, met at peer 1, who leads the arc of "a"; peer 2 is linked, too.
struct Silence : Dialogue {
  Silence() {
    ring.replicas = 3;
    View known = arc_of("a", 3, peer(1));
    known.members.push_back(peer(2));
    start(900, get_a);
    connected(anyone_at(peer(1)), peer(1));
    reply(peer(1), 1, plain(to_hint(peer(2))));
    connected(peer(2), peer(2));
    reply(peer(2), 2, OpReply{found("x"), known, ArcMark{known.arc, order_of(known.number), 0}});
    deadline = now.monotonic + 60s;
  }

  static Operation long_put_a(std::size_t bytes) {
    return Put{"a", Value{ValueType::string, std::string(bytes, 'x')}, {}, PutCondition::always};
  }
  static OpRequest request_of(const ClientOutbox& out, const PeerRef& to) {
    BOOST_REQUIRE(!out.empty());
    const auto* sent = std::get_if<SendRequest>(&out.back());
    BOOST_REQUIRE((sent != nullptr && sent->to == to));
    return std::get<OpRequest>(*sent->message);
  }
  static bool disconnects(const ClientOutbox& out, const PeerRef& from) {
    return !out.empty() && out.front() == ClientEffect(Disconnect{from});
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(op_machine_silence, Silence)

// Goal: a paused primary is not waited for once another member leads.
BOOST_AUTO_TEST_CASE(where_arcs_have_copies_a_silent_peer_is_left_after_silence_max) {
  const Time asked = now.monotonic;
  request_of(start(1, get_a), peer(1));
  BOOST_TEST(disconnects(timer(), peer(1)));
  BOOST_TEST((now.monotonic == asked + ClientLimits{}.silence_max));
  BOOST_TEST((request_of(timer(), peer(2)).operation == get_a));
}

BOOST_AUTO_TEST_CASE(a_write_that_it_may_have_executed_goes_on_under_its_stamp) {
  const OpRequest first = request_of(start(1, put_a), peer(1));
  BOOST_TEST(disconnects(timer(), peer(1)));
  const OpRequest second = request_of(timer(), peer(2));
  BOOST_REQUIRE((first.stamp && second.stamp));
  BOOST_TEST(second.stamp->sequence == first.stamp->sequence);
  BOOST_TEST(second.stamp->is_again);
}

// Its connection was not lost: it was not answered in time, by whoever was asked first.
BOOST_AUTO_TEST_CASE(such_a_write_that_comes_to_nothing_ends_as_timed_out) {
  deadline = now.monotonic + 3s;
  start(1, put_a);
  BOOST_TEST(disconnects(timer(), peer(1)));
  request_of(timer(), peer(2));
  down(peer(2), LinkDown::lost);
  ClientOutbox out;
  while (now.monotonic < deadline) {
    out = timer();
    for (const ClientEffect& each : out) {
      if (const auto* dialled = std::get_if<Connect>(&each))
        down(dialled->to, LinkDown::unreachable);
    }
  }
  BOOST_TEST(out == finish(1, failed(OpError::timed_out)));
}

// A reply to one of two requests is a word, too: the other waits since then.
BOOST_AUTO_TEST_CASE(what_was_asked_before_the_last_reply_waits_since_that) {
  start(1, put_a);
  start(2, get_a);
  now.monotonic = now.monotonic + 900ms;
  const Time heard = now.monotonic;
  reply(peer(1), 4, plain(found("x")));
  BOOST_TEST(timer().empty());
  BOOST_TEST(disconnects(timer(), peer(1)));
  BOOST_TEST((now.monotonic == heard + ClientLimits{}.silence_max));
}

// A long reply over a slow network: nothing has been answered, and the peer is alive.
BOOST_AUTO_TEST_CASE(a_link_over_which_bytes_pass_is_not_silent) {
  start(1, get_a);
  now.monotonic = now.monotonic + 900ms;
  machine.on_progress(now, peer(1));
  const Time passed = now.monotonic;
  BOOST_TEST(timer().empty());
  BOOST_TEST(disconnects(timer(), peer(1)));
  BOOST_TEST((now.monotonic == passed + ClientLimits{}.silence_max));
}

BOOST_AUTO_TEST_CASE(bytes_of_a_link_that_is_gone_change_nothing) {
  down(peer(1), LinkDown::lost);
  machine.on_progress(now, peer(1));
  BOOST_TEST(effects().empty());
}

// Who has a long write sends it on to the members of its arc before it answers.
BOOST_AUTO_TEST_CASE(a_long_write_is_waited_for_while_it_is_passed_on) {
  const ClientLimits limits;
  const Time asked = now.monotonic;
  start(1, long_put_a(2 * limits.long_bytes_per_second));
  BOOST_TEST(timer().empty());
  BOOST_TEST(disconnects(timer(), peer(1)));
  BOOST_TEST((now.monotonic > asked + limits.silence_max + 2s));
  BOOST_TEST((now.monotonic < asked + limits.silence_max + 2s + 10ms));
}

BOOST_AUTO_TEST_CASE(once_it_has_ended_a_link_is_waited_for_no_longer_than_any) {
  start(1, long_put_a(2 * ClientLimits{}.long_bytes_per_second));
  reply(peer(1), 3, plain(OpResult{}));
  const Time asked = now.monotonic;
  start(2, get_a);
  BOOST_TEST(disconnects(timer(), peer(1)));
  BOOST_TEST((now.monotonic == asked + ClientLimits{}.silence_max));
}

BOOST_AUTO_TEST_CASE(a_call_whose_time_is_over_does_not_cost_a_long_write_its_link) {
  start(1, long_put_a(2 * ClientLimits{}.long_bytes_per_second));
  deadline = now.monotonic + 1500ms;
  start(2, get_a);
  ClientOutbox out;
  while (out.empty()) out = timer();
  BOOST_TEST(out == finish(2, failed(OpError::timed_out)));
  BOOST_TEST((now.monotonic == deadline));
}

BOOST_AUTO_TEST_CASE(a_link_on_which_nothing_waits_may_be_silent) {
  start(1, get_a);
  reply(peer(1), 3, plain(found("x")));
  BOOST_TEST(timer().empty());
  BOOST_TEST((machine.next_deadline() == Time::never()));
}

// Goal: a client that has been paused itself does not take all peers for silent.
BOOST_AUTO_TEST_CASE(who_looks_too_late_looks_again) {
  start(1, get_a);
  now.monotonic = now.monotonic + 10s;
  machine.on_deadline(now);
  BOOST_TEST(effects().empty());
  BOOST_TEST(disconnects(timer(), peer(1)));
}

// A peer looks for seconds whether an arc is served before it repairs it.
BOOST_AUTO_TEST_CASE(a_repair_takes_its_time) {
  machine.start_repair(now, Token{1}, peer(2), Repair{Arc{}, 2, std::nullopt}, now.monotonic + 15s);
  effects();
  ClientOutbox out;
  while (out.empty()) out = timer();
  BOOST_TEST((now.monotonic == Time{} + 15s));
}

BOOST_AUTO_TEST_CASE(where_arcs_have_one_copy_it_is_waited_for) {
  Dialogue one;
  one.warm(one.arc_of("a", 3, peer(1)));
  one.deadline = one.now.monotonic + 3s;
  one.start(1, put_a);
  BOOST_TEST(one.timer().front() == ClientEffect(Finish{Token{1}, failed(OpError::timed_out)}));
  BOOST_TEST((one.now.monotonic == one.deadline));
}

// Goal: `unavailable` at once, though the other members are those that are silent.
BOOST_AUTO_TEST_CASE(a_second_opinion_is_not_waited_for_long) {
  down(peer(2), LinkDown::lost);
  start(1, get_a);
  const Time denied = now.monotonic;
  BOOST_TEST(reply(peer(1), 3, ErrorReply{OpError::unavailable}) ==
             (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(timer() == finish(1, failed(OpError::unavailable)));
  BOOST_TEST((now.monotonic == denied + ClientLimits{}.opinion_max));
}

BOOST_AUTO_TEST_CASE(nor_asked_of_one_that_has_not_been_reached) {
  down(peer(2), LinkDown::lost);
  start(1, get_a);
  reply(peer(1), 3, ErrorReply{OpError::unavailable});
  timer();
  now.monotonic = now.monotonic + 1s;
  down(peer(2), LinkDown::unreachable);
  timer();
  now.monotonic = now.monotonic + 10s;
  start(2, get_a);
  BOOST_TEST(reply(peer(1), 4, ErrorReply{OpError::unavailable}).empty(), "it pauses");
  BOOST_TEST(timer() == send(peer(1), 5, OpRequest{get_a}));
  BOOST_TEST(reply(peer(1), 5, ErrorReply{OpError::unavailable}) ==
             finish(2, failed(OpError::unavailable)));
}

// Goal: who has just gone on, and has not heard yet who leads, is not believed at its first word.
BOOST_AUTO_TEST_CASE(one_peers_word_that_an_arc_is_unavailable_is_heard_twice) {
  start(1, get_a);
  request_of(reply(peer(1), 3, ErrorReply{OpError::unavailable}), peer(2));
  BOOST_TEST(down(peer(2), LinkDown::lost).empty(), "it pauses");
  const Time paused = now.monotonic;
  BOOST_TEST(timer() == send(peer(1), 5, OpRequest{get_a}));
  BOOST_TEST((now.monotonic - paused < 10ms));
  BOOST_TEST(reply(peer(1), 5, plain(found("x"))) == finish(1, found("x")));
}

// Goal: whoever begins when a majority has just fallen silent is told so, and that some peer
// answers.
BOOST_AUTO_TEST_CASE(who_reaches_only_others_until_its_deadline_is_told_unavailable) {
  down(peer(1), LinkDown::lost);
  down(peer(2), LinkDown::lost);
  start(1, get_a);
  connected(anyone_at(peer(1)), peer(3));
  deadline = now.monotonic + 700ms;
  start(2, get_a);
  BOOST_TEST(timer() == finish(2, failed(OpError::unavailable)));
  BOOST_TEST((now.monotonic == deadline));
}

BOOST_AUTO_TEST_CASE(who_reaches_nobody_until_its_deadline_is_told_no_route) {
  Dialogue cold;
  cold.start(1, get_a);
  ClientOutbox out;
  while (cold.now.monotonic < cold.deadline) out = cold.timer();
  BOOST_TEST(out == finish(1, failed(OpError::no_route)));
}

// Goal: whoever does not answer a dial is given up as soon as who does not answer a request.
BOOST_AUTO_TEST_CASE(a_dial_that_nobody_answers_is_left_after_silence_max) {
  Dialogue cold({}, {peer(1).endpoint, peer(2).endpoint});
  const Time dialled = cold.now.monotonic;
  BOOST_TEST(cold.start(1, get_a) == (ClientOutbox{Connect{anyone_at(peer(1))}}));
  BOOST_TEST(cold.timer() ==
             (ClientOutbox{Disconnect{anyone_at(peer(1))}, Connect{anyone_at(peer(2))}}));
  BOOST_TEST((cold.now.monotonic == dialled + ClientLimits{}.silence_max));
}

// The answer may have come meanwhile.
BOOST_AUTO_TEST_CASE(who_looks_too_late_for_the_answer_to_a_dial_looks_again) {
  Dialogue cold;
  cold.deadline = Time{60s};
  cold.start(1, get_a);
  cold.now.monotonic = cold.now.monotonic + 10s;
  cold.machine.on_deadline(cold.now);
  BOOST_TEST(cold.effects().empty());
  BOOST_TEST(disconnects(cold.timer(), anyone_at(peer(1))));
}

// Goal: of the members of an arc whose primary is silent another one knows more than it.
BOOST_AUTO_TEST_CASE(who_has_not_been_reached_is_asked_last_of_those_who_are_named) {
  start(1, get_a);
  BOOST_TEST(disconnects(timer(), peer(1)));
  timer();
  reply(peer(2), 4, plain(found("x")));
  now.monotonic = now.monotonic + 10s;
  View known = arc_of("c", 3, peer(1));
  known.members.push_back(peer(3));
  BOOST_TEST(start(2, Get{"c"}) == send(peer(2), 5, OpRequest{Get{"c"}}));
  BOOST_TEST(reply(peer(2), 5, plain(to_view(known))) == (ClientOutbox{Connect{peer(3)}}));
  BOOST_TEST(down(peer(3), LinkDown::unreachable) == (ClientOutbox{Connect{peer(1)}}));
}

// Goal: where all are silent, one dial in vain is waited for at a time, and everybody's turn comes.
BOOST_AUTO_TEST_CASE(who_has_failed_is_tried_in_turn) {
  Dialogue cold({}, {peer(1).endpoint, peer(2).endpoint, peer(3).endpoint, peer(4).endpoint});
  cold.deadline = Time{60s};
  cold.start(1, get_a);
  std::vector<PeerRef> tried;
  while (tried.size() < 12) {
    for (const ClientEffect& each : cold.timer()) {
      if (const auto* connect = std::get_if<Connect>(&each)) tried.push_back(connect->to);
    }
  }
  const std::set<PeerRef> again(tried.begin() + 4, tried.end());
  BOOST_TEST(again.size() == 4u);
}

// Goal: whichever member of a lost arc is there again is found, also the last one of its view.
// Method: peer 1 answers, and names three members that do not: one is dialled in each walk.
BOOST_AUTO_TEST_CASE(members_that_have_failed_are_tried_in_turn) {
  Dialogue cold;
  cold.ring.replicas = 3;
  cold.deadline = cold.now.monotonic + 60s;
  View known = cold.arc_of("a", 3, peer(2));
  known.members = {peer(2), peer(3), peer(4)};
  cold.start(1, get_a);
  ClientOutbox out = cold.connected(anyone_at(peer(1)), peer(1));
  std::vector<PeerRef> tried;
  std::uint64_t asked = 0;
  while (tried.size() < 9) {
    const bool is_asked = std::any_of(out.begin(), out.end(), [](const ClientEffect& each) {
      return std::holds_alternative<SendRequest>(each);
    });
    for (const ClientEffect& each : out) {
      if (const auto* connect = std::get_if<Connect>(&each)) tried.push_back(connect->to);
    }
    out = is_asked ? cold.reply(peer(1), ++asked, plain(to_view(known))) : cold.timer();
  }
  for (const PeerRef& each : known.members) {
    BOOST_TEST(std::count(tried.begin(), tried.end(), each) == 3);
  }
}

// Goal: who refuses a dial costs no time: the next one is tried at once.
BOOST_AUTO_TEST_CASE(those_who_refuse_are_tried_without_a_pause) {
  Dialogue cold({}, {peer(1).endpoint, peer(2).endpoint, peer(3).endpoint});
  cold.start(1, get_a);
  for (std::uint8_t i = 1; i <= 3; ++i) cold.down(anyone_at(peer(i)), LinkDown::unreachable);
  cold.now.monotonic = cold.now.monotonic + 1s;
  cold.deadline = Time{60s};
  const ClientOutbox begun = cold.start(2, get_a);
  BOOST_REQUIRE(!begun.empty());
  const ClientOutbox next = cold.down(std::get<Connect>(begun.front()).to, LinkDown::unreachable);
  BOOST_REQUIRE(!next.empty());
  BOOST_TEST(std::holds_alternative<Connect>(next.front()));
}

// A dial that nobody answers takes silence_max.
BOOST_AUTO_TEST_CASE(nobody_is_dialled_twice_for_one_walk) {
  Dialogue cold;
  cold.ring.replicas = 3;
  cold.deadline = cold.now.monotonic + 60s;
  cold.start(1, get_a);
  cold.connected(anyone_at(peer(1)), peer(1));
  BOOST_TEST(cold.reply(peer(1), 1, plain(to_hint(peer(2)))) == (ClientOutbox{Connect{peer(2)}}));
  cold.now.monotonic = cold.now.monotonic + 1s;
  BOOST_TEST(cold.down(peer(2), LinkDown::unreachable).empty(), "it pauses");
  ClientOutbox out;
  while (out.empty()) out = cold.timer();
  BOOST_TEST(out == send(peer(1), 2, OpRequest{get_a}), "and asks anew");
}

// One that is there again is dialled as soon as somebody names it.
BOOST_AUTO_TEST_CASE(who_has_failed_is_turned_to_when_others_name_it) {
  request_of(start(1, get_a), peer(1));
  timer();
  timer();
  now.monotonic = now.monotonic + 2s;
  BOOST_TEST(reply(peer(2), 4, plain(to_view(arc_of("a", 4, peer(1))))) ==
             (ClientOutbox{Connect{peer(1)}}));
}

// Goal: a primary that hears nobody any more is not believed while a follower still follows it:
// that one elects another in a moment.
BOOST_AUTO_TEST_CASE(an_arc_is_not_unavailable_while_another_member_names_its_primary) {
  View known = arc_of("a", 3, peer(1));
  known.members.push_back(peer(2));
  start(1, put_a);
  request_of(reply(peer(1), 3, ErrorReply{OpError::unavailable}), peer(2));
  BOOST_TEST(reply(peer(2), 4, plain(to_view(known))).empty(), "it pauses");
  request_of(timer(), peer(1));
  View next = arc_of("a", 3, peer(2));
  next.members.push_back(peer(1));
  next.term = known.term + 1;
  request_of(reply(peer(1), 5, plain(to_view(next))), peer(2));
  BOOST_TEST(reply(peer(2), 6, plain(OpResult{})) == finish(1, OpResult{}));
}

// Whoever has no copy may know no better for as long as the arc is lost.
BOOST_AUTO_TEST_CASE(what_a_peer_without_a_copy_names_disputes_nothing) {
  View known = arc_of("a", 3, peer(1));
  known.members.push_back(peer(3));
  start(1, put_a);
  request_of(reply(peer(1), 3, ErrorReply{OpError::unavailable}), peer(2));
  BOOST_TEST(reply(peer(2), 4, plain(to_view(known))) == (ClientOutbox{Connect{peer(3)}}));
  BOOST_TEST(down(peer(3), LinkDown::unreachable).empty(), "it pauses");
  request_of(timer(), peer(1));
  request_of(reply(peer(1), 5, ErrorReply{OpError::unavailable}), peer(2));
  BOOST_TEST(reply(peer(2), 6, plain(to_view(known))) == finish(1, failed(OpError::unavailable)));
}

// What was sent may be executed: it is no refusal.
BOOST_AUTO_TEST_CASE(a_write_sent_for_a_second_opinion_is_in_doubt_until_it_is_answered) {
  start(1, put_a);
  request_of(reply(peer(1), 3, ErrorReply{OpError::unavailable}), peer(2));
  const Time sent = now.monotonic;
  BOOST_TEST(timer().empty());
  BOOST_TEST(disconnects(timer(), peer(2)));
  BOOST_TEST((now.monotonic == sent + ClientLimits{}.silence_max));
}

BOOST_AUTO_TEST_SUITE_END()
