#include "sim/history_checker.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/check.hpp"
#include "storage/group/result_window.hpp"
#include "storage/operation/value.hpp"

namespace hopring::sim {
namespace {

// Beyond any history, with room for sums.
constexpr Duration far = Duration::max() / 4;
// Wall clocks show whole ones: what ends so soon after its call may seem to last one less.
constexpr Duration tick = std::chrono::milliseconds(1);
// Bytes of a value that a violation tells.
constexpr std::size_t value_told_max = 40;

Duration span_of(std::int64_t ms) {
  const std::int64_t most = far / std::chrono::milliseconds(1);
  return std::chrono::milliseconds(std::clamp(ms, -most, most));
}

// When a record ends by the clock of who wrote it: between these moments.
struct Ends {
  Duration from{};
  Duration to{};

  bool covers(const Ends& other) const { return from <= other.from && other.to <= to; }
  friend auto operator<=>(const Ends&, const Ends&) = default;
};

struct Known {
  std::string value;
  std::optional<Ends> ends = {};  // nullopt: never

  friend auto operator<=>(const Known&, const Known&) = default;
};

using State = std::optional<Known>;  // nullopt: absent

// When an operation happens, and a clock is read for it.
struct Moment {
  Duration from{};
  Duration to{};  // far: not known
};

// When is due what ends then?
struct Clocks {
  Duration skew;
  Duration zero;  // what a right wall clock shows at zero

  explicit Clocks(const HistoryClocks& clocks)
      : skew(clocks.skew_max), zero(std::chrono::milliseconds(clocks.zero_ms)) {}

  bool may_be_there(const Known& record, const Moment& moment) const {
    return !record.ends || moment.from - skew < record.ends->to;
  }
  bool may_have_gone(const Known& record, const Moment& moment) const {
    return record.ends && moment.to + skew >= record.ends->from;
  }

  Ends at(std::int64_t ms) const {
    const Duration when = span_of(ms) - zero;
    return {when, when};
  }
  Ends after(std::int64_t ms, const Moment& moment) const {
    const Duration to = std::min(far, moment.to) + skew;
    return {moment.from + span_of(ms) - skew - tick, to + span_of(ms)};
  }
  std::optional<Ends> ends(const Expiry& expiry, const Moment& moment, const State& before) const {
    if (expiry.kind == Expiry::Kind::keep) return before ? before->ends : std::nullopt;
    if (expiry.kind == Expiry::Kind::at) return at(expiry.ms);
    if (expiry.kind == Expiry::Kind::after) return after(expiry.ms, moment);
    return std::nullopt;
  }
  // What is known of the record if it is there, and ends then (0: never); nullopt: it is not, or
  // ends at another time.
  State told(Known record, std::int64_t expiry_ms, const Moment& moment) const {
    if (record.ends.has_value() != (expiry_ms != 0)) return std::nullopt;
    if (!record.ends) return record;
    const Ends told = at(expiry_ms);
    if (!record.ends->covers(told)) return std::nullopt;
    record.ends = told;
    return may_be_there(record, moment) ? State(record) : std::nullopt;
  }
};

// What the operation makes of the state if it gives the result that was seen; nullopt if it would
// have given another. Without a result every one is possible.
struct Model {
  using Next = std::optional<State>;

  const State& state;
  const OpResult* seen;
  Moment moment;
  const Clocks& clocks;

  bool gives(Outcome outcome) const { return seen == nullptr || seen->outcome == outcome; }
  // The record, as it is known when it has been told. What a write is answered that was tried again
  // may lack a long value: none is kept of it (storage/group/result_window.hpp).
  State gives_record(Outcome outcome, const Known& record) const {
    if (seen == nullptr) return record;
    if (seen->outcome != outcome) return std::nullopt;
    if (!seen->value) {
      const bool is_long = record.value.size() > window_value_bytes_max;
      return outcome == Outcome::mismatch && is_long ? State(record) : std::nullopt;
    }
    const bool is_right = seen->value->bytes == record.value;
    return is_right ? clocks.told(record, seen->expiry_ms, moment) : std::nullopt;
  }
  // An absent value is a state, too: not to be taken for no state.
  static Next to(bool is_right, const State& next) {
    return is_right ? Next(std::in_place, next) : Next();
  }
  static Next if_some(const State& next) { return to(next.has_value(), next); }
  Known written(const Value& value, const Expiry& expiry, const State& before) const {
    return {value.bytes, clocks.ends(expiry, moment, before)};
  }

