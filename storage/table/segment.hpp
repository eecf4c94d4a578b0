#pragma once

// The records of one interval of positions: at most about a thousand, in one SlotArray and one
// RecordStore. Segments are what a table's directory lists, what is cut, grown and handed over.
//
// Not thread-safe. Invariants (audit() checks them):
//   (1) every record's position is in interval(), and its tag is the position scaled to it.
//   (2) totals() are the sums over the records.
//   (3) no record is due before earliest_expiry_ms().

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

#include "storage/table/interval.hpp"
#include "storage/table/record.hpp"
#include "storage/table/record_store.hpp"
#include "storage/table/slot_array.hpp"

namespace hopring {

// Sums over records. Differences may wrap around: adding them is exact all the same.
struct Totals {
  std::uint64_t records = 0;
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;

  void add(const RecordView& record) noexcept {
    records += 1;
    key_bytes += record.key.size();
    value_bytes += record.value.size();
  }
  void subtract(const RecordView& record) noexcept {
    records -= 1;
    key_bytes -= record.key.size();
    value_bytes -= record.value.size();
  }
  Totals& operator+=(const Totals& other) noexcept {
    records += other.records;
    key_bytes += other.key_bytes;
    value_bytes += other.value_bytes;
    return *this;
  }
  Totals& operator-=(const Totals& other) noexcept {
    records -= other.records;
    key_bytes -= other.key_bytes;
    value_bytes -= other.value_bytes;
    return *this;
  }
  friend bool operator==(const Totals&, const Totals&) = default;
};

// What a lookup needs of it stands in the first cache line.
class alignas(64) Segment {
 public:
  static constexpr std::uint32_t buckets_max = 96;
  static constexpr std::uint32_t records_max = buckets_max * SlotArray::slots_per_bucket;
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  using SlotId = SlotArray::SlotId;
  static constexpr SlotId no_slot = SlotArray::no_slot;

  enum class Change { done, no_slot, out_of_memory };

  Segment(Interval interval, BlockPool& pool);

  const Interval& interval() const noexcept { return interval_; }
  const Totals& totals() const noexcept { return totals_; }
  std::uint32_t size() const noexcept { return slots_.size(); }
  std::int64_t earliest_expiry_ms() const noexcept { return earliest_expiry_ms_; }
  std::size_t resident_bytes() const noexcept {
    return sizeof(Segment) + slots_.resident_bytes() + records_.resident_bytes();
  }

  // REQUIRES of all that follows: the position is in interval().
  SlotId find(std::uint64_t position, std::string_view key) const {
    return search(position, key).slot;
  }
  // The encoded record, or nullptr.
  const std::byte* find_encoded(std::uint64_t position, std::string_view key) const {
    return search(position, key).encoded;
  }
  RecordView record(SlotId slot) const {
    return decode_record(records_.at(slots_.reference(slot)));
  }

  // Adds a record whose key is not there. On no_slot it must grow or be cut, or the record must go
  // elsewhere. Throws std::bad_alloc; then, and on what is not `done`, nothing has changed.
  [[nodiscard]] Change insert(const RecordView& record);

  // Overwrites the record at `slot`, of the same key; in place if the size is the same. False, and
  // nothing changed, if there is no memory. Throws std::bad_alloc likewise.
  [[nodiscard]] bool replace(SlotId slot, const RecordView& record);

  void erase(SlotId slot) noexcept;

  // Gives the segment more buckets, a quarter or what fills a unit; reads no record for it.
  // no_slot, and nothing changed, if the records cannot be placed. REQUIRES: can_grow().
  [[nodiscard]] Change grow() noexcept;
  bool can_grow() const noexcept { return slots_.buckets() < buckets_max; }
  bool is_half_full() const noexcept { return slots_.size() * 2 >= slots_.capacity(); }

  // Would a rebuild win back memory: are half the slots vacant and fewer would do, or is a quarter
  // of the bytes dead?
  bool is_wasteful() const noexcept;

  // Homes follow each other as positions do: all records of one stand before those of the next. A
  // home has at most records_per_home_max of them. visit(const RecordView&), without positions.
  static constexpr std::uint32_t records_per_home_max =
      SlotArray::neighbourhood * SlotArray::slots_per_bucket;
  std::uint32_t homes() const noexcept { return slots_.buckets(); }
  std::uint32_t home_of(std::uint64_t position) const noexcept {
    return slots_.home(tag_of(position));
  }
  template <class Visit>
  void for_each_of_home(std::uint32_t home, Visit&& visit) const {
    slots_.for_each_of_home(home, [&](SlotId slot) { visit(record(slot)); });
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    slots_.for_each([&](SlotId slot) { visit(record(slot)); });
  }

  // visit(const RecordView&) -> bool (go on?), without positions, for each record whose expiry is
  // at or before `now_ms`. False if the visitor stopped. Free of cost if nothing can be due.
  template <class Visit>
  bool for_each_due(std::int64_t now_ms, Visit&& visit);

  void prefetch_slots(std::uint64_t position) const noexcept;
  void prefetch_record(std::uint64_t position) const noexcept;

  void audit(const PositionOf& position_of) const;

 private:
  friend class Rebuild;

  struct Found {
    SlotId slot;
    const std::byte* encoded;
  };
  // The way of every operation, in as few instructions as may be: then the memory that the next one
  // needs is under way before this one's has come.
  [[gnu::always_inline]] inline Found search(std::uint64_t position, std::string_view key) const {
    records_.prefetch_extents();  // while the slots come
    const std::byte* encoded = nullptr;
    const SlotId slot = slots_.find(tag_of(position), [&](Reference reference) {
      const std::byte* const candidate = records_.at(reference);
      __builtin_prefetch(candidate + 64);  // it may reach into the next line
      if (!has_key(candidate, key)) return false;
      encoded = candidate;
      return true;
    });
    return {slot, encoded};
  }

  Tag tag_of(std::uint64_t position) const noexcept {
    return static_cast<Tag>((position - interval_.first) >> tag_shift_);
  }
  Tag tag_max() const noexcept { return static_cast<Tag>(interval_.extent >> tag_shift_); }
  std::uint32_t fresh_buckets(std::uint32_t records) const noexcept;
  std::uint32_t next_buckets() const noexcept;
  std::uint32_t whole_units(std::uint32_t buckets) const noexcept;
  bool is_full() const noexcept;

  // One cache line, with where the extents are listed.
  Interval interval_;
  SlotArray slots_;
  std::uint32_t tag_shift_;
  static_assert(sizeof(Interval) + sizeof(SlotArray) + sizeof(std::uint32_t) <= 56);

  RecordStore records_;
  BlockPool* pool_;
  Totals totals_;
  std::int64_t earliest_expiry_ms_ = never;
};

template <class Visit>
bool Segment::for_each_due(std::int64_t now_ms, Visit&& visit) {
  if (earliest_expiry_ms_ > now_ms) return true;
  bool goes_on = true;
  std::int64_t earliest = never;
  for_each([&](const RecordView& record) {
    if (record.expiry_ms == 0) return;
    earliest = std::min(earliest, record.expiry_ms);
    if (goes_on && record.expiry_ms <= now_ms) goes_on = visit(record);
  });
  earliest_expiry_ms_ = earliest;
  return goes_on;
}

}  // namespace hopring
