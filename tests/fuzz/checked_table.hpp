#pragma once

// A table of hopring beside a std::map that says what it must hold. Every operation is done on both
// and its results are compared; contents and invariants are looked at as often as their size
// allows. Aborts where the two differ.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/check.hpp"
#include "storage/table/hopscotch_table.hpp"

namespace hopring {

struct StoredRecord {
  std::string value;
  std::uint8_t type = 0;
  std::int64_t expiry_ms = 0;
};

class CheckedTable {
 public:
  CheckedTable(BlockPool& pool, Range range, PositionOf position_of)
      : CheckedTable(pool, HopscotchTable(pool, range, position_of), range.begin + 1, position_of) {
  }

  const HopscotchTable& table() const { return table_; }
  bool owns(std::uint64_t position) const { return table_.range().contains(position); }

  // `bytes_max` is the pool's limit, 0 = none: only under one may a put be refused.
  PutResult put(const std::string& key, const StoredRecord& stored, std::size_t bytes_max);
  void erase(const std::string& key);
  void find(const std::string& key);

  // At most `records_max` records from `from` on.
  void scan(const Cursor& from, std::size_t records_max);

  // One call that stops after `records_max` records; what it named is erased if `erases` says so.
  void name_due(std::int64_t now_ms, std::size_t segments_max, std::size_t records_max,
                bool erases);
  // So many calls that all that is due must have been named.
  void name_all_due(std::int64_t now_ms);

  // REQUIRES: `at` is in the table's range and is not its end.
  CheckedTable split_off(std::uint64_t at);
  void clear();

  // The key of the record that follows `key` in the order of a scan, or the first one's; empty if
  // there is none.
  std::string key_from(const std::string& key) const;

  // Everything: the invariants of table and pool, and each record. Cost: all records.
  void check_all();

 private:
  // The distance from `origin_`, and the key. An upper half keeps the origin of the whole, so that
  // a cut moves the records of the model as they are.
  using Place = std::pair<std::uint64_t, std::string>;
  using Records = std::map<Place, StoredRecord>;

  // A look at all records is due once a quarter of them have changed. A spilled one weighs more: an
  // audit looks for it in its neighbourhood, which is full.
  static constexpr std::uint64_t records_per_change = 4;
  static constexpr std::uint64_t weight_of_spilled = 8;
  static constexpr std::uint64_t changes_of_refusal = 32;  // these deserve a look sooner

  CheckedTable(BlockPool& pool, HopscotchTable table, std::uint64_t origin, PositionOf position_of)
      : pool_(&pool), table_(std::move(table)), origin_(origin), position_of_(position_of) {}

  Place place(std::string_view key) const {
    return {position_of_(key) - origin_, std::string(key)};
  }
  void check_record(const RecordView& record, const Records::value_type& expected) const;
  void check_due(const RecordView& record, std::int64_t now_ms) const;
  void check_totals() const;
  void count_change(std::uint64_t changes);