  Next operator()(const Get&) const {
    return state ? if_some(gives_record(Outcome::done, *state))
                 : to(gives(Outcome::not_found), state);
  }
  Next operator()(const Put& put) const {
    if (put.condition == PutCondition::if_absent && state) return to(gives(Outcome::exists), state);
    if (put.condition == PutCondition::if_present && !state) {
      return to(gives(Outcome::not_found), state);
    }
    return to(gives(Outcome::done), written(put.value, put.expiry, state));
  }
  Next operator()(const Erase& erase) const {
    if (!state) return to(gives(Outcome::not_found), state);
    if (erase.expected && state->value != erase.expected->bytes) {
      return if_some(gives_record(Outcome::mismatch, *state));
    }
    return to(gives(Outcome::done), std::nullopt);
  }
  Next operator()(const CompareAndSet& cas) const {
    if (!state) return to(gives(Outcome::not_found), state);
    const bool is_same = state->value == cas.expected.bytes;
    if (!gives(Outcome::done)) {
      const State record = gives_record(Outcome::mismatch, *state);
      const bool has_ended_it =
          is_same && (!cas.expected_expiry_ms || *cas.expected_expiry_ms == seen->expiry_ms);
      return has_ended_it ? Next() : if_some(record);
    }
    State before = is_same ? state : std::nullopt;
    if (before && cas.expected_expiry_ms)
      before = clocks.told(*before, *cas.expected_expiry_ms, moment);
    // Of an unknown outcome: else nothing has happened.
    if (!before) return to(seen == nullptr, state);
    return to(true, written(cas.desired, cas.expiry, before));
  }
  // Only of keys that hold nothing but integers.
  Next operator()(const Add& add) const {
    const std::int64_t old = state ? decode_integer(state->value) : 0;
    const Known sum{encode_integer(old + add.delta), state ? state->ends : std::nullopt};
    return if_some(gives_record(Outcome::done, sum));
  }
};

bool is_read(const HistoryEntry& entry) { return std::holds_alternative<Get>(entry.operation); }

// The latest call among those that stand before.
struct Latest {
  Duration call = -far;
  Duration write = -far;  // among the writes

  // A write's clock is read when it is put in order behind other writes. Until others have it,
  // reads that were called later come before it.
  Duration clock_of(const HistoryEntry& next) const {
    return std::max(is_read(next) ? call : write, next.called);
  }
  Latest with(const HistoryEntry& next) const {
    return {std::max(call, next.called), is_read(next) ? write : std::max(write, next.called)};
  }
};

// Looks for an order, depth first: next comes any operation that was called before the first
// return among those that are left. A record that may have gone by then has gone or not.
class Search {
 public:
  Search(const std::vector<HistoryEntry>& entries, const Clocks& clocks, std::uint64_t steps_max)
      : entries_(entries), clocks_(clocks), steps_left_(steps_max), done_(entries.size(), false) {}

  bool finds_order(const State& first = {}) { return go(first, {}); }
  bool gave_up() const { return steps_left_ == 0; }
  std::uint64_t steps_left() const { return steps_left_; }

 private:
  // `latest`: of those that are done.
  bool go(const State& state, const Latest& latest) {
    if (steps_left_ == 0 || --steps_left_ == 0) return false;
    Duration first_return = Duration::max();
    bool all_returned_are_done = true;
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (done_[i]) continue;
      if (entries_[i].called > first_return) break;
      first_return = std::min(first_return, entries_[i].returned);
      if (entries_[i].returned != Duration::max()) all_returned_are_done = false;
    }
    if (all_returned_are_done && none_returned_later()) return true;
    if (!is_new(state)) return false;
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (done_[i]) continue;
      if (entries_[i].called > first_return) break;
      const Moment moment{latest.clock_of(entries_[i]), std::min(far, first_return)};
      const bool may_be_there = !state || clocks_.may_be_there(*state, moment);
      if (may_be_there && goes_on(i, state, moment, latest)) return true;
      const bool may_have_gone = state && clocks_.may_have_gone(*state, moment);
      if (may_have_gone && goes_on(i, std::nullopt, moment, latest)) return true;
    }
    return false;
  }

