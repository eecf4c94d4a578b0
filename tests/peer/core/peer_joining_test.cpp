// A whole peer as a dialogue with its driver: how it joins, and what it makes of a ring in which
// nobody can let it in.

#include "tests/peer/core/peer_fixture.hpp"

namespace hopring {
namespace {

using boost::test_tools::per_element;

BOOST_FIXTURE_TEST_SUITE(joining_peers, PeerFixture)

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

// Goal: two that live find each other when all are dead that either had a reason to ask.
BOOST_AUTO_TEST_CASE(one_that_serves_remembers_whom_it_has_reached) {
  start();
  const auto is_known = [&](const PeerRef& peer) {
    const std::vector<PeerRef> known = subject->report(now).known;
    return std::find(known.begin(), known.end(), peer) != known.end();
  };
  subject->on_connected(now, anyone_at(b), b, ring_of(7), out);
  subject->on_connected(now, anyone_at(c), c, ring_of(8), out);
  BOOST_TEST(is_known(b));
  BOOST_TEST(!is_known(c), "of another ring");
  subject->on_unreachable(now, b, Unreachable::refused, out);
  BOOST_TEST(!is_known(b));
}

// Goal: where nobody serves anything any more, clients are told so, and not sent from one to the
// next: those who could tell from what they serve themselves have gone.
// Method: one that serves nothing asks another for many positions, who knows nobody either, and in
// the end somebody.
BOOST_AUTO_TEST_CASE(one_that_serves_nothing_and_finds_nobody_who_does_calls_keys_unavailable) {
  options.ring.replicas = 3;
  start({b.endpoint});
  subject->on_connected(now, anyone_at(b), b, options.ring, out);
  const View view{equal_arc(0, 4), {1, 0, 1}, 0, {c}};
  const auto answers = [&](Duration lasts, bool with_view) {
    for (const Time until = now.monotonic + lasts; now.monotonic < until;) {
      out.clear();
      pass(50ms);
      for (const auto& [to, question] : sent<FindArc>(out)) {
        RingMessage answer = Closer{question.nonce, {}};
        if (with_view) answer = ArcFound{question.nonce, view, {}, std::nullopt, 0, {}};
        subject->on_message(now, to, std::move(answer), out);
      }
    }
  };
  const auto is_unavailable = [&] {
    const OpAnswer answer = std::get<OpReply>(ask(OpRequest{Get{"k"}})).answer;
    return std::get<Redirect>(answer).nobody == OpError::unavailable;
  };
  answers(4s, false);
  BOOST_TEST(!is_unavailable(), "it may just be between two peers");
  answers(5s, false);
  BOOST_TEST(is_unavailable());
  answers(5s, true);
  BOOST_TEST(!is_unavailable());
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
    is_offered_copy(comes);
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
