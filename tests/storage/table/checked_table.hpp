#pragma once

// A table of hopring beside a std::map that says what it must hold. Every operation is done on both
// and its results are compared; contents are compared as often as their size allows, invariants
// audited then or after each change. Where the pool keeps ages, the model knows the age of each
// record and says whether what the table names as the oldest is. Aborts where the two differ.

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

// How often the invariants are audited: after each change, or once a quarter of the records have
// changed, when these are compared with the model.
enum class Audits { always, seldom };

class CheckedTable {
 public:
  CheckedTable(BlockPool& pool, Range range, PositionOf position_of, Audits audits = Audits::seldom)
      : pool_(&pool),
        table_(pool, range, position_of),
        origin_(range.begin + 1),
        position_of_(position_of),
        audits_(audits) {}

  const HopscotchTable& table() const { return table_; }
  bool empty() const { return records_.empty(); }
  // REQUIRES: there are records.
  std::uint64_t first_position() const { return origin_ + records_.begin()->first.first; }
  std::uint64_t last_position() const { return origin_ + records_.rbegin()->first.first; }
  bool owns(std::uint64_t position) const { return table_.range().contains(position); }

  // `bytes_max` is the pool's limit, 0 = none: only under one may a put be refused.
  PutResult put(const std::string& key, const StoredRecord& stored, std::size_t bytes_max);
  void erase(const std::string& key);
  void find(const std::string& key);

  // REQUIRES of these three: the pool keeps ages.
  void find_and_mark(const std::string& key);
  // What the table names as the oldest near `near`; nobody is spared if `spared` is empty.
  // REQUIRES: `near` and the position of `spared` are in the table's range.
  void check_oldest(std::uint64_t near, const std::string& spared, std::size_t bytes_wanted) const;
  // As put(), and where that is refused removes the oldest until there is room. False if a put was
  // refused, ever.
  bool put_evicting(const std::string& key, const StoredRecord& stored, std::size_t bytes_max);

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
  struct Entry {
    StoredRecord stored;
    std::uint64_t used = 0;  // the tick of its last use
  };
  using Records = std::map<Place, Entry>;

  // A spilled record weighs more: an audit looks for it in its neighbourhood, which is full.
  static constexpr std::uint64_t records_per_change = 4;
  static constexpr std::uint64_t weight_of_spilled = 8;
  static constexpr std::uint64_t changes_of_refusal = 32;  // these deserve a look sooner

  // A clock of uses, as use_clock.hpp describes it, but one that never comes round.
  static constexpr std::uint64_t ticks_per_size = 16;
  static constexpr int evictions_max = 64;

  // Of the half that is cut off `lower`.
  CheckedTable(const CheckedTable& lower, HopscotchTable table)
      : pool_(lower.pool_),
        table_(std::move(table)),
        origin_(lower.origin_),
        position_of_(lower.position_of_),
        audits_(lower.audits_),
        tick_(lower.tick_),
        uses_(lower.uses_),
        has_spilled_(lower.has_spilled_) {}

  Place place(std::string_view key) const {
    return {position_of_(key) - origin_, std::string(key)};
  }
  // Ages above UseClock::age_max are all the same.
  std::uint64_t age_of(const Entry& entry) const {
    return std::min<std::uint64_t>(tick_ - entry.used, UseClock::age_max);
  }
  void count_use(Entry& used);
  bool is_large(std::size_t bytes) const;
  bool may_be_named(const Records::value_type& entry, const std::string& spared, bool large) const;
  void check_record(const RecordView& record, const Records::value_type& expected) const;
  void check_due(const RecordView& record, std::int64_t now_ms) const;
  void check_totals() const;
  void count_change(std::uint64_t changes);

  BlockPool* pool_;
  HopscotchTable table_;
  Records records_;
  std::uint64_t origin_;
  PositionOf position_of_;
  Audits audits_;
  std::uint64_t tick_ = 0;
  std::uint64_t uses_ = 0;    // since the last tick
  bool has_spilled_ = false;  // ever: which records have no age is not known then
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
  if (known != records_.end()) value_bytes_ -= known->second.stored.value.size();
  if (known == records_.end()) key_bytes_ += key.size();
  Entry& entry = records_[place(key)];
  entry.stored = stored;
  if (pool_->keeps_ages()) count_use(entry);
  find(key);
  count_change(1);
  return result;
}

