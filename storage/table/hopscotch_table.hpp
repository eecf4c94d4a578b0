#pragma once

// The records of one arc in memory, ordered by ring position up to the neighbourhood.
//
//   Directory   | guide: a segment for each slot of the range | ordered clockwise
//                       |                |
//   segments      [SlotArray, RecordStore]  ...                each an interval of positions
//                       |          |
//   buckets     | 12 slots | ...   | extent | extent | ...     hops, tags, references | records
//
// A segment grows by an eighth until it has as many buckets as were drawn for it, at most
// Segment::buckets_max; then it is cut in two at the roundest position of its middle. So no
// operation moves more than one segment's records, and the load is the same at every size. Records
// that find no slot, because many positions are equal, go to the spill; a lookup in a segment of
// which there are none does not look there. See docs/table.md for the byte budget.
//
// The table does not hash: positions are given, and recomputed by `PositionOf` where records are
// walked. It does not look at clocks: it names what is due, and what was used least recently, and
// removes nothing by itself.
//
// Thread rule: a table belongs to one shard, as its pool does. Tables of one shard share the pool.
//
// Invariants (audit() walks the table and checks them, and those of its parts):
//   (1) the segments' intervals tile range(): no gap, no overlap, clockwise.
//   (2) a key is in the segment of its position or in the spill, and nowhere twice.
//   (3) size(), key_bytes() and value_bytes() are the sums over all records.
//   (4) a segment says has_spilled() <=> the spill has a record in its interval.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/table/block_pool.hpp"
#include "storage/table/directory.hpp"
#include "storage/table/interval.hpp"
#include "storage/table/rebuild.hpp"
#include "storage/table/record.hpp"
#include "storage/table/segment.hpp"
#include "storage/table/spill.hpp"
#include "storage/table/use_clock.hpp"

namespace hopring {

// Where a scan goes on: strictly after `key` among the keys at `position`. No key is empty, so an
// empty `key` means: from the first record at `position`. Stays valid whatever happens to a table.
struct Cursor {
  std::uint64_t position = 0;
  std::string key;
};

enum class PutResult { created, replaced, out_of_memory };

// What growing, cutting and winning back memory has cost since the table was made.
struct TableWork {
  std::uint64_t records_moved_max = 0;  // by one put or erase
  std::uint64_t bytes_copied = 0;       // of records that were copied again
  std::uint64_t growth_slots = 0;       // sums over all growths and cuts: slots of the segment,
  std::uint64_t growth_records = 0;     //   records in it
};

class HopscotchTable {
 public:
  // An empty table; it is lent no memory by the pool. REQUIRES: the pool and the context of
  // `position_of` outlive the table. Throws std::bad_alloc.
  HopscotchTable(BlockPool& pool, Range range, PositionOf position_of);
  // A table moved from may be destroyed or assigned to.
  HopscotchTable(HopscotchTable&&) noexcept = default;
  HopscotchTable& operator=(HopscotchTable&&) noexcept = default;

  const Range& range() const noexcept { return range_; }
  std::uint64_t size() const noexcept { return totals_.records; }
  std::uint64_t key_bytes() const noexcept { return totals_.key_bytes; }
  std::uint64_t value_bytes() const noexcept { return totals_.value_bytes; }
  // What the table is lent and what it allocates. Cost: one step a segment.
  std::size_t resident_bytes() const noexcept;

  // Cost: one step a segment.
  std::uint64_t slots() const noexcept;
  const TableWork& work() const noexcept { return work_; }

  // REQUIRES of all that follows: `position` is in range() and is the position of `key`.
  // In line, so that only those parts of the record are made that the caller looks at.
  [[gnu::always_inline]] std::optional<RecordView> find(std::uint64_t position,
                                                        std::string_view key) const {
    const std::byte* const encoded = find_encoded(directory_.start_of(position), {position, key});
    if (encoded == nullptr) return std::nullopt;
    return decode_record(encoded, position);
  }

  // The same, and marks the record as used, as put() does. What else looks at a record does not.
  // REQUIRES: the pool keeps ages.
  std::optional<RecordView> find_and_mark(std::uint64_t position, std::string_view key);

  // Stores a record, over the one of the same key if there is one. On out_of_memory (of the pool's
  // limit or the system's) the contents are as before. REQUIRES: the bounds of RecordView; key
  // and value do not point into the table.
  [[nodiscard]] PutResult put(const RecordView& record) noexcept;

  // May a record at the position be due by then? No, for certain, where no record near it is.
  bool may_be_due(std::uint64_t position, std::int64_t now_ms) const noexcept {
    const Segment& segment = directory_.segment_of(position);
    return segment.earliest_expiry_ms() <= now_ms || segment.has_spilled();
  }

