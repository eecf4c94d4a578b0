// A whole peer as a dialogue with its driver: creating, joining, serving, leaving.

#include "peer/core/peer.hpp"

#include <boost/test/unit_test.hpp>

#include "peer/core/front.hpp"
#include "tests/peer/core/core_support.hpp"

namespace hopring {
namespace {

using boost::test_tools::per_element;

RingConfig ring_of(std::uint64_t id) {
  RingConfig ring;
  ring.ring_id = id;
  ring.hash_key = HashKey{{1, 2}};
  ring.nodes_per_peer = 4;
  return ring;
}

struct Fixture {
  Peer::Options options;
  PeerRef b = peer(2);
  PeerRef c = peer(3);
  Now now{Time{100s}, {1'700'000'000'000}};
  Outbox out;
  std::optional<Peer> subject;
  std::uint64_t requests = 0;

  Fixture() {
    options.self = peer(1);
    options.ring = ring_of(7);
    options.block_bytes = 4096;
  }
  Peer& start(std::vector<Endpoint> contacts = {}) {
    options.contacts = std::move(contacts);
    subject.emplace(options, Rng(1), now);
    subject->start(now, out);
    return *subject;
  }
  // Performs every deadline up to `age` from now; the effects pile up in `out`.
  void pass(Duration age) {
    const Time until = now.monotonic + age;
    for (int steps = 0; subject->next_deadline() <= until; ++steps) {
      BOOST_REQUIRE(steps < 100000);
      now.monotonic = std::max(now.monotonic, subject->next_deadline());
      subject->on_deadline(now, out);
    }
    now.monotonic = until;
  }
  OpResult execute(const Operation& operation) {
    const ClientReplyMessage reply = ask(OpRequest{operation});
    const OpAnswer& answer = std::get<OpReply>(reply).answer;
    BOOST_REQUIRE(std::holds_alternative<OpResult>(answer));
    return std::get<OpResult>(answer);
  }
  // The reply, which comes at once unless shards take their time.
  ClientReplyMessage ask(ClientRequestMessage request) {
    const Ticket asker{1, ++requests, 0};
    subject->on_request(now, asker, std::move(request), out);
    if (options.shard_delay_max.count() > 0) pass(options.shard_delay_max * 4);
    for (const SendReply& reply : std::exchange(subject->replies(), {})) {
      if (reply.to == asker) return reply.reply;
    }
    BOOST_FAIL("no reply");
    return {};
  }
  // A first write: the ring is not given up from then on.
  void settle_down() {
    pass(options.limits.fresh_for);
    BOOST_TEST(execute(put("first")).error.value() == OpError::moving);
    BOOST_REQUIRE(!execute(Erase{"first"}).error.has_value());
  }
  ClientReplyMessage scan(const Scan& scan) { return ask(ScanRequest{scan}); }
  static Put put(std::string key) { return Put{std::move(key), Value{ValueType::string, "v"}, {}}; }
  std::vector<PeerRef> dialled() const {
    std::vector<PeerRef> all;
    for (const auto& [to, ping] : sent<Ping>(out)) all.push_back(to);
    return all;
  }
};

BOOST_FIXTURE_TEST_SUITE(peers, Fixture)

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

// Joining.

BOOST_AUTO_TEST_CASE(dials_its_contacts_again_and_again_and_fails_when_nobody_answers) {
  start({b.endpoint, options.self.endpoint, c.endpoint});
  BOOST_TEST(dialled() == (std::vector{anyone_at(b), anyone_at(c)}), per_element());
  subject->on_unreachable(now, anyone_at(b), Unreachable::refused, out);
  subject->on_unreachable(now, anyone_at(c), Unreachable::timed_out, out);
  pass(1s);
  BOOST_TEST(dialled().size() >= 6u);
  BOOST_TEST(all_of<Failed>(out).empty());
  pass(30s);
  const auto failed = all_of<Failed>(out);
  BOOST_TEST(failed.size() == 1u);
  BOOST_TEST(
      failed.front().reason ==
      "no peer answers at --join 127.0.0.1:2 (nobody listens there) 127.0.0.1:3 (no answer)");
  BOOST_TEST(subject->next_deadline() == Time::never());
}

BOOST_AUTO_TEST_CASE(an_option_that_differs_from_the_rings_is_an_error) {
  options.nodes_given = true;
  start({b.endpoint});
  RingConfig ring = ring_of(8);
  ring.nodes_per_peer = 16;
  subject->on_connected(now, anyone_at(b), b, ring, out);
  BOOST_TEST(all_of<Failed>(out).front().reason ==
             "--nodes is 4 but the ring has 16; leave the option out to take the ring's");
}

BOOST_AUTO_TEST_CASE(a_way_to_read_that_differs_from_the_rings_is_an_error) {
  options.ring.reads = Reads::majority;
  options.reads_given = true;
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, ring_of(8), out);
  BOOST_TEST(all_of<Failed>(out).front().reason ==
             "--reads is majority but the ring has lease; leave the option out to take the ring's");
}

BOOST_AUTO_TEST_CASE(an_option_that_was_not_given_is_taken_from_the_ring) {
  start({b.endpoint});
  RingConfig ring = ring_of(8);
  ring.nodes_per_peer = 16;
  subject->on_connected(now, anyone_at(b), b, ring, out);
  BOOST_TEST(all_of<Failed>(out).empty());
  BOOST_TEST(subject->ring()->nodes_per_peer == 16u);
}

BOOST_AUTO_TEST_CASE(a_ring_with_a_configuration_that_cannot_be_is_not_joined) {
  start({b.endpoint});
  RingConfig ring = ring_of(8);
  ring.nodes_per_peer = 5;
  subject->on_connected(now, anyone_at(b), b, ring, out);
  BOOST_TEST(all_of<Failed>(out).size() == 1u);
}

// Goal: a joiner does not hang on the first contact that answered.
// Method: two let it in; the first dies; the next lookups go to the second.
BOOST_AUTO_TEST_CASE(a_joiner_goes_on_with_another_contact_when_the_first_dies) {
  start({b.endpoint, c.endpoint});
  subject->on_connected(now, anyone_at(b), b, ring_of(8), out);
  subject->on_connected(now, anyone_at(c), c, ring_of(8), out);
  subject->on_unreachable(now, b, Unreachable::refused, out);
  out.clear();
  pass(5s);
  const auto questions = sent<FindArc>(out);
  BOOST_TEST(!questions.empty());
  for (const auto& [to, question] : questions) BOOST_TEST(to == c);
}

// Goal: a peer on whose copies others count does not fail because it leads nothing.
// Method: after twenty seconds it is offered a copy, which comes or does not.
BOOST_AUTO_TEST_CASE(a_joiner_that_has_a_copy_is_in_the_ring_and_one_to_which_it_comes_waits) {
  for (const bool comes : {true, false}) {
    options.ring.replicas = 3;
    out.clear();
    start({b.endpoint});
    subject->on_connected(now, anyone_at(b), b, options.ring, out);
    pass(20s);
    const View view{equal_arc(0, 4), {1, 0, 1}, 0, {b, options.self}};
    const GroupName group = group_of(view);
    const TransferId transfer{view.arc.end, 1};
    const auto hear = [&](GroupMessage&& message) {
      subject->on_message(now, b, std::move(message), out);
    };
    hear(OfferCopy{transfer, group, view, 1, 5, 1,
                   Roster{{Voter{b, 1}, Voter{options.self, 6}}, {}}, 100});
    if (comes) {
      hear(CopyResults{transfer, 5, 0, 0, {}, true});
      hear(Chunk{transfer, view.arc, 5, {}});
      hear(Heartbeats{1, {Heartbeat{group, 1, 6, 5, 0}}});
    }
    pass(11s);
    BOOST_TEST(all_of<Failed>(out).empty());
    BOOST_TEST(all_of<BecameReady>(out).size() == (comes ? 1u : 0u));
  }
}

// Goal: a joiner that has copies, and is to lead nothing as long as nobody has too much, is not
// made to wait for its join timeout.
// Method: another peer leads everything, and says each time that it has nothing to give.
BOOST_AUTO_TEST_CASE(a_joiner_to_which_nothing_is_due_is_ready_soon) {
  options.ring.replicas = 3;
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, options.ring, out);
  const View view{equal_arc(0, 4), {1, 0, 1}, 0, {b, options.self}};
  const GroupName group = group_of(view);
  const auto hear = [&](PeerMessage&& message) {
    subject->on_message(now, b, std::move(message), out);
  };
  hear(GroupMessage(OfferCopy{{view.arc.end, 1},
                              group,
                              view,
                              1,
                              5,
                              1,
                              Roster{{Voter{b, 1}, Voter{options.self, 6}}, {}},
                              100}));
  hear(GroupMessage(CopyResults{{view.arc.end, 1}, 5, 0, 0, {}, true}));
  hear(GroupMessage(Chunk{{view.arc.end, 1}, view.arc, 5, {}}));
  bool is_ready = false;
  for (Duration waited{}; waited < 15s; waited += 100ms) {
    const Outbox said = std::exchange(out, {});
    is_ready = is_ready || !all_of<BecameReady>(said).empty();
    hear(GroupMessage(Heartbeats{1, {Heartbeat{group, 1, 6, 5, 0}}}));
    for (const auto& [to, ask] : sent<FindArc>(said)) {
      ArcFound found;
      found.nonce = ask.nonce;
      found.view = View{equal_arc(cell_of(ask.position, 4), 4), {1, 0, 1}, 0, {b}};
      found.load.ring_parts = found.load.copy_parts = ring_parts_whole;
      hear(RingMessage(found));
    }
    for (const auto& [to, want] : sent<WantArc>(said)) {
      WantArcAnswer answer;
      answer.nonce = want.nonce;
      answer.load.ring_parts = answer.load.copy_parts = ring_parts_whole;
      hear(RingMessage(answer));
    }
    pass(100ms);
    BOOST_TEST((waited > 4s || !is_ready), "somebody may still have something for it");
  }
  BOOST_TEST(is_ready);
}