  // With this operation, which finds that state.
  bool goes_on(std::size_t i, const State& state, const Moment& moment, const Latest& latest) {
    const HistoryEntry& entry = entries_[i];
    const bool known = entry.returned != Duration::max();
    const OpResult* seen = known ? &entry.result : nullptr;
    auto next = std::visit(Model{state, seen, moment, clocks_}, entry.operation);
    if (!next) return false;
    if (!known && *next == state) return false;  // as if it had not happened
    if (*next && !clocks_.may_be_there(**next, moment)) next->reset();
    done_[i] = true;
    const std::size_t first = first_;
    while (first_ < entries_.size() && done_[first_]) ++first_;
    if (go(*next, latest.with(entry))) return true;
    first_ = first;
    done_[i] = false;
    return false;
  }

  bool none_returned_later() const {
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (!done_[i] && entries_[i].returned != Duration::max()) return false;
    }
    return true;
  }

  // Not if all that is possible from here has been tried: from the same, but for what ends at some
  // time, and may have ended as early and as late as this.
  bool is_new(const State& state) {
    std::vector<Ends>& tried = visited_[mark(state)];
    const Ends ends = state && state->ends ? *state->ends : Ends{};
    if (std::any_of(tried.begin(), tried.end(), [&](const Ends& e) { return e.covers(ends); })) {
      return false;
    }
    tried.push_back(ends);
    return true;
  }

  std::string mark(const State& state) const {
    std::string text = std::to_string(first_) + ":";
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (done_[i]) text += std::to_string(i) + ",";
    }
    return text + (!state ? "-" : (state->ends ? "~" : "=") + state->value);
  }

  const std::vector<HistoryEntry>& entries_;  // by call
  const Clocks& clocks_;
  std::uint64_t steps_left_;
  std::vector<bool> done_;
  std::size_t first_ = 0;  // all before are done
  std::unordered_map<std::string, std::vector<Ends>> visited_;
};

std::string text_of(const Value& value) {
  if (value.type == ValueType::integer) return std::to_string(decode_integer(value.bytes));
  if (value.bytes.size() <= value_told_max) return value.bytes;
  return value.bytes.substr(0, value_told_max) + "... of " + std::to_string(value.bytes.size()) +
         " bytes";
}

std::string text_of(const Expiry& expiry) {
  const char* kinds[] = {"", " as long as before", " until ", " for "};
  const std::string kind = kinds[static_cast<int>(expiry.kind)];
  return expiry.ms == 0 ? kind : kind + std::to_string(expiry.ms) + " ms";
}

struct Told {
  std::string operator()(const Get&) const { return "get"; }
  std::string operator()(const Put& put) const {
    const char* names[] = {"put ", "insert ", "replace "};
    return names[static_cast<int>(put.condition)] + text_of(put.value) + text_of(put.expiry);
  }
  std::string operator()(const Erase& erase) const {
    return erase.expected ? "erase if it is " + text_of(*erase.expected) : "erase";
  }
  std::string operator()(const CompareAndSet& cas) const {
    std::string text = "compare_and_set " + text_of(cas.expected);
    if (cas.expected_expiry_ms) text += " that ends " + std::to_string(*cas.expected_expiry_ms);
    return text + " to " + text_of(cas.desired) + text_of(cas.expiry);
  }
  std::string operator()(const Add& add) const { return "add " + std::to_string(add.delta); }
};

std::string told(const std::string& key, const std::vector<HistoryEntry>& entries) {
  std::string text = "no order explains what was seen of " + key + ":";
  for (const HistoryEntry& each : entries) {
    const auto us = [](Duration d) { return std::to_string(d.count() / 1000); };
    text += "\n  " + us(each.called) + " us " + std::visit(Told{}, each.operation);
    if (each.returned == Duration::max()) {
      text += ": not known";
      continue;
    }
    text += ": outcome " + std::to_string(static_cast<int>(each.result.outcome));
    if (each.result.value) text += " value " + text_of(*each.result.value);
    if (each.result.expiry_ms != 0) text += " until " + std::to_string(each.result.expiry_ms);
    text += " at " + us(each.returned) + " us";
  }
  return text;
}

enum class Found : std::uint8_t { order, none, undecided };

Found look(const std::vector<HistoryEntry>& entries, const Clocks& clocks,
           std::uint64_t steps_max) {
  Search search(entries, clocks, steps_max);
  if (search.finds_order()) return Found::order;
  return search.gave_up() ? Found::undecided : Found::none;
}

