// Where arcs have several copies: writes are stamped, and sent again while they are in doubt.

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/client/dialogue.hpp"

using namespace hopring;

namespace {

struct Replicated : Dialogue {
  Replicated() { ring.replicas = 3; }

  ArcMark mark(std::string_view key, std::uint64_t index) const {
    return {arc_of(key, 1, peer(1)).arc, 1, index};
  }
  static OpReply with_mark(OpResult result, ArcMark mark) {
    return OpReply{std::move(result), std::nullopt, mark};
  }
  // The stamp of the one request among the effects, which is a write.
  static Stamp stamp_in(const ClientOutbox& out) {
    BOOST_REQUIRE(out.size() == 1u);
    const auto* send = std::get_if<SendRequest>(&out[0]);
    BOOST_REQUIRE(send != nullptr);
    const auto& stamp = std::get<OpRequest>(*send->message).stamp;
    BOOST_REQUIRE(stamp.has_value());
    return *stamp;
  }
  // warm(), longer ago than what is known of an order is relied upon.
  void warm_long_ago(const View& known) {
    warm(known);
    now.monotonic = now.monotonic + ClientLimits{}.mark_age_max + 1ms;
    machine.on_deadline(now);
    effects();
    deadline = now.monotonic + 60s;
  }
  static bool is_same_write(const Stamp& a, const Stamp& b) {
    return a.client == b.client && a.sequence == b.sequence;
  }
};

BOOST_FIXTURE_TEST_SUITE(op_machine_stamps, Replicated)

BOOST_AUTO_TEST_CASE(a_write_says_who_sends_it_and_what_is_known_of_the_arc) {
  warm(arc_of("a", 3, peer(1)));
  const Stamp first = stamp_in(start(1, put_a));
  BOOST_TEST(first.client != 0u);
  BOOST_TEST(first.order == 1u);
  BOOST_TEST(first.index == 0u);
  BOOST_TEST(!first.is_again);
  reply(peer(1), 2, with_mark({}, mark("a", 17)));
  const Stamp second = stamp_in(start(2, put_a));
  BOOST_TEST(second.client == first.client);
  BOOST_TEST(second.sequence > first.sequence);
  BOOST_TEST(second.index == 17u);
}

BOOST_AUTO_TEST_CASE(reads_have_no_stamp) {
  warm(arc_of("a", 3, peer(1)));
  BOOST_TEST(start(1, get_a) == send(peer(1), 2, OpRequest{get_a}));
}

BOOST_AUTO_TEST_CASE(a_write_whose_link_is_lost_is_sent_again_with_the_same_stamp) {
  warm(arc_of("a", 3, peer(1)));
  Stamp stamp = stamp_in(start(1, put_a));
  BOOST_TEST(down(peer(1), LinkDown::lost).empty());
  BOOST_TEST(timer() == (ClientOutbox{Connect{peer(1)}}));
  const Stamp again = stamp_in(connected(peer(1), peer(1)));
  stamp.is_again = true;
  BOOST_TEST((again == stamp));
  BOOST_TEST(reply(peer(1), 3, with_mark({}, mark("a", 5))) == finish(1, OpResult{}));
}

BOOST_AUTO_TEST_CASE(a_write_over_which_a_primary_steps_down_is_sent_again_with_the_same_stamp) {
  warm(arc_of("a", 3, peer(1)));
  const Stamp stamp = stamp_in(start(1, put_a));
  BOOST_TEST(reply(peer(1), 2, plain(failed(OpError::unknown))).empty());
  const Stamp again = stamp_in(timer());
  BOOST_TEST(again.is_again);
  BOOST_TEST(is_same_write(again, stamp));
}

BOOST_AUTO_TEST_CASE(what_was_refused_is_stamped_anew) {
  warm(arc_of("a", 3, peer(1)));
  const Stamp stamp = stamp_in(start(1, put_a));
  reply(peer(1), 2, plain(failed(OpError::moving)));
  const Stamp again = stamp_in(timer());
  BOOST_TEST(!again.is_again);
  BOOST_TEST(!is_same_write(again, stamp));
}

// Goal: who has been away for long, or has never written there, loses one trip and no more.
BOOST_AUTO_TEST_CASE(a_stale_stamp_of_a_write_that_was_sent_once_is_renewed_at_once) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  const Stamp renewed =
      stamp_in(reply(peer(1), 2, with_mark(failed(OpError::stale_stamp), mark("a", 900))));
  BOOST_TEST(renewed.index == 900u);
  BOOST_TEST(!renewed.is_again);
  BOOST_TEST(reply(peer(1), 3, with_mark({}, mark("a", 901))) == finish(1, OpResult{}));
}