  // True if the key was there. Never needs memory to succeed, but may exceed the pool's limit by
  // one segment for a moment, to win back what died; not where the pool keeps ages.
  bool erase(std::uint64_t position, std::string_view key) noexcept;

  // Finds each of `lookups` and calls visit(const RecordView*) for it, in their order; nullptr
  // where there is none. Takes them sixteen at a time: the memory that these need is under way at
  // once, so that one of many costs a fraction of a find().
  struct Lookup {
    std::uint64_t position;
    std::string_view key;
  };
  template <class Visit>
  void find_each(std::span<const Lookup> lookups, Visit&& visit) const;

  // A lookup of one of several tables that comes soon: what find() will read is under way when it
  // comes. The second step waits for what the first one has asked for, so each is taken for all
  // lookups before the next one. REQUIRES: the table does not change between the steps.
  class Ahead {
   public:
    Ahead() = default;
    [[gnu::always_inline]] Ahead(const HopscotchTable& table, std::uint64_t position) noexcept
        : start_(table.directory_.start_of(position)) {
      Segment::prefetch_home(start_);
    }
    [[gnu::always_inline]] void go_on() const noexcept { (void)Segment::prefetch_likely(start_); }

   private:
    Segment::Start start_{};
  };

  // The record to remove so that one more can be stored: the least recently used of the segment
  // that holds `near`, but for `spared` (none if its key is empty). What a record in the same
  // segment leaves can be used at once; segments hold so many that the least recently used of one
  // is among those of all (docs/table.md). For a record of `bytes_wanted` that has an allocation of
  // its own, only such ones are named, since only they leave what it needs. nullopt if there is
  // none. Uses are told apart to a sixteenth of size(), back to twelve times size(). REQUIRES: the
  // pool keeps ages. Cost: one segment.
  std::optional<RecordView> oldest(std::uint64_t near, const Lookup& spared,
                                   std::size_t bytes_wanted) const;

  Cursor first_cursor() const { return {range_.begin + 1, {}}; }

  // visit(const RecordView&) -> bool (go on?) for the records after `from` in the order of
  // (position clockwise from the range's begin, key). Between calls the table may change in any
  // way: a record that stays is visited once. The visitor must not change the table. REQUIRES:
  // from.position is in range().
  template <class Visit>
  void scan(const Cursor& from, Visit&& visit) const;

  // visit(const RecordView&) -> bool (go on?) for records whose expiry is at or before `now_ms`, in
  // at most `segments_max` segments further on than the call before. Segments in which nothing can
  // be due are passed without a look at their records. What is named stays until it is erased, and
  // is named again on the next round; a visitor that stops is led to the same segment next time.
  template <class Visit>
  void for_each_due(std::int64_t now_ms, std::size_t segments_max, Visit&& visit);

  // Cuts the table: this one keeps (begin, at], the other, (at, end], is returned. Hands segments
  // over and rebuilds at most one, regardless of the pool's limit.
  // REQUIRES: `at` is in range() and is not its end. Throws std::bad_alloc, and nothing changed.
  HopscotchTable split_off(std::uint64_t at);

  // Gives everything back. Cost: one step an extent and a spilled record, none else a record.
  // Throws std::bad_alloc, and nothing changed.
  void clear();

  // Aborts unless the invariants hold. Cost: all records.
  void audit() const;

  std::size_t segments() const noexcept { return directory_.size(); }
  std::uint64_t spilled() const noexcept { return spill_.totals().records; }

 private:
  friend struct TableInsides;  // of the tests: plants faults that audit() must find, counts steps

  // The records of one home, ordered by (position, key).
  struct Batch {
    struct Item {
      std::uint64_t position;
      const std::byte* encoded;
    };
    std::array<Item, Segment::records_per_home_max> items;
    std::size_t size = 0;
  };
  // How many lookups of find_each() are under way at once: as many as processors have lines of
  // memory on order.
  static constexpr std::size_t lookups_at_once = 16;
  // How many spilled records for_each_due() looks at for each segment that it may pass.
  static constexpr std::size_t spilled_per_segment = 64;

  std::uint64_t origin() const noexcept { return range_.begin + 1; }
  bool precedes(const RecordView& a, const RecordView& b) const noexcept;
  void collect(const Segment& segment, std::uint32_t home, const Cursor& after, Batch& batch) const;

  [[gnu::always_inline]] const std::byte* find_encoded(const Segment::Start& start,
                                                       const Lookup& lookup) const {
    const std::byte* const encoded = Segment::find(start, lookup.key).encoded;
    if (encoded != nullptr || !start.has_spilled()) [[likely]]
      return encoded;
    return spill_.find(lookup.position, lookup.key);
  }

