// The judge of histories of what expires: what it lets pass, and what it finds. Clocks are wrong by
// 10 ms at most, and a right one shows `epoch` at zero.

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "history.hpp"
#include "sim/history_checker.hpp"

namespace hopring::sim {
namespace {

constexpr std::int64_t epoch = 1'000'000;

Expiry lasting(std::int64_t ms) { return {Expiry::Kind::after, ms}; }
const Expiry kept{Expiry::Kind::keep, 0};

CompareAndSet cas(std::string expected, std::string desired, Expiry expiry = kept) {
  return CompareAndSet{"key", text(std::move(expected)), text(std::move(desired)), expiry};
}
OpResult ending(std::string value, std::int64_t ends) {
  return found(std::move(value), epoch + ends);
}
OpResult mismatch(std::string value, std::int64_t ends) {
  OpResult result = ending(std::move(value), ends);
  result.outcome = Outcome::mismatch;
  return result;
}

struct Expiring : History {
  Expiring() { checker = HistoryChecker({10ms, epoch}); }

  void gets(std::int64_t at, const OpResult& result) {
    saw(std::chrono::milliseconds(at), std::chrono::milliseconds(at + 1), Get{"key"}, result);
  }
  // With this operation at the end.
  bool would_be_explained(std::int64_t at, Operation operation, const OpResult& result) const {
    Expiring more = *this;
    more.saw(std::chrono::milliseconds(at), std::chrono::milliseconds(at + 1), std::move(operation),
             result);
    return more.is_explained();
  }
};

BOOST_FIXTURE_TEST_SUITE(history_checker_of_what_expires, Expiring)

// Written between 100 and 102, by a clock that is wrong by 10 and shows whole milliseconds, it ends
// between 100 + 50 - 10 - 1 and 102 + 50 + 10, and whoever looks is wrong by 10, too.
BOOST_AUTO_TEST_CASE(a_record_is_there_until_it_may_end_and_gone_when_it_must_have) {
  saw(100ms, 102ms, put("a", lasting(50)));
  const auto is_there = [&](std::int64_t at) {
    return would_be_explained(at, Get{"key"}, ending("a", 150));
  };
  const auto is_gone = [&](std::int64_t at) {
    return would_be_explained(at, Get{"key"}, absent());
  };
  BOOST_TEST(is_there(110));
  BOOST_TEST(!is_gone(110));
  BOOST_TEST(!is_gone(127), "over at 128");
  BOOST_TEST(is_gone(128), "over at 129");
  BOOST_TEST(is_there(159), "what is told of the end is exact: 150, and a clock that lags by 10");
  BOOST_TEST(!is_there(160));
  BOOST_TEST(would_be_explained(171, Get{"key"}, ending("a", 162)));
  BOOST_TEST(!would_be_explained(172, Get{"key"}, ending("a", 162)));
  BOOST_TEST(is_gone(1000));
}

BOOST_AUTO_TEST_CASE(what_was_seen_to_have_gone_does_not_come_back) {
  saw(100ms, 101ms, put("a", lasting(50)));
  gets(145, ending("a", 150));
  gets(147, absent());
  BOOST_TEST(is_explained());
  gets(149, ending("a", 150));
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(a_long_operation_finds_it_gone_only_where_it_may_stand_late) {
  saw(100ms, 101ms, put("a", lasting(50)));
  saw(110ms, 400ms, put("b", {}, PutCondition::if_present), absent());
  BOOST_TEST(is_explained());
  BOOST_TEST(would_be_explained(120, put("c", lasting(50)), {}), "it may stand behind c");
  BOOST_TEST(!would_be_explained(120, put("c", {}), {}), "only before c, and then a was there");
}

// Writes wait for others to have them, and the clock was read before: a read of 190 still finds 7,
// and the sum, put in order before 150, adds to 1, which ended meanwhile.
BOOST_AUTO_TEST_CASE(a_write_that_waits_for_others_goes_by_the_clock_of_when_it_was_put_in_order) {
  saw(50ms, 51ms, put(encode_integer(7), lasting(500)));
  saw(100ms, 200ms, put(encode_integer(1), lasting(50)));
  gets(190, ending(encode_integer(7), 550));
  const auto adds = [&](Duration called, const OpResult& result) {
    Expiring more = *this;
    more.saw(called, 201ms, Add{"key", 1}, result);
    return more.is_explained();
  };
  BOOST_TEST(adds(140ms, ending(encode_integer(2), 150)));
  BOOST_TEST(adds(140ms, found(encode_integer(1))), "or was put in order as late as 200");
  BOOST_TEST(!adds(161ms, ending(encode_integer(2), 150)), "called when it must have ended");
}

// Of the two puts the shorter one stands last, behind one that was called at 170.
BOOST_AUTO_TEST_CASE(a_write_goes_by_no_earlier_clock_than_the_writes_before_it) {
  saw(170ms, 200ms, put("b"));
  saw(140ms, 200ms, put("a", lasting(50)));
  BOOST_TEST(!would_be_explained(202, Get{"key"}, ending("a", 208)));
  BOOST_TEST(would_be_explained(202, Get{"key"}, ending("a", 209)));
}

BOOST_AUTO_TEST_CASE(an_end_that_is_told_must_be_one_that_the_write_can_have_given) {
  saw(100ms, 102ms, put("a", lasting(50)));
  for (const std::int64_t each : {138, 163}) {
    BOOST_TEST(!would_be_explained(110, Get{"key"}, ending("a", each)));
  }
  for (const std::int64_t each : {139, 162}) {
    BOOST_TEST(would_be_explained(110, Get{"key"}, ending("a", each)));
  }
  BOOST_TEST(!would_be_explained(110, Get{"key"}, found("a")), "it never ends");
  gets(110, ending("a", 145));
  BOOST_TEST(!would_be_explained(120, Get{"key"}, ending("a", 146)), "two ends");
}

BOOST_AUTO_TEST_CASE(what_never_ends_is_told_so_and_stays) {
  saw(1ms, 2ms, put("a"));
  gets(100'000, found("a"));
  BOOST_TEST(is_explained());
  BOOST_TEST(!would_be_explained(100'001, Get{"key"}, absent()));
  BOOST_TEST(!would_be_explained(100'001, Get{"key"}, ending("a", 100'050)));
}

BOOST_AUTO_TEST_CASE(an_absolute_end_is_judged_by_one_clock_alone) {
  saw(100ms, 102ms, put("a", {Expiry::Kind::at, epoch + 150}));
  BOOST_TEST(would_be_explained(158, Get{"key"}, ending("a", 150)));
  BOOST_TEST(!would_be_explained(160, Get{"key"}, ending("a", 150)));
  BOOST_TEST(would_be_explained(139, Get{"key"}, absent()));
  BOOST_TEST(!would_be_explained(138, Get{"key"}, absent()));
  BOOST_TEST(!would_be_explained(120, Get{"key"}, ending("a", 151)));
}

BOOST_AUTO_TEST_CASE(a_put_may_give_an_end_that_has_passed) {
  saw(100ms, 102ms, put("a", {Expiry::Kind::at, epoch + 50}));
  BOOST_TEST(would_be_explained(103, Get{"key"}, absent()));
  BOOST_TEST(!would_be_explained(103, Get{"key"}, ending("a", 50)));
}

BOOST_AUTO_TEST_CASE(a_condition_counts_what_is_due_as_absent_and_nothing_else) {
  saw(100ms, 101ms, put("a", lasting(50)));
  const Put insert = put("b", lasting(50), PutCondition::if_absent);
  const Put replace = put("b", lasting(50), PutCondition::if_present);
  BOOST_TEST(!would_be_explained(110, insert, outcome(Outcome::done)), "it is there");
  BOOST_TEST(would_be_explained(110, insert, outcome(Outcome::exists)));
  BOOST_TEST(would_be_explained(145, insert, outcome(Outcome::done)));
  BOOST_TEST(would_be_explained(145, insert, outcome(Outcome::exists)));
  BOOST_TEST(would_be_explained(180, insert, outcome(Outcome::done)));
  BOOST_TEST(!would_be_explained(180, insert, outcome(Outcome::exists)), "it is due");
  BOOST_TEST(!would_be_explained(110, replace, absent()));
  BOOST_TEST(would_be_explained(110, replace, outcome(Outcome::done)));
  BOOST_TEST(would_be_explained(180, replace, absent()));
  BOOST_TEST(!would_be_explained(180, replace, outcome(Outcome::done)));
}

BOOST_AUTO_TEST_CASE(a_compare_and_set_of_what_is_due_finds_nothing) {
  saw(100ms, 101ms, put("a", lasting(50)));
  BOOST_TEST(would_be_explained(110, cas("a", "b"), outcome(Outcome::done)));
  BOOST_TEST(!would_be_explained(110, cas("a", "b"), absent()));
  BOOST_TEST(would_be_explained(110, cas("c", "b"), mismatch("a", 150)));
  BOOST_TEST(!would_be_explained(110, cas("a", "b"), mismatch("a", 150)));
  BOOST_TEST(!would_be_explained(180, cas("a", "b"), outcome(Outcome::done)));
  BOOST_TEST(!would_be_explained(180, cas("c", "b"), mismatch("a", 150)));
  BOOST_TEST(would_be_explained(180, cas("a", "b"), absent()));
}

BOOST_AUTO_TEST_CASE(a_compare_and_set_may_expect_an_end) {
  saw(100ms, 101ms, put("a", lasting(50)));
  CompareAndSet expecting = cas("a", "b", lasting(1000));
  expecting.expected_expiry_ms = epoch + 150;
  BOOST_TEST(would_be_explained(110, expecting, outcome(Outcome::done)));
  BOOST_TEST(would_be_explained(110, expecting, mismatch("a", 149)));
  BOOST_TEST(!would_be_explained(110, expecting, mismatch("a", 150)));
  gets(105, ending("a", 149));
  BOOST_TEST(!would_be_explained(110, expecting, outcome(Outcome::done)));
  expecting.expected_expiry_ms = 0;
  BOOST_TEST(!would_be_explained(110, expecting, outcome(Outcome::done)));
  BOOST_TEST(would_be_explained(110, expecting, mismatch("a", 149)));
}

BOOST_AUTO_TEST_CASE(an_end_is_kept_or_given_anew_or_taken_away) {
  saw(100ms, 101ms, put("a", lasting(50)));
  Expiring kept_end = *this;
  kept_end.saw(110ms, 111ms, cas("a", "b"));
  BOOST_TEST(kept_end.would_be_explained(120, Get{"key"}, ending("b", 150)));
  BOOST_TEST(!kept_end.would_be_explained(120, Get{"key"}, ending("b", 165)));
  BOOST_TEST(!kept_end.would_be_explained(180, Get{"key"}, ending("b", 150)));
  kept_end.saw(120ms, 121ms, put("c", kept));
  BOOST_TEST(!kept_end.would_be_explained(122, Get{"key"}, absent()));
  BOOST_TEST(kept_end.would_be_explained(180, Get{"key"}, absent()));
  Expiring another = *this;
  another.saw(110ms, 111ms, cas("a", "b", lasting(500)));
  BOOST_TEST(!another.would_be_explained(180, Get{"key"}, absent()));
  BOOST_TEST(another.would_be_explained(180, Get{"key"}, ending("b", 610)));
  BOOST_TEST(!another.would_be_explained(640, Get{"key"}, ending("b", 610)));
  Expiring none = *this;
  none.saw(110ms, 111ms, cas("a", "b", {}));
  BOOST_TEST(!none.would_be_explained(180, Get{"key"}, absent()));
  BOOST_TEST(none.would_be_explained(640, Get{"key"}, found("b")));
}

BOOST_AUTO_TEST_CASE(what_keeps_the_end_of_a_record_that_has_gone_never_ends) {
  saw(100ms, 101ms, put("a", lasting(50)));
  saw(180ms, 181ms, put("b", kept));
  BOOST_TEST(would_be_explained(900, Get{"key"}, found("b")));
  BOOST_TEST(!would_be_explained(900, Get{"key"}, absent()));
}

BOOST_AUTO_TEST_CASE(a_sum_keeps_its_end_and_begins_anew_when_it_is_due) {
  const auto sum = [](std::int64_t number, std::int64_t expiry_ms) {
    OpResult result;
    result.value = Value{ValueType::integer, encode_integer(number)};
    result.expiry_ms = expiry_ms;
    return result;
  };
  const Put five{"key", Value{ValueType::integer, encode_integer(5)}, lasting(50), {}};
  saw(100ms, 101ms, five);
  BOOST_TEST(would_be_explained(110, Add{"key", 1}, sum(6, epoch + 150)));
  BOOST_TEST(!would_be_explained(110, Add{"key", 1}, sum(6, 0)), "as if it never ended");
  BOOST_TEST(!would_be_explained(110, Add{"key", 1}, sum(1, 0)));
  BOOST_TEST(would_be_explained(145, Add{"key", 1}, sum(6, epoch + 150)));
  BOOST_TEST(would_be_explained(145, Add{"key", 1}, sum(1, 0)));
  BOOST_TEST(would_be_explained(180, Add{"key", 1}, sum(1, 0)));
  BOOST_TEST(!would_be_explained(180, Add{"key", 1}, sum(6, epoch + 150)));
}

BOOST_AUTO_TEST_CASE(an_erase_of_one_value_finds_what_is_there) {
  saw(100ms, 101ms, put("a", lasting(50)));
  BOOST_TEST(would_be_explained(110, Erase{"key", text("b")}, mismatch("a", 150)));
  BOOST_TEST(!would_be_explained(110, Erase{"key", text("b")}, absent()));
  BOOST_TEST(!would_be_explained(110, Erase{"key", text("b")}, outcome(Outcome::done)));
  BOOST_TEST(would_be_explained(110, Erase{"key", text("a")}, outcome(Outcome::done)));
  BOOST_TEST(would_be_explained(180, Erase{"key", text("a")}, absent()));
  BOOST_TEST(!would_be_explained(180, Erase{"key", text("a")}, outcome(Outcome::done)));
  BOOST_TEST(!would_be_explained(180, Erase{"key", text("b")}, mismatch("a", 150)));
  BOOST_TEST(!would_be_explained(180, Erase{"key"}, outcome(Outcome::done)));
  BOOST_TEST(!would_be_explained(110, Erase{"key"}, absent()));
}

BOOST_AUTO_TEST_CASE(a_put_of_unknown_outcome_lasts_from_when_it_may_have_happened) {
  never_heard(100ms, put("a", lasting(50)));
  BOOST_TEST(would_be_explained(900, Get{"key"}, ending("a", 950)));
  BOOST_TEST(!would_be_explained(900, Get{"key"}, ending("a", 962)), "it was read by 901");
  gets(110, ending("a", 155));
  BOOST_TEST(would_be_explained(140, Get{"key"}, ending("a", 155)), "for it can end at 172");
  BOOST_TEST(!would_be_explained(180, Get{"key"}, ending("a", 155)));
  BOOST_TEST(!would_be_explained(120, Get{"key"}, absent()));
}

BOOST_AUTO_TEST_CASE(a_put_of_unknown_outcome_may_end_before_anybody_has_seen_it) {
  saw(100ms, 101ms, put("a"));
  never_heard(110ms, put("b", lasting(50)));
  gets(120, found("a"));
  gets(300, absent());
  BOOST_TEST(is_explained());
  BOOST_TEST(!would_be_explained(310, Get{"key"}, found("a")));
}

BOOST_AUTO_TEST_CASE(of_a_key_that_begins_anew_what_has_ended_has_ended) {
  saw(100ms, 101ms, put("a", lasting(500)));
  saw(110ms, 111ms, put("b", lasting(50)));
  never_heard(112ms, cas("b", "c"));
  checker.begins_anew("key", 120ms);
  BOOST_TEST(would_be_explained(300, Get{"key"}, ending("a", 600)));
  BOOST_TEST(!would_be_explained(300, Get{"key"}, ending("a", 620)));
  BOOST_TEST(!would_be_explained(700, Get{"key"}, ending("a", 600)));
  BOOST_TEST(would_be_explained(130, Get{"key"}, ending("b", 160)));
  BOOST_TEST(!would_be_explained(300, Get{"key"}, ending("b", 160)));
  BOOST_TEST(would_be_explained(300, Get{"key"}, ending("c", 600)), "if a stood there");
  BOOST_TEST(would_be_explained(300, Get{"key"}, absent()));
}

BOOST_AUTO_TEST_SUITE_END()

// Histories of a model: one record and two primaries in turn, whose clocks are wrong. Operations
// happen one at a time, each at a moment between its call and its return; of some the outcome is
// not told, and some that are told nothing have not happened.
class ModelHistory {
 public:
  static constexpr std::int64_t skew_ms = 30;
  static constexpr std::size_t operations = 60;

  explicit ModelHistory(std::uint64_t seed) : rng_(seed) {
    for (auto& each : offsets_) each = static_cast<std::int64_t>(rng_.below(61)) - skew_ms;
    Duration now = 1s;
    while (entries.size() < operations) {
      now += us(2000 + rng_.below(30'000));
      one(now);
    }
  }

  HistoryChecker checker() const {
    HistoryChecker checker({std::chrono::milliseconds(skew_ms), epoch});
    for (const HistoryEntry& each : entries) checker.add(each);
    return checker;
  }

  std::vector<HistoryEntry> entries;

 private:
  struct Stored {
    std::string value;
    std::int64_t ends = 0;  // 0: never
  };

  static Duration us(std::uint64_t count) {
    return std::chrono::microseconds(static_cast<std::int64_t>(count));
  }

  void one(Duration moment) {
    const std::int64_t wall = epoch + moment / 1ms + offsets_[rng_.below(2)];
    if (record_ && record_->ends != 0 && record_->ends <= wall) record_.reset();
    HistoryEntry entry;
    entry.operation = draw(moment);
    entry.called = moment - us(1 + rng_.below(40'000));
    entry.returned = moment + us(1 + rng_.below(40'000));
    const bool is_unknown = rng_.chance(1, 12);
    if (!is_unknown || rng_.chance(1, 2)) entry.result = execute(entry.operation, wall);
    if (is_unknown) entry.returned = Duration::max();
    entries.push_back(std::move(entry));
  }

  Operation draw(Duration moment) {
    const Value value = text("v" + std::to_string(++made_));
    const Value likely = text(record_ && rng_.chance(2, 3) ? record_->value : "v1");
    const std::uint64_t dice = rng_.below(12);
    const auto ms = static_cast<std::int64_t>(1 + rng_.below(200));
    const Expiry at{Expiry::Kind::at, epoch + moment / 1ms + ms};
    const Expiry expiries[] = {{}, kept, at, lasting(ms), lasting(ms), lasting(ms)};
    const Expiry& expiry = expiries[rng_.below(6)];
    if (dice < 5) return Get{"key"};
    if (dice < 8) return Put{"key", value, expiry, static_cast<PutCondition>(rng_.below(3))};
    if (dice < 9) return Erase{"key"};
    if (dice < 10) return Erase{"key", likely};
    return CompareAndSet{"key", likely, value, expiry};
  }

  OpResult execute(const Operation& operation, std::int64_t wall) {
    if (const auto* put = std::get_if<Put>(&operation)) {
      if (put->condition == PutCondition::if_absent && record_) return outcome(Outcome::exists);
      if (put->condition == PutCondition::if_present && !record_) return absent();
      return store(put->value, put->expiry, wall);
    }
    if (!record_) return absent();
    OpResult seen = found(record_->value, record_->ends);
    if (std::holds_alternative<Get>(operation)) return seen;
    seen.outcome = Outcome::mismatch;
    if (const auto* erase = std::get_if<Erase>(&operation)) {
      if (erase->expected && erase->expected->bytes != record_->value) return seen;
      record_.reset();
      return outcome(Outcome::done);
    }
    const auto& cas = std::get<CompareAndSet>(operation);
    if (cas.expected.bytes != record_->value) return seen;
    return store(cas.desired, cas.expiry, wall);
  }

  OpResult store(const Value& value, const Expiry& expiry, std::int64_t wall) {
    std::int64_t ends = 0;
    if (expiry.kind == Expiry::Kind::keep && record_) ends = record_->ends;
    if (expiry.kind == Expiry::Kind::at) ends = expiry.ms;
    if (expiry.kind == Expiry::Kind::after) ends = wall + expiry.ms;
    record_ = Stored{value.bytes, ends};
    return outcome(Outcome::done);
  }

  Rng rng_;
  std::int64_t offsets_[2] = {};
  std::optional<Stored> record_;
  std::uint64_t made_ = 0;
};

// A read that returned something is told to have returned what nobody has written, or what was
// written and has been due for long; one of the two at least is there in any history.
bool breaks(std::vector<HistoryEntry>& entries, Rng& rng) {
  std::vector<HistoryEntry*> reads;
  for (HistoryEntry& each : entries) {
    const bool is_known = each.returned != Duration::max();
    if (is_known && std::holds_alternative<Get>(each.operation) && each.result.value) {
      reads.push_back(&each);
    }
  }
  if (reads.empty()) return false;
  HistoryEntry& read = *reads[rng.below(reads.size())];
  if (rng.chance(1, 3)) {
    read.result = found("v0");
  } else if (read.result.expiry_ms == 0 || rng.chance(1, 2)) {
    read.result.expiry_ms += epoch / 2;
  } else {  // by no clock it was there yet
    read.called = read.returned =
        std::chrono::milliseconds(read.result.expiry_ms - epoch + ModelHistory::skew_ms);
  }
  return true;
}

BOOST_AUTO_TEST_CASE(histories_of_a_model_are_explained_and_with_a_wrong_result_they_are_not) {
  const char* given = std::getenv("HOPRING_TEST_SEED");
  const std::uint64_t first = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  std::uint64_t broken = 0;
  for (std::uint64_t seed = first; seed < first + 1000; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      ModelHistory history(seed);
      const auto verdict = history.checker().check();
      BOOST_REQUIRE(verdict.undecided == 0u);
      BOOST_REQUIRE(verdict.violations.empty());
      Rng rng(seed);
      if (!breaks(history.entries, rng)) continue;
      ++broken;
      BOOST_REQUIRE(history.checker().check().violations.size() == 1u);
    }
  }
  BOOST_TEST(broken >= 900u);
}

}  // namespace
}  // namespace hopring::sim
