// A keyspace as a dialogue: what the own shard executes, what goes to the desk, and what to others.

#include "peer/resp/ring_keyspace.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/peer/core/core_support.hpp"

using namespace hopring;
using namespace hopring::resp;

namespace {

// One shard, which serves three of four cells; the last one is another peer's.
struct Fixture {
  static constexpr std::uint32_t cells = 4;

  PeerRef self = peer(1);
  PeerRef other = peer(2);
  Now now{Time{100s}, {1'700'000'000'000}};
  RingConfig ring;
  Shard shard{self, GroupOptions{}, Rng(1)};
  Desk desk{shard, 0, 1};
  DeskOutbox out;
  RingKeyspace keyspace{self, shard, desk, out, Rng(2)};
  Call call{1, 2, 3};

  Fixture() {
    ring.ring_id = 7;
    ring.nodes_per_peer = cells;
    ring.hash_key = HashKey{{1, 2}};
    enter();
  }
  void enter() {
    GroupOutbox news;
    shard.on(now, EnterRing{ring}, news);
    shard.on(now, TakeWrites{}, news);
    for (std::uint32_t cell = 0; cell + 1 < cells; ++cell) {
      shard.on(now, OpenArc{View{equal_arc(cell, cells), {1, 0, 1}, 0, {self}}}, news);
    }
  }
  std::string key_in(std::uint32_t cell) const {
    for (int i = 0;; ++i) {
      std::string key = "key" + std::to_string(i);
      if (cell_of(position_of(ring.hash_key, key), cells) == cell) return key;
    }
  }
  // The result, or nullopt: it comes later.
  std::optional<OpResult> execute(Operation operation) {
    OpResultSink sink;
    if (!keyspace.execute(now, call, operation, sink)) return std::nullopt;
    return sink.result;
  }
  std::optional<OpResult> put(std::uint32_t cell) {
    return execute(Put{key_in(cell), Value{ValueType::string, "v"}, {}});
  }
  std::optional<OpResult> get(std::uint32_t cell) { return execute(Get{key_in(cell)}); }
  // As a worker does: replies of the desk to the keyspace.
  void deliver() {
    keyspace.end_turn(now);
    shard.end_turn(now, out.news);
    desk.take_answers(out);
    auto replies = std::exchange(out.replies, {});
    for (SendReply& each : replies) {
      BOOST_REQUIRE(RingKeyspace::is_own(each.to));
      keyspace.on_reply(now, std::move(each));
    }
  }
  // The front says where the key of the last cell is.
  void redirect() {
    keyspace.end_turn(now);
    BOOST_REQUIRE(out.notes.size() == 1u);
    auto unserved = std::get<Unserved>(std::move(out.notes[0]));
    out.notes.clear();
    const View view{equal_arc(cells - 1, cells), {1, 0, 1}, 0, {other}};
    if (auto* batch = std::get_if<BatchReply>(&unserved.done.reply)) {
      batch->answers[unserved.holes.at(0).first] = Redirect{view, {}};
    } else {
      std::get<OpReply>(unserved.done.reply).answer = Redirect{view, {}};
    }
    desk.on(now, std::move(unserved.done), out);
    deliver();
  }
  template <class Effect>
  Effect take_effect() {
    BOOST_REQUIRE(keyspace.effects().size() == 1u);
    auto effect = std::get<Effect>(std::move(keyspace.effects()[0]));
    keyspace.effects().clear();
    return effect;
  }
  OpResult take_result() {
    BOOST_REQUIRE(keyspace.ended().size() == 1u);
    auto ended = std::move(keyspace.ended()[0]);
    keyspace.ended().clear();
    BOOST_TEST((ended.call == call));
    return std::get<OpResult>(std::move(ended.finding));
  }
  // A put that has been sent to the other peer.
  SendRequest send_to_other(const std::string& value = "v") {
    BOOST_TEST(!execute(Put{key_in(3), Value{ValueType::string, value}, {}}).has_value());
    redirect();
    const auto dialled = take_effect<Connect>();
    BOOST_TEST((dialled.to == other));
    keyspace.on_connected(now, other, other, ring);
    return take_effect<SendRequest>();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resp_ring_keyspace, Fixture)

BOOST_AUTO_TEST_CASE(what_the_own_shard_serves_is_answered_at_once) {
  BOOST_TEST((put(0) == OpResult{}));
  BOOST_TEST(get(0)->value.value().bytes == "v");
  BOOST_TEST((get(1)->outcome == Outcome::not_found));
  BOOST_TEST(keyspace.effects().empty());
  BOOST_TEST(out.is_empty());
}

BOOST_AUTO_TEST_CASE(a_malformed_operation_is_answered_at_once) {
  BOOST_TEST((execute(Get{""})->error == OpError::key_empty));
}

BOOST_AUTO_TEST_CASE(what_another_peer_serves_is_asked_of_it) {
  const SendRequest sent = send_to_other();
  BOOST_TEST((sent.to == other));
  keyspace.on_reply(now, other, sent.id, OpReply{OpResult{}, {}, {}});
  BOOST_TEST((take_result() == OpResult{}));
  // By now the way is known.
  BOOST_TEST(!get(3).has_value());
  BOOST_TEST(!get(3).has_value());
  BOOST_TEST(keyspace.effects().empty());
  keyspace.end_turn(now);
  const auto both = take_effect<SendRequest>();
  BOOST_TEST((both.to == other));
  BOOST_TEST(std::get<BatchRequest>(*both.message).operations.size() == 2u);
  BOOST_TEST(out.is_empty());
}

BOOST_AUTO_TEST_CASE(a_write_whose_answer_is_lost_is_in_doubt_and_a_read_is_not) {
  send_to_other();
  keyspace.on_link_down(now, other, LinkDown::lost);
  BOOST_TEST((take_result().error == OpError::connection_lost));
  BOOST_TEST(!get(3).has_value());
  now.monotonic = now.monotonic + operation_timeout;
  keyspace.on_deadline(now);
  BOOST_TEST(is_definite(take_result().error.value()));
}

BOOST_AUTO_TEST_CASE(a_long_value_has_the_time_that_it_takes_to_reach_the_members) {
  const std::size_t bytes = std::size_t{16} << 20;
  send_to_other(std::string(bytes, 'v'));
  const Time begun = now.monotonic;
  now.monotonic = begun + operation_timeout + passing_time(ClientLimits{}, bytes);
  keyspace.on_deadline(now);
  BOOST_TEST(keyspace.ended().empty());  // its key and what goes with it are some bytes more
  BOOST_TEST((keyspace.next_deadline() < begun + operation_timeout + 5s));
  now.monotonic = keyspace.next_deadline();
  keyspace.on_deadline(now);
  BOOST_TEST((take_result().error == OpError::timed_out));
}

BOOST_AUTO_TEST_CASE(what_is_not_taken_yet_is_tried_again) {
  GroupOutbox news;
  shard.on(now, LeaveRing{}, news);
  shard.on(now, EnterRing{ring}, news);
  shard.on(now, OpenArc{View{equal_arc(0, cells), {1, 0, 1}, 0, {self}}}, news);
  BOOST_TEST(!put(0).has_value());  // a fresh ring takes no writes
  shard.on(now, TakeWrites{}, news);
  now.monotonic = keyspace.next_deadline();
  keyspace.on_deadline(now);
  BOOST_TEST((take_result() == OpResult{}));
}

BOOST_AUTO_TEST_CASE(a_peer_without_a_ring_answers_nothing_and_says_so) {
  GroupOutbox news;
  shard.on(now, LeaveRing{}, news);
  BOOST_TEST(!get(0).has_value());
  const Time end = now.monotonic + operation_timeout;
  while (keyspace.ended().empty()) {
    BOOST_REQUIRE((keyspace.next_deadline() <= end));
    now.monotonic = keyspace.next_deadline();
    keyspace.on_deadline(now);
  }
  BOOST_TEST((take_result().error == OpError::no_route));
}

BOOST_AUTO_TEST_CASE(another_ring_at_the_own_peer_is_noticed) {
  send_to_other();
  ring.ring_id = 8;
  ring.hash_key = HashKey{{3, 4}};
  GroupOutbox news;
  shard.on(now, LeaveRing{}, news);
  enter();
  BOOST_TEST((get(0)->outcome == Outcome::not_found));
  keyspace.on_link_down(now, other, LinkDown::lost);
  BOOST_TEST((take_result().error == OpError::connection_lost));
}

BOOST_AUTO_TEST_CASE(where_arcs_have_copies_a_write_waits_for_its_majority) {
  ring.replicas = 3;
  GroupOutbox news;
  shard.on(now, LeaveRing{}, news);
  enter();
  BOOST_TEST(!put(0).has_value());
  deliver();
  BOOST_TEST((take_result() == OpResult{}));
}

BOOST_AUTO_TEST_CASE(a_report_is_asked_of_the_front) {
  keyspace.report(now, call, std::nullopt);
  BOOST_REQUIRE(out.notes.size() == 1u);
  const auto wanted = std::get<ReportWanted>(out.notes[0]);
  ReportReply report;
  report.ring = ring;
  desk.on(now, ErrandDone{wanted.number, report}, out);
  deliver();
  BOOST_REQUIRE(keyspace.ended().size() == 1u);
  BOOST_TEST((std::get<ReportFound>(keyspace.ended()[0].finding).report->ring == ring));
}

BOOST_AUTO_TEST_CASE(another_peer_is_asked_for_its_report_itself) {
  keyspace.report(now, call, other);
  BOOST_TEST((take_effect<Connect>().to == other));
  keyspace.on_connected(now, other, other, ring);
  const SendRequest sent = take_effect<SendRequest>();
  BOOST_TEST(std::holds_alternative<ReportRequest>(*sent.message));
  ReportReply report;
  report.self = other;
  keyspace.on_reply(now, other, sent.id, std::move(report));
  BOOST_REQUIRE(keyspace.ended().size() == 1u);
  BOOST_TEST((std::get<ReportFound>(keyspace.ended()[0].finding).report->self == other));
}

BOOST_AUTO_TEST_CASE(a_step_of_a_scan_is_asked_of_who_has_the_arc) {
  put(0);
  keyspace.scan(now, call, Scan{{Position{0}, {}}, {}, 10, true});
  BOOST_REQUIRE(keyspace.ended().size() == 1u);
  const auto page = std::get<ScanResult>(std::move(keyspace.ended()[0].finding));
  keyspace.ended().clear();
  BOOST_REQUIRE(page.step.records.size() == 1u);
  BOOST_TEST(page.step.records[0].key == key_in(0));
  BOOST_TEST((page.step.next->position == advance(equal_arc(0, cells).end, 1)));
  send_to_other();
  keyspace.scan(now, call, Scan{{equal_arc(cells - 1, cells).end, {}}, {}, 10, true});
  BOOST_TEST((take_effect<SendRequest>().to == other));
  keyspace.on_link_down(now, other, LinkDown::lost);
  keyspace.ended().clear();  // of the put; the scan goes on until its time is over
  now.monotonic = now.monotonic + operation_timeout;
  keyspace.on_deadline(now);
  BOOST_REQUIRE(keyspace.ended().size() == 1u);
  BOOST_TEST(is_definite(*std::get<ScanResult>(keyspace.ended()[0].finding).error));
}

BOOST_AUTO_TEST_SUITE_END()
