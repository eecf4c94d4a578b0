// The desks of one peer's shards as a dialogue: who executes what, and how answers come together.

#include "peer/core/desk.hpp"

#include <boost/test/unit_test.hpp>
#include <deque>

#include "tests/peer/core/core_support.hpp"

namespace hopring {
namespace {

// Two shards of a ring of four cells; every cell but the last is served.
struct DeskFixture {
  static constexpr std::uint32_t cells = 4;

  PeerRef self = peer(1);
  Now now{Time{100s}, {1'700'000'000'000}};
  RingConfig ring;
  GroupOptions options;
  Shard shards[2] = {{self, options, Rng(1)}, {self, options, Rng(2)}};
  Desk desks[2] = {{shards[0], 0, 2}, {shards[1], 1, 2}};
  DeskOutbox out;  // of the last input
  std::deque<ToDesk> on_way;
  std::vector<FrontNote> notes;
  std::vector<SendReply> replies;
  Ticket asker{7, 8, 9};

  DeskFixture() {
    ring.ring_id = 7;
    ring.nodes_per_peer = cells;
    ring.hash_key = HashKey{{1, 2}};
    GroupOutbox news;
    for (Shard& shard : shards) shard.on(now, EnterRing{ring}, news);
  }
  void serve_three_cells() {
    GroupOutbox news;
    for (Shard& shard : shards) shard.on(now, TakeWrites{}, news);
    for (std::uint32_t cell = 0; cell + 1 < cells; ++cell) {
      const View view{equal_arc(cell, cells), {1, 0, 1}, 0, {self}};
      shards[cell % 2].on(now, OpenArc{view}, news);
    }
  }
  std::optional<ClientReplyMessage> ask(std::uint32_t desk, ClientRequestMessage request) {
    auto reply = desks[desk].on_request(now, asker, std::move(request), out);
    end_turn(desk);
    take();
    return reply;
  }
  void end_turn(std::uint32_t desk) {
    shards[desk].end_turn(now, out.news);
    desks[desk].take_answers(out);
  }
  void take() {
    for (ToDesk& each : out.errands) on_way.push_back(std::move(each));
    for (FrontNote& each : out.notes) notes.push_back(std::move(each));
    for (SendReply& each : out.replies) replies.push_back(std::move(each));
    out = {};
  }
  // Delivers what desks tell each other, the newest first: their order does not matter.
  void deliver() {
    while (!on_way.empty()) {
      ToDesk each = std::move(on_way.back());
      on_way.pop_back();
      std::visit([&](auto& it) { desks[each.desk].on(now, std::move(it), out); }, each.message);
      end_turn(each.desk);
      take();
    }
  }
  // The n-th key whose position lies in the cell.
  std::string key_in(std::uint32_t cell, int n = 0) const {
    for (int i = 0;; ++i) {
      std::string key = "key" + std::to_string(i);
      if (cell_of(position_of(ring.hash_key, key), cells) == cell && n-- == 0) return key;
    }
  }
  static Put put(std::string key, std::string value = "v") {
    return Put{std::move(key), Value{ValueType::string, std::move(value)}, {}};
  }
  static const OpResult& result(const OpAnswer& answer) { return std::get<OpResult>(answer); }
  // All replies to a batch of `count` operations, put together.
  BatchReply batch_reply(std::size_t count) {
    BatchReply whole;
    whole.answers.resize(count);
    std::vector<bool> has_answer(count);
    for (std::size_t r = 0; r < replies.size(); ++r) {
      BOOST_TEST((replies[r].to == asker));
      BOOST_TEST(replies[r].is_last == (r + 1 == replies.size()));
      auto each = std::get<BatchReply>(std::move(replies[r].reply));
      const bool is_of_all = each.places.empty();
      BOOST_REQUIRE(each.answers.size() == (is_of_all ? count : each.places.size()));
      for (std::size_t i = 0; i < each.answers.size(); ++i) {
        const std::size_t place = is_of_all ? i : each.places[i];
        BOOST_TEST(!has_answer.at(place));
        has_answer[place] = true;
        whole.answers[place] = std::move(each.answers[i]);
      }
      whole.views.insert(whole.views.end(), each.views.begin(), each.views.end());
      whole.marks.insert(whole.marks.end(), each.marks.begin(), each.marks.end());
    }
    BOOST_TEST(std::count(has_answer.begin(), has_answer.end(), true) == std::ssize(has_answer));
    return whole;
  }
  void check_nothing_waits() {
    for (const Desk& desk : desks) BOOST_TEST(desk.waiting() == 0u);
  }
};

BOOST_FIXTURE_TEST_SUITE(desk, DeskFixture)

BOOST_AUTO_TEST_CASE(what_the_own_shard_serves_is_answered_at_once) {
  serve_three_cells();
  const auto reply = ask(0, OpRequest{put(key_in(0))});
  BOOST_REQUIRE(reply.has_value());
  BOOST_TEST((result(std::get<OpReply>(*reply).answer) == OpResult{}));
  BOOST_TEST(std::get<OpReply>(*reply).view.value().arc == equal_arc(0, cells));
  BOOST_TEST(on_way.empty());
}

BOOST_AUTO_TEST_CASE(what_another_shard_serves_is_an_errand_to_its_desk) {
  serve_three_cells();
  BOOST_TEST(!ask(0, OpRequest{put(key_in(1))}).has_value());
  BOOST_TEST(desks[0].waiting() == 1u);
  deliver();
  BOOST_REQUIRE(replies.size() == 1u);
  BOOST_TEST((replies[0].to == asker));
  BOOST_TEST((result(std::get<OpReply>(replies[0].reply).answer) == OpResult{}));
  BOOST_TEST(shards[1].host()->totals().keys == 1u);
  check_nothing_waits();
}

BOOST_AUTO_TEST_CASE(one_operation_is_tried_here_and_nowhere_else) {
  OpResult told;
  const auto attempt = [&](const std::string& key) {
    OpResultSink sink;
    const auto tried = desks[0].try_execute(now, asker, put(key), sink, out);
    told = sink.result;
    return tried;
  };
  BOOST_TEST((attempt(key_in(0)) == Shard::Executed::answered));
  BOOST_TEST((told.error == OpError::moving));  // a fresh ring takes no writes
  serve_three_cells();
  BOOST_TEST((attempt(key_in(0)) == Shard::Executed::answered));
  BOOST_TEST((told == OpResult{}));
  BOOST_TEST((attempt("") == Shard::Executed::answered));
  BOOST_TEST((told.error == OpError::key_empty));
  BOOST_TEST((attempt(key_in(1)) == Shard::Executed::unserved));
  BOOST_TEST((attempt(key_in(3)) == Shard::Executed::unserved));
  take();
  BOOST_TEST(on_way.empty());
  BOOST_REQUIRE(notes.size() == 1u);
  BOOST_TEST(std::holds_alternative<WriteCame>(notes[0]));
  check_nothing_waits();
}

BOOST_AUTO_TEST_CASE(an_operation_that_was_tried_and_waits_is_answered_later) {
  ring.replicas = 3;
  GroupOutbox news;
  for (Shard& shard : shards) shard.on(now, EnterRing{ring}, news);
  serve_three_cells();
  OpResultSink sink;
  const auto tried = desks[0].try_execute(now, asker, put(key_in(0)), sink, out);
  BOOST_TEST((tried == Shard::Executed::pending));
  BOOST_TEST(desks[0].waiting() == 1u);
  BOOST_TEST(shards[0].is_in_turn());
  end_turn(0);
  BOOST_TEST(!shards[0].is_in_turn());
  take();
  BOOST_REQUIRE(replies.size() == 1u);
  BOOST_TEST((replies[0].to == asker));
  BOOST_TEST((result(std::get<OpReply>(replies[0].reply).answer) == OpResult{}));
  check_nothing_waits();
}

// Where arcs may have several copies a write waits until it is committed: here at once, since this
// peer is the only member.
BOOST_AUTO_TEST_CASE(what_has_its_answer_is_told_while_the_rest_of_the_batch_waits) {
  ring.replicas = 3;
  GroupOutbox news;
  for (Shard& shard : shards) shard.on(now, EnterRing{ring}, news);
  serve_three_cells();
  ask(0, BatchRequest{{put(key_in(0)), Get{key_in(0)}, put(key_in(1)), Get{key_in(3)}}});
  deliver();
  BOOST_REQUIRE(replies.size() == 2u);  // what each of the shards serves
  BOOST_TEST((std::get<BatchReply>(replies[0].reply).places == std::vector<std::uint16_t>{2}));
  BOOST_TEST((std::get<BatchReply>(replies[1].reply).places == std::vector<std::uint16_t>{0, 1}));
  BOOST_TEST(!replies[1].is_last);
  BOOST_REQUIRE(notes.size() == 1u);
  auto& unserved = std::get<Unserved>(notes[0]);
  BOOST_REQUIRE(unserved.holes.size() == 1u);
  auto& answers = std::get<BatchReply>(unserved.done.reply).answers;
  answers.at(unserved.holes[0].first) = Redirect{};
  on_way.push_back(ToDesk{unserved.desk, unserved.done});
  deliver();
  const BatchReply reply = batch_reply(4);
  BOOST_TEST(std::holds_alternative<Redirect>(reply.answers[3]));
  BOOST_TEST((result(reply.answers[0]) == OpResult{}));
  BOOST_TEST(result(reply.answers[1]).value.value().bytes == "v");
  BOOST_TEST((result(reply.answers[2]) == OpResult{}));
  check_nothing_waits();
}

// Goal: where reads wait for a majority, so do gets, batches and steps of scans: here not for long,
// since this peer is the only member.
BOOST_AUTO_TEST_CASE(reads_by_majority_are_answered_when_they_are_confirmed) {
  ring.replicas = 3;
  ring.reads = Reads::majority;
  GroupOutbox news;
  for (Shard& shard : shards) shard.on(now, EnterRing{ring}, news);
  serve_three_cells();
  for (const std::uint32_t desk : {0u, 1u}) {
    ask(desk, OpRequest{put(key_in(1))});
    deliver();
    replies.clear();
    BOOST_TEST(!ask(desk, OpRequest{Get{key_in(1)}}).has_value());
    deliver();
    BOOST_TEST(result(std::get<OpReply>(replies.at(0).reply).answer).value.value().bytes == "v");
    replies.clear();
    ask(desk, BatchRequest{{Get{key_in(1)}, put(key_in(1)), Get{key_in(0)}, Get{key_in(1)}}});
    deliver();
    BOOST_TEST(result(batch_reply(4).answers[3]).value.value().bytes == "v");
    replies.clear();
    Scan scan;
    scan.cursor.position = advance(equal_arc(1, cells).begin, 1);
    ask(desk, ScanRequest{scan});
    deliver();
    const auto& reply = std::get<ScanReply>(replies.at(0).reply);
    BOOST_TEST(std::get<ScanStep>(reply.answer).records.size() == 1u);
    BOOST_TEST(reply.view.value().arc == equal_arc(1, cells));
    check_nothing_waits();
  }
}

BOOST_AUTO_TEST_CASE(a_batch_over_several_shards_is_cut_and_put_together_in_its_order) {
  serve_three_cells();
  BatchRequest batch;
  for (int i = 0; i < 30; ++i) {
    const std::string key = key_in(static_cast<std::uint32_t>(i % 3), i / 3);
    batch.operations.emplace_back(put(key, "v" + key));
    batch.operations.emplace_back(Get{key});  // after the put of its key
  }
  BOOST_TEST(!ask(1, batch).has_value());
  deliver();
  const BatchReply reply = batch_reply(60);
  for (std::size_t i = 1; i < 60; i += 2) {
    BOOST_TEST(result(reply.answers[i]).value.value().bytes == "v" + key_of(batch.operations[i]));
  }
  BOOST_TEST(reply.views.size() == 3u, "each view once");
  check_nothing_waits();
}

// Goal: where nobody here serves, the front says where to go; the rest of the batch is done.
BOOST_AUTO_TEST_CASE(positions_that_are_not_served_go_to_the_front_as_holes) {
  serve_three_cells();
  ask(0, BatchRequest{{put(key_in(0)), put(key_in(3)), put(key_in(1)), put(key_in(3, 1))}});
  deliver();
  BOOST_REQUIRE(replies.size() == 1u);  // of the shard that serves all that it was asked for
  BOOST_REQUIRE(notes.size() == 1u);
  auto& unserved = std::get<Unserved>(notes[0]);
  BOOST_TEST(unserved.desk == 0u);
  BOOST_REQUIRE(unserved.holes.size() == 2u);
  for (const auto& [index, position] : unserved.holes) {
    BOOST_TEST(cell_of(position, cells) == 3u);
    std::get<BatchReply>(unserved.done.reply).answers[index] = Redirect{};
  }
  on_way.push_back(ToDesk{0, std::move(unserved.done)});
  deliver();
  const BatchReply reply = batch_reply(4);
  BOOST_TEST((result(reply.answers[0]) == OpResult{}));
  BOOST_TEST(std::holds_alternative<Redirect>(reply.answers[1]));
  BOOST_TEST((result(reply.answers[2]) == OpResult{}));
  BOOST_TEST(std::holds_alternative<Redirect>(reply.answers[3]));
  check_nothing_waits();
}

// Goal: a peer that serves an arc tells of it who does not know, and nobody else.
BOOST_AUTO_TEST_CASE(a_view_that_the_request_names_is_not_told_again) {
  serve_three_cells();
  const View view{equal_arc(0, cells), {1, 0, 1}, 0, {self}};
  const View other{equal_arc(0, cells), {1, 0, 2}, 0, {self}};
  const std::uint64_t marks[] = {0, mark_of(other), mark_of(view)};
  for (const std::uint64_t known : marks) {
    const auto one = ask(0, OpRequest{put(key_in(0)), {}, known});
    BOOST_TEST(std::get<OpReply>(one.value()).view.has_value() == (known != mark_of(view)));
    const auto batch =
        ask(0, BatchRequest{{put(key_in(0)), Get{key_in(0)}}, {}, {known, mark_of(view)}});
    const auto& views = std::get<BatchReply>(batch.value()).views;
    BOOST_TEST(views.size() == (known != mark_of(view) ? 1u : 0u));
  }
}

// Goal: what is read together is told as if it had been read alone.
// Method: 60 gets in a batch, of two arcs of one shard, some of them of no record, malformed, or
// behind a write; each is asked for alone, too.
BOOST_AUTO_TEST_CASE(gets_of_a_batch_are_answered_as_if_they_came_alone) {
  serve_three_cells();
  BatchRequest batch;
  for (int i = 0; i < 60; ++i) {
    const std::string key = key_in(i % 2 == 0 ? 0 : 2, i / 2);
    if (i % 3 != 0) ask(0, OpRequest{put(key, "v" + key)});
    batch.operations.emplace_back(Get{i == 37 ? std::string() : key});
  }
  batch.operations[20] = put(key_in(0, 20), "new");  // read by the 40th
  const View view{equal_arc(0, cells), {1, 0, 1}, 0, {self}};
  for (int i = 0; i < 60; ++i) batch.known.push_back(i % 2 == 0 ? mark_of(view) : 0);
  const auto together = std::get<BatchReply>(ask(0, batch).value());
  BOOST_REQUIRE(together.answers.size() == 60u);
  for (std::size_t i = 0; i < 60; ++i) {
    const auto alone = std::get<OpReply>(ask(0, OpRequest{batch.operations[i]}).value());
    BOOST_TEST((together.answers[i] == alone.answer), "the answer " << i);
  }
  // The malformed one has no arc here; of the others one view is new to who asks.
  BOOST_REQUIRE(together.views.size() == 1u);
  BOOST_TEST((together.views[0].arc == equal_arc(2, cells)));
}

BOOST_AUTO_TEST_CASE(a_scan_goes_to_the_shard_of_its_cursor) {
  serve_three_cells();
  ask(1, OpRequest{put(key_in(1))});
  Scan scan;
  scan.cursor.position = advance(equal_arc(1, cells).begin, 1);
  BOOST_TEST(ask(1, ScanRequest{scan}).has_value());
  BOOST_TEST(!ask(0, ScanRequest{scan}).has_value());
  deliver();
  const auto& step = std::get<ScanStep>(std::get<ScanReply>(replies.at(0).reply).answer);
  BOOST_REQUIRE(step.records.size() == 1u);
  BOOST_TEST(step.records[0].key == key_in(1));
}

BOOST_AUTO_TEST_CASE(a_report_is_the_fronts) {
  BOOST_TEST(!ask(1, ReportRequest{}).has_value());
  const auto wanted = std::get<ReportWanted>(notes.at(0));
  on_way.push_back(ToDesk{wanted.desk, ErrandDone{wanted.number, ReportReply{}}});
  deliver();
  BOOST_TEST(std::holds_alternative<ReportReply>(replies.at(0).reply));
  check_nothing_waits();
}

BOOST_AUTO_TEST_CASE(where_arcs_have_one_copy_a_repair_is_refused_at_once) {
  const auto reply = ask(0, RepairRequest{{equal_arc(1, cells), 2, std::nullopt}});
  BOOST_TEST((std::get<RepairReply>(reply.value()).repaired.refused == RepairRefusal::one_copy));
}

BOOST_AUTO_TEST_CASE(a_repair_is_the_fronts_and_then_an_errand_to_the_shard_of_the_arc) {
  ring.replicas = 3;
  GroupOutbox news;
  for (Shard& shard : shards) shard.on(now, EnterRing{ring}, news);
  const Repair repair{equal_arc(1, cells), 2, std::nullopt};
  BOOST_TEST(!ask(0, RepairRequest{repair}).has_value());
  BOOST_TEST(on_way.empty());
  const auto wanted = std::get<RepairWanted>(notes.at(0));
  BOOST_TEST((wanted.repair == repair));
  on_way.push_back(ToDesk{1, Errand{wanted.desk, wanted.number, RepairRequest{repair}}});
  deliver();
  BOOST_TEST(!std::get<RepairReply>(replies.at(0).reply).repaired.refused.has_value());
  BOOST_TEST(shards[1].replicas()->replicas().size() == 1u);
  check_nothing_waits();
}

// Goal: a ring that may still be given up for an older one takes no write; the front hears of it.
BOOST_AUTO_TEST_CASE(a_write_before_writes_may_be_taken_is_refused_and_told_to_the_front) {
  const View view{equal_arc(0, cells), {1, 0, 1}, 0, {self}};
  GroupOutbox news;
  shards[0].on(now, OpenArc{view}, news);
  const auto refused = ask(0, OpRequest{put(key_in(0))});
  BOOST_TEST(result(std::get<OpReply>(refused.value()).answer).error.value() == OpError::moving);
  BOOST_TEST(std::holds_alternative<WriteCame>(notes.at(0)));
  BOOST_TEST(shards[0].host()->totals().keys == 0u);
  shards[0].on(now, TakeWrites{}, news);
  const auto taken = ask(0, OpRequest{put(key_in(0))});
  BOOST_TEST(!result(std::get<OpReply>(taken.value()).answer).error.has_value());
}

// Goal: who writes without end to a ring that takes no writes yet fills no queue of the front's.
BOOST_AUTO_TEST_CASE(of_many_refused_writes_the_front_hears_once_in_an_interval) {
  const OpRequest write{put(key_in(0))};
  for (int i = 0; i < 1000; ++i) ask(0, write);
  BOOST_TEST(notes.size() == 1u);
  now.monotonic = now.monotonic + write_note_interval;
  for (int i = 0; i < 1000; ++i) ask(0, write);
  BOOST_TEST(notes.size() == 2u);
}

BOOST_AUTO_TEST_CASE(without_a_ring_operations_are_unavailable) {
  GroupOutbox news;
  for (Shard& shard : shards) shard.on(now, LeaveRing{}, news);
  const auto reply = ask(1, OpRequest{Get{"k"}});
  BOOST_TEST(result(std::get<OpReply>(reply.value()).answer).error.value() == OpError::unavailable);
  const auto scan = ask(1, ScanRequest{});
  BOOST_TEST((scan == ClientReplyMessage(ErrorReply{OpError::unavailable})));
}

// Goal: what waits in memory for a connection is bounded before it can be held back.
BOOST_AUTO_TEST_CASE(beside_others_a_long_value_of_another_shard_is_overloaded) {
  serve_three_cells();
  const std::string key = key_in(1);
  const std::string longest(errand_value_bytes_max, 'v');
  const auto got = [&](std::uint32_t desk, bool is_alone) {
    replies.clear();
    asker.is_alone = is_alone;
    const auto reply = ask(desk, OpRequest{Get{key}});
    deliver();
    return result(std::get<OpReply>(reply ? *reply : replies.at(0).reply).answer);
  };
  ask(1, OpRequest{put(key, longest)});
  BOOST_TEST(got(0, false).value->bytes.size() == longest.size());
  ask(1, OpRequest{put(key, longest + "v")});
  BOOST_TEST(got(0, false).error.value() == OpError::overloaded);
  BOOST_TEST(got(0, true).value->bytes.size() == longest.size() + 1);
  BOOST_TEST(got(1, false).value->bytes.size() == longest.size() + 1, "its own shard's");
  check_nothing_waits();
}

BOOST_AUTO_TEST_CASE(beside_others_a_batch_brings_fewer_bytes_of_another_shard) {
  serve_three_cells();
  const std::string value(errand_value_bytes_max, 'v');
  const std::size_t fit = errand_batch_bytes_max / errand_value_bytes_max + 1;
  BatchRequest batch;
  for (std::size_t n = 0; n < fit + 3; ++n) {
    const std::string key = key_in(1, static_cast<int>(n));
    ask(1, OpRequest{put(key, value)});
    batch.operations.push_back(Get{key});
  }
  asker.is_alone = false;
  ask(0, batch);
  deliver();
  std::size_t brought = 0;
  const BatchReply reply = batch_reply(batch.operations.size());
  for (const OpAnswer& answer : reply.answers) brought += result(answer).value ? 1u : 0u;
  BOOST_TEST(brought == fit);
  check_nothing_waits();
}

// Goal: a reply fits into a frame, whatever a batch asks for; what was not executed says so.
BOOST_AUTO_TEST_CASE(what_does_not_fit_into_a_batchs_reply_is_overloaded) {
  serve_three_cells();
  constexpr std::size_t value_bytes = std::size_t{4} << 20;
  const std::string value(value_bytes, 'v');
  BatchRequest gets;
  for (const std::uint32_t cell : {0u, 1u}) {
    for (int n = 0; n < 6; ++n) {
      ask(cell, OpRequest{put(key_in(cell, n), value)});
      gets.operations.emplace_back(Get{key_in(cell, n)});
    }
  }
  gets.operations.emplace_back(put(key_in(0, 99)));
  ask(0, gets);
  deliver();
  std::size_t bytes = 0;
  std::size_t refused = 0;
  const BatchReply reply = batch_reply(gets.operations.size());
  for (const OpAnswer& answer : reply.answers) {
    if (result(answer).value) bytes += result(answer).value->bytes.size();
    if (result(answer).error) {
      BOOST_TEST(result(answer).error.value() == OpError::overloaded);
      ++refused;
    }
  }
  BOOST_TEST(bytes == 4 * value_bytes, "15 MiB and one more value");
  BOOST_TEST(refused == 9u);
  BOOST_TEST(result(reply.answers.back()).error.has_value());
  BOOST_TEST(shards[0].host()->totals().keys == 6u, "a write that is refused has not happened");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