  BlockPool* pool_;
  HopscotchTable table_;
  Records records_;
  std::uint64_t origin_;
  PositionOf position_of_;
  std::uint64_t key_bytes_ = 0;
  std::uint64_t value_bytes_ = 0;
  std::uint64_t changes_ = 0;  // since all records were looked at
};

inline PutResult CheckedTable::put(const std::string& key, const StoredRecord& stored,
                                   std::size_t bytes_max) {
  const auto known = records_.find(place(key));
  const std::size_t resident_before = pool_->resident_bytes();
  const PutResult result =
      table_.put({position_of_(key), key, stored.value, stored.type, stored.expiry_ms});
  if (result == PutResult::out_of_memory) {
    HOPRING_CHECK(bytes_max != 0);
    find(key);
    count_change(changes_of_refusal);
    return result;
  }
  if (bytes_max != 0)
    HOPRING_CHECK(pool_->resident_bytes() <= std::max(resident_before, bytes_max));
  HOPRING_CHECK((result == PutResult::replaced) == (known != records_.end()));
  value_bytes_ += stored.value.size();
  if (known == records_.end()) {
    key_bytes_ += key.size();
    records_.emplace(place(key), stored);
  } else {
    value_bytes_ -= known->second.value.size();
    known->second = stored;
  }
  find(key);
  count_change(1);
  return result;
}

inline void CheckedTable::erase(const std::string& key) {
  const auto known = records_.find(place(key));
  HOPRING_CHECK(table_.erase(position_of_(key), key) == (known != records_.end()));
  if (known != records_.end()) {
    key_bytes_ -= key.size();
    value_bytes_ -= known->second.value.size();
    records_.erase(known);
  }
  find(key);
  count_change(1);
}

inline void CheckedTable::find(const std::string& key) {
  const std::uint64_t position = position_of_(key);
  const auto found = table_.find(position, key);
  const auto known = records_.find(place(key));
  HOPRING_CHECK(found.has_value() == (known != records_.end()));
  if (found) check_record(*found, *known);
  const HopscotchTable::Lookup lookup{position, key};
  table_.find_each({&lookup, 1}, [&](const RecordView* record) {
    HOPRING_CHECK((record != nullptr) == found.has_value());
    if (record != nullptr) check_record(*record, *known);
  });
}

inline void CheckedTable::scan(const Cursor& from, std::size_t records_max) {
  auto expected = records_.upper_bound({from.position - origin_, from.key});
  std::size_t visited = 0;
  table_.scan(from, [&](const RecordView& record) {
    HOPRING_CHECK(visited < records_max);
    HOPRING_CHECK(expected != records_.end());
    check_record(record, *expected);
    ++expected;
    return ++visited < records_max;
  });
  HOPRING_CHECK(visited == records_max || expected == records_.end());
}

inline void CheckedTable::name_due(std::int64_t now_ms, std::size_t segments_max,
                                   std::size_t records_max, bool erases) {
  std::set<std::string> named;
  table_.for_each_due(now_ms, segments_max, [&](const RecordView& record) {
    HOPRING_CHECK(named.size() < records_max);
    check_due(record, now_ms);
    HOPRING_CHECK(named.emplace(record.key).second);
    return named.size() < records_max;
  });
  check_totals();
  if (!erases) return;
  for (const std::string& key : named) erase(key);
}

inline void CheckedTable::name_all_due(std::int64_t now_ms) {
  std::set<std::string> named;
  const std::uint64_t calls = table_.segments() + table_.spilled();  // one segment and one record
  for (std::uint64_t call = 0; call < calls; ++call) {
    table_.for_each_due(now_ms, 1, [&](const RecordView& record) {
      check_due(record, now_ms);
      named.emplace(record.key);
      return true;
    });
  }
  const auto is_due = [&](const Records::value_type& entry) {
    return entry.second.expiry_ms != 0 && entry.second.expiry_ms <= now_ms;
  };
  const auto due = std::count_if(records_.begin(), records_.end(), is_due);
  HOPRING_CHECK(named.size() == static_cast<std::size_t>(due));
}

inline CheckedTable CheckedTable::split_off(std::uint64_t at) {
  const Range whole = table_.range();
  CheckedTable upper(*pool_, table_.split_off(at), origin_, position_of_);
  HOPRING_CHECK((table_.range() == Range{whole.begin, at}));
  HOPRING_CHECK((upper.table_.range() == Range{at, whole.end}));
  while (!records_.empty() && records_.rbegin()->first.first > at - origin_) {
    const auto last = std::prev(records_.end());
    upper.key_bytes_ += last->first.second.size();
    upper.value_bytes_ += last->second.value.size();
    upper.records_.insert(upper.records_.begin(), records_.extract(last));
  }
  key_bytes_ -= upper.key_bytes_;
  value_bytes_ -= upper.value_bytes_;
  check_all();
  upper.check_all();
  return upper;
}

inline void CheckedTable::clear() {
  table_.clear();
  records_.clear();
  key_bytes_ = 0;
  value_bytes_ = 0;
  check_all();
}

inline std::string CheckedTable::key_from(const std::string& key) const {
  if (records_.empty()) return {};
  const auto next = records_.lower_bound(place(key));
  return (next == records_.end() ? records_.begin() : next)->first.second;
}

inline void CheckedTable::check_all() {
  changes_ = 0;
  check_totals();
  table_.audit();
  pool_->audit();
  scan(table_.first_cursor(), records_.size() + 1);
}

inline void CheckedTable::check_record(const RecordView& record,
                                       const Records::value_type& expected) const {
  HOPRING_CHECK(record.position - origin_ == expected.first.first);
  HOPRING_CHECK(record.key == expected.first.second);
  HOPRING_CHECK(record.value == expected.second.value);
  HOPRING_CHECK(record.type == expected.second.type);
  HOPRING_CHECK(record.expiry_ms == expected.second.expiry_ms);
}

inline void CheckedTable::check_due(const RecordView& record, std::int64_t now_ms) const {
  HOPRING_CHECK(record.expiry_ms != 0 && record.expiry_ms <= now_ms);
  const auto known = records_.find(place(record.key));
  HOPRING_CHECK(known != records_.end());
  check_record(record, *known);
}

inline void CheckedTable::check_totals() const {
  HOPRING_CHECK(table_.size() == records_.size());
  HOPRING_CHECK(table_.key_bytes() == key_bytes_);
  HOPRING_CHECK(table_.value_bytes() == value_bytes_);
  HOPRING_CHECK(table_.spilled() <= table_.size());
}

inline void CheckedTable::count_change(std::uint64_t changes) {
  check_totals();
  changes_ += changes;
  const std::uint64_t weight = table_.size() + weight_of_spilled * table_.spilled();
  if (changes_ * records_per_change >= weight) check_all();
}

}  // namespace hopring
