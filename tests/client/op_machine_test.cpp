#include "client/core/op_machine.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>

#include "tests/client/client_support.hpp"

using namespace hopring;
using namespace std::chrono_literals;
BOOST_TEST_DONT_PRINT_LOG_VALUE(hopring::ClientOutbox)

namespace {

const Operation get_a = Get{"a"};
const Operation put_a = Put{"a", Value{ValueType::string, "1"}, {}, PutCondition::always};
const Operation put_b = Put{"b", Value{ValueType::string, "2"}, {}, PutCondition::always};

Redirect to_view(View view) { return Redirect{std::move(view), {}}; }
Redirect to_hint(const PeerRef& peer) { return Redirect{std::nullopt, {Hint{Arc{Position{0}, Position{1}}, peer}}}; }
OpReply plain(OpAnswer answer) { return OpReply{std::move(answer), std::nullopt}; }

struct Dialogue {
  explicit Dialogue(ClientLimits limits = {}, std::vector<Endpoint> contacts = {peer(1).endpoint})
      : machine(limits, contacts, Rng(1)) {}

  Now now;
  Time deadline{5s};
  RingConfig ring = ring_config(1);
  OpMachine machine;

  ClientOutbox effects() {
    ClientOutbox out;
    machine.swap_outbox(out);
    machine.audit();
    return out;
  }
  ClientOutbox start(std::uint64_t token, const Operation& operation) {
    machine.start(now, Token{token}, operation, deadline);
    return effects();
  }
  ClientOutbox batch(std::uint64_t token, std::vector<Operation> operations) {
    machine.start_batch(now, Token{token}, std::move(operations), deadline);
    return effects();
  }
  ClientOutbox connected(const PeerRef& contacted, const PeerRef& actual) {
    machine.on_connected(now, contacted, actual, ring);
    return effects();
  }
  ClientOutbox down(const PeerRef& peer, LinkDown reason) {
    machine.on_link_down(now, peer, reason);
    return effects();
  }
  ClientOutbox reply(const PeerRef& from, std::uint64_t id, ClientReplyMessage message) {
    machine.on_reply(now, from, RequestId{id}, std::move(message));
    return effects();
  }
  ClientOutbox timer() {
    now.monotonic = machine.next_deadline();
    machine.on_deadline(now);
    return effects();
  }

  Position position(std::string_view key) const { return position_of(ring.hash_key, key); }

  // A view of the one position of `key`.
  View arc_of(std::string_view key, std::uint64_t number, const PeerRef& primary) const {
    const Position end = position(key);
    return view(Position{end.value - 1}, end, number, primary);
  }

  // A link to peer 1, and its answer to a first get: `known` holds from now on.
  void warm(const View& known) {
    start(900, get_a);
    connected(anyone_at(peer(1)), peer(1));
    reply(peer(1), 1, OpReply{found("x"), known});
  }
};

ClientOutbox send(const PeerRef& to, std::uint64_t id, ClientRequestMessage message) {
  return {SendRequest{to, RequestId{id}, std::move(message)}};
}
ClientOutbox finish(std::uint64_t token, Finished result) {
  return {Finish{Token{token}, std::move(result)}};
}

}  // namespace

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
  const Redirect closer{std::nullopt, {Hint{Arc{Position{8}, Position{9}}, peer(2)}, Hint{Arc{Position{7}, Position{8}}, peer(3)}}};
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
    reply(std::get<SendRequest>(out.back()).to, id, plain(to_hint(next)));
    out = machine.next_deadline() < deadline ? ClientOutbox{} : connected(next, next);
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

// ---- batches, scans, reports ----------------------------------------------------------------

// Goal: a batch is grouped by primary, and its results come back in the order of the request.
BOOST_AUTO_TEST_CASE(a_batch_is_grouped_by_primary_and_put_together_again) {
  warm(arc_of("a", 3, peer(1)));
  reply(peer(1), 1, plain(OpResult{}));  // late: passed over
  start(1, put_b);
  reply(peer(1), 2, plain(to_view(arc_of("b", 3, peer(2)))));
  connected(peer(2), peer(2));
  reply(peer(2), 3, plain(OpResult{}));

  const Operation get_b = Get{"b"};
  BOOST_TEST(batch(2, {get_a, get_b, put_a}) ==
             (ClientOutbox{SendRequest{peer(1), RequestId{4}, BatchRequest{{get_a, put_a}}},
                           SendRequest{peer(2), RequestId{5}, BatchRequest{{get_b}}}}));
  BOOST_TEST(reply(peer(2), 5, BatchReply{{found("b")}, {}}).empty());
  BOOST_TEST(reply(peer(1), 4, BatchReply{{found("a"), OpResult{}}, {}}) ==
             finish(2, std::vector<OpResult>{found("a"), found("b"), OpResult{}}));
}

