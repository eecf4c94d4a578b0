// One host: opening, splitting, expiry, memory, and what it does with arcs that it loses.

#include "storage/group/group_host.hpp"

#include <boost/test/unit_test.hpp>

#include "support.hpp"

namespace hopring {

struct OneHost : TestHost {
  OneHost() : TestHost(1) {}

  void open(const Arc& arc) { host.open(now, view_of(self, arc), out); }
  void fill(int count) {
    for (int i = 0; i < count; ++i) BOOST_REQUIRE(!execute(put_string(name(i), "v"))->error);
  }
  static std::string name(int i) { return "key" + std::to_string(i); }
  std::uint64_t keys() const { return host.totals().keys; }
};

BOOST_FIXTURE_TEST_SUITE(group_host, OneHost)

BOOST_AUTO_TEST_CASE(answers_for_its_arcs_and_for_no_other_position) {
  open(equal_arc(1, 4));
  open(equal_arc(3, 4));
  for (int i = 0; i < 200; ++i) {
    const Position position = position_of(test_hash_key, name(i));
    const bool mine = contains(equal_arc(1, 4), position) || contains(equal_arc(3, 4), position);
    BOOST_TEST((host.find(position) != nullptr) == mine);
    BOOST_TEST(execute(put_string(name(i), "v")).has_value() == mine);
  }
  BOOST_TEST(all_of<ArcOpened>(out).size() == 2u);
}

// Notes what becomes of each key, in their order.
struct NotedReads final : ReadSink {
  void on_outcome(Outcome) override { noted += '-'; }
  void on_value(Outcome, ValueType, std::string_view bytes, std::int64_t) override {
    noted += bytes;
  }
  void on_error(OpError) override { noted += '!'; }
  bool takes_more() const override { return noted.size() < size_max; }
  bool passes_over() const override { return passes; }
  void on_passed_over(bool is_elsewhere) override { noted += is_elsewhere ? 'e' : 'l'; }

