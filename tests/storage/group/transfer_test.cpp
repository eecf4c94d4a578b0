// Dialogues of two hosts about one arc, message by message.

#include <boost/test/unit_test.hpp>

#include "support.hpp"

namespace hopring {

struct TwoHosts {
  TestHost a{1, options(0)};
  TestHost b{2, options(0)};

  static GroupOptions options(std::size_t bytes_max) {
    GroupOptions options;
    options.pool = {4096, bytes_max};
    options.chunk_bytes = 1000;
    return options;
  }

  TwoHosts() {
    a.host.open(a.now, view_of(a.self, whole_ring()), a.out);
    for (int i = 0; i < 300; ++i) a.execute(put_string("key" + std::to_string(i), "v"));
    a.out.clear();
  }

  bool begin() { return a.host.move(a.now, end, b.self, a.out); }

  // Hands over what `from` wants sent, and returns whether there was anything.
  bool pass(TestHost& from, TestHost& to) {
    bool passed = false;
    for (SendGroup& send : all_of<SendGroup>(std::exchange(from.out, {}))) {
      if (send.to != to.self) continue;
      to.receive(from.self, std::move(send.message));
      passed = true;
    }
    return passed;
  }

  // Both ways, once.
  bool exchange(TestHost& one, TestHost& other) {
    const bool there = pass(one, other);
    const bool back = pass(other, one);
    return there || back;
  }

  // To where b has acknowledged the change of view, and a does not know it.
  void until_prepared() {
    BOOST_REQUIRE(begin());
    until_copied();
  }
  void until_copied() {
    for (int i = 0; i < 1000 && !b.host.has_copy(whole_ring()); ++i) {
      pass(a, b);
      if (!b.host.has_copy(whole_ring())) pass(b, a);
    }
    BOOST_REQUIRE(b.host.has_copy(whole_ring()));
  }

  void run() {
    while (exchange(a, b)) {
    }
  }

  void wait(Duration duration) {
    for (const Duration until = a.now.monotonic.since_start + duration;;) {
      const Time next = std::min(a.host.next_deadline(), b.host.next_deadline());
      if (next > Time{until}) break;
      a.now = b.now = at(std::max(next.since_start, a.now.monotonic.since_start));
      for (TestHost* each : {&a, &b}) {
        if (each->host.next_deadline() <= each->now.monotonic) {
          each->host.on_deadline(each->now, each->out);
        }
      }
    }
  }

  bool serves(const TestHost& host) const { return host.host.find(end) != nullptr; }
  bool is_moving(TestHost& host) {
    const auto result = host.execute(put_string("new", "v"));
    BOOST_REQUIRE(result.has_value());
    return result->error == OpError::moving;
  }

