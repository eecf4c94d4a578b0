// A group against the obvious map, through a host that splits its arc now and then.

#include <boost/test/unit_test.hpp>
#include <map>

#include "storage/group/decimal.hpp"
#include "support.hpp"

namespace hopring {
namespace {

struct ModelRecord {
  Value value;
  std::int64_t expiry_ms = 0;
};

// The same operations, done the simple way.
class Model {
 public:
  OpResult execute(std::int64_t now_ms, const Operation& operation) {
    remove_due(now_ms);
    return std::visit([&](const auto& each) { return on(now_ms, each); }, operation);
  }
  void remove_due(std::int64_t now_ms) {
    std::erase_if(records_, [&](const auto& each) {
      return each.second.expiry_ms != 0 && each.second.expiry_ms <= now_ms;
    });
  }
  const std::map<std::string, ModelRecord>& records() const { return records_; }

 private:
  static OpResult outcome(Outcome outcome) { return {std::nullopt, outcome, std::nullopt, 0}; }
  static OpResult error(OpError error) { return {error, Outcome::done, std::nullopt, 0}; }
  static OpResult told(Outcome outcome, const ModelRecord& record) {
    return {std::nullopt, outcome, record.value, record.expiry_ms};
  }
  const ModelRecord* find(const std::string& key) const {
    const auto found = records_.find(key);
    return found == records_.end() ? nullptr : &found->second;
  }
  void store(std::int64_t now_ms, const std::string& key, const Value& value,
             const Expiry& expiry) {
    ModelRecord& record = records_[key];
    record.value = value;
    if (expiry.kind == Expiry::Kind::never) record.expiry_ms = 0;
    if (expiry.kind == Expiry::Kind::at) record.expiry_ms = expiry.ms;
    if (expiry.kind == Expiry::Kind::after) record.expiry_ms = now_ms + expiry.ms;
  }

  OpResult on(std::int64_t, const Get& get) {
    const ModelRecord* record = find(get.key);
    return record ? told(Outcome::done, *record) : outcome(Outcome::not_found);
  }
  OpResult on(std::int64_t now_ms, const Put& put) {
    const bool there = find(put.key) != nullptr;
    if (put.condition == PutCondition::if_absent && there) return outcome(Outcome::exists);
    if (put.condition == PutCondition::if_present && !there) return outcome(Outcome::not_found);
    store(now_ms, put.key, put.value, put.expiry);
    return outcome(Outcome::done);
  }
  OpResult on(std::int64_t, const Erase& erase) {
    const ModelRecord* record = find(erase.key);
    if (record && erase.expected && record->value != *erase.expected) {
      return told(Outcome::mismatch, *record);
    }
    return outcome(records_.erase(erase.key) == 1 ? Outcome::done : Outcome::not_found);
  }
  OpResult on(std::int64_t now_ms, const CompareAndSet& operation) {
    const ModelRecord* record = find(operation.key);
    if (!record) return outcome(Outcome::not_found);
    const auto& ends = operation.expected_expiry_ms;
    if (record->value != operation.expected || (ends && *ends != record->expiry_ms))
      return told(Outcome::mismatch, *record);
    store(now_ms, operation.key, operation.desired, operation.expiry);
    return outcome(Outcome::done);
  }
  OpResult on(std::int64_t, const Add& add) {
    if (!find(add.key)) records_[add.key].value = {ValueType::integer, encode_integer(0)};
    ModelRecord& record = records_[add.key];
    if (record.value.type == ValueType::integer) {
      record.value.bytes = encode_integer(decode_integer(record.value.bytes) + add.delta);
    } else if (const auto number = parse_canonical(record.value.bytes)) {
      record.value.bytes = std::to_string(*number + add.delta);
    } else {
      return error(OpError::wrong_type);
    }
    return told(Outcome::done, record);
  }

  std::map<std::string, ModelRecord> records_;
};

class Workload {
 public:
  explicit Workload(std::uint64_t seed) : rng_(seed) {}

  Operation next() {
    const std::string key = "key" + std::to_string(rng_.below(60));
    switch (rng_.below(6)) {
      case 0:
        return Get{key};
      case 1:
        return rng_.chance(1, 2) ? Erase{key} : Erase{key, value()};
      case 2:
        return CompareAndSet{key, value(), value(), expiry(), expected_expiry()};
      case 3:
        return Add{key, static_cast<std::int64_t>(rng_.below(100)) - 50};
      default:
        return Put{key, value(), expiry(), static_cast<PutCondition>(rng_.below(3))};
    }
  }
  Rng& rng() { return rng_; }

 private:
  Value value() {
    if (rng_.chance(1, 3)) {
      return {ValueType::integer, encode_integer(static_cast<std::int64_t>(rng_.below(4)))};
    }
    if (rng_.chance(1, 3)) return {ValueType::json, "{}"};
    return {ValueType::string, std::to_string(rng_.below(4))};
  }
  Expiry expiry() {
    const auto kind = static_cast<Expiry::Kind>(rng_.below(4));
    const auto ms = static_cast<std::int64_t>(rng_.below(300));
    if (kind == Expiry::Kind::at) return {kind, test_epoch_ms + 5 * ms};
    if (kind == Expiry::Kind::after) return {kind, ms + 1};
    return {kind, 0};
  }

  std::optional<std::int64_t> expected_expiry() {
    if (rng_.chance(1, 2)) return std::nullopt;
    const Expiry wanted = expiry();
    return wanted.kind == Expiry::Kind::at ? wanted.ms : 0;
  }

  Rng rng_;
};

// All keys, by scans from the first position to the last.
std::vector<std::string> scan_all(TestHost& host, std::uint32_t records_max) {
  std::vector<std::string> keys;
  Scan scan;
  scan.records_max = records_max;
  for (std::optional<ScanCursor> cursor = ScanCursor{}; cursor;) {
    scan.cursor = *cursor;
    ScanStep step;
    BOOST_REQUIRE(host.host.scan(host.now, scan, step, host.out) != nullptr);
    for (const Record& record : step.records) keys.push_back(record.key);
    cursor = step.next;
  }
  return keys;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(group_model)

// Goal: every operation has the result that the obvious map gives, whatever expires and splits.
// Method: 3000 random operations per seed on both; a scan at the end finds the same keys, once.
BOOST_AUTO_TEST_CASE(agrees_with_the_standard_map) {
  for (const std::uint64_t seed : seeds(20)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Workload workload(seed);
      Model model;
      TestHost host(1);
      host.host.open(host.now, view_of(host.self, whole_ring()), host.out);
      for (std::int64_t i = 0; i < 3000; ++i) {
        host.now = at(std::chrono::milliseconds(i / 2));
        if (i % 200 == 0) {
          const View view = *host.host.find(Position{workload.rng().next()});
          BOOST_TEST(host.host.split(view.arc.end, middle(view.arc), host.out));
        }
        if (i % 10 == 0 && host.host.next_deadline() <= host.now.monotonic) {
          host.host.on_deadline(host.now, host.out);
        }
        const Operation operation = workload.next();
        const OpResult expected = model.execute(host.now.wall.ms_since_epoch, operation);
        BOOST_REQUIRE((host.execute(operation) == expected));
      }
      host.host.audit();
      std::vector<std::string> keys = scan_all(host, 1 + static_cast<std::uint32_t>(seed) % 7);
      std::sort(keys.begin(), keys.end());
      std::vector<std::string> expected;
      model.remove_due(host.now.wall.ms_since_epoch);  // the last put may have been of the past
      for (const auto& [key, record] : model.records()) expected.push_back(key);
      BOOST_TEST(keys == expected, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hopring