BOOST_AUTO_TEST_CASE(a_peer_that_takes_no_stamp_is_not_asked_without_a_pause) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  stamp_in(reply(peer(1), 2, with_mark(failed(OpError::stale_stamp), mark("a", 900))));
  BOOST_TEST(reply(peer(1), 3, plain(failed(OpError::stale_stamp))).empty());
  stamp_in(timer());
}

BOOST_AUTO_TEST_CASE(a_stale_stamp_of_a_write_in_doubt_leaves_it_unknown) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  down(peer(1), LinkDown::lost);
  timer();
  stamp_in(connected(peer(1), peer(1)));
  BOOST_TEST(reply(peer(1), 3, with_mark(failed(OpError::stale_stamp), mark("a", 900))) ==
             finish(1, failed(OpError::unknown)));
}

// Goal: a refusal of the second request says nothing of the first one.
BOOST_AUTO_TEST_CASE(a_write_in_doubt_never_ends_with_a_definite_refusal) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  BOOST_TEST(reply(peer(1), 2, plain(failed(OpError::unknown))).empty());
  std::uint64_t id = 3;
  for (const OpError error : {OpError::unavailable, OpError::out_of_memory, OpError::moving}) {
    BOOST_TEST(stamp_in(timer()).is_again);
    BOOST_TEST(reply(peer(1), id++, plain(failed(error))).empty());
  }
  now.monotonic = deadline;
  machine.on_deadline(now);
  BOOST_TEST(effects() == finish(1, failed(OpError::unknown)));
}

BOOST_AUTO_TEST_CASE(what_an_operation_itself_came_to_is_its_outcome_even_when_it_was_sent_again) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  reply(peer(1), 2, plain(failed(OpError::unknown)));
  stamp_in(timer());
  BOOST_TEST(reply(peer(1), 3, plain(failed(OpError::wrong_type))) ==
             finish(1, failed(OpError::wrong_type)));
}

BOOST_AUTO_TEST_CASE(at_its_deadline_a_write_in_doubt_says_what_brought_it_there) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  down(peer(1), LinkDown::lost);
  timer();
  down(peer(1), LinkDown::unreachable);
  now.monotonic = deadline;
  machine.on_deadline(now);
  bool is_finished = false;
  for (const ClientEffect& each : effects()) {
    is_finished = is_finished || each == finish(1, failed(OpError::connection_lost))[0];
  }
  BOOST_TEST(is_finished);
}

BOOST_AUTO_TEST_CASE(a_write_in_doubt_does_not_go_to_another_ring) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  down(peer(1), LinkDown::lost);
  timer();
  ring = ring_config(2);
  ring.replicas = 3;
  BOOST_TEST(connected(peer(1), peer(1)) == finish(1, failed(OpError::connection_lost)));
}