  const Position end{~0ull};
};

BOOST_FIXTURE_TEST_SUITE(transfer, TwoHosts)

BOOST_AUTO_TEST_CASE(an_arc_changes_hands_and_leaves_nothing_behind) {
  BOOST_TEST(begin());
  run();
  BOOST_TEST(!serves(a));
  BOOST_TEST(serves(b));
  BOOST_TEST(b.host.totals().keys == 300u);
  BOOST_TEST(*b.host.find(end) == view_of(b.self, whole_ring(), 2));
  BOOST_TEST(a.host.transfers() + b.host.transfers() == 0u);
  BOOST_TEST(a.host.counters().moves_done == 1u);
}

BOOST_AUTO_TEST_CASE(the_one_who_moves_an_arc_is_told_when_and_how_it_ended) {
  begin();
  std::vector<MoveEnded> ended;
  std::vector<ArcMoved> moved;
  do {
    for (const MoveEnded& each : all_of<MoveEnded>(a.out)) ended.push_back(each);
    for (const ArcMoved& each : all_of<ArcMoved>(a.out)) moved.push_back(each);
  } while (exchange(a, b));
  for (const MoveEnded& each : all_of<MoveEnded>(a.out)) ended.push_back(each);
  BOOST_REQUIRE(moved.size() == 1u);
  BOOST_TEST(moved[0].view == view_of(b.self, whole_ring(), 2));
  BOOST_TEST((ended == std::vector<MoveEnded>{{end, b.self, true}}));
}

BOOST_AUTO_TEST_CASE(writes_are_refused_only_between_the_last_entry_and_its_acknowledgement) {
  begin();
  pass(a, b);  // the offer
  pass(b, a);
  BOOST_TEST(!is_moving(a));
  until_copied();
  BOOST_TEST(is_moving(a));
  BOOST_TEST(a.get("key7").has_value());
  pass(b, a);  // the acknowledgement
  BOOST_TEST(!serves(a));
  pass(a, b);  // Serve
  BOOST_TEST(serves(b));
  BOOST_TEST(b.get("key7").has_value());
}

BOOST_AUTO_TEST_CASE(an_arc_is_taken_back_when_the_learner_falls_silent) {
  until_prepared();
  b.out.clear();
  BOOST_TEST(is_moving(a));
  wait(600ms);
  BOOST_TEST(!is_moving(a));
  BOOST_TEST(*a.host.find(end) == view_of(a.self, whole_ring(), 3));
  const auto ended = all_of<MoveEnded>(a.out);
  BOOST_REQUIRE(ended.size() == 1u);
  BOOST_TEST(!ended[0].done);
  BOOST_TEST(all_of<ArcChanged>(a.out).size() == 1u);
  // Its copy is worth nothing any more, and it learns so even if Abandon is lost.
  a.out.clear();
  wait(600ms);
  run();
  BOOST_TEST(!b.host.has_copy(whole_ring()));
  BOOST_TEST(!serves(b));
}

BOOST_AUTO_TEST_CASE(a_lost_serve_is_sent_again) {
  until_prepared();
  pass(b, a);
  a.out.clear();
  BOOST_TEST(!serves(a));
  BOOST_TEST(!serves(b));
  wait(150ms);
  run();
  BOOST_TEST(serves(b));
  BOOST_TEST(a.host.transfers() == 0u);
}

BOOST_AUTO_TEST_CASE(a_lost_serving_is_asked_for_again) {
  until_prepared();
  pass(b, a);
  pass(a, b);
  b.out.clear();
  BOOST_TEST(a.host.has_copy(whole_ring()));
  wait(150ms);
  run();
  BOOST_TEST(!a.host.has_copy(whole_ring()));
}

BOOST_AUTO_TEST_CASE(old_messages_do_not_end_a_transfer_that_is_committed) {
  until_prepared();
  const TransferId transfer = sent<AppendAnswer>(b.out).front().transfer;
  pass(b, a);
  a.receive(b.self, Abandon{transfer});
  a.receive(b.self, OfferAnswer{transfer, false});
  BOOST_TEST(a.host.has_copy(whole_ring()));
  pass(a, b);
  b.receive(a.self, Abandon{transfer});
  BOOST_TEST(serves(b));
}

BOOST_AUTO_TEST_CASE(a_kept_copy_serves_in_a_take_over_when_the_new_primary_died) {
  until_prepared();
  pass(b, a);
  a.out.clear();
  a.host.on_peer_gone(a.now, b.self, a.out);
  const auto kept = all_of<CopyKept>(a.out);
  BOOST_REQUIRE(kept.size() == 1u);
  BOOST_TEST(kept[0].view == view_of(b.self, whole_ring(), 2));
  BOOST_TEST(!serves(a));
  const View claim{whole_ring(), {2, a.self.incarnation, 1}, b.self.incarnation, {a.self}};
  a.host.open(a.now, claim, a.out);
  BOOST_TEST((std::get<ArcOpened>(a.out.back()).copied == 300u));
  BOOST_TEST(a.get("key7").has_value());
  BOOST_TEST(a.host.transfers() == 0u);
}

BOOST_AUTO_TEST_CASE(a_prepared_copy_serves_in_a_take_over_when_the_old_primary_died) {
  until_prepared();
  b.host.on_peer_gone(b.now, a.self, b.out);
  BOOST_TEST(all_of<CopyKept>(b.out).size() == 1u);
  const View claim{whole_ring(), {2, b.self.incarnation, 1}, a.self.incarnation, {b.self}};
  b.host.open(b.now, claim, b.out);
  BOOST_TEST((std::get<ArcOpened>(b.out.back()).copied == 300u));
  BOOST_TEST(b.get("key7").has_value());
}

BOOST_AUTO_TEST_CASE(an_unfinished_copy_is_dropped_when_the_old_primary_died) {
  begin();
  pass(a, b);
  pass(b, a);
  pass(a, b);
  BOOST_TEST(b.host.transfers() == 1u);
  b.host.on_peer_gone(b.now, a.self, b.out);
  BOOST_TEST(b.host.transfers() == 0u);
  BOOST_TEST(!b.host.has_copy(whole_ring()));
}

BOOST_AUTO_TEST_CASE(the_arc_is_served_on_when_the_learner_died) {
  begin();
  pass(a, b);
  pass(b, a);
  a.host.on_peer_gone(a.now, b.self, a.out);
  BOOST_TEST(a.host.transfers() == 0u);
  BOOST_TEST(!is_moving(a));
}

BOOST_AUTO_TEST_CASE(a_learner_without_memory_gives_up_and_the_arc_is_served_on) {
  TestHost small{3, options(8 << 10)};
  for (int i = 0; i < 50; ++i) {
    a.execute(put_string("large" + std::to_string(i), std::string(500, 'v')));
  }
  BOOST_TEST(a.host.move(a.now, end, small.self, a.out));
  OfferArc offer = sent<OfferArc>(a.out).front();
  offer.bytes = 0;  // an estimate that is too low
  a.out.clear();
  small.receive(a.self, offer);
  while (exchange(small, a)) {
  }
  BOOST_TEST(small.host.transfers() == 0u);
  BOOST_TEST(a.host.transfers() == 0u);
  BOOST_TEST(a.host.counters().moves_given_up == 1u);
  BOOST_TEST(!is_moving(a));
}

BOOST_AUTO_TEST_CASE(an_offer_that_does_not_fit_is_refused) {
  TestHost small{3, options(8 << 10)};
  small.receive(a.self, OfferArc{TransferId{whole_ring().end, 7}, view_of(a.self, whole_ring()), 1,
                                 1, 1 << 20});
  BOOST_REQUIRE(sent<OfferAnswer>(small.out).size() == 1u);
  BOOST_TEST(!sent<OfferAnswer>(small.out)[0].accepted);
}

BOOST_AUTO_TEST_CASE(an_offer_from_one_who_is_not_the_primary_is_refused) {
  b.receive(peer(9),
            OfferArc{TransferId{whole_ring().end, 7}, view_of(a.self, whole_ring()), 1, 1, 0});
  BOOST_TEST(!sent<OfferAnswer>(b.out)[0].accepted);
}

BOOST_AUTO_TEST_CASE(messages_of_a_stranger_count_for_nothing) {
  until_prepared();
  const TransferId transfer = sent<AppendAnswer>(b.out).front().transfer;
  a.receive(peer(9), AppendAnswer{transfer, 1000});
  b.receive(peer(9), Serve{transfer, view_of(b.self, whole_ring(), 2)});
  b.receive(peer(9), Abandon{transfer});
  BOOST_TEST(serves(a));
  BOOST_TEST(!serves(b));
  BOOST_TEST(b.host.has_copy(whole_ring()));
}

BOOST_AUTO_TEST_CASE(an_arc_on_the_move_is_neither_split_nor_moved_again) {
  begin();
  BOOST_TEST(!a.host.split(end, middle(whole_ring()), a.out));
  BOOST_TEST(!begin());
  run();
  BOOST_TEST(b.host.split(end, middle(whole_ring()), b.out));
  BOOST_TEST(b.host.move(b.now, end, a.self, b.out));
  run();
  BOOST_TEST(serves(a));
  BOOST_TEST(a.host.totals().keys + b.host.totals().keys == 300u);
}

BOOST_AUTO_TEST_CASE(a_learner_that_is_too_slow_for_the_writes_is_given_up) {
  GroupOptions tight = options(0);
  tight.tail_entries_max = 10;
  TestHost c{3, tight};
  c.host.open(c.now, view_of(c.self, whole_ring()), c.out);
  BOOST_TEST(c.host.move(c.now, end, b.self, c.out));
  for (int i = 0; i < 11; ++i) c.execute(put_string("key" + std::to_string(i), "v"));
  BOOST_TEST(sent<Abandon>(c.out).size() == 1u);
  BOOST_TEST(c.host.transfers() == 0u);
  BOOST_TEST(c.host.totals().keys == 11u);
}

BOOST_AUTO_TEST_CASE(a_due_record_is_not_judged_while_the_arc_changes_hands) {
  Put put = put_string("due", "v");
  put.expiry = {Expiry::Kind::after, 50};
  a.execute(put);
  until_prepared();
  a.now = b.now = at(60ms);
  BOOST_TEST((a.execute(Get{"due"})->error == OpError::moving));
  pass(b, a);
  pass(a, b);
  BOOST_TEST((b.execute(Get{"due"})->outcome == Outcome::not_found));
}

BOOST_AUTO_TEST_CASE(a_learner_that_nobody_talks_to_drops_its_unfinished_copy) {
  begin();
  pass(a, b);
  BOOST_TEST(b.host.transfers() == 1u);
  wait(20s);
  BOOST_TEST(b.host.transfers() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hopring