// Goal: no repair destroys what is served elsewhere, whoever asks for it, and however late.
// Method: the peer has nothing of the arc; another one answers for it, never, at once or in time.
BOOST_AUTO_TEST_CASE(an_arc_begins_empty_only_if_nobody_serves_it_for_two_seconds) {
  enum class Served { never, at_once, at_last };
  for (const Served served : {Served::never, Served::at_once, Served::at_last}) {
    options.ring.replicas = 3;
    start({b.endpoint});
    subject->on_connected(now, anyone_at(b), b, options.ring, out);
    const View view{equal_arc(1, options.ring.nodes_per_peer), {1, 0, 1}, 0, {b, c}};
    const auto answer_lookups = [&](bool is_served) {
      for (const auto& [to, ask] : sent<FindArc>(std::exchange(out, {}))) {
        RingMessage answer = Closer{ask.nonce, {}};
        if (is_served && contains(view.arc, ask.position)) {
          ArcFound found;
          found.nonce = ask.nonce;
          found.view = view;
          answer = found;
        }
        subject->on_message(now, b, std::move(answer), out);
      }
    };
    answer_lookups(false);
    subject->on_request(now, {1, ++requests, 0}, RepairRequest{{view.arc, 2, std::nullopt}}, out);
    for (int i = 0; i < 10; ++i) answer_lookups(served == Served::at_once);
    BOOST_TEST(subject->replies().empty() == (served != Served::at_once));
    for (int i = 0; i < 30; ++i) {
      pass(100ms);
      answer_lookups(served == Served::at_last && i >= 10);
    }
    const auto replies = std::exchange(subject->replies(), {});
    BOOST_REQUIRE(replies.size() == 1u);
    const Repaired repaired = std::get<RepairReply>(replies.front().reply).repaired;
    BOOST_TEST((repaired.refused == RepairRefusal::served) == (served != Served::never));
    BOOST_TEST(subject->served().size() == (served == Served::never ? 1u : 0u));
  }
}

