#pragma once

// A keyspace without peers: a map, which answers at once or, where the test says so, later. Its
// ring has a few arcs, so that scans have steps.

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "peer/resp/keyspace.hpp"
#include "peer/resp/parser.hpp"

namespace hopring::test {

class MapKeyspace final : public resp::Keyspace {
 public:
  struct Waiting {
    resp::Call call;
    Operation operation;
  };

  bool execute(Now now, const resp::Call& call, Operation& operation, ResultSink& sink) override {
    ++executed;
    if (is_slow || far.contains(key_of(operation))) {
      waiting.push_back({call, std::move(operation)});
      return false;
    }
    tell(perform(now, operation), sink);
    return true;
  }
  bool execute_elsewhere(Now now, const resp::Call& call, Operation& operation,
                         ResultSink& sink) override {
    ++sent_at_once;
    return execute(now, call, operation, sink);
  }
  std::size_t try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink) override {
    std::size_t count = 0;
    for (; count < keys.size() && !is_slow && !next_error && sink.takes_more(); ++count) {
      const bool is_far = far.contains(keys[count]);
      if (is_key(keys[count]) && !is_far) {
        tell(perform(now, Get{std::string(keys[count])}), sink);
        ++executed;
        ++read_at_once;
      } else if (sink.passes_over()) {
        sink.on_passed_over(is_far);
      } else {
        break;
      }
    }
    return count;
  }
  void expect(std::span<const std::string_view> keys) override {
    expected.assign(keys.begin(), keys.end());
  }
  void scan(Now, const resp::Call& call, Scan&& scan) override {
    scans.push_back({call, std::move(scan)});
  }
  void report(Now, const resp::Call& call, const std::optional<PeerRef>& of) override {
    reports.push_back({call, of});
  }
  const RingConfig* ring() const override { return is_in_ring ? &config : nullptr; }
  std::uint64_t random() override { return next_random; }

  // One step, within its arc, as a primary does it.
  ScanStep step(const Scan& scan) const {
    const std::uint64_t width = ~std::uint64_t{0} / config.nodes_per_peer;  // of an arc, less one
    const Position end{scan.cursor.position.value | width};
    std::vector<std::pair<Position, std::string>> sorted;
    for (const auto& [key, _] : records) sorted.emplace_back(position(key), key);
    std::sort(sorted.begin(), sorted.end());
    ScanStep step;
    const auto first = std::upper_bound(sorted.begin(), sorted.end(),
                                        std::pair(scan.cursor.position, scan.cursor.last_key));
    for (auto each = first; each != sorted.end() && each->first <= end; ++each) {
      if (!each->second.starts_with(scan.prefix)) continue;
      step.records.push_back(Record{each->second, {}, 0});
      if (step.records.size() < scan.records_max) continue;
      step.next = ScanCursor{each->first, each->second};
      return step;
    }
    if (end.value != ~std::uint64_t{0}) step.next = ScanCursor{advance(end, 1), {}};
    return step;
  }
  Position position(const std::string& key) const { return position_of(config.hash_key, key); }

  OpResult perform(Now now, const Operation& operation) {
    if (next_error) return error_result(*std::exchange(next_error, std::nullopt));
    if (const auto error = problem(operation, value_bytes_max_default)) return error_result(*error);
    const auto found = records.find(key_of(operation));
    const bool is_due = found != records.end() && found->second.expiry_ms != 0 &&
                        found->second.expiry_ms <= now.wall.ms_since_epoch;
    if (is_due) records.erase(found);
    return std::visit([&](const auto& each) { return perform_each(now, each); }, operation);
  }

  std::map<std::string, Record> records;
  std::deque<Waiting> waiting;
  std::deque<std::pair<resp::Call, Scan>> scans;
  std::deque<std::pair<resp::Call, std::optional<PeerRef>>> reports;
  RingConfig config = some_config();
  std::uint64_t next_random = 0;
  bool is_in_ring = true;
  std::optional<OpError> next_error;
  bool is_slow = false;
  std::set<std::string, std::less<>> far;  // keys whose operations are slow
  std::size_t executed = 0;
  std::size_t read_at_once = 0;
  std::size_t sent_at_once = 0;       // of those that are executed
  std::vector<std::string> expected;  // as told last

 private:
  static RingConfig some_config() {
    RingConfig config;
    config.nodes_per_peer = 4;
    config.hash_key = HashKey{{1, 2}};
    return config;
  }
  Record* find(const std::string& key) {
    const auto found = records.find(key);
    return found == records.end() ? nullptr : &found->second;
  }
  static OpResult outcome(Outcome outcome) {
    OpResult result;
    result.outcome = outcome;
    return result;
  }
  static OpResult told(Outcome outcome, const Record& record) {
    return {std::nullopt, outcome, record.value, record.expiry_ms};
  }
  void write(Now now, const std::string& key, const Value& value, const Expiry& expiry) {
    Record& record = records[key];
    if (expiry.kind == Expiry::Kind::never) record.expiry_ms = 0;
    if (expiry.kind == Expiry::Kind::at) record.expiry_ms = expiry.ms;
    if (expiry.kind == Expiry::Kind::after) record.expiry_ms = now.wall.ms_since_epoch + expiry.ms;
    record.value = value;
  }

  OpResult perform_each(Now, const Get& get) {
    const Record* record = find(get.key);
    return record == nullptr ? outcome(Outcome::not_found) : told(Outcome::done, *record);
  }
  OpResult perform_each(Now now, const Put& put) {
    const bool is_there = find(put.key) != nullptr;
    if (put.condition == PutCondition::if_absent && is_there) return outcome(Outcome::exists);
    if (put.condition == PutCondition::if_present && !is_there) return outcome(Outcome::not_found);
    write(now, put.key, put.value, put.expiry);
    return outcome(Outcome::done);
  }
  OpResult perform_each(Now, const Erase& erase) {
    const Record* record = find(erase.key);
    if (record != nullptr && erase.expected && record->value != *erase.expected) {
      return told(Outcome::mismatch, *record);
    }
    return outcome(records.erase(erase.key) == 1 ? Outcome::done : Outcome::not_found);
  }
  OpResult perform_each(Now now, const CompareAndSet& cas) {
    const Record* record = find(cas.key);
    if (record == nullptr) return outcome(Outcome::not_found);
    const bool is_other_expiry =
        cas.expected_expiry_ms && *cas.expected_expiry_ms != record->expiry_ms;
    if (record->value != cas.expected || is_other_expiry) return told(Outcome::mismatch, *record);
    write(now, cas.key, cas.desired, cas.expiry);
    return outcome(Outcome::done);
  }
  OpResult perform_each(Now, const Add& add) {
    Record& record = records.try_emplace(add.key, Record{{}, integer(0), 0}).first->second;
    const bool is_integer = record.value.type == ValueType::integer;
    std::int64_t number = is_integer ? decode_integer(record.value.bytes) : 0;
    if (!is_integer && !resp::parse_integer(record.value.bytes, number)) {
      return error_result(OpError::wrong_type);
    }
    constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
    const bool is_over =
        add.delta > 0 ? number > highest - add.delta : number < -highest - 1 - add.delta;
    if (is_over) return error_result(OpError::overflow);
    number += add.delta;
    record.value = is_integer ? integer(number) : Value{ValueType::string, std::to_string(number)};
    return told(Outcome::done, record);
  }
  static Value integer(std::int64_t number) { return {ValueType::integer, encode_integer(number)}; }
};

}  // namespace hopring::test
