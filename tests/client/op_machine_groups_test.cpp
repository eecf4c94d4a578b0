#include <boost/test/unit_test.hpp>

#include "tests/client/dialogue.hpp"

using namespace hopring;
using namespace std::chrono_literals;
BOOST_TEST_DONT_PRINT_LOG_VALUE(hopring::ClientOutbox)

BOOST_FIXTURE_TEST_SUITE(op_machine_groups, Dialogue)

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

// Goal: a peer that serves an arc need not tell of it who knows it, and tells all others.
BOOST_AUTO_TEST_CASE(requests_name_the_views_that_they_go_by) {
  start(9, get_a);
  connected(anyone_at(peer(1)), peer(1));
  BOOST_TEST((named == std::vector<std::uint64_t>{0}));
  View view = arc_of("a", 3, peer(1));
  view.term = 7;
  reply(peer(1), 1, OpReply{found("x"), view});
  start(1, put_a);
  BOOST_TEST((named == std::vector<std::uint64_t>{mark_of(view)}));
  batch(2, {put_b, get_a});
  BOOST_TEST((named == std::vector<std::uint64_t>{0, mark_of(view)}));
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
    const auto& message = *std::get<SendRequest>(out[i]).message;
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
    const auto& message = *std::get<SendRequest>(out[i]).message;
    BOOST_TEST(std::get<BatchRequest>(message).operations.size() == expected[i]);
  }
}

// Reads of one turn.

BOOST_AUTO_TEST_CASE(reads_of_one_turn_that_go_to_one_peer_travel_together) {
  warm(whole_ring(3, peer(1)));
  const Operation get_b = Get{"b"};
  BOOST_TEST(read(1, get_a).empty());
  BOOST_TEST(read(2, get_b).empty());
  BOOST_TEST(end_turn() == send(peer(1), 2, BatchRequest{{get_a, get_b}}));
  BOOST_TEST(end_turn().empty());
  BOOST_TEST(reply(peer(1), 2, BatchReply{{found("x"), found("y")}, {}}) ==
             (ClientOutbox{Finish{Token{1}, found("x")}, Finish{Token{2}, found("y")}}));
}

// Replies in parts.

namespace {
BatchReply some(std::vector<std::uint16_t> places, std::vector<OpAnswer> answers) {
  return BatchReply{std::move(answers), {}, {}, std::move(places)};
}
}  // namespace

BOOST_AUTO_TEST_CASE(each_operation_of_a_turn_ends_when_its_own_answer_comes) {
  warm(whole_ring(3, peer(1)));
  for (std::uint64_t token = 1; token <= 3; ++token) read(token, token == 2 ? put_a : get_a);
  end_turn();
  BOOST_TEST(reply(peer(1), 2, some({2}, {found("x")})) == finish(3, found("x")));
  BOOST_TEST(machine.in_flight() == 2u);
  BOOST_TEST(reply(peer(1), 2, some({2}, {found("y")})).empty(), "nothing ends twice");
  BOOST_TEST(reply(peer(1), 2, some({1, 0}, {OpResult{}, found("z")})) ==
             (ClientOutbox{Finish{Token{2}, OpResult{}}, Finish{Token{1}, found("z")}}));
  BOOST_TEST(machine.in_flight() == 0u);
  BOOST_TEST(reply(peer(1), 2, some({0}, {found("z")})).empty());
}

BOOST_AUTO_TEST_CASE(what_needs_more_than_its_result_keeps_nothing_back) {
  warm(whole_ring(3, peer(1)));
  for (std::uint64_t token = 1; token <= 3; ++token) read(token, get_a);
  end_turn();
  BOOST_TEST(reply(peer(1), 2, some({1}, {failed(OpError::moving)})).empty());
  BOOST_TEST(machine.in_flight() == 3u);
  BOOST_TEST(reply(peer(1), 2, some({2}, {found("x")})) == finish(3, found("x")));
  BOOST_TEST(timer() == send(peer(1), 3, OpRequest{get_a}));  // the one that was refused
  BOOST_TEST(reply(peer(1), 2, some({0, 1}, {found("y"), found("late")})) == finish(1, found("y")));
  BOOST_TEST(reply(peer(1), 3, plain(found("z"))) == finish(2, found("z")));
  BOOST_TEST(machine.in_flight() == 0u);
}

// Goal: what has ended is not sent again with the rest.
BOOST_AUTO_TEST_CASE(what_a_lost_link_leaves_open_goes_on) {
  warm(whole_ring(3, peer(1)));
  read(1, get_a);
  read(2, Get{"b"});
  end_turn();
  reply(peer(1), 2, some({0}, {found("x")}));
  ClientOutbox out = down(peer(1), LinkDown::lost);
  while (out.empty()) out = timer();
  BOOST_TEST(out == (ClientOutbox{Connect{peer(1)}}));
  BOOST_TEST(connected(peer(1), peer(1)) == send(peer(1), 3, OpRequest{Get{"b"}}));
}

