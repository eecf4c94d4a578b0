// A whole peer as a dialogue with its driver: creating, serving, leaving.

#include "tests/peer/core/peer_fixture.hpp"

namespace hopring {
namespace {

using boost::test_tools::per_element;

BOOST_FIXTURE_TEST_SUITE(peers, PeerFixture)

// Creating.

BOOST_AUTO_TEST_CASE(a_creator_serves_the_whole_ring_and_is_ready_after_a_second) {
  start();
  BOOST_TEST(subject->served().size() == 4u);
  pass(999ms);
  BOOST_TEST(all_of<BecameReady>(out).empty());
  pass(1ms);
  BOOST_TEST(all_of<BecameReady>(out).size() == 1u);
  pass(10s);
  BOOST_TEST(all_of<BecameReady>(out).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_creator_takes_no_writes_while_an_older_ring_may_claim_it) {
  start();
  BOOST_TEST(execute(put("k")).error.value() == OpError::moving);
  BOOST_TEST((execute(Get{"k"}).outcome == Outcome::not_found));
  settle_down();
  BOOST_TEST(!execute(put("k")).error.has_value());
  BOOST_TEST(execute(Get{"k"}).value.value().bytes == "v");
}

BOOST_AUTO_TEST_CASE(its_own_address_alone_is_no_ring_to_join) {
  start({options.self.endpoint});
  BOOST_TEST(dialled().empty());
  BOOST_TEST(subject->served().size() == 4u);
}

BOOST_AUTO_TEST_CASE(a_fresh_ring_gives_itself_up_for_an_older_one_and_joins_it) {
  start();
  pass(500ms);
  out.clear();
  subject->on_stranger(now, b, 8, out);
  BOOST_TEST(subject->ring() == nullptr);
  BOOST_TEST(subject->served().empty());
  BOOST_TEST(dialled() == std::vector{anyone_at(b)}, per_element());
  subject->on_connected(now, anyone_at(b), b, ring_of(8), out);
  BOOST_TEST(subject->ring()->ring_id == 8u);
}

BOOST_AUTO_TEST_CASE(a_ring_that_has_taken_a_write_does_not_give_itself_up) {
  start();
  settle_down();
  execute(put("k"));
  subject->on_stranger(now, b, 8, out);
  BOOST_TEST(subject->ring()->ring_id == 7u);
  BOOST_TEST(execute(Get{"k"}).value.value().bytes == "v");
}

BOOST_AUTO_TEST_CASE(a_ring_that_has_met_a_peer_does_not_give_itself_up) {
  start();
  subject->on_message(now, c, RingMessage(Ping{1}), out);
  subject->on_stranger(now, b, 8, out);
  BOOST_TEST(subject->ring()->ring_id == 7u);
}

BOOST_AUTO_TEST_CASE(a_client_of_another_ring_is_no_reason_to_give_up) {
  start();
  subject->on_stranger(now, PeerRef{}, 8, out);
  BOOST_TEST(subject->ring()->ring_id == 7u);
}

// Serving.

BOOST_AUTO_TEST_CASE(keys_of_no_bytes_and_of_too_many_are_refused) {
  start();
  settle_down();
  BOOST_TEST(execute(put("")).error.value() == OpError::key_empty);
  BOOST_TEST(execute(Get{""}).error.value() == OpError::key_empty);
  BOOST_TEST(execute(put(std::string(key_bytes_max + 1, 'k'))).error.value() ==
             OpError::key_too_long);
  BOOST_TEST(!execute(put(std::string(key_bytes_max, 'k'))).error.has_value());
}

BOOST_AUTO_TEST_CASE(values_above_the_rings_bound_are_refused) {
  options.ring.value_bytes_max = 10;
  start();
  settle_down();
  Put large = put("k");
  large.value.bytes = std::string(11, 'v');
  BOOST_TEST(execute(large).error.value() == OpError::value_too_long);
  large.value.bytes.pop_back();
  BOOST_TEST(!execute(large).error.has_value());
}

BOOST_AUTO_TEST_CASE(a_scan_out_of_bounds_is_refused) {
  start();
  Scan bad;
  bad.records_max = 0;
  BOOST_TEST((scan(bad) == ClientReplyMessage(ErrorReply{OpError::invalid_argument})));
  bad.records_max = scan_records_max + 1;
  BOOST_TEST((scan(bad) == ClientReplyMessage(ErrorReply{OpError::invalid_argument})));
  bad = Scan{};
  bad.prefix.resize(key_bytes_max + 1);
  BOOST_TEST((scan(bad) == ClientReplyMessage(ErrorReply{OpError::invalid_argument})));
  bad = Scan{};
  bad.cursor.last_key.resize(key_bytes_max + 1);
  BOOST_TEST((scan(bad) == ClientReplyMessage(ErrorReply{OpError::invalid_argument})));
}

// Goal: a scan meets every key once, in the order of the ring, and ends.
BOOST_AUTO_TEST_CASE(a_scan_walks_all_arcs_to_the_end) {
  start();
  settle_down();
  for (int i = 0; i < 100; ++i) execute(put("key" + std::to_string(i)));
  std::size_t records = 0;
  std::optional<ScanCursor> cursor = ScanCursor{};
  for (int steps = 0; cursor; ++steps) {
    BOOST_REQUIRE(steps < 100);
    const auto reply = std::get<ScanReply>(scan(Scan{*cursor, "", 7, true}));
    const ScanStep& step = std::get<ScanStep>(reply.answer);
    records += step.records.size();
    cursor = step.next;
  }
  BOOST_TEST(records == 100u);
}

BOOST_AUTO_TEST_CASE(a_batch_has_an_answer_for_each_of_its_operations) {
  start();
  settle_down();
  const auto reply = ask(BatchRequest{{put("a"), Get{""}, Get{"a"}}});
  const auto& answers = std::get<BatchReply>(reply).answers;
  BOOST_TEST(answers.size() == 3u);
  BOOST_TEST(std::get<OpResult>(answers[1]).error.value() == OpError::key_empty);
  BOOST_TEST(std::get<OpResult>(answers[2]).value.value().bytes == "v");
}

// Nobody speaks in this peer's own name, least of all to say that it is gone.
BOOST_AUTO_TEST_CASE(a_message_in_its_own_name_is_not_read) {
  start();
  subject->on_message(now, options.self, RingMessage(Departed{}), out);
  BOOST_TEST(subject->served().size() == 4u);
}

// Shards.

// Goal: keys, batches and scans know nothing of shards.
BOOST_AUTO_TEST_CASE(several_shards_serve_what_one_would) {
  options.shards = 3;
  start();
  settle_down();
  BOOST_TEST(subject->served().size() == 4u);
  BatchRequest batch;
  for (int i = 0; i < 50; ++i) batch.operations.push_back(put("key" + std::to_string(i)));
  ask(batch);
  for (int i = 0; i < 50; ++i) {
    BOOST_TEST(execute(Get{"key" + std::to_string(i)}).value.value().bytes == "v");
  }
  std::size_t scanned = 0;
  for (std::optional<ScanCursor> cursor = ScanCursor{}; cursor;) {
    const auto reply = std::get<ScanReply>(scan(Scan{*cursor, "", 10, true}));
    scanned += std::get<ScanStep>(reply.answer).records.size();
    cursor = std::get<ScanStep>(reply.answer).next;
  }
  BOOST_TEST(scanned == 50u);
  BOOST_TEST(subject->report(now).arcs.size() == 4u);
  BOOST_TEST(subject->report(now).load.arcs == 4u);
}

// Goal: what the front has asked for and no shard has done yet is not said to be elsewhere.
BOOST_AUTO_TEST_CASE(commands_to_shards_that_take_their_time_are_carried_out_in_order) {
  options.shards = 2;
  options.shard_delay_max = 10ms;
  start();
  BOOST_TEST(subject->served().empty());
  pass(20ms);
  BOOST_TEST(subject->served().size() == 4u);
  settle_down();
  BOOST_TEST(!execute(put("k")).error.has_value());
  subject->leave(now, out);
  BOOST_TEST(all_of<Left>(out).front().records_lost == 1u);
}

// Goal: others weigh a peer by what it holds now, not by what it held when its arcs last changed.
BOOST_AUTO_TEST_CASE(the_load_that_others_are_told_follows_what_is_stored) {
  options.shards = 2;
  start();
  settle_down();
  for (int i = 0; i < 100; ++i) execute(put("key" + std::to_string(i)));
  pass(options.limits.balance_interval * 3);
  out.clear();
  subject->on_message(now, b, RingMessage(FindArc{1, Position{1}}), out);
  const auto found = sent<ArcFound>(out);
  BOOST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found.front().second.load.bytes == subject->report(now).load.bytes);
  BOOST_TEST(found.front().second.load.bytes > 0u);
}

// Goal: no arc reaches across two cells, whoever offers it.
BOOST_AUTO_TEST_CASE(an_arc_that_reaches_across_two_cells_is_not_taken) {
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, ring_of(8), out);
  const auto accepted = [&](const Arc& arc) {
    out.clear();
    OfferArc offer;
    offer.transfer = TransferId{arc.end, 5};
    offer.view = View{arc, {1, 0, 3}, 0, {b}};
    subject->on_message(now, b, GroupMessage(offer), out);
    for (const SendPeer& send : all_of<SendPeer>(out)) {
      const auto* group = std::get_if<GroupMessage>(&send.message);
      if (group == nullptr || !std::holds_alternative<OfferAnswer>(*group)) continue;
      BOOST_TEST((std::get<OfferAnswer>(*group).transfer == offer.transfer));
      return std::get<OfferAnswer>(*group).accepted;
    }
    BOOST_FAIL("no answer");
    return false;
  };
  BOOST_TEST(!accepted(Arc{middle(equal_arc(0, 4)), middle(equal_arc(1, 4))}));
  BOOST_TEST(!accepted(equal_arc(0, 1)));
  BOOST_TEST(accepted(equal_arc(1, 4)));
}

// Leaving.

BOOST_AUTO_TEST_CASE(the_last_peer_of_a_ring_leaves_at_once_and_says_what_is_lost) {
  start();
  settle_down();
  execute(put("k"));
  subject->leave(now, out);
  subject->leave(now, out);
  const auto left = all_of<Left>(out);
  BOOST_TEST(left.size() == 1u);
  BOOST_TEST(left.front().not_handed_over.size() == 4u);
  BOOST_TEST(left.front().records_lost == 1u);
  BOOST_TEST(subject->next_deadline() == Time::never());
}

BOOST_AUTO_TEST_CASE(one_that_has_not_been_let_in_has_nothing_to_hand_over) {
  start({b.endpoint});
  subject->leave(now, out);
  BOOST_TEST(all_of<Left>(out).front().not_handed_over.empty());
}

BOOST_AUTO_TEST_CASE(a_joiner_without_an_arc_leaves_in_a_moment) {
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, ring_of(8), out);
  subject->leave(now, out);
  pass(options.limits.linger + 100ms);
  BOOST_TEST(all_of<Left>(out).size() == 1u);
  BOOST_TEST(all_of<Failed>(out).empty());
}

