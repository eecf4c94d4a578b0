#include "storage/table/segment.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "base/check.hpp"

namespace hopring {

namespace {
constexpr int tag_bits = 16;

unsigned shift_to_tag(std::uint64_t extent) {
  return static_cast<unsigned>(std::max(0, static_cast<int>(std::bit_width(extent)) - tag_bits));
}
}  // namespace

Segment::Segment(Interval interval, BlockPool& pool)
    : interval_(interval),
      slots_(pool),
      records_(pool),
      pool_(&pool),
      tag_shift_(shift_to_tag(interval.extent)) {}

std::unique_ptr<Segment> Segment::make_ahead(BlockPool& pool) {
  auto segment = std::make_unique<Segment>(Interval{}, pool);
  segment->records_.reserve(extents_ahead);
  return segment;
}

void Segment::set_interval(Interval interval) noexcept {
  HOPRING_CHECK(slots_.buckets() == 0);
  interval_ = interval;
  tag_shift_ = shift_to_tag(interval.extent);
}

std::uint64_t Segment::direct() const noexcept {
  const std::uint64_t extent = interval_.extent;
  const bool is_aligned = (extent & (extent + 1)) == 0 && (interval_.first & extent) == 0;
  const auto address = reinterpret_cast<std::uintptr_t>(slots_.piece());
  if (!is_aligned || extent < std::numeric_limits<Tag>::max() || address == 0) return 0;
  if ((address & ~address_mask) != 0) return 0;
  return std::uint64_t{slots_.buckets()} << buckets_shift | (has_spilled_ ? spilled_bit : 0) |
         address | tag_shift_;
}

// By value and out of line: what find() has in registers stays there. It begins again, so that
// find() need not keep what it has seen.
Segment::Found Segment::find_further(SlotArray::Start start, std::string_view key) {
  const std::byte* encoded = nullptr;
  const SlotId slot =
      SlotArray::find_further(start, SlotArray::candidates(start), [&](Reference reference) {
        encoded = RecordStore::at(start.leads(), reference);
        return has_key(encoded, key);
      });
  return {slot, slot != no_slot ? encoded : nullptr};
}

Segment::Change Segment::insert(const RecordView& record, UseClock::Mark mark,
                                RecordStore::Copying copying) {
  if (is_full()) return Change::no_slot;
  const Reference reference = records_.append(record, slots_, copying);
  if (reference == RecordStore::no_reference) return Change::out_of_memory;
  if (!slots_.insert(tag_of(record.position), reference, mark)) {
    records_.release(reference);
    return Change::no_slot;
  }
  totals_.add(record);
  if (record.expiry_ms != 0) earliest_expiry_ms_ = std::min(earliest_expiry_ms_, record.expiry_ms);
  return Change::done;
}

bool Segment::replace(SlotId slot, const RecordView& record) {
  const RecordView old = this->record(slot);
  Totals change;
  change.subtract(old);
  change.add(record);
  if (encoded_bytes(old) == encoded_bytes(record)) {
    records_.overwrite(slots_.reference(slot), record);
  } else {
    const Reference reference = records_.append(record, slots_);
    if (reference == RecordStore::no_reference) return false;
    records_.release(slots_.reference(slot));
    slots_.set_reference(slot, reference);
  }
  totals_ += change;
  if (record.expiry_ms != 0) earliest_expiry_ms_ = std::min(earliest_expiry_ms_, record.expiry_ms);
  return true;
}

void Segment::erase(SlotId slot) noexcept {
  totals_.subtract(record(slot));
  records_.release(slots_.reference(slot));
  slots_.erase(slot);
  if (slots_.size() > 0) return;
  slots_ = SlotArray(*pool_);
  earliest_expiry_ms_ = never;
}

Segment::SlotId Segment::oldest(const UseClock& clock, SlotId spared,
                                bool is_large) const noexcept {
  SlotId oldest = no_slot;
  unsigned age = 0;
  slots_.for_each([&](SlotId slot) {
    const unsigned its = clock.age_of(slots_.mark(slot));
    if ((oldest != no_slot && its <= age) || slot == spared) return;
    if (is_large && !records_.has_own_extent(slots_.reference(slot))) return;
    oldest = slot;
    age = its;
  });
  return oldest;
}

void Segment::limit_ages(const UseClock& clock) noexcept {
  slots_.for_each([&](SlotId slot) {
    if (clock.age_of(slots_.mark(slot)) <= UseClock::age_max) return;
    slots_.set_mark(slot, clock.mark_of(UseClock::age_max));
  });
}

Segment::Change Segment::grow() noexcept {
  SlotArray larger(*pool_);
  if (!larger.allocate(next_buckets(), tag_max())) return Change::out_of_memory;
  std::array<std::uint16_t, records_max> others;
  std::size_t count = 0;
  slots_.for_each([&](SlotId slot) {
    if (larger.insert_at_home(slots_.tag(slot), slots_.reference(slot), slots_.mark(slot))) return;
    others[count++] = static_cast<std::uint16_t>(slot);
  });
  const bool fits = std::all_of(others.begin(), others.begin() + count, [&](SlotId slot) {
    return larger.insert(slots_.tag(slot), slots_.reference(slot), slots_.mark(slot));
  });
  if (!fits) return Change::no_slot;
  records_.write_leads(larger.leads());
  slots_ = std::move(larger);
  return Change::done;
}

bool Segment::is_wasteful() const noexcept {
  if (records_.dead_bytes() > std::max(pool_->unit_bytes(), records_.used_bytes() / 7)) return true;
  return !is_half_full() && fresh_buckets(size()) < slots_.buckets();
}

// With how many buckets a segment is cut. Under uniform keys all segments fill in step. Were they
// all cut at the same size, then all would want longer slots at the same time, from new blocks, and
// nobody would want the shorter ones that all give back. So sizes are drawn, by the interval, from
// one half to all of buckets_max: at all times some segments are small and some large.
std::uint32_t Segment::buckets_most() const noexcept {
  std::uint64_t drawn = (interval_.first ^ interval_.extent) * 0x9e3779b97f4a7c15ull;
  drawn = (drawn ^ drawn >> 32) * 0xbf58476d1ce4e5b9ull;
  return fit(buckets_max - static_cast<std::uint32_t>((drawn >> 32) * (buckets_max / 2) >> 32));
}

// At least so many buckets: as many as the units that are lent for them hold.
std::uint32_t Segment::fit(std::uint32_t buckets) const noexcept {
  const bool with_marks = pool_->keeps_ages();
  const std::size_t bytes =
      pool_->round_up(SlotArray::bytes_of(buckets, with_marks)) - SlotArray::bytes_of(0);
  const std::size_t fitting = bytes / SlotArray::bucket_bytes(with_marks);
  return std::min(buckets_max, static_cast<std::uint32_t>(fitting));
}

// What a segment with so many records is built with: room for a sixth more of them.
std::uint32_t Segment::fresh_buckets(std::uint32_t records) const noexcept {
  return fit((records + records / 6) / SlotArray::slots_per_bucket + 1);
}

std::size_t Segment::fresh_slot_bytes(std::uint32_t records) const noexcept {
  return pool_->round_up(SlotArray::bytes_of(fresh_buckets(records), pool_->keeps_ages()));
}

std::uint32_t Segment::next_buckets() const noexcept {
  return fit(slots_.buckets() + std::max(1u, slots_.buckets() / 8));
}

// A fifteenth of the slots stays free: lookups touch more lines the fewer there are.
bool Segment::is_full() const noexcept {
  return slots_.size() >= slots_.capacity() - slots_.capacity() / 16;
}

void Segment::audit(const PositionOf& position_of) const {
  slots_.audit();
  records_.audit(slots_);
  Totals totals;
  slots_.for_each([&](SlotId slot) {
    const RecordView view = record(slot);
    totals.add(view);
    const std::uint64_t position = position_of(view.key);
    HOPRING_CHECK(interval_.contains(position));
    HOPRING_CHECK(tag_of(position) == slots_.tag(slot));
    HOPRING_CHECK(find(position, view.key).slot == slot);
    HOPRING_CHECK(view.expiry_ms == 0 || view.expiry_ms >= earliest_expiry_ms_);
  });
  HOPRING_CHECK(totals == totals_);
}

}  // namespace hopring