BOOST_AUTO_TEST_CASE(so_many_repairs_are_looked_after_at_a_time) {
  options.ring.replicas = 3;
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, options.ring, out);
  const Repair repair{equal_arc(1, options.ring.nodes_per_peer), 2, std::nullopt};
  for (std::size_t i = 0; i <= Front::repairs_max; ++i) {
    BOOST_TEST(subject->replies().empty());
    subject->on_request(now, {1, ++requests, 0}, RepairRequest{repair}, out);
  }
  const auto replies = std::exchange(subject->replies(), {});
  BOOST_REQUIRE(replies.size() == 1u);
  BOOST_TEST(std::get<ErrorReply>(replies.front().reply).error == OpError::overloaded);
  pass(10s);
  BOOST_TEST(subject->replies().size() == Front::repairs_max, "each is answered");
}

BOOST_AUTO_TEST_CASE(copies_that_a_report_has_no_room_for_are_counted) {
  options.shards = 2;
  options.ring.replicas = 3;
  Front front(options, Rng(1));
  front.start(now, out);
  ShardStatus status;
  status.ring_id = front.ring()->ring_id;
  status.copies.resize(copies_reported_max - 1);
  front.on_status(status);
  BOOST_TEST(front.report().copies_left_out == 0u);
  status.shard = 1;
  status.copies.resize(3);
  status.copies_left_out = 5;
  front.on_status(status);
  BOOST_TEST(front.report().copies.size() == copies_reported_max);
  BOOST_TEST(front.report().copies_left_out == 7u);
}

BOOST_AUTO_TEST_CASE(contacts_of_different_rings_are_an_error) {
  start({b.endpoint, c.endpoint});
  subject->on_connected(now, anyone_at(b), b, ring_of(8), out);
  BOOST_TEST(all_of<Failed>(out).empty());
  subject->on_connected(now, anyone_at(c), c, ring_of(9), out);
  const auto failed = all_of<Failed>(out);
  BOOST_REQUIRE(failed.size() == 1u);
  BOOST_TEST(failed.front().reason ==
             "the peers at --join belong to different rings: 127.0.0.1:3 is of ring "
             "0000000000000009, another of 0000000000000008");
  BOOST_TEST(subject->next_deadline() == Time::never());
}

BOOST_AUTO_TEST_CASE(a_joiner_without_an_arc_sends_clients_on_or_knows_nobody) {
  start({b.endpoint});
  BOOST_TEST(execute(Get{"k"}).error.value() == OpError::unavailable);
  subject->on_connected(now, anyone_at(b), b, ring_of(8), out);
  const auto reply = std::get<OpReply>(ask(OpRequest{Get{"k"}}));
  BOOST_TEST(std::get<Redirect>(reply.answer).hints.front().peer == b);
  BOOST_TEST(!reply.view.has_value());
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
