#include "storage/table/hopscotch_table.hpp"

#include <new>
#include <utility>

#include "base/check.hpp"
#include "storage/table/rebuild.hpp"

namespace hopring {

namespace {
// Neighbours are merged up to half of what a segment holds, so that a merged one is not soon cut.
constexpr std::uint32_t merged_records_max = Segment::records_max / 2;
}  // namespace

HopscotchTable::HopscotchTable(BlockPool& pool, Range range, PositionOf position_of)
    : pool_(&pool), range_(range), position_of_(position_of), spill_(pool), due_hand_(origin()) {
  clear();
}

std::size_t HopscotchTable::resident_bytes() const noexcept {
  std::size_t bytes = segments_.capacity() * sizeof(Entry) + spill_.resident_bytes();
  for (const Entry& entry : segments_) bytes += entry.segment->resident_bytes();
  return bytes;
}

std::optional<RecordView> HopscotchTable::find(std::uint64_t position, std::string_view key) const {
  const Segment& segment = segment_of(position);
  const Segment::SlotId slot = segment.find(position, key);
  if (slot == Segment::no_slot) return spill_.empty() ? std::nullopt : spill_.find(position, key);
  RecordView record = segment.record(slot);
  record.position = position;
  return record;
}

PutResult HopscotchTable::put(const RecordView& record) noexcept {
  try {
    return try_put(record);
  } catch (const std::bad_alloc&) {
    return PutResult::out_of_memory;
  }
}

PutResult HopscotchTable::try_put(const RecordView& record) {
  Segment& segment = segment_of(record.position);
  const Segment::SlotId slot = segment.find(record.position, record.key);
  if (slot != Segment::no_slot) {
    const Totals before = segment.totals();
    if (!segment.replace(slot, record)) return PutResult::out_of_memory;
    totals_ += segment.totals();
    totals_ -= before;
    return PutResult::replaced;
  }
  if (!spill_.empty() && spill_.find(record.position, record.key)) {
    const Totals before = spill_.totals();
    if (!spill_.replace(record)) return PutResult::out_of_memory;
    totals_ += spill_.totals();
    totals_ -= before;
    return PutResult::replaced;
  }
  const PutResult result = create(record);
  if (result == PutResult::created) totals_.add(record);
  return result;
}

// Adds a record whose key is not there. One step of growth at most: what then finds no slot is
// spilled.
PutResult HopscotchTable::create(const RecordView& record) {
  const std::size_t index = index_of(record.position);
  Segment::Change change = segments_[index].segment->insert(record);
  if (change == Segment::Change::no_slot) {
    change = make_room(index);
    if (change == Segment::Change::done) change = segment_of(record.position).insert(record);
  }
  if (change == Segment::Change::no_slot && spill_.insert(record)) return PutResult::created;
  return change == Segment::Change::done ? PutResult::created : PutResult::out_of_memory;
}

// Grows or cuts a segment that has no slot for a record. no_slot if it is less than half full: its
// records are crowded, and more buckets would not help them enough.
Segment::Change HopscotchTable::make_room(std::size_t index) {
  Segment& segment = *segments_[index].segment;
  if (!segment.is_half_full()) return Segment::Change::no_slot;
  if (segment.can_grow()) return segment.grow();
  const Interval whole = segment.interval();
  if (whole.extent == 0) return Segment::Change::no_slot;
  const std::uint64_t cut = cut_point(whole);
  const Interval halves[] = {{whole.first, cut - whole.first - 1}, {cut, whole.last() - cut}};
  return rebuild(index, 1, halves) ? Segment::Change::done : Segment::Change::out_of_memory;
}

bool HopscotchTable::erase(std::uint64_t position, std::string_view key) noexcept {
  const std::size_t index = index_of(position);
  Segment& segment = *segments_[index].segment;
  const Segment::SlotId slot = segment.find(position, key);
  if (slot == Segment::no_slot) {
    const Totals before = spill_.totals();
    if (!spill_.erase(position, key)) return false;
    totals_ += spill_.totals();
    totals_ -= before;
    return true;
  }
  totals_.subtract(segment.record(slot));
  segment.erase(slot);
  if (segment.size() == 0 || segment.is_wasteful()) shrink(index);
  return true;
}

// Rebuilds a wasteful segment, with a neighbour if both are small. Without memory it stays as it
// is.
void HopscotchTable::shrink(std::size_t index) noexcept {
  const auto fits_with_next = [&](std::size_t i) {
    return i + 1 < segments_.size() &&
           segments_[i].segment->size() + segments_[i + 1].segment->size() <= merged_records_max;
  };
  std::size_t sources = 1;
  if (fits_with_next(index)) {
    sources = 2;
  } else if (index > 0 && fits_with_next(index - 1)) {
    index -= 1;
    sources = 2;
  } else if (segments_[index].segment->size() == 0) {
    return;
  }
  const std::uint64_t first = segments_[index].first;
  const Interval merged{first, segments_[index + sources - 1].segment->interval().last() - first};
  const BlockPool::Overdraft overdraft(*pool_);
  try {
    static_cast<void>(rebuild(index, sources, {&merged, 1}));
  } catch (const std::bad_alloc&) {
  }
}

// Replaces neighbouring segments by fresh ones that tile the same positions. False, and nothing
// changed, if the pool refuses; throws std::bad_alloc, and nothing changed.
bool HopscotchTable::rebuild(std::size_t index, std::size_t sources,
                             std::span<const Interval> targets) {
  Rebuild rebuild(*pool_, position_of_);
  for (std::size_t i = 0; i < sources; ++i) rebuild.take(*segments_[index + i].segment);
  for (const Interval& target : targets) {
    if (!rebuild.build(target)) return false;
  }
  Spill homeless(*pool_);
  for (const RecordView& record : rebuild.homeless()) {
    if (!homeless.insert(record)) return false;
  }
  if (segments_.size() + targets.size() > segments_.capacity()) {
    segments_.reserve(segments_.size() * 5 / 4 + targets.size());
  }
  spill_.merge(homeless);  // from here on nothing fails
  const auto at = segments_.begin() + static_cast<std::ptrdiff_t>(index);
  std::size_t done = 0;
  for (std::unique_ptr<Segment>& fresh : rebuild.commit()) {
    Entry entry{fresh->interval().first, std::move(fresh)};
    const auto place = at + static_cast<std::ptrdiff_t>(done);
    if (done < sources) {
      *place = std::move(entry);
    } else {
      segments_.insert(place, std::move(entry));
    }
    ++done;
  }
  if (done < sources) {
    segments_.erase(at + static_cast<std::ptrdiff_t>(done),
                    at + static_cast<std::ptrdiff_t>(sources));
  }
  return true;
}

void HopscotchTable::prefetch_slots(std::uint64_t position) const noexcept {
  segment_of(position).prefetch_slots(position);
}

void HopscotchTable::prefetch_record(std::uint64_t position) const noexcept {
  segment_of(position).prefetch_record(position);
}

HopscotchTable HopscotchTable::split_off(std::uint64_t at) {
  HOPRING_CHECK(range_.contains(at) && at != range_.end);
  HopscotchTable other(*pool_, Range{at, range_.end}, position_of_);
  other.segments_.reserve(segments_.size() + 1);
  std::size_t index = index_of(at + 1);
  const Interval whole = segments_[index].segment->interval();
  if (whole.first != at + 1) {
    const Interval parts[] = {{whole.first, at - whole.first}, {at + 1, whole.last() - at - 1}};
    const BlockPool::Overdraft overdraft(*pool_);
    if (!rebuild(index, 1, parts)) throw std::bad_alloc();
    ++index;
  }
  other.segments_.clear();
  const auto from = segments_.begin() + static_cast<std::ptrdiff_t>(index);
  std::move(from, segments_.end(), std::back_inserter(other.segments_));
  segments_.erase(from, segments_.end());
  other.spill_ = spill_.split(other.range_);
  other.totals_ = other.spill_.totals();
  for (const Entry& entry : other.segments_) other.totals_ += entry.segment->totals();
  totals_ -= other.totals_;
  range_.end = at;
  return other;
}

void HopscotchTable::clear() {
  std::vector<Entry> empty;
  empty.push_back({origin(), std::make_unique<Segment>(interval_of(range_), *pool_)});
  segments_ = std::move(empty);
  spill_.clear();
  totals_ = {};
}

// The segment that holds `position`: the last whose first position is not after it.
std::size_t HopscotchTable::index_of(std::uint64_t position) const noexcept {
  const std::uint64_t wanted = position - origin();
  std::size_t low = 0;
  for (std::size_t count = segments_.size(); count > 1;) {
    const std::size_t half = count / 2;
    low = segments_[low + half].first - origin() <= wanted ? low + half : low;
    count -= half;
  }
  return low;
}

bool HopscotchTable::precedes(const RecordView& a, const RecordView& b) const noexcept {
  return a.position != b.position ? a.position - origin() < b.position - origin() : a.key < b.key;
}

void HopscotchTable::collect(const Segment& segment, std::uint32_t home, const Cursor& after,
                             Batch& batch) const {
  const RecordView limit{after.position, after.key, {}, 0, 0};
  batch.size = 0;
  segment.for_each_of_home(home, [&](RecordView record) {
    record.position = position_of_(record.key);
    if (precedes(limit, record)) batch.records[batch.size++] = record;
  });
  std::sort(batch.records.begin(), batch.records.begin() + static_cast<std::ptrdiff_t>(batch.size),
            [&](const RecordView& a, const RecordView& b) { return precedes(a, b); });
}

void HopscotchTable::audit() const {
  HOPRING_CHECK(!segments_.empty());
  std::uint64_t next = origin();
  Totals totals = spill_.totals();
  for (const Entry& entry : segments_) {
    const Interval& interval = entry.segment->interval();
    HOPRING_CHECK(entry.first == next && interval.first == next);
    next = interval.last() + 1;
    entry.segment->audit(position_of_);
    totals += entry.segment->totals();
  }
  HOPRING_CHECK(next == range_.end + 1);
  HOPRING_CHECK(totals == totals_);
  spill_.audit(range_, position_of_);
  std::optional<RecordView> spilled = spill_.next(origin(), origin(), {});
  for (; spilled; spilled = spill_.next(origin(), spilled->position, spilled->key)) {
    const Segment& segment = segment_of(spilled->position);
    HOPRING_CHECK(segment.find(spilled->position, spilled->key) == Segment::no_slot);
  }
}

}  // namespace hopring