  void count_use() noexcept;
  std::optional<RecordView> oldest_spilled(std::uint64_t near, const Lookup& spared) const;
  PutResult try_put(const RecordView& record);
  PutResult create(Segment& segment, const RecordView& record);
  bool spill(const RecordView& record);
  void set_has_spilled(Segment& segment, bool has_spilled) noexcept;
  Segment::Change make_room(Segment& segment, std::uint64_t position);
  Segment::Change spread(Segment& segment, std::uint64_t position);
  Segment::Change cut(Segment& segment);
  void make_ahead() noexcept;
  void shrink(std::size_t index) noexcept;
  bool rebuild(std::size_t index, std::size_t sources, std::span<const Interval> targets);

  BlockPool* pool_;
  Range range_;
  PositionOf position_of_;
  Directory directory_;
  Rebuild::Ahead ahead_;  // for the next cut
  Spill spill_;
  Totals totals_;
  TableWork work_;
  std::uint64_t due_hand_;  // a position in the segment at which for_each_due() goes on
  UseClock clock_;          // stands still unless the pool keeps ages
  std::uint64_t age_hand_;  // a position in the segment whose ages are limited next
};

template <class Visit>
void HopscotchTable::find_each(std::span<const Lookup> lookups, Visit&& visit) const {
  std::array<Segment::Start, lookups_at_once> starts;
  std::array<const std::byte*, lookups_at_once> likely;
  while (!lookups.empty()) {
    const auto now = lookups.first(std::min(lookups.size(), lookups_at_once));
    for (std::size_t i = 0; i < now.size(); ++i) {
      starts[i] = directory_.start_of(now[i].position);
      Segment::prefetch_home(starts[i]);
    }
    std::uint32_t beside = 0;  // bit i <=> the home of lookup i has none
    for (std::size_t i = 0; i < now.size(); ++i) {
      likely[i] = Segment::prefetch_likely(starts[i]);
      if (likely[i] == nullptr) beside |= std::uint32_t{1} << i;
    }
    for (; beside != 0; beside &= beside - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(beside));
      likely[i] = Segment::prefetch_likely_beside(starts[i]);
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
      const bool is_it = likely[i] != nullptr && has_usual_key(likely[i], now[i].key);
      const std::byte* const encoded = is_it ? likely[i] : find_encoded(starts[i], now[i]);
      if (encoded == nullptr) {
        visit(static_cast<const RecordView*>(nullptr));
      } else {
        const RecordView record = decode_record(encoded, now[i].position);
        visit(&record);
      }
    }
    lookups = lookups.subspan(now.size());
  }
}

template <class Visit>
void HopscotchTable::scan(const Cursor& from, Visit&& visit) const {
  std::optional<RecordView> spilled = spill_.next(origin(), from.position, from.key);
  const auto visit_spilled_before = [&](const RecordView* record) {
    while (spilled && (record == nullptr || precedes(*spilled, *record))) {
      if (!visit(*spilled)) return false;
      spilled = spill_.next(origin(), spilled->position, spilled->key);
    }
    return true;
  };
  Batch batch;
  const std::size_t first = directory_.index_of(from.position);
  for (std::size_t index = first; index < directory_.size(); ++index) {
    const Segment& segment = directory_[index];
    std::uint32_t home = index == first ? segment.home_of(from.position) : 0;
    for (; home < segment.homes(); ++home) {
      if (home + 1 < segment.homes()) segment.prefetch_records_of_home(home + 1);
      collect(segment, home, from, batch);
      for (const auto& [position, encoded] : std::span(batch.items).first(batch.size)) {
        const RecordView record = decode_record(encoded, position);
        if (!visit_spilled_before(&record) || !visit(record)) return;
      }
    }
  }
  visit_spilled_before(nullptr);
}

template <class Visit>
void HopscotchTable::for_each_due(std::int64_t now_ms, std::size_t segments_max, Visit&& visit) {
  std::size_t index = directory_.index_of(range_.contains(due_hand_) ? due_hand_ : origin());
  bool goes_on = true;
  for (std::size_t i = 0; goes_on && i < std::min(segments_max, directory_.size()); ++i) {
    Segment& segment = directory_[index];
    goes_on = segment.for_each_due(now_ms, [&](RecordView record) {
      record.position = position_of_(record.key);
      return visit(record);
    });
    if (goes_on) index = index + 1 < directory_.size() ? index + 1 : 0;
  }
  due_hand_ = directory_[index].interval().first;
  if (goes_on) spill_.for_each_due(now_ms, segments_max * spilled_per_segment, visit);
}

}  // namespace hopring
