#include "storage/table/segment.hpp"

#include <algorithm>
#include <bit>

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
      tag_shift_(shift_to_tag(interval.extent)),
      records_(pool),
      pool_(&pool) {}

Segment::Change Segment::insert(const RecordView& record) {
  if (is_full()) return Change::no_slot;
  const Reference reference = records_.append(record, slots_);
  if (reference == RecordStore::no_reference) return Change::out_of_memory;
  if (!slots_.insert(tag_of(record.position), reference)) {
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
    slots_.reference(slot) = reference;
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

Segment::Change Segment::grow() noexcept {
  SlotArray larger(*pool_);
  if (!larger.allocate(next_buckets(), tag_max())) return Change::out_of_memory;
  bool fits = true;
  for (std::uint32_t home = 0; home < slots_.buckets(); ++home) {
    slots_.for_each_of_home(home, [&](SlotId slot) {
      fits = fits && larger.insert(slots_.tag(slot), slots_.reference(slot));
    });
  }
  if (!fits) return Change::no_slot;
  slots_ = std::move(larger);
  return Change::done;
}

bool Segment::is_wasteful() const noexcept {
  if (records_.dead_bytes() > std::max(pool_->unit_bytes(), records_.used_bytes() / 4)) return true;
  return !is_half_full() && fresh_buckets(size()) < slots_.buckets();
}

void Segment::prefetch_slots(std::uint64_t position) const noexcept {
  if (slots_.buckets() > 0) slots_.prefetch(tag_of(position));
  records_.prefetch_extents();
}

void Segment::prefetch_record(std::uint64_t position) const noexcept {
  slots_.find(tag_of(position), [&](Reference reference) {
    const std::byte* const record = records_.at(reference);
    __builtin_prefetch(record);
    __builtin_prefetch(record + 64);
    return true;
  });
}

std::uint32_t Segment::whole_units(std::uint32_t buckets) const noexcept {
  const std::size_t bytes = pool_->round_up(buckets * sizeof(SlotArray::Bucket));
  return static_cast<std::uint32_t>(bytes / sizeof(SlotArray::Bucket));
}

// What a segment with so many records is built with: room for a quarter more of them.
std::uint32_t Segment::fresh_buckets(std::uint32_t records) const noexcept {
  constexpr std::uint32_t records_per_bucket = SlotArray::slots_per_bucket * 4 / 5;
  return std::min(buckets_max,
                  whole_units((records + records_per_bucket - 1) / records_per_bucket));
}

std::uint32_t Segment::next_buckets() const noexcept {
  const std::uint32_t more = slots_.buckets() + std::max(1u, slots_.buckets() / 4);
  return std::min(buckets_max, whole_units(more));
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
    HOPRING_CHECK(view.expiry_ms == 0 || view.expiry_ms >= earliest_expiry_ms_);
  });
  HOPRING_CHECK(totals == totals_);
}

}  // namespace hopring
