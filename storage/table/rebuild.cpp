#include "storage/table/rebuild.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {

Rebuild::~Rebuild() {
  for (const auto& segment : fresh_) segment->records_.disown_large();
}

void Rebuild::take(Segment& source) {
  moves_.reserve(moves_.size() + source.size());
  const auto begin = static_cast<std::ptrdiff_t>(moves_.size());
  source.slots_.for_each([&](Segment::SlotId slot) {
    moves_.push_back(
        {position_of_(source.record(slot).key), &source, source.slots_.reference(slot)});
  });
  const std::uint64_t first = source.interval().first;
  std::sort(moves_.begin() + begin, moves_.end(), [first](const Move& a, const Move& b) {
    return a.position - first < b.position - first;
  });
  sources_.push_back(&source);
}

bool Rebuild::build(Interval interval) {
  fresh_.push_back(std::make_unique<Segment>(interval, pool_));
  Segment& target = *fresh_.back();
  std::size_t end = placed_;
  std::size_t bytes = 0;
  for (; end < moves_.size() && interval.contains(moves_[end].position); ++end) {
    const RecordStore& from = moves_[end].source->records_;
    const std::size_t size = encoded_bytes(decode_record(from.at(moves_[end].reference)));
    if (!from.is_large(size)) bytes += size;
  }
  if (end == placed_) return true;
  const auto count = static_cast<std::uint32_t>(end - placed_);
  if (!target.slots_.allocate(target.fresh_buckets(count), target.tag_max())) return false;
  target.records_.expect(bytes);
  for (; placed_ < end; ++placed_) {
    if (!place(moves_[placed_], target)) return false;
  }
  return true;
}

bool Rebuild::place(const Move& move, Segment& target) {
  const RecordStore& from = move.source->records_;
  RecordView record = decode_record(from.at(move.reference));
  record.position = move.position;
  Reference reference = target.records_.share_large(from, move.reference);
  if (reference == RecordStore::no_reference) {
    reference = target.records_.append(record, target.slots_);
    if (reference == RecordStore::no_reference) return false;
  }
  if (!target.slots_.insert(target.tag_of(move.position), reference)) {
    target.records_.disown(reference);
    homeless_.push_back(record);
    return true;
  }
  target.totals_.add(record);
  if (record.expiry_ms != 0) {
    target.earliest_expiry_ms_ = std::min(target.earliest_expiry_ms_, record.expiry_ms);
  }
  return true;
}

std::vector<std::unique_ptr<Segment>> Rebuild::commit() noexcept {
  HOPRING_CHECK(placed_ == moves_.size());
  // What is large and homeless has been copied: it must be given back with its source.
  for (const RecordView& record : homeless_) {
    for (Segment* source : sources_) {
      if (!source->interval().contains(record.position)) continue;
      source->erase(source->find(record.position, record.key));
    }
  }
  for (Segment* source : sources_) source->records_.disown_large();
  return std::move(fresh_);
}

}  // namespace hopring