// Goal: whoever reads its log knows that the ring has fewer copies now.
BOOST_AUTO_TEST_CASE(one_whose_copies_nobody_takes_leaves_in_the_end_and_says_so) {
  options.ring.replicas = 3;
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, options.ring, out);
  is_offered_copy(true);
  subject->leave(now, out);
  pass(options.limits.leave_patience + 5s);
  BOOST_TEST(all_of<Left>(out).size() == 1u);
  const auto lines = all_of<LogLine>(out);
  BOOST_TEST(std::any_of(lines.begin(), lines.end(), [](const LogLine& line) {
    return line.text == "event=copies_not_taken arcs=1 without_majority=1";
  }));
  const auto notes = std::count_if(lines.begin(), lines.end(), [](const LogLine& line) {
    return line.text == "event=leaving arcs=0 copies=1";
  });
  BOOST_TEST(notes == options.limits.leave_patience / 5s, "whoever waits is told");
}

// Goal: whoever has an arc to place learns that this peer is no choice, though it serves nothing by
// which others would hear of its load.
BOOST_AUTO_TEST_CASE(one_that_leaves_and_is_offered_a_copy_says_that_it_leaves) {
  options.ring.replicas = 3;
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, options.ring, out);
  is_offered_copy(true);
  subject->leave(now, out);
  out.clear();
  const View view{equal_arc(1, 4), {1, 0, 1}, 0, {c}};
  const OfferCopy offer{
      {view.arc.end, 2}, group_of(view), view, 1, 5, 1, Roster{{Voter{c, 1}}, {}}, 100};
  subject->on_message(now, c, GroupMessage(offer), out);
  using Passed = std::vector<std::pair<PeerRef, PassCopy>>;
  BOOST_TEST((sent<PassCopy>(out) == Passed{{c, PassCopy{view.arc.end, {}}}}));
  const auto sends = all_of<SendPeer>(out);
  BOOST_TEST(std::any_of(sends.begin(), sends.end(), [&](const SendPeer& each) {
    const auto* group = std::get_if<GroupMessage>(&each.message);
    return group != nullptr && *group == GroupMessage(OfferAnswer{offer.transfer, false});
  }));
}

// Goal: nor is it hidden that what it leaves behind cannot go on, though its primary lives.
BOOST_AUTO_TEST_CASE(one_without_which_an_arc_has_no_majority_says_so_when_it_goes) {
  options.ring.replicas = 3;
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, options.ring, out);
  is_offered_copy(true);
  subject->leave(now, out);
  const GroupName group{equal_arc(0, 4).end, 1, 0};
  for (std::int64_t beat = 2; all_of<Left>(out).empty() && beat < 100; ++beat) {
    subject->on_message(now, b, GroupMessage(Heartbeats{beat, {Heartbeat{group, 1, 6, 5, 0}}}),
                        out);
    pass(500ms);
  }
  const auto lines = all_of<LogLine>(out);
  BOOST_TEST(std::any_of(lines.begin(), lines.end(), [](const LogLine& line) {
    return line.text == "event=copies_not_taken arcs=1 without_majority=1";
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
