#include "sim/history_checker.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/check.hpp"
#include "storage/operation/value.hpp"

namespace hopring::sim {
namespace {

using State = std::optional<std::string>;  // the value; nullopt: absent

// What the operation makes of the state if it gives the result that was seen; nullopt if it would
// have given another. Without a result every one is possible.
struct Model {
  using Next = std::optional<State>;

  const State& state;
  const OpResult* seen;

  bool gives(Outcome outcome) const { return seen == nullptr || seen->outcome == outcome; }
  bool gives_value(Outcome outcome, const std::string& value) const {
    return seen == nullptr ||
           (seen->outcome == outcome && seen->value && seen->value->bytes == value);
  }
  // An absent value is a state, too: not to be taken for no state.
  static Next to(bool is_right, const State& next) {
    return is_right ? Next(std::in_place, next) : Next();
  }

  Next operator()(const Get&) const {
    return to(state ? gives_value(Outcome::done, *state) : gives(Outcome::not_found), state);
  }
  Next operator()(const Put& put) const {
    if (put.condition == PutCondition::if_absent && state) return to(gives(Outcome::exists), state);
    if (put.condition == PutCondition::if_present && !state) {
      return to(gives(Outcome::not_found), state);
    }
    return to(gives(Outcome::done), put.value.bytes);
  }
  Next operator()(const Erase& erase) const {
    if (!state) return to(gives(Outcome::not_found), state);
    if (erase.expected && *state != erase.expected->bytes) {
      return to(gives_value(Outcome::mismatch, *state), state);
    }
    return to(gives(Outcome::done), std::nullopt);
  }
  Next operator()(const CompareAndSet& cas) const {
    if (!state) return to(gives(Outcome::not_found), state);
    if (*state != cas.expected.bytes) return to(gives_value(Outcome::mismatch, *state), state);
    return to(gives(Outcome::done), cas.desired.bytes);
  }
  // Only of keys that hold nothing but integers.
  Next operator()(const Add& add) const {
    const std::int64_t old = state ? decode_integer(*state) : 0;
    const std::string sum = encode_integer(old + add.delta);
    return to(gives_value(Outcome::done, sum), sum);
  }
};

// Looks for an order, depth first: next comes any operation that was called before the first
// return among those that are left.
class Search {
 public:
  Search(const std::vector<HistoryEntry>& entries, std::uint64_t steps_max)
      : entries_(entries), steps_left_(steps_max), done_(entries.size(), false) {}

  bool finds_order(const State& first = {}) { return go(first); }
  bool gave_up() const { return steps_left_ == 0; }
  std::uint64_t steps_left() const { return steps_left_; }

 private:
  bool go(const State& state) {
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
    if (!visited_.insert(mark(state)).second) return false;
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (done_[i]) continue;
      if (entries_[i].called > first_return) break;
      const bool known = entries_[i].returned != Duration::max();
      const auto next =
          std::visit(Model{state, known ? &entries_[i].result : nullptr}, entries_[i].operation);
      if (!next) continue;
      if (!known && *next == state) continue;  // as if it had not happened
      done_[i] = true;
      const std::size_t first = first_;
      while (first_ < entries_.size() && done_[first_]) ++first_;
      if (go(*next)) return true;
      first_ = first;
      done_[i] = false;
    }
    return false;
  }

  bool none_returned_later() const {
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (!done_[i] && entries_[i].returned != Duration::max()) return false;
    }
    return true;
  }

  std::string mark(const State& state) const {
    std::string text = std::to_string(first_) + ":";
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (done_[i]) text += std::to_string(i) + ",";
    }
    return text + (state ? "=" + *state : "-");
  }

  const std::vector<HistoryEntry>& entries_;  // by call
  std::uint64_t steps_left_;
  std::vector<bool> done_;
  std::size_t first_ = 0;  // all before are done
  std::unordered_set<std::string> visited_;
};

struct Told {
  std::string operator()(const Get&) const { return "get"; }
  std::string operator()(const Put& put) const {
    const char* names[] = {"put ", "insert ", "replace "};
    return names[static_cast<int>(put.condition)] + put.value.bytes;
  }
  std::string operator()(const Erase& erase) const {
    return erase.expected ? "erase if it is " + erase.expected->bytes : "erase";
  }
  std::string operator()(const CompareAndSet& cas) const {
    return "compare_and_set " + cas.expected.bytes + " to " + cas.desired.bytes;
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
    if (each.result.value) text += " value " + each.result.value->bytes;
    text += " at " + us(each.returned) + " us";
  }
  return text;
}

enum class Found : std::uint8_t { order, none, undecided };

Found look(const std::vector<HistoryEntry>& entries, std::uint64_t steps_max) {
  Search search(entries, steps_max);
  if (search.finds_order()) return Found::order;
  return search.gave_up() ? Found::undecided : Found::none;
}

bool is_read(const HistoryEntry& entry) { return std::holds_alternative<Get>(entry.operation); }

// Absence, and all values that these may have left.
std::set<State> states_after(const std::vector<HistoryEntry>& entries) {
  std::set<State> states{State()};
  std::int64_t sum = 0;
  for (const HistoryEntry& each : entries) {
    if (const auto* put = std::get_if<Put>(&each.operation)) states.insert(put->value.bytes);
    if (const auto* cas = std::get_if<CompareAndSet>(&each.operation)) {
      states.insert(cas->desired.bytes);
    }
    if (const auto* add = std::get_if<Add>(&each.operation)) {
      states.insert(encode_integer(sum += add->delta));
    }
  }
  return states;
}

// What was called before `at` and has returned later may have happened before or after it: of
// neither is its result known.
Found look_twice(const std::vector<HistoryEntry>& entries, Duration at, std::uint64_t steps_max) {
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
  const Found first = look(before, steps_max);
  if (first != Found::order) return first;
  std::uint64_t steps_left = steps_max;
  for (const State& each : states_after(before)) {
    Search search(after, steps_left);
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
  for (const auto& [key, unsorted] : histories_) {
    std::vector<HistoryEntry> entries = unsorted;
    std::sort(entries.begin(), entries.end(),
              [](const HistoryEntry& a, const HistoryEntry& b) { return a.called < b.called; });
    const auto anew = anew_.find(key);
    const Found found = anew == anew_.end() ? look(entries, steps_max)
                                            : look_twice(entries, anew->second, steps_max);
    if (found == Found::undecided) ++verdict.undecided;
    if (found == Found::none) verdict.violations.push_back(told(key, entries));
  }
  return verdict;
}

}  // namespace hopring::sim