// Absence, and what these operations may have left.
class Left {
 public:
  Left(const std::vector<HistoryEntry>& entries, const Clocks& clocks) : clocks_(clocks) {
    for (const HistoryEntry& each : entries) {
      moment_ = {each.called, std::min(far, each.returned)};
      if (const auto* put = std::get_if<Put>(&each.operation)) write(put->value.bytes, put->expiry);
      if (const auto* cas = std::get_if<CompareAndSet>(&each.operation)) {
        write(cas->desired.bytes, cas->expiry);
      }
      if (const auto* sum = std::get_if<Add>(&each.operation)) add(*sum, each);
    }
    for (const std::string& each : kept_) {
      records_.insert(Known{each});
      if (expires_) records_.insert(Known{each, Ends{-far, 2 * far}});
    }
    if (!deltas_.empty()) records_.insert(Known{encode_integer(0)});
    for (const std::int64_t each : deltas_) add_to_all(each);
  }

  std::set<State> states() const {
    std::set<State> states(records_.begin(), records_.end());
    states.insert(State());
    return states;
  }

 private:
  void write(const std::string& value, const Expiry& expiry) {
    if (expiry.kind == Expiry::Kind::keep) {
      kept_.insert(value);
    } else {
      records_.insert(Known{value, clocks_.ends(expiry, moment_, {})});
      if (expiry.kind != Expiry::Kind::never) expires_ = true;
    }
  }
  void add(const Add& add, const HistoryEntry& entry) {
    if (entry.returned == Duration::max() || !entry.result.value) {
      deltas_.push_back(add.delta);
    } else {
      const std::int64_t ms = entry.result.expiry_ms;
      records_.insert(
          Known{entry.result.value->bytes, ms == 0 ? std::nullopt : std::optional(clocks_.at(ms))});
    }
  }
  void add_to_all(std::int64_t delta) {
    std::set<Known> sums;
    for (const Known& each : records_) {
      sums.insert(Known{encode_integer(decode_integer(each.value) + delta), each.ends});
    }
    records_.merge(sums);
  }

  const Clocks& clocks_;
  Moment moment_;
  std::set<Known> records_;
  std::set<std::string> kept_;        // with the expiry of whatever stood there
  std::vector<std::int64_t> deltas_;  // that may have been added, to what is not known
  bool expires_ = false;              // what was written, at times
};

// What was called before `at` and has returned later may have happened before or after it: of
// neither is its result known.
Found look_twice(const std::vector<HistoryEntry>& entries, const Clocks& clocks, Duration at,
                 std::uint64_t steps_max) {
  std::vector<HistoryEntry> before;
  std::vector<HistoryEntry> after;
  for (HistoryEntry each : entries) {
    if (each.called >= at) {
      after.push_back(std::move(each));
      continue;
    }
    if (each.returned > at) {
      if (is_read(each)) continue;
      each.returned = Duration::max();
      after.push_back(each);
    }
    before.push_back(std::move(each));
  }
  const Found first = look(before, clocks, steps_max);
  if (first != Found::order) return first;
  std::uint64_t steps_left = steps_max;
  for (const State& each : Left(before, clocks).states()) {
    Search search(after, clocks, steps_left);
    if (search.finds_order(each)) return Found::order;
    if (search.gave_up()) return Found::undecided;
    steps_left = search.steps_left();
  }
  return Found::none;
}

}  // namespace

void HistoryChecker::add(HistoryEntry entry) {
  // A read without an answer has told nobody anything.
  if (is_read(entry) && entry.returned == Duration::max()) return;
  histories_[key_of(entry.operation)].push_back(std::move(entry));
}

HistoryChecker::Verdict HistoryChecker::check(std::uint64_t steps_max) const {
  Verdict verdict;
  verdict.keys = histories_.size();
  const Clocks clocks(clocks_);
  for (const auto& [key, unsorted] : histories_) {
    std::vector<HistoryEntry> entries = unsorted;
    std::sort(entries.begin(), entries.end(),
              [](const HistoryEntry& a, const HistoryEntry& b) { return a.called < b.called; });
    const auto anew = anew_.find(key);
    const Found found = anew == anew_.end() ? look(entries, clocks, steps_max)
                                            : look_twice(entries, clocks, anew->second, steps_max);
    if (found == Found::undecided) ++verdict.undecided;
    if (found == Found::none) verdict.violations.push_back(told(key, entries));
  }
  return verdict;
}

}  // namespace hopring::sim