inline void CheckedTable::erase(const std::string& key) {
  const auto known = records_.find(place(key));
  HOPRING_CHECK(table_.erase(position_of_(key), key) == (known != records_.end()));
  if (known != records_.end()) {
    key_bytes_ -= key.size();
    value_bytes_ -= known->second.stored.value.size();
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

inline void CheckedTable::find_and_mark(const std::string& key) {
  const auto found = table_.find_and_mark(position_of_(key), key);
  const auto known = records_.find(place(key));
  HOPRING_CHECK(found.has_value() == (known != records_.end()));
  if (!found) return;
  check_record(*found, *known);
  count_use(known->second);
}

inline void CheckedTable::check_oldest(std::uint64_t near, const std::string& spared,
                                       std::size_t bytes_wanted) const {
  const bool large = is_large(bytes_wanted);
  const std::uint64_t spared_at = spared.empty() ? near : position_of_(spared);
  const auto named = table_.oldest(near, {spared_at, spared}, bytes_wanted);
  if (named) {
    const auto known = records_.find(place(named->key));
    HOPRING_CHECK(known != records_.end());
    check_record(*named, *known);
    HOPRING_CHECK(named->key != spared);
  }
  HOPRING_CHECK(named || table_.spilled() < 2);
  if (has_spilled_) return;
  HOPRING_CHECK(!named || !large || is_large(encoded_bytes(*named)));
  // All that lies between `near` and what is named is in the same segment, and none of it is older.
  const std::uint64_t there = near - origin_;
  const std::uint64_t where = named ? named->position - origin_ : there;
  const bool is_one_segment = table_.segments() == 1;
  const std::uint64_t first = is_one_segment ? 0 : std::min(there, where);
  const std::uint64_t last = is_one_segment ? ~std::uint64_t{0} : std::max(there, where);
  const std::uint64_t age = named ? age_of(records_.at(place(named->key))) : 0;
  for (auto at = records_.lower_bound({first, {}}); at != records_.end(); ++at) {
    if (at->first.first > last) break;
    if (!may_be_named(*at, spared, large)) continue;
    HOPRING_CHECK(named.has_value());
    HOPRING_CHECK(age_of(at->second) <= age);
  }
}

inline bool CheckedTable::put_evicting(const std::string& key, const StoredRecord& stored,
                                       std::size_t bytes_max) {
  for (int i = 0; i < evictions_max; ++i) {
    if (put(key, stored, bytes_max) != PutResult::out_of_memory) return i == 0;
    const std::size_t bytes = key.size() + stored.value.size();
    check_oldest(position_of_(key), key, bytes);
    const auto named = table_.oldest(position_of_(key), {position_of_(key), key}, bytes);
    if (!named) return false;
    const std::size_t before = pool_->resident_bytes();
    erase(std::string(named->key));
    HOPRING_CHECK(bytes_max == 0 || pool_->resident_bytes() <= std::max(before, bytes_max));
  }
  return false;
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
    return entry.second.stored.expiry_ms != 0 && entry.second.stored.expiry_ms <= now_ms;
  };
  const auto due = std::count_if(records_.begin(), records_.end(), is_due);
  HOPRING_CHECK(named.size() == static_cast<std::size_t>(due));
}

inline CheckedTable CheckedTable::split_off(std::uint64_t at) {
  const Range whole = table_.range();
  CheckedTable upper(*this, table_.split_off(at));
  HOPRING_CHECK((table_.range() == Range{whole.begin, at}));
  HOPRING_CHECK((upper.table_.range() == Range{at, whole.end}));
  while (!records_.empty() && records_.rbegin()->first.first > at - origin_) {
    const auto last = std::prev(records_.end());
    upper.key_bytes_ += last->first.second.size();
    upper.value_bytes_ += last->second.stored.value.size();
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

inline void CheckedTable::count_use(Entry& used) {
  if (table_.spilled() > 0) has_spilled_ = true;
  used.used = tick_;
  if (++uses_ < table_.size() / ticks_per_size) return;
  uses_ = 0;
  ++tick_;
}

// Has a record of so many bytes memory of its own?
inline bool CheckedTable::is_large(std::size_t bytes) const {
  constexpr std::size_t units_per_extent = 16;
  constexpr std::size_t extent_bytes_max = 8192;
  return bytes > std::min(pool_->unit_bytes() * units_per_extent, extent_bytes_max) / 4;
}

inline bool CheckedTable::may_be_named(const Records::value_type& entry, const std::string& spared,
                                       bool large) const {
  if (entry.first.second == spared) return false;
  const StoredRecord& stored = entry.second.stored;
  return !large || is_large(encoded_bytes(
                       {0, entry.first.second, stored.value, stored.type, stored.expiry_ms}));
}

inline void CheckedTable::check_record(const RecordView& record,
                                       const Records::value_type& expected) const {
  HOPRING_CHECK(record.position - origin_ == expected.first.first);
  HOPRING_CHECK(record.key == expected.first.second);
  HOPRING_CHECK(record.value == expected.second.stored.value);
  HOPRING_CHECK(record.type == expected.second.stored.type);
  HOPRING_CHECK(record.expiry_ms == expected.second.stored.expiry_ms);
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
  if (table_.spilled() > 0) has_spilled_ = true;
  const std::uint64_t weight = table_.size() + weight_of_spilled * table_.spilled();
  if (changes_ * records_per_change >= weight) {
    check_all();
  } else if (audits_ == Audits::always) {
    table_.audit();
    pool_->audit();
  }
}

}  // namespace hopring