// Goal: a client that writes to an arc now and then is told what became of a write whose primary
// dies: by an old mark it could not be told from what was executed and forgotten.
BOOST_AUTO_TEST_CASE(of_an_arc_of_which_nothing_was_heard_lately_it_is_asked_before_it_is_written) {
  warm_long_ago(arc_of("a", 3, peer(1)));
  const Stamp question = stamp_in(start(1, put_a));
  BOOST_TEST(question.order == 0u);
  down(peer(1), LinkDown::lost);
  timer();
  const Stamp again = stamp_in(connected(peer(1), peer(1)));
  BOOST_TEST(again.order == 0u);
  BOOST_TEST(!again.is_again, "nothing can have happened");
  const Stamp renewed =
      stamp_in(reply(peer(1), 3, with_mark(failed(OpError::stale_stamp), mark("a", 900))));
  BOOST_TEST(renewed.order == 1u);
  BOOST_TEST(renewed.index == 900u);
  BOOST_TEST(reply(peer(1), 4, with_mark({}, mark("a", 901))) == finish(1, OpResult{}));
  BOOST_TEST(stamp_in(start(2, put_a)).index == 901u);
}

BOOST_AUTO_TEST_CASE(a_write_that_was_never_more_than_a_question_ends_with_a_definite_refusal) {
  warm_long_ago(arc_of("a", 3, peer(1)));
  start(1, put_a);
  down(peer(1), LinkDown::lost);
  timer();
  stamp_in(connected(peer(1), peer(1)));
  BOOST_TEST(reply(peer(1), 3, plain(failed(OpError::out_of_memory))) ==
             finish(1, failed(OpError::out_of_memory)));
}

BOOST_AUTO_TEST_CASE(a_long_value_does_not_travel_twice_for_that) {
  warm_long_ago(arc_of("a", 3, peer(1)));
  const std::string bytes(ClientLimits{}.batch_bytes_max + 1, 'x');
  const Put put{"a", Value{ValueType::string, bytes}, {}, PutCondition::always};
  BOOST_TEST(stamp_in(start(1, put)).order == 1u);
}

BOOST_AUTO_TEST_CASE(each_write_of_a_batch_has_its_own_stamp) {
  warm(whole_ring(3, peer(1)));
  const ClientOutbox out = batch(1, {put_a, get_a, put_b});
  BOOST_REQUIRE(out.size() == 1u);
  const auto& request = std::get<BatchRequest>(*std::get<SendRequest>(out[0]).message);
  BOOST_REQUIRE(request.stamps.size() == 3u);
  BOOST_TEST(!request.stamps[1].has_value());
  BOOST_TEST(!is_same_write(*request.stamps[0], *request.stamps[2]));
  const ArcMark told{whole_ring(3, peer(1)).arc, 1, 40};
  const ClientOutbox again = reply(
      peer(1), 2, BatchReply{{OpResult{}, found("x"), failed(OpError::stale_stamp)}, {}, {told}});
  BOOST_REQUIRE(again.size() == 1u);
  const auto& renewed = std::get<BatchRequest>(*std::get<SendRequest>(again[0]).message);
  BOOST_REQUIRE(renewed.stamps.size() == 1u);
  BOOST_TEST(renewed.stamps[0]->index == 40u);
}

// Goal: what is known of an arc holds for its halves; what is known of a half does not hold for
// the whole, whose other half may not have come so far.
BOOST_AUTO_TEST_CASE(halves_of_an_arc_go_on_where_it_was) {
  RouteCache cache(10);
  const Position end{1000};
  cache.adopt(view(Position{0}, end, 1, peer(1)));
  cache.note(Time{1s}, {Arc{Position{0}, end}, 1, 5});
  cache.note(Time{1s},
             {Arc{Position{500}, end}, 1, 9});  // of the upper half, which is not known yet
  BOOST_TEST(cache.mark_at(Time{1s}, Position{10}).index == 5u);
  cache.adopt(view(Position{500}, end, 2, peer(1)));
  BOOST_TEST(cache.mark_at(Time{1s}, Position{600}).index == 5u);
  cache.note(Time{1s}, {Arc{Position{500}, end}, 1, 9});
  cache.note(Time{1s}, {Arc{Position{500}, end}, 1, 7});
  BOOST_TEST(cache.mark_at(Time{1s}, Position{600}).index == 9u);
  BOOST_TEST(cache.mark_at(Time{1s}, Position{10}).order == 0u);
  cache.note(Time{1s}, {Arc{Position{500}, end}, 2, 99});  // another order
  BOOST_TEST(cache.mark_at(Time{1s}, Position{600}).index == 9u);
  cache.audit();
}

