#pragma once

// The records of one interval of positions: at most about a thousand, in one SlotArray and one
// RecordStore. Segments are what a table's directory lists, what is cut, grown and handed over.
//
// Not thread-safe. Invariants (audit() checks them):
//   (1) every record's position is in interval(), and its tag is the position scaled to it.
//   (2) totals() are the sums over the records.
//   (3) no record is due before earliest_expiry_ms().
//   (4) what find() finds by a record's key is that record: so no key is there twice.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
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

class Segment {
 public:
  static constexpr std::uint32_t buckets_max = 78;  // with the leads, 80 cache lines: 10 units
  static constexpr std::uint32_t records_max = buckets_max * SlotArray::slots_per_bucket;
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  using SlotId = SlotArray::SlotId;
  static constexpr SlotId no_slot = SlotArray::no_slot;

  enum class Change { done, no_slot, out_of_memory };

  // Where to look for a position. What a lookup seldom asks for stays in the word.
  struct Start : SlotArray::Start {
    std::uint64_t word = 0;  // direct(), or of it spilled_bit alone

    bool has_spilled() const noexcept { return (word & spilled_bit) != 0; }
  };

  // A record and its slot; no_slot and nullptr if there is none.
  struct Found {
    SlotId slot = no_slot;
    const std::byte* encoded = nullptr;
  };

  Segment(Interval interval, BlockPool& pool);

  // One for an interval that is told later, by set_interval(), with room in its list of extents.
  // Throws std::bad_alloc.
  static std::unique_ptr<Segment> make_ahead(BlockPool& pool);
  // REQUIRES: nothing has been inserted.
  void set_interval(Interval interval) noexcept;

  const Interval& interval() const noexcept { return interval_; }
  const Totals& totals() const noexcept { return totals_; }
  std::uint32_t size() const noexcept { return slots_.size(); }
  std::uint32_t capacity() const noexcept { return slots_.capacity(); }
  std::int64_t earliest_expiry_ms() const noexcept { return earliest_expiry_ms_; }
  // Does the owner keep records of this interval elsewhere, since they found no slot? It says so.
  bool has_spilled() const noexcept { return has_spilled_; }
  void set_has_spilled(bool has_spilled) noexcept { has_spilled_ = has_spilled; }
  std::size_t resident_bytes() const noexcept {
    return sizeof(Segment) + slots_.resident_bytes() + records_.resident_bytes();
  }
  std::size_t take_copied_bytes() noexcept { return records_.take_copied_bytes(); }

  // One word with which start_by() finds where to look for a position, without the segment: the
  // address of the slots, their number, how positions become tags, and has_spilled(). 0 if the
  // interval is not one of 2^n positions, n at least 16, that begins at a multiple of 2^n; or if
  // there are no slots. Another one after each change but replace().
  std::uint64_t direct() const noexcept;
  // REQUIRES: direct != 0.
  static Start start_by(std::uint64_t direct, std::uint64_t position) noexcept {
    const auto* const piece = reinterpret_cast<const std::byte*>(direct & address_mask);
    if (piece == nullptr) __builtin_unreachable();
    const auto tag = static_cast<std::uint32_t>(position >> (direct & shift_mask) & tag_mask);
    const auto buckets = static_cast<std::uint32_t>(direct >> buckets_shift);
    return {{piece, buckets, SlotArray::home_of_whole(tag, buckets), tag}, direct};
  }

  // REQUIRES of all that follows: the position is in interval(); the start is that of the position.
  Start start(std::uint64_t position) const noexcept {
    return {slots_.start(tag_of(position)), has_spilled_ ? spilled_bit : 0};
  }