  std::string noted;
  bool passes = true;
  std::size_t size_max = 100;
};

// Goal: whoever sends on what is elsewhere learns of each key what has become of it.
BOOST_AUTO_TEST_CASE(reads_that_cannot_be_done_here_and_now_are_passed_over_in_their_places) {
  open(equal_arc(1, 2));
  std::vector<std::string> here;
  std::vector<std::string> elsewhere;
  for (int i = 0; here.size() < 3 || elsewhere.size() < 2; ++i) {
    const bool is_here = contains(equal_arc(1, 2), position_of(test_hash_key, name(i)));
    (is_here ? here : elsewhere).push_back(name(i));
  }
  execute(put_string(here[0], "v"));
  Put put = put_string(here[1], "due");
  put.expiry = {Expiry::Kind::after, 100};
  execute(put);
  now = at(200ms);
  const std::string_view keys[] = {here[0], elsewhere[0], here[1], "", elsewhere[1], here[2]};
  NotedReads all;
  BOOST_TEST(host.try_read(now, keys, all) == 6u);
  BOOST_TEST(all.noted == "velle-");
  NotedReads first;
  first.passes = false;
  BOOST_TEST(host.try_read(now, keys, first) == 1u);
  BOOST_TEST(first.noted == "v");
  NotedReads some;
  some.size_max = 2;
  BOOST_TEST(host.try_read(now, keys, some) == 2u);
  BOOST_TEST(some.noted == "ve");
}

BOOST_AUTO_TEST_CASE(tells_in_which_view_an_operation_was_executed) {
  open(whole_ring());
  OpResultSink sink;
  const View* view = host.execute(now, Get{"k"}, sink, out);
  BOOST_REQUIRE(view != nullptr);
  BOOST_TEST(*view == view_of(self, whole_ring()));
}

BOOST_AUTO_TEST_CASE(a_split_gives_both_halves_the_next_number) {
  open(whole_ring());
  fill(100);
  out.clear();
  const Position end{~0ull};
  BOOST_TEST(host.split(end, middle(whole_ring()), out));
  const auto changed = all_of<ArcChanged>(out);
  const auto opened = all_of<ArcOpened>(out);
  BOOST_REQUIRE(changed.size() == 1u);
  BOOST_REQUIRE(opened.size() == 1u);
  BOOST_TEST(changed[0].view == view_of(self, equal_arc(1, 2), 2));
  BOOST_TEST(opened[0].view == view_of(self, equal_arc(0, 2), 2));
  for (int i = 0; i < 100; ++i) BOOST_TEST(get(name(i)).has_value());
  BOOST_TEST(!host.split(end, end, out));
  BOOST_TEST(!host.split(Position{5}, Position{3}, out));
}

BOOST_AUTO_TEST_CASE(sixty_four_arcs_share_a_shard) {
  for (std::uint32_t n = 0; n < 64; ++n) open(equal_arc(n, 64));
  fill(2000);
  std::uint64_t counted = 0;
  Position last{};
  host.for_each_arc([&](const View& view, std::uint64_t arc_keys, std::uint64_t) {
    counted += arc_keys;
    BOOST_TEST((view.arc.end > last));
    last = view.arc.end;
  });
  BOOST_TEST(counted == 2000u);
  BOOST_TEST(host.totals().arcs == 64u);
  host.audit();
}

BOOST_AUTO_TEST_CASE(a_due_record_is_never_seen) {
  open(whole_ring());
  Put put = put_string("k", "v");
  put.expiry = {Expiry::Kind::after, 100};
  execute(put);
  now = at(99ms);
  BOOST_TEST(get("k").has_value());
  now = at(100ms);
  ScanStep step;
  host.scan(now, Scan{}, step, out);
  BOOST_TEST(step.records.empty());
  BOOST_TEST((execute(Get{"k"})->outcome == Outcome::not_found));
  BOOST_TEST(keys() == 0u);
  BOOST_TEST(host.counters().records_expired == 1u);
}

BOOST_AUTO_TEST_CASE(what_can_be_answered_at_once_is_and_nothing_is_changed) {
  open(equal_arc(1, 4));
  Put put = put_string("k", "v");
  for (int i = 0; contains(equal_arc(1, 4), position_of(test_hash_key, put.key)) == false; ++i) {
    put.key = name(i);
  }
  BOOST_TEST((try_read(host, now, put.key)->outcome == Outcome::not_found));
  put.expiry = {Expiry::Kind::after, 100};
  execute(put);
  BOOST_TEST(try_read(host, now, put.key)->value->bytes == "v");
  now = at(100ms);
  BOOST_TEST(!try_read(host, now, put.key).has_value(), "it is due: somebody has to remove it");
  BOOST_TEST(keys() == 1u);
  for (const std::string& key : {std::string(), std::string(key_bytes_max + 1, 'k')}) {
    BOOST_TEST(!try_read(host, now, key).has_value());
  }
  int elsewhere = 0;
  while (contains(equal_arc(1, 4), position_of(test_hash_key, name(elsewhere)))) ++elsewhere;
  BOOST_TEST(!try_read(host, now, name(elsewhere)).has_value());
}

BOOST_AUTO_TEST_CASE(sweeps_remove_what_nobody_asks_for_a_bounded_number_at_a_time) {
  open(whole_ring());
  for (int i = 0; i < 1000; ++i) {
    Put put = put_string(name(i), "v");
    put.expiry = {Expiry::Kind::after, 100};
    execute(put);
  }
  std::uint64_t before = keys();
  for (int i = 0; i < 20 && before != 0; ++i) {
    now = at(std::max(host.next_deadline().since_start, Duration(200ms)));
    host.on_deadline(now, out);
    BOOST_TEST(before - keys() <= 256u);
    before = keys();
  }
  BOOST_TEST(keys() == 0u);
}

BOOST_AUTO_TEST_CASE(an_expiry_beyond_all_time_is_cut) {
  open(whole_ring());
  Put put = put_string("k", "v");
  put.expiry = {Expiry::Kind::after, INT64_MAX};
  execute(put);
  BOOST_TEST(execute(Get{"k"})->expiry_ms == expiry_ms_max);
}

BOOST_AUTO_TEST_CASE(out_of_memory_is_definite_and_changes_nothing) {
  GroupOptions options;
  options.pool = {4096, 64 << 10};
  TestHost small(1, options);
  small.host.open(small.now, view_of(small.self, whole_ring()), small.out);
  int stored = 0;
  while (!small.execute(put_string(name(stored), std::string(500, 'v')))->error) ++stored;
  const auto refused = small.execute(put_string(name(stored), std::string(500, 'v')));
  BOOST_TEST((refused->error == OpError::out_of_memory));
  BOOST_TEST(!small.get(name(stored)).has_value());
  for (int i = 0; i < stored; ++i) BOOST_TEST(small.get(name(i)).has_value());
  BOOST_TEST((small.execute(Erase{name(0)})->outcome == Outcome::done));
  small.host.audit();
}

BOOST_AUTO_TEST_CASE(a_scan_step_ends_at_its_bounds_and_at_the_end_of_the_arc) {
  open(equal_arc(0, 2));
  open(equal_arc(1, 2));
  fill(50);
  Scan scan;
  scan.records_max = 5;
  ScanStep step;
  host.scan(now, scan, step, out);
  BOOST_TEST(step.records.size() == 5u);
  BOOST_TEST(step.next->last_key == step.records.back().key);
  scan.records_max = 1000;
  host.scan(now, scan, step, out);
  BOOST_TEST((step.next == ScanCursor{advance(equal_arc(0, 2).end, 1), ""}));
  scan.cursor = *step.next;
  host.scan(now, scan, step, out);
  BOOST_TEST(!step.next.has_value());
}

BOOST_AUTO_TEST_CASE(a_scan_filters_by_prefix_and_leaves_values_out_when_told) {
  open(whole_ring());
  fill(20);
  execute(put_string("other", "v"));
  Scan scan;
  scan.prefix = "oth";
  scan.keys_only = true;
  ScanStep step;
  host.scan(now, scan, step, out);
  BOOST_REQUIRE(step.records.size() == 1u);
  BOOST_TEST(step.records[0].key == "other");
  BOOST_TEST(step.records[0].value.bytes == "");
}

BOOST_AUTO_TEST_CASE(a_lost_arc_is_dropped_and_its_records_are_counted) {
  open(equal_arc(0, 2));
  open(equal_arc(1, 2));
  fill(100);
  const std::uint64_t all = keys();
  out.clear();
  host.drop(now, equal_arc(0, 2), out);
  const auto lost = all_of<ArcLost>(out);
  BOOST_REQUIRE(lost.size() == 1u);
  BOOST_TEST(lost[0].view.arc.end.value == equal_arc(0, 2).end.value);
  BOOST_TEST(keys() + host.counters().records_dropped == all);
  BOOST_TEST(host.find(Position{1}) == nullptr);
}

BOOST_AUTO_TEST_CASE(an_arc_that_is_lost_in_part_is_cut_back) {
  open(whole_ring());
  fill(200);
  out.clear();
  host.drop(now, equal_arc(1, 4), out);
  BOOST_TEST(all_of<ArcLost>(out).size() == 1u);
  for (int i = 0; i < 200; ++i) {
    const bool lost = contains(equal_arc(1, 4), position_of(test_hash_key, name(i)));
    BOOST_TEST(get(name(i)).has_value() != lost);
  }
  BOOST_TEST(host.totals().arcs == 2u);
  host.audit();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hopring