// Goal: of two repairs at one moment that begin the same generation each has an order of its own.
BOOST_AUTO_TEST_CASE(what_is_known_of_an_order_says_nothing_of_another_one_of_the_same_generation) {
  RouteCache cache(10);
  const Arc arc{Position{0}, Position{1000}};
  const View one{arc, {2, 7, 1}, 0, {peer(1)}};
  const View other{arc, {2, 8, 1}, 0, {peer(2)}};
  BOOST_TEST(order_of(one.number) != order_of(other.number));
  BOOST_TEST(order_of(one.number) == order_of(next(one.number)));
  cache.adopt(one);
  cache.note(Time{1s}, {arc, order_of(other.number), 9});
  BOOST_TEST(cache.mark_at(Time{1s}, Position{10}).index == 0u);
  cache.note(Time{1s}, {arc, order_of(one.number), 5});
  BOOST_TEST(cache.mark_at(Time{1s}, Position{10}).index == 5u);
  cache.adopt(other);
  BOOST_TEST(cache.mark_at(Time{1s}, Position{10}).index == 0u);
}

// Goal: a member that is cut off, or has been left out, does not speak for the others.
BOOST_AUTO_TEST_CASE(an_arc_is_unavailable_when_its_other_members_say_so_too_or_do_not_answer) {
  View view = arc_of("a", 3, peer(1));
  view.members = Members{peer(1), peer(2), peer(3)};
  warm(view);
  const Stamp stamp = stamp_in(start(1, put_a));
  BOOST_TEST(reply(peer(1), 2, OpReply{failed(OpError::unavailable), std::nullopt, {}}) ==
             (ClientOutbox{Connect{peer(2)}}));
  const ClientOutbox sent = connected(peer(2), peer(2));
  BOOST_TEST(is_same_write(stamp_in(sent), stamp) == false);
  BOOST_TEST(reply(peer(2), 3, OpReply{OpResult{}, std::nullopt, {}}) == finish(1, OpResult{}));

  start(2, put_a);
  reply(peer(1), 4, OpReply{failed(OpError::unavailable), std::nullopt, {}});
  reply(peer(2), 5, OpReply{failed(OpError::unavailable), std::nullopt, {}});
  ClientOutbox end = down(peer(3), LinkDown::unreachable);
  for (int i = 0; i < 3 && !std::holds_alternative<Finish>(end.at(0)); ++i) {
    end = down(std::get<Connect>(end.at(0)).to, LinkDown::unreachable);
  }
  BOOST_TEST(end == finish(2, failed(OpError::unavailable)));
}

// Goal: a redirect that is out of date does not lead back to who does not answer.
BOOST_AUTO_TEST_CASE(a_peer_whose_dial_nobody_answered_is_left_alone_for_as_long_as_that_took) {
  warm(arc_of("a", 3, peer(1)));
  deadline = Time{1h};
  // Does a hint of peer 1 lead to peer 2?
  const auto leads = [this](std::uint64_t token) {
    const ClientOutbox asked = start(token, get_a);
    BOOST_REQUIRE(asked.size() == 1u);
    const auto* request = std::get_if<SendRequest>(&asked[0]);
    BOOST_REQUIRE(request != nullptr);
    const ClientOutbox then = reply(peer(1), request->id.value, plain(to_hint(peer(2))));
    return std::count(then.begin(), then.end(), ClientEffect(Connect{peer(2)})) == 1;
  };
  BOOST_TEST(leads(1));
  now.monotonic = now.monotonic + 1100ms;
  down(peer(2), LinkDown::unreachable);
  now.monotonic = now.monotonic + 500ms;
  BOOST_TEST(!leads(2));
  now.monotonic = now.monotonic + 600ms;
  BOOST_TEST(leads(3));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