  // The way of every operation, in as few instructions as may be: then the memory that the next one
  // needs is under way before this one's has come.
  [[gnu::always_inline]] static inline Found find(const SlotArray::Start& start,
                                                  std::string_view key) {
    if (start.piece == nullptr) [[unlikely]]
      return {};
    const SlotArray::Bucket& home = start.bucket(start.home);
    __builtin_prefetch(&home + 1);  // one in ten needs it; it is this one, but for the last home
    const SlotArray::Candidates candidates = SlotArray::candidates_at_home(start);
    if (candidates != 0) [[likely]] {
      // Where a candidate is expected this is under way before the home has come.
      __builtin_prefetch(start.piece);
      const auto number = static_cast<std::uint32_t>(std::countr_zero(candidates));
      const std::byte* const encoded = RecordStore::at(start.leads(), home.reference(number));
      __builtin_prefetch(encoded + 64);  // it may reach into the next line
      if (has_usual_key(encoded, key)) [[likely]] {
        return {start.home * SlotArray::slots_per_bucket + number, encoded};
      }
    } else if (SlotArray::are_all(start, SlotArray::candidates_beside(start))) [[likely]] {
      return {};
    }
    return find_further(start, key);
  }
  Found find(std::uint64_t position, std::string_view key) const {
    return find(start(position), key);
  }
  RecordView record(SlotId slot) const {
    return decode_record(records_.at(slots_.reference(slot)));
  }

  // Adds a record whose key is not there. On no_slot it must grow or be cut, or the record must go
  // elsewhere. Throws std::bad_alloc; then, and on what is not `done`, nothing has changed.
  [[nodiscard]] Change insert(const RecordView& record, UseClock::Mark mark = 0,
                              RecordStore::Copying copying = RecordStore::Copying::allowed);

  // Overwrites the record at `slot`, of the same key; in place if the size is the same. False, and
  // nothing changed, if there is no memory. Throws std::bad_alloc likewise.
  [[nodiscard]] bool replace(SlotId slot, const RecordView& record);

  void erase(SlotId slot) noexcept;

  // Marks the record at `slot` as used. Without ages: nothing.
  void set_mark(SlotId slot, UseClock::Mark mark) noexcept { slots_.set_mark(slot, mark); }

  // The slot of the record with the greatest age but for `spared`; for a record so large that it
  // has an extent of its own, only among such records. no_slot if there is none. REQUIRES: the pool
  // keeps ages.
  SlotId oldest(const UseClock& clock, SlotId spared, bool is_large) const noexcept;
  bool is_large(std::size_t bytes) const noexcept { return records_.is_large(bytes); }
  // See UseClock. REQUIRES: the pool keeps ages.
  void limit_ages(const UseClock& clock) noexcept;

  // Gives the segment more buckets, an eighth or what fills a unit; reads no record for it.
  // no_slot, and nothing changed, if the records cannot be placed. REQUIRES: can_grow().
  [[nodiscard]] Change grow() noexcept;
  bool can_grow() const noexcept { return slots_.buckets() < buckets_most(); }
  bool is_half_full() const noexcept { return slots_.size() * 2 >= slots_.capacity(); }
  // Is it fuller in one part than elsewhere, if it has no slot for a record now? Where positions
  // are spread evenly it would be nine tenths full.
  bool is_crowded() const noexcept { return slots_.size() * 4 < slots_.capacity() * 3; }

  // What the slots of a fresh segment with so many records are lent.
  std::size_t fresh_slot_bytes(std::uint32_t records) const noexcept;

  // Would a rebuild win back memory: are half the slots vacant and fewer would do, or is a seventh
  // of the bytes dead?
  bool is_wasteful() const noexcept;

  // Homes follow each other as positions do: all records of one stand before those of the next. A
  // home has at most records_per_home_max of them. visit(const std::byte*), what decode_record()
  // takes.
  static constexpr std::uint32_t records_per_home_max =
      SlotArray::neighbourhood * SlotArray::slots_per_bucket;
  std::uint32_t homes() const noexcept { return slots_.buckets(); }
  std::uint32_t home_of(std::uint64_t position) const noexcept {
    return slots_.home(tag_of(position));
  }
  template <class Visit>
  void for_each_of_home(std::uint32_t home, Visit&& visit) const {
    slots_.for_each_of_home(home, [&](SlotId slot) { visit(records_.at(slots_.reference(slot))); });
  }
  [[gnu::always_inline]] void prefetch_records_of_home(std::uint32_t home) const noexcept {
    for_each_of_home(home, [](const std::byte* encoded) {
      __builtin_prefetch(encoded);
      __builtin_prefetch(encoded + 64);
    });
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    slots_.for_each([&](SlotId slot) { visit(record(slot)); });
  }

