// Reads where clocks are not trusted, as a dialogue of three hosts.

#include <array>
#include <boost/test/unit_test.hpp>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include "storage/group/replica_host.hpp"
#include "support.hpp"

namespace hopring {
namespace {

constexpr std::size_t old_primary = 0;

// Three hosts of one arc, whose first primary is host 0. What they send is on its way until the
// test delivers it.
struct Trio {
  struct OnWay {
    std::size_t from;
    std::size_t to;
    GroupMessage message;
  };

  explicit Trio(bool by_majority = true, GroupOptions given = {}) : options(given) {
    options.reads_by_majority = by_majority;
    for (std::uint16_t n = 1; n <= 3; ++n) {
      hosts[n - 1u] = std::make_unique<ReplicaHost>(peer(n), test_hash_key, options, Rng(n));
    }
    in(old_primary, [&](ReplicaHost& host, GroupOutbox& out) {
      host.open(clock(old_primary), view_of(peer(1), whole_ring()), out);
      BOOST_TEST(host.change(clock(old_primary), whole_ring().end, {peer(1), peer(2), peer(3)},
                             std::nullopt, out));
    });
    run(2s);
    BOOST_REQUIRE(replica(old_primary).leads());
    BOOST_REQUIRE(replica(old_primary).raft().all_have_copies());
    beats = 0;
  }

  Now clock(std::size_t host) const { return at(clocks[host]); }
  const Replica& replica(std::size_t host) const { return *hosts[host]->find(Position{5}); }

  template <class Input>
  void in(std::size_t host, Input&& input) {
    GroupOutbox out;
    input(*hosts[host], out);
    hosts[host]->end_turn(clock(host), out);
    for (GroupEffect& effect : out) {
      if (auto* send = std::get_if<SendGroup>(&effect)) {
        beats += std::holds_alternative<Heartbeats>(send->message) ? 1u : 0u;
        way.push_back({host, send->to.incarnation - 1u, std::move(send->message)});
      } else if (auto* answered = std::get_if<Answered>(&effect)) {
        BOOST_TEST(answers.emplace(answered->waiter, answered->result).second, "answered once");
      }
    }
  }
  // Those that are on their way now.
  void deliver_once() {
    for (OnWay& each : std::exchange(way, {})) {
      if (cut.contains(each.from) || cut.contains(each.to)) continue;
      in(each.to, [&](ReplicaHost& host, GroupOutbox& out) {
        host.on_message(clock(each.to), peer(static_cast<std::uint16_t>(each.from + 1)),
                        std::move(each.message), out);
      });
    }
  }
  void deliver() {
    while (!way.empty()) deliver_once();
  }
  void tick(Duration step) {
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      if (!stopped.contains(i)) clocks[i] += step;
      if (hosts[i]->next_deadline() > clock(i).monotonic) continue;
      in(i, [&](ReplicaHost& host, GroupOutbox& out) { host.on_deadline(clock(i), out); });
    }
  }
  void run(Duration duration) {
    for (Duration passed{}; passed < duration; passed += 10ms) {
      tick(10ms);
      deliver();
    }
  }
  // Its number; its answer, if there is one yet, is in `answers`.
  std::uint64_t ask(std::size_t to, const Operation& operation, bool after_writes = false) {
    const std::uint64_t waiter = ++asked;
    const auto* const get = std::get_if<Get>(&operation);
    const auto at_once = get != nullptr ? try_read(*hosts[to], clock(to), get->key) : std::nullopt;
    in(to, [&](ReplicaHost& host, GroupOutbox& out) {
      OpResultSink sink;
      const auto executed =
          host.execute(clock(to), operation, {waiter, after_writes, std::nullopt}, sink, out);
      BOOST_REQUIRE(executed.view != nullptr);
      if (!executed.is_pending) answers[waiter] = sink.result;
      // Two ways, one answer; only what comes after writes of its own batch may have to wait.
      BOOST_TEST((!at_once || after_writes || (!executed.is_pending && *at_once == sink.result)));
    });
    return waiter;
  }
  std::string value(std::uint64_t waiter) {
    if (!answers.contains(waiter)) return "(none yet)";
    const OpResult& result = answers[waiter];
    if (result.error) return std::string(name(*result.error));
    return result.value ? result.value->bytes : "(nothing)";
  }
  static Put brief(const std::string& key) {
    Put put = put_string(key, "v");
    put.expiry = Expiry{Expiry::Kind::after, 50};
    return put;
  }
  // A record of which nobody has seen yet that it is due.
  void leave_due(const std::string& key) {
    ask(old_primary, brief(key));
    deliver();
    tick(60ms);
    deliver();
  }
  void put(std::size_t to, const std::string& key, const std::string& bytes) {
    const std::uint64_t waiter = ask(to, put_string(key, bytes));
    deliver();
    BOOST_REQUIRE(answers.contains(waiter));
    BOOST_REQUIRE(!answers[waiter].error);
  }
  // The others elect one of them, whom the first primary does not hear of; it believes its clock.
  std::size_t depose_unheard() {
    cut.insert(old_primary);
    stopped.insert(old_primary);
    run(4s);
    const std::size_t next = replica(1).leads() ? 1 : 2;
    BOOST_REQUIRE(replica(next).leads());
    BOOST_REQUIRE(replica(old_primary).may_serve(clock(old_primary)));
    return next;
  }