BOOST_AUTO_TEST_CASE(a_cold_batch_goes_to_one_contact_and_from_there_to_whom_it_names) {
  start(9, get_a);
  connected(anyone_at(peer(1)), peer(1));
  reply(peer(1), 1, plain(found("x")));
  BOOST_TEST(batch(1, {put_a, put_b}) == send(peer(1), 2, BatchRequest{{put_a, put_b}}));
  BOOST_TEST(reply(peer(1), 2, BatchReply{{OpResult{}, to_view(arc_of("b", 1, peer(2)))}, {}}) ==
             (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(connected(peer(2), peer(2)) == send(peer(2), 3, BatchRequest{{put_b}}));
  BOOST_TEST(reply(peer(2), 3, BatchReply{{OpResult{}}, {}}) ==
             finish(1, std::vector<OpResult>{OpResult{}, OpResult{}}));
}

BOOST_AUTO_TEST_CASE(every_operation_of_a_batch_ends_for_itself) {
  warm(whole_ring(3, peer(1)));
  batch(1, {put_a, get_a});
  BOOST_TEST(down(peer(1), LinkDown::lost).empty());  // the put is lost, the get goes on
  BOOST_TEST(timer() == (ClientOutbox{Connect{peer(1)}}));
  connected(peer(1), peer(1));
  BOOST_TEST(reply(peer(1), 3, BatchReply{{found("x")}, {}}) ==
             finish(1, std::vector<OpResult>{failed(OpError::connection_lost), found("x")}));
}

BOOST_AUTO_TEST_CASE(a_batch_is_split_by_count) {
  warm(whole_ring(3, peer(1)));
  const ClientOutbox out = batch(1, std::vector<Operation>(2500, get_a));
  BOOST_REQUIRE(out.size() == 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& message = std::get<SendRequest>(out[i]).message;
    BOOST_TEST(std::get<BatchRequest>(message).operations.size() == (i < 2 ? 1000u : 500u));
  }
}

BOOST_AUTO_TEST_CASE(a_batch_is_split_by_bytes_and_a_large_operation_travels_alone) {
  warm(whole_ring(3, peer(1)));
  const auto put = [](std::size_t bytes) -> Operation {
    return Put{"a", Value{ValueType::string, std::string(bytes, 'x')}, {}, PutCondition::always};
  };
  const ClientOutbox out = batch(1, {put(600'000), put(400'000), put(100'000), put(3'000'000)});
  BOOST_REQUIRE(out.size() == 3u);
  const std::size_t expected[] = {2, 1, 1};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& message = std::get<SendRequest>(out[i]).message;
    BOOST_TEST(std::get<BatchRequest>(message).operations.size() == expected[i]);
  }
}

BOOST_AUTO_TEST_CASE(an_empty_batch_is_done) {
  BOOST_TEST(batch(1, {}) == finish(1, std::vector<OpResult>{}));
}

BOOST_AUTO_TEST_CASE(a_scan_step_goes_to_the_arc_of_its_cursor) {
  warm(view(Position{100}, Position{200}, 1, peer(2)));
  const Scan scan{ScanCursor{Position{150}, ""}, "", 10, false};
  machine.start_scan_step(now, Token{1}, scan, deadline);
  BOOST_TEST(effects() == (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(connected(peer(2), peer(2)) == send(peer(2), 2, ScanRequest{scan}));
  const View moved = view(Position{100}, Position{200}, 2, peer(1));
  BOOST_TEST(reply(peer(2), 2, ScanReply{to_view(moved), std::nullopt}) ==
             send(peer(1), 3, ScanRequest{scan}));
  const ScanStep step{{Record{"k", {}, 0}}, ScanCursor{Position{201}, ""}};
  BOOST_TEST(reply(peer(1), 3, ScanReply{step, std::nullopt}) ==
             finish(1, ScanResult{std::nullopt, step}));
}

BOOST_AUTO_TEST_CASE(a_malformed_scan_ends_at_once) {
  machine.start_scan_step(now, Token{1}, Scan{{}, "", 0, false}, deadline);
  BOOST_TEST(effects() == finish(1, ScanResult{OpError::invalid_argument, {}}));
}

BOOST_AUTO_TEST_CASE(a_report_comes_from_the_peer_asked_for_or_not_at_all) {
  warm(whole_ring(3, peer(1)));
  machine.start_report(now, Token{1}, peer(2), deadline);
  BOOST_TEST(effects() == (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(down(peer(2), LinkDown::unreachable) ==
             finish(1, ReportResult{OpError::no_route, {}}));

  machine.start_report(now, Token{2}, std::nullopt, deadline);
  BOOST_TEST(effects() == send(peer(1), 2, ReportRequest{}));
  ReportReply report;
  report.self = peer(1);
  report.known = {peer(5)};
  BOOST_TEST(reply(peer(1), 2, report) == finish(2, ReportResult{std::nullopt, report}));
  BOOST_TEST(machine.peers().size() == 2u);
}

// ---- bounds, bad input, other rings ---------------------------------------------------------

BOOST_AUTO_TEST_CASE(beyond_the_operations_in_flight_the_next_one_is_refused) {
  ClientLimits limits;
  limits.operations_max = 2;
  Dialogue small(limits);
  small.start(1, get_a);
  small.start(2, get_a);
  BOOST_TEST(small.start(3, get_a) == finish(3, failed(OpError::overloaded)));
  BOOST_TEST(small.batch(4, {get_a}) ==
             finish(4, std::vector<OpResult>{failed(OpError::overloaded)}));
  BOOST_TEST(small.machine.in_flight() == 2u);
}

BOOST_AUTO_TEST_CASE(a_malformed_operation_ends_at_once) {
  BOOST_TEST(start(1, Get{""}) == finish(1, failed(OpError::key_empty)));
  BOOST_TEST(batch(2, {Get{std::string(70000, 'k')}}) ==
             finish(2, std::vector<OpResult>{failed(OpError::key_too_long)}));
}

BOOST_AUTO_TEST_CASE(a_value_above_the_limit_ends_as_soon_as_the_ring_tells_its_limit) {
  ring.value_bytes_max = 4;
  const Operation put = Put{"a", Value{ValueType::string, "12345"}, {}, PutCondition::always};
  BOOST_TEST(start(1, put) == (ClientOutbox{Connect{anyone_at(peer(1))}}));
  BOOST_TEST(connected(anyone_at(peer(1)), peer(1)) == finish(1, failed(OpError::value_too_long)));
}

BOOST_AUTO_TEST_CASE(replies_nobody_asked_for_count_for_nothing) {
  warm(whole_ring(3, peer(1)));
  start(1, put_a);
  BOOST_TEST(reply(peer(2), 2, plain(OpResult{})).empty());
  BOOST_TEST(reply(peer(1), 77, plain(OpResult{})).empty());
  BOOST_TEST(reply(peer(1), 2, plain(OpResult{})) == finish(1, OpResult{}));
}

BOOST_AUTO_TEST_CASE(a_reply_of_the_wrong_shape_costs_the_link) {
  warm(whole_ring(3, peer(1)));
  start(1, put_a);
  BOOST_TEST(
      reply(peer(1), 2, BatchReply{{OpResult{}}, {}}) ==
      (ClientOutbox{Disconnect{peer(1)}, Finish{Token{1}, failed(OpError::connection_lost)}}));
  batch(2, {put_a, put_b});
  connected(peer(1), peer(1));
  const ClientOutbox out = reply(peer(1), 3, BatchReply{{OpResult{}}, {}});
  BOOST_TEST(out.size() == 2u);
}

// Goal: all peers were restarted as a new ring: positions, arcs and links of the old one are gone.
BOOST_AUTO_TEST_CASE(a_new_ring_id_drops_hash_key_arcs_and_links) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_b);  // in flight at a peer of the old ring
  BOOST_TEST(batch(2, {}).size() == 1u);
  down(peer(1), LinkDown::lost);
  BOOST_TEST(start(3, put_a) == (ClientOutbox{Connect{peer(1)}}));
  BOOST_TEST(down(peer(1), LinkDown::unreachable).empty());  // another incarnation is there
  BOOST_TEST(timer() == (ClientOutbox{Connect{anyone_at(peer(1))}}));

  ring = ring_config(2);
  const PeerRef reborn{peer(1).endpoint, 101};
  BOOST_TEST(connected(anyone_at(peer(1)), reborn) == send(reborn, 3, OpRequest{put_a}));
  BOOST_TEST(machine.cache().size() == 0u);
  BOOST_TEST((machine.ring() == ring));
  reply(reborn, 3, OpReply{OpResult{}, arc_of("a", 1, reborn)});  // a position of the new ring
  BOOST_TEST(start(4, put_a) == send(reborn, 4, OpRequest{put_a}));
}

BOOST_AUTO_TEST_CASE(a_new_ring_id_closes_the_links_that_still_stand) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  machine.start_report(now, Token{2}, peer(2), deadline);
  BOOST_TEST(effects() == (ClientOutbox{Connect{peer(2)}}));
  ring = ring_config(2);
  BOOST_TEST(connected(peer(2), peer(2)) ==
             (ClientOutbox{Disconnect{peer(1)}, Finish{Token{1}, failed(OpError::connection_lost)},
                           SendRequest{peer(2), RequestId{3}, ReportRequest{}}}));
}

BOOST_AUTO_TEST_CASE(stopping_ends_everything) {
  warm(arc_of("a", 3, peer(1)));
  start(1, put_a);
  start(2, get_a);
  machine.on_stop(now);
  BOOST_TEST(effects() == (ClientOutbox{Finish{Token{1}, failed(OpError::connection_lost)},
                                        Finish{Token{2}, failed(OpError::cancelled)}}));
}

BOOST_AUTO_TEST_SUITE_END()