BOOST_AUTO_TEST_CASE(answers_to_what_was_not_asked_cost_the_link) {
  warm(whole_ring(3, peer(1)));
  read(1, get_a);
  end_turn();
  const ClientOutbox out = reply(peer(1), 2, some({1}, {found("x")}));
  BOOST_REQUIRE(!out.empty());
  BOOST_TEST((out[0] == ClientEffect{Disconnect{peer(1)}}));
}

BOOST_AUTO_TEST_CASE(another_input_ends_the_turn) {
  warm(whole_ring(3, peer(1)));
  read(1, get_a);
  BOOST_TEST(start(2, put_b) ==
             (ClientOutbox{SendRequest{peer(1), RequestId{2}, BatchRequest{{get_a}}},
                           SendRequest{peer(1), RequestId{3}, OpRequest{put_b}}}));
}

BOOST_AUTO_TEST_CASE(a_read_whose_peer_is_not_known_does_not_wait_for_the_turn) {
  BOOST_TEST(read(1, get_a) == (ClientOutbox{Connect{anyone_at(peer(1))}}));
}

BOOST_AUTO_TEST_CASE(what_is_refused_or_sent_on_goes_on_by_itself) {
  warm(whole_ring(3, peer(1)));
  for (std::uint64_t token = 1; token <= 3; ++token) read(token, get_a);
  end_turn();
  BOOST_TEST(
      reply(peer(1), 2,
            BatchReply{{failed(OpError::moving), found("x"), to_view(arc_of("a", 4, peer(2)))},
                       {}}) == (ClientOutbox{Finish{Token{2}, found("x")}, Connect{peer(2)}}));
  BOOST_TEST(machine.in_flight() == 2u);
  BOOST_TEST(connected(peer(2), peer(2)) == send(peer(2), 3, OpRequest{get_a}));
  BOOST_TEST(timer() == send(peer(2), 4, OpRequest{get_a}));
}

BOOST_AUTO_TEST_CASE(reads_of_a_turn_outlive_their_link) {
  for (const bool is_sent : {false, true}) {
    Dialogue each;
    each.warm(whole_ring(3, peer(1)));
    each.read(1, get_a);
    if (is_sent) each.end_turn();
    ClientOutbox out = each.down(peer(1), LinkDown::lost);
    while (out.empty()) out = each.timer();
    BOOST_TEST(out == (ClientOutbox{Connect{peer(1)}}));
    each.connected(peer(1), peer(1));
    BOOST_TEST(each.reply(peer(1), is_sent ? 3 : 2, plain(found("x"))) == finish(1, found("x")));
  }
}

BOOST_AUTO_TEST_CASE(reads_of_a_turn_end_at_their_deadline) {
  warm(whole_ring(3, peer(1)));
  deadline = now.monotonic + 500ms;
  read(1, get_a);
  read(2, get_a);
  end_turn();
  BOOST_TEST(timer() == (ClientOutbox{Finish{Token{1}, failed(OpError::timed_out)},
                                      Finish{Token{2}, failed(OpError::timed_out)}}));
  BOOST_TEST(reply(peer(1), 2, BatchReply{{found("x"), found("y")}, {}}).empty());
}

BOOST_AUTO_TEST_CASE(each_of_them_has_its_own_deadline) {
  warm(whole_ring(3, peer(1)));
  deadline = now.monotonic + 700ms;
  read(1, get_a);
  deadline = now.monotonic + 500ms;
  read(2, get_a);
  end_turn();
  BOOST_TEST(timer() == finish(2, failed(OpError::timed_out)));
  BOOST_TEST((now.monotonic == deadline));
  BOOST_TEST(reply(peer(1), 2, BatchReply{{found("x"), found("y")}, {}}) == finish(1, found("x")));
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

BOOST_AUTO_TEST_CASE(a_repair_is_asked_of_one_peer_alone_and_its_answer_told) {
  warm(whole_ring(3, peer(1)));
  const Repair how{Arc{Position{3}, Position{7}}, 2, std::nullopt};
  machine.start_repair(now, Token{1}, peer(2), how, deadline);
  BOOST_TEST(effects() == (ClientOutbox{Connect{peer(2)}}));
  BOOST_TEST(down(peer(2), LinkDown::unreachable) ==
             finish(1, RepairResult{OpError::no_route, {}}));

  machine.start_repair(now, Token{2}, peer(1), how, deadline);
  BOOST_TEST(effects() == send(peer(1), 2, RepairRequest{how}));
  const Repaired refused{RepairRefusal::served, 0, 0};
  BOOST_TEST(reply(peer(1), 2, RepairReply{refused}) ==
             finish(2, RepairResult{std::nullopt, refused}));

  machine.start_repair(now, Token{3}, peer(1), how, deadline);
  BOOST_TEST(effects() == send(peer(1), 3, RepairRequest{how}));
  const ClientOutbox ended = reply(peer(1), 3, ReportReply{});
  BOOST_TEST(ended.front() == ClientEffect(Disconnect{peer(1)}), "that is no answer to it");
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