  GroupOptions options;
  std::array<std::unique_ptr<ReplicaHost>, 3> hosts;
  std::array<Duration, 3> clocks{};
  std::deque<OnWay> way;
  std::set<std::size_t> cut;
  std::set<std::size_t> stopped;
  std::map<std::uint64_t, OpResult> answers;
  std::uint64_t asked = 0;
  std::uint64_t beats = 0;  // messages with heartbeats
};

BOOST_AUTO_TEST_SUITE(majority_reads)

BOOST_AUTO_TEST_CASE(a_read_is_answered_when_a_majority_has_answered_what_was_sent_after_it_came) {
  Trio trio;
  trio.put(old_primary, "k", "v");
  const auto read = trio.ask(old_primary, Get{"k"});
  BOOST_TEST(trio.value(read) == "(none yet)");
  trio.cut = {2};
  trio.deliver();
  BOOST_TEST(trio.value(read) == "v");
}

BOOST_AUTO_TEST_CASE(a_read_that_came_after_a_writes_acknowledgement_sees_it) {
  Trio trio;
  for (int i = 0; i < 20; ++i) {
    const std::string value = "v" + std::to_string(i);
    trio.put(old_primary, "k", value);
    const auto read = trio.ask(old_primary, Get{"k"});
    trio.deliver();
    BOOST_TEST(trio.value(read) == value);
  }
}

// Goal: no clock has a part in it. Method: the primary is cut off while its clock stands still, so
// that by its own account all promises hold; the others go on without it.
BOOST_AUTO_TEST_CASE(a_primary_that_is_cut_off_answers_no_read_even_when_its_clock_stands_still) {
  for (const bool by_majority : {true, false}) {
    Trio trio(by_majority);
    trio.put(old_primary, "k", "old");
    const std::size_t next = trio.depose_unheard();
    trio.put(next, "k", "new");
    const auto read = trio.ask(old_primary, Get{"k"});
    trio.run(2s);
    BOOST_TEST(trio.value(read) == (by_majority ? "(none yet)" : "old"));
    trio.cut.clear();
    trio.run(1s);
    BOOST_TEST(trio.value(read) == (by_majority ? "moving" : "old"));
  }
}

BOOST_AUTO_TEST_CASE(answers_to_what_was_sent_before_a_read_came_do_not_count) {
  for (const PlantedBug bug : {PlantedBug::none, PlantedBug::read_by_earlier_round}) {
    GroupOptions options;
    options.raft.bug = bug;
    Trio trio(true, options);
    trio.put(old_primary, "k", "v");
    trio.tick(200ms);
    trio.deliver_once();  // the heartbeats; the answers are on their way
    const auto read = trio.ask(old_primary, Get{"k"});
    trio.deliver_once();
    const bool is_early = trio.value(read) == "v";
    BOOST_TEST(is_early == (bug != PlantedBug::none));
    trio.run(200ms);
    BOOST_TEST(trio.value(read) == "v");
  }
}

BOOST_AUTO_TEST_CASE(reads_that_come_while_a_round_is_under_way_share_the_next_one) {
  Trio trio;
  trio.put(old_primary, "k", "v");
  trio.beats = 0;
  std::vector<std::uint64_t> reads;
  for (int i = 0; i < 100; ++i) reads.push_back(trio.ask(old_primary, Get{"k"}));
  BOOST_TEST(trio.beats == 2u, "one to each of the others");
  trio.deliver();
  BOOST_TEST(trio.beats == 4u, "for the first read, and for all others");
  for (const std::uint64_t each : reads) BOOST_TEST(trio.value(each) == "v");
  trio.deliver();
  BOOST_TEST(trio.beats == 4u, "nobody waits any more");
}

BOOST_AUTO_TEST_CASE(a_round_that_is_lost_is_made_up_for_by_the_next_heartbeat) {
  Trio trio;
  trio.put(old_primary, "k", "v");
  const auto read = trio.ask(old_primary, Get{"k"});
  trio.way.clear();
  const auto later = trio.ask(old_primary, Get{"k"});
  trio.run(trio.options.raft.heartbeat_interval + 10ms);
  BOOST_TEST(trio.value(read) == "v");
  BOOST_TEST(trio.value(later) == "v");
}

BOOST_AUTO_TEST_CASE(no_two_rounds_have_the_same_name_though_the_clock_stands_still) {
  Trio trio;
  trio.way.clear();
  std::set<std::int64_t> names;
  for (int i = 0; i < 10; ++i) {
    trio.ask(old_primary, Get{"k"});
    std::optional<std::int64_t> name;
    for (const auto& each : trio.way) {
      const auto* message = std::get_if<Heartbeats>(&each.message);
      if (message != nullptr) name = message->sent;
    }
    BOOST_REQUIRE(name.has_value());
    BOOST_TEST(names.insert(*name).second);
    trio.deliver();
  }
}

// Goal: operations of one batch on one key are executed in their order, though writes and rounds
// end when they will.
BOOST_AUTO_TEST_CASE(a_read_sees_what_stood_before_it_in_its_batch_and_nothing_after) {
  Trio trio;
  trio.put(old_primary, "k", "0");
  const auto first = trio.ask(old_primary, Get{"k"});
  trio.ask(old_primary, put_string("k", "1"));
  const auto second = trio.ask(old_primary, Get{"k"}, true);
  trio.ask(old_primary, put_string("k", "2"));
  const auto third = trio.ask(old_primary, Get{"k"}, true);
  trio.deliver();
  BOOST_TEST(trio.value(first) == "0");
  BOOST_TEST(trio.value(second) == "1");
  BOOST_TEST(trio.value(third) == "2");
}

BOOST_AUTO_TEST_CASE(a_read_that_meets_a_due_record_finds_nothing) {
  Trio trio;
  trio.leave_due("k");
  const auto read = trio.ask(old_primary, Get{"k"});
  BOOST_TEST(trio.value(read) == "(none yet)");
  trio.deliver();
  BOOST_TEST(trio.value(read) == "(nothing)");
  BOOST_TEST(trio.replica(old_primary).size() == 0u);
}

// Goal: a read that waits for the writes of its batch finds nothing that was due when it came, and
// what it has found gone no later primary shows. Method: the record was due before the batch came,
// or is written by the batch and due from the start; then copies are compared.
BOOST_AUTO_TEST_CASE(a_read_that_has_waited_finds_nothing_that_was_due_when_it_came) {
  for (const bool by_majority : {true, false}) {
    Trio trio(by_majority);
    trio.leave_due("brief");
    Put stillborn = put_string("stillborn", "v");
    stillborn.expiry = Expiry{Expiry::Kind::at, trio.clock(old_primary).wall.ms_since_epoch - 1};
    trio.ask(old_primary, stillborn);
    const auto brief_read = trio.ask(old_primary, Get{"brief"}, true);
    const auto stillborn_read = trio.ask(old_primary, Get{"stillborn"}, true);
    trio.run(trio.options.raft.heartbeat_interval + 10ms);
    BOOST_TEST(trio.value(brief_read) == "(nothing)");
    BOOST_TEST(trio.value(stillborn_read) == "(nothing)");
    for (std::size_t i = 0; i < 3; ++i) BOOST_TEST(trio.replica(i).size() == 0u);
  }
}

// The counterpart: it was there when the read came.
BOOST_AUTO_TEST_CASE(a_read_that_has_waited_finds_what_has_fallen_due_meanwhile) {
  Trio trio(false);
  trio.ask(old_primary, Trio::brief("k"));
  const auto read = trio.ask(old_primary, Get{"k"}, true);
  trio.tick(60ms);
  trio.deliver();
  BOOST_TEST(trio.value(read) == "v");
}

BOOST_AUTO_TEST_CASE(more_reads_than_may_wait_are_overloaded_until_the_others_are_answered) {
  GroupOptions options;
  options.reads_waiting_max = 3;
  options.reads_waiting_bytes_max = 100;
  Trio trio(true, options);
  trio.put(old_primary, "k", "v");
  trio.put(old_primary, "long", std::string(100, 'v'));
  std::vector<std::uint64_t> reads;
  for (int i = 0; i < 4; ++i) reads.push_back(trio.ask(old_primary, Get{"k"}));
  BOOST_TEST(trio.value(reads[2]) == "(none yet)");
  BOOST_TEST(trio.value(reads[3]) == "overloaded");
  trio.deliver();
  BOOST_TEST(trio.value(reads[2]) == "v");
  trio.ask(old_primary, Get{"long"});
  BOOST_TEST(trio.value(trio.ask(old_primary, Get{"k"})) == "overloaded");
  trio.deliver();
  const auto again = trio.ask(old_primary, Get{"k"});
  trio.deliver();
  BOOST_TEST(trio.value(again) == "v");
}

BOOST_AUTO_TEST_CASE(a_step_of_a_scan_may_be_told_once_it_is_confirmed) {
  Trio trio;
  trio.put(old_primary, "k", "v");
  const auto scan = [&](ScanStep& step) {
    const std::uint64_t waiter = ++trio.asked;
    trio.in(old_primary, [&](ReplicaHost& host, GroupOutbox& out) {
      const auto scanned = host.scan(trio.clock(old_primary), Scan{}, waiter, step, out);
      BOOST_TEST(scanned.view != nullptr);
      BOOST_TEST(scanned.is_pending);
    });
    return waiter;
  };
  ScanStep step;
  const auto confirmed = scan(step);
  BOOST_TEST(!trio.answers.contains(confirmed));
  trio.deliver();
  BOOST_TEST(!trio.answers.at(confirmed).error.has_value());
  BOOST_TEST(step.records.size() == 1u);
  trio.depose_unheard();
  const auto refused = scan(step);
  BOOST_TEST(!trio.answers.contains(refused));
  trio.cut.clear();
  trio.run(1s);
  BOOST_TEST(trio.value(refused) == "moving");
}

// By its own clock, which is right here: the askers do not wait for ever.
BOOST_AUTO_TEST_CASE(reads_that_wait_are_refused_when_the_primary_steps_down) {
  Trio trio;
  trio.put(old_primary, "k", "v");
  trio.cut = {1, 2};
  const auto read = trio.ask(old_primary, Get{"k"});
  const auto write = trio.ask(old_primary, put_string("k", "w"));
  const auto after = trio.ask(old_primary, Get{"k"}, true);
  trio.run(trio.options.raft.quorum_timeout + 200ms);
  BOOST_TEST(!trio.replica(old_primary).leads());
  BOOST_TEST(trio.value(read) == "moving");
  BOOST_TEST(trio.value(write) == "unknown");
  BOOST_TEST(trio.value(after) == "moving");
}

// Goal: of what has changed nothing it is known that it has not happened.
// Method: reads by lease that wait for an entry: that of a write before them, or the removal of
// what was due.
BOOST_AUTO_TEST_CASE(reads_by_lease_that_wait_for_an_entry_are_refused_for_certain) {
  Trio trio(false);
  Put brief = put_string("brief", "b");
  brief.expiry = Expiry{Expiry::Kind::after, 50};
  const auto put = trio.ask(old_primary, brief);
  trio.deliver();
  BOOST_REQUIRE(!trio.answers.at(put).error);
  trio.clocks = {trio.clocks[0] + 100ms, trio.clocks[1] + 100ms, trio.clocks[2] + 100ms};
  trio.cut = {1, 2};
  const auto due = trio.ask(old_primary, Get{"brief"});
  const auto write = trio.ask(old_primary, put_string("k", "w"));
  const auto after = trio.ask(old_primary, Get{"k"}, true);
  trio.run(trio.options.raft.quorum_timeout + 200ms);
  BOOST_TEST(!trio.replica(old_primary).leads());
  BOOST_TEST(trio.value(due) == "moving");
  BOOST_TEST(trio.value(write) == "unknown");
  BOOST_TEST(trio.value(after) == "moving");
}

BOOST_AUTO_TEST_CASE(a_peer_alone_is_its_own_majority) {
  GroupOptions options;
  options.reads_by_majority = true;
  ReplicaHost host(peer(1), test_hash_key, options, Rng(1));
  GroupOutbox out;
  host.open(at(0s), view_of(peer(1), whole_ring()), out);
  out.clear();
  OpResultSink sink;
  BOOST_TEST(host.execute(at(1s), Get{"k"}, {7, false, std::nullopt}, sink, out).is_pending);
  host.end_turn(at(1s), out);
  BOOST_REQUIRE(all_of<Answered>(out).size() == 1u);
  BOOST_TEST((all_of<Answered>(out)[0].result.outcome == Outcome::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
