#include "storage/table/hopscotch_table.hpp"

#include <new>
#include <utility>

#include "base/check.hpp"

namespace hopring {

namespace {
// Neighbours are merged up to half of what a segment holds, so that a merged one is not soon cut.
constexpr std::uint32_t merged_records_max = Segment::records_max / 2;

Directory::Segments one_segment(const Interval& whole, BlockPool& pool) {
  Directory::Segments segments;
  segments.push_back(std::make_unique<Segment>(whole, pool));
  return segments;
}
}  // namespace

HopscotchTable::HopscotchTable(BlockPool& pool, Range range, PositionOf position_of)
    : pool_(&pool),
      range_(range),
      position_of_(position_of),
      directory_(interval_of(range), one_segment(interval_of(range), pool)),
      spill_(pool),
      due_hand_(origin()),
      age_hand_(origin()) {}

std::size_t HopscotchTable::resident_bytes() const noexcept {
  std::size_t bytes = directory_.resident_bytes() + spill_.resident_bytes();
  for (const auto& segment : directory_.segments()) bytes += segment->resident_bytes();
  for (const auto& segment : ahead_) bytes += segment ? segment->resident_bytes() : 0;
  return bytes;
}

std::uint64_t HopscotchTable::slots() const noexcept {
  std::uint64_t slots = 0;
  for (const auto& segment : directory_.segments()) slots += segment->capacity();
  return slots;
}

std::optional<RecordView> HopscotchTable::find_and_mark(std::uint64_t position,
                                                        std::string_view key) {
  HOPRING_CHECK(pool_->keeps_ages());
  Segment& segment = directory_.segment_of(position);
  const Segment::Found found = segment.find(position, key);
  if (found.slot == Segment::no_slot) {
    if (!segment.has_spilled()) return std::nullopt;
    const std::byte* const spilled = spill_.find(position, key);
    return spilled != nullptr ? std::optional(decode_record(spilled, position)) : std::nullopt;
  }
  segment.set_mark(found.slot, clock_.now());
  count_use();
  return decode_record(found.encoded, position);
}

void HopscotchTable::count_use() noexcept {
  if (!clock_.count(size(), directory_.size())) return;
  std::size_t index = directory_.index_of(range_.contains(age_hand_) ? age_hand_ : origin());
  directory_[index].limit_ages(clock_);
  index = index + 1 < directory_.size() ? index + 1 : 0;
  age_hand_ = directory_[index].interval().first;
}

std::optional<RecordView> HopscotchTable::oldest(std::uint64_t near, const Lookup& spared,
                                                 std::size_t bytes_wanted) const {
  HOPRING_CHECK(pool_->keeps_ages());
  const Segment& segment = directory_.segment_of(near);
  // What is spilled has no age. It goes where there is more of it than a segment can outweigh.
  if (spill_.totals().records > segment.size()) return oldest_spilled(near, spared);
  const bool holds_spared = !spared.key.empty() && segment.interval().contains(spared.position);
  const Segment::SlotId slot = segment.oldest(
      clock_, holds_spared ? segment.find(spared.position, spared.key).slot : Segment::no_slot,
      segment.is_large(bytes_wanted));
  if (slot == Segment::no_slot) return oldest_spilled(near, spared);
  RecordView record = segment.record(slot);
  record.position = position_of_(record.key);
  return record;
}

// The first one from `near` on, for want of an age.
std::optional<RecordView> HopscotchTable::oldest_spilled(std::uint64_t near,
                                                         const Lookup& spared) const {
  std::optional<RecordView> record = spill_.next(origin(), near, {});
  if (record && record->key == spared.key) {
    record = spill_.next(origin(), spared.position, spared.key);
  }
  if (!record) record = spill_.next(origin(), origin(), {});
  return record && record->key != spared.key ? record : std::nullopt;
}

PutResult HopscotchTable::put(const RecordView& record) noexcept {
  try {
    const PutResult result = try_put(record);
    if (pool_->keeps_ages() && result != PutResult::out_of_memory) count_use();
    return result;
  } catch (const std::bad_alloc&) {
    return PutResult::out_of_memory;
  }
}

PutResult HopscotchTable::try_put(const RecordView& record) {
  const Segment::Start start = directory_.start_of(record.position);
  Segment::prefetch_home(start);
  Segment& segment = directory_.segment_of(record.position);
  segment.prefetch_room();  // while the slots come
  const Segment::SlotId slot = Segment::find(start, record.key).slot;
  if (slot != Segment::no_slot) {
    const Totals before = segment.totals();
    if (!segment.replace(slot, record)) return PutResult::out_of_memory;
    segment.set_mark(slot, clock_.now());
    work_.bytes_copied += segment.take_copied_bytes();
    totals_ += segment.totals();
    totals_ -= before;
    return PutResult::replaced;
  }
  if (start.has_spilled() && spill_.find(record.position, record.key) != nullptr) {
    const Totals before = spill_.totals();
    if (!spill_.replace(record)) return PutResult::out_of_memory;
    totals_ += spill_.totals();
    totals_ -= before;
    return PutResult::replaced;
  }
  const PutResult result = create(segment, record);
  if (result == PutResult::created) totals_.add(record);
  return result;
}

// Adds a record whose key is not there. One step of growth at most: what then finds no slot is
// spilled.
PutResult HopscotchTable::create(Segment& segment, const RecordView& record) {
  Segment::Change change = segment.insert(record, clock_.now());
  if (change == Segment::Change::no_slot) {
    change = make_room(segment, record.position);
    if (change == Segment::Change::done) {
      // What has just moved a segment does not move an extent as well.
      Segment& target = directory_.segment_of(record.position);
      change = target.insert(record, clock_.now(), RecordStore::Copying::last_resort);
      work_.bytes_copied += target.take_copied_bytes();
    }
  } else {
    work_.bytes_copied += segment.take_copied_bytes();
  }
  if (change == Segment::Change::no_slot && spill(record)) return PutResult::created;
  return change == Segment::Change::done ? PutResult::created : PutResult::out_of_memory;
}

bool HopscotchTable::spill(const RecordView& record) {
  if (!spill_.insert(record)) return false;
  set_has_spilled(directory_.segment_of(record.position), true);
  return true;
}

void HopscotchTable::set_has_spilled(Segment& segment, bool has_spilled) noexcept {
  if (segment.has_spilled() == has_spilled) return;
  segment.set_has_spilled(has_spilled);
  directory_.on_change(segment);
}

// Makes room in a segment that has no slot for a record at `position`.
Segment::Change HopscotchTable::make_room(Segment& segment, std::uint64_t position) {
  if (segment.is_crowded()) return spread(segment, position);
  const std::uint64_t slots = segment.capacity();
  const std::uint64_t records = segment.size();
  const bool grows = segment.can_grow();
  const Segment::Change change = grows ? segment.grow() : cut(segment);
  if (change != Segment::Change::done) return change;
  if (grows) {
    make_ahead();
    directory_.on_change(segment);
    work_.records_moved_max = std::max(work_.records_moved_max, records);
  }
  work_.growth_slots += slots;
  work_.growth_records += records;
  return change;
}

// Cuts a segment whose records are crowded around `position`, as they are where they come in the
// order of their positions: more buckets would not help them, a finer scale does. Halves it, and
// the half that holds the position, until that is left with at most half of the records. In one
// step, so that each record moves once. no_slot if all of them are at that position.
Segment::Change HopscotchTable::spread(Segment& segment, std::uint64_t position) {
  std::array<std::uint64_t, Segment::records_max> positions;
  std::size_t count = 0;
  segment.for_each(
      [&](const RecordView& record) { positions[count++] = position_of_(record.key); });
  std::vector<Interval> below;  // clockwise
  std::vector<Interval> above;  // counterclockwise
  Interval rest = segment.interval();
  for (const std::size_t most = count / 2; count > most;) {
    const auto begin = positions.begin();
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    if (std::all_of(begin, end, [&](std::uint64_t each) { return each == position; })) break;
    const std::uint64_t at = cut_point(rest);
    const Interval lower{rest.first, at - rest.first - 1};
    const Interval upper{at, rest.last() - at};
    const bool is_lower = lower.contains(position);
    is_lower ? above.push_back(upper) : below.push_back(lower);
    rest = is_lower ? lower : upper;
    const auto kept =
        std::partition(begin, end, [&](std::uint64_t each) { return rest.contains(each); });
    count = static_cast<std::size_t>(kept - begin);
  }
  if (below.empty() && above.empty()) return Segment::Change::no_slot;
  below.push_back(rest);
  below.insert(below.end(), above.rbegin(), above.rend());
  const bool is_done = rebuild(directory_.index_of(rest.first), 1, below);
  return is_done ? Segment::Change::done : Segment::Change::out_of_memory;
}

// What a cut allocates, while a segment grows: at times malloc takes a page for it that is new, and
// its first touch takes as long as a cut itself.
void HopscotchTable::make_ahead() noexcept {
  try {
    for (auto& ahead : ahead_) {
      if (ahead == nullptr) ahead = Segment::make_ahead(*pool_);
    }
  } catch (const std::bad_alloc&) {  // then the cut allocates
  }
}

Segment::Change HopscotchTable::cut(Segment& segment) {
  const Interval whole = segment.interval();
  if (whole.extent == 0) return Segment::Change::no_slot;
  const std::uint64_t at = cut_point(whole);
  const Interval halves[] = {{whole.first, at - whole.first - 1}, {at, whole.last() - at}};
  const bool is_done = rebuild(directory_.index_of(whole.first), 1, halves);
  return is_done ? Segment::Change::done : Segment::Change::out_of_memory;
}

bool HopscotchTable::erase(std::uint64_t position, std::string_view key) noexcept {
  Segment& segment = directory_.segment_of(position);
  const Segment::SlotId slot = segment.find(position, key).slot;
  if (slot == Segment::no_slot) {
    if (!segment.has_spilled()) return false;
    const Totals before = spill_.totals();
    if (!spill_.erase(position, key)) return false;
    totals_ += spill_.totals();
    totals_ -= before;
    set_has_spilled(segment, spill_.has_any_in(segment.interval()));
    return true;
  }
  totals_.subtract(segment.record(slot));
  segment.erase(slot);
  if (segment.size() == 0) directory_.on_change(segment);
  if (segment.size() == 0 || segment.is_wasteful()) shrink(directory_.index_of(position));
  return true;
}

// Rebuilds a wasteful segment, with a neighbour if both are small. Without memory it stays as it
// is. Where removals go on at the limit, because they make room for writes, each one that passed it
// would leave holes above it, in new blocks, and the writes would fill them. So where ages are
// kept the rebuild must do with the holes that there are; else the bytes that died serve what is
// written to the same segment, and come back when an extent has died altogether.
void HopscotchTable::shrink(std::size_t index) noexcept {
  const auto fits_with_next = [&](std::size_t i) {
    return i + 1 < directory_.size() &&
           directory_[i].size() + directory_[i + 1].size() <= merged_records_max;
  };
  std::size_t sources = 1;
  if (fits_with_next(index)) {
    sources = 2;
  } else if (index > 0 && fits_with_next(index - 1)) {
    index -= 1;
    sources = 2;
  } else if (directory_[index].size() == 0) {
    return;
  }
  std::uint32_t records = 0;
  for (std::size_t i = 0; i < sources; ++i) records += directory_[index + i].size();
  const std::uint64_t first = directory_[index].interval().first;
  const Interval merged{first, directory_[index + sources - 1].interval().last() - first};
  std::optional<BlockPool::Overdraft> overdraft;
  if (!pool_->keeps_ages()) {
    overdraft.emplace(*pool_);
  } else if (!pool_->can_lend(directory_[index].fresh_slot_bytes(records))) {
    return;
  }
  try {
    static_cast<void>(rebuild(index, sources, {&merged, 1}));
  } catch (const std::bad_alloc&) {
  }
}

// Replaces neighbouring segments by fresh ones that tile the same positions. False, and nothing
// changed, if the pool refuses; throws std::bad_alloc, and nothing changed.
bool HopscotchTable::rebuild(std::size_t index, std::size_t sources,
                             std::span<const Interval> targets) {
  Rebuild rebuild(*pool_, position_of_, ahead_);
  for (std::size_t i = 0; i < sources; ++i) rebuild.take(directory_[index + i]);
  for (const Interval& target : targets) {
    if (!rebuild.build(target)) return false;
  }
  Spill homeless(*pool_);
  for (const RecordView& record : rebuild.homeless()) {
    if (!homeless.insert(record)) return false;
  }
  directory_.reserve(targets.size());
  spill_.merge(homeless);  // from here on nothing fails
  Directory::Segments fresh = rebuild.commit();
  for (const auto& segment : fresh) {
    segment->set_has_spilled(spill_.has_any_in(segment->interval()));
  }
  directory_.replace(index, sources, std::move(fresh));
  work_.bytes_copied += rebuild.copied_bytes();
  work_.records_moved_max =
      std::max<std::uint64_t>(work_.records_moved_max, rebuild.moved_records());
  return true;
}

HopscotchTable HopscotchTable::split_off(std::uint64_t at) {
  HOPRING_CHECK(range_.contains(at) && at != range_.end);
  std::size_t index = directory_.index_of(at + 1);
  const Interval whole = directory_[index].interval();
  if (whole.first != at + 1) {
    const Interval parts[] = {{whole.first, at - whole.first}, {at + 1, whole.last() - at - 1}};
    const BlockPool::Overdraft overdraft(*pool_);
    if (!rebuild(index, 1, parts)) throw std::bad_alloc();
    ++index;
  }
  HopscotchTable other(*pool_, Range{at, range_.end}, position_of_);
  other.directory_ =
      directory_.split_off(index, interval_of({range_.begin, at}), interval_of(other.range_));
  other.spill_ = spill_.split(other.range_);
  other.clock_ = clock_;
  other.totals_ = other.spill_.totals();
  for (const auto& segment : other.directory_.segments()) other.totals_ += segment->totals();
  totals_ -= other.totals_;
  range_.end = at;
  return other;
}

void HopscotchTable::clear() {
  directory_ = Directory(interval_of(range_), one_segment(interval_of(range_), *pool_));
  spill_.clear();
  ahead_ = {};
  totals_ = {};
}

bool HopscotchTable::precedes(const RecordView& a, const RecordView& b) const noexcept {
  return a.position != b.position ? a.position - origin() < b.position - origin() : a.key < b.key;
}

void HopscotchTable::collect(const Segment& segment, std::uint32_t home, const Cursor& after,
                             Batch& batch) const {
  const auto key_of = [](const std::byte* encoded) { return decode_record(encoded).key; };
  const std::uint64_t least = after.position - origin();
  batch.size = 0;
  segment.for_each_of_home(home, [&](const std::byte* encoded) {
    const std::uint64_t position = position_of_(key_of(encoded));
    const std::uint64_t distance = position - origin();
    if (distance < least || (distance == least && key_of(encoded) <= after.key)) return;
    batch.items[batch.size++] = {position, encoded};
  });
  std::sort(batch.items.begin(), batch.items.begin() + static_cast<std::ptrdiff_t>(batch.size),
            [&](const Batch::Item& a, const Batch::Item& b) {
              if (a.position == b.position) return key_of(a.encoded) < key_of(b.encoded);
              return a.position - origin() < b.position - origin();
            });
}

void HopscotchTable::audit() const {
  directory_.audit();
  HOPRING_CHECK(directory_[0].interval().first == origin());
  HOPRING_CHECK(directory_[directory_.size() - 1].interval().last() == range_.end);
  Totals totals = spill_.totals();
  for (const auto& segment : directory_.segments()) {
    segment->audit(position_of_);
    totals += segment->totals();
    HOPRING_CHECK(segment->has_spilled() == spill_.has_any_in(segment->interval()));
  }
  HOPRING_CHECK(totals == totals_);
  spill_.audit(range_, position_of_);
  std::optional<RecordView> spilled = spill_.next(origin(), origin(), {});
  for (; spilled; spilled = spill_.next(origin(), spilled->position, spilled->key)) {
    const Segment& segment = directory_.segment_of(spilled->position);
    HOPRING_CHECK(segment.find(spilled->position, spilled->key).slot == Segment::no_slot);
  }
}

}  // namespace hopring