  // visit(const RecordView&) -> bool (go on?), without positions, for each record whose expiry is
  // at or before `now_ms`. False if the visitor stopped. Free of cost if nothing can be due.
  template <class Visit>
  bool for_each_due(std::int64_t now_ms, Visit&& visit);

  // Ask ahead for what find() reads: the home and the leads; then the record that it likely is,
  // which is returned. Where the home has none, the bucket beside it is asked for, and
  // prefetch_likely_beside() goes on from there. In line by force: g++ 12 takes a function that
  // only prefetches for one without effects, and leaves out its calls.
  [[gnu::always_inline]] static void prefetch_home(const SlotArray::Start& start) noexcept {
    if (start.piece == nullptr) return;
    __builtin_prefetch(&start.bucket(start.home));
    __builtin_prefetch(start.piece);
  }
  [[gnu::always_inline]] static const std::byte* prefetch_likely(const Start& start) noexcept {
    if (start.piece == nullptr) return nullptr;
    const SlotArray::Candidates candidates = SlotArray::candidates_at_home(start);
    if (candidates != 0) [[likely]]
      return prefetch_first(start, candidates);
    __builtin_prefetch(&start.bucket(start.after(start.home, 1)));
    return nullptr;
  }
  [[gnu::always_inline]] static const std::byte* prefetch_likely_beside(
      const Start& start) noexcept {
    if (start.piece == nullptr) return nullptr;
    const SlotArray::Candidates candidates = SlotArray::candidates_beside(start);
    return candidates != 0 ? prefetch_first(start, candidates) : nullptr;
  }
  // And for what insert() writes to.
  [[gnu::always_inline]] void prefetch_room() const noexcept { records_.prefetch_room(); }

  void audit(const PositionOf& position_of) const;

 private:
  friend class Rebuild;

  // Extents of a segment made ahead: what records of 50 bytes need, as a rule.
  static constexpr std::size_t extents_ahead = 8;

  // The parts of direct(). Slots lie at multiples of 64, below 2^47.
  static constexpr std::uint64_t tag_mask = std::numeric_limits<Tag>::max();
  static constexpr std::uint64_t shift_mask = 63;
  static constexpr std::uint64_t spilled_bit = std::uint64_t{1} << 47;
  static constexpr unsigned buckets_shift = 48;
  static constexpr std::uint64_t address_mask = (spilled_bit - 1) & ~shift_mask;

  static Found find_further(SlotArray::Start start, std::string_view key);

  [[gnu::always_inline]] static const std::byte* prefetch_first(
      const SlotArray::Start& start, SlotArray::Candidates candidates) noexcept {
    const std::byte* const record =
        RecordStore::at(start.leads(), SlotArray::reference_of_first(start, candidates));
    __builtin_prefetch(record);
    __builtin_prefetch(record + 64);
    return record;
  }

  Tag tag_of(std::uint64_t position) const noexcept {
    return static_cast<Tag>((position - interval_.first) >> tag_shift_);
  }
  Tag tag_max() const noexcept { return static_cast<Tag>(interval_.extent >> tag_shift_); }
  std::uint32_t buckets_most() const noexcept;
  std::uint32_t fit(std::uint32_t buckets) const noexcept;
  std::uint32_t fresh_buckets(std::uint32_t records) const noexcept;
  std::uint32_t next_buckets() const noexcept;
  bool is_full() const noexcept;

  Interval interval_;
  SlotArray slots_;
  RecordStore records_;
  BlockPool* pool_;
  Totals totals_;
  std::int64_t earliest_expiry_ms_ = never;
  std::uint32_t tag_shift_;
  bool has_spilled_ = false;
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
