#include "storage/table/rebuild.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {

Rebuild::~Rebuild() {
  for (const auto& segment : fresh_) segment->records_.disown_large();
}

// In two walks, so that the records are under way before they are read.
void Rebuild::take(Segment& source) {
  constexpr std::size_t ahead = 16;
  const std::size_t begin = moves_.size();
  moves_.reserve(begin + source.size());
  source.slots_.for_each([&](Segment::SlotId slot) {
    const Reference reference = source.slots_.reference(slot);
    moves_.push_back({0, &source, source.records_.at(reference), reference, 0});
  });
  for (std::size_t i = begin; i < moves_.size(); ++i) {
    const std::byte* const later = moves_[std::min(i + ahead, moves_.size() - 1)].encoded;
    __builtin_prefetch(later);
    __builtin_prefetch(later + 64);
    const RecordView record = decode_record(moves_[i].encoded);
    moves_[i].position = position_of_(record.key);
    moves_[i].bytes = static_cast<std::uint32_t>(encoded_bytes(record));
  }
  sources_.push_back(&source);
}

bool Rebuild::build(Interval interval) {
  fresh_.push_back(std::make_unique<Segment>(interval, pool_));
  Segment& target = *fresh_.back();
  std::uint32_t count = 0;
  std::size_t bytes = 0;
  for (const Move& move : moves_) {
    if (!interval.contains(move.position)) continue;
    count += 1;
    if (!target.records_.is_large(move.bytes)) bytes += move.bytes;
  }
  if (count == 0) return true;
  if (!target.slots_.allocate(target.fresh_buckets(count), target.tag_max())) return false;
  target.records_.expect(bytes);
  for (const Move& move : moves_) {
    if (interval.contains(move.position) && !place(move, target)) return false;
  }
  target.records_.write_leads(target.slots_.leads());
  placed_ += count;
  return true;
}

bool Rebuild::place(const Move& move, Segment& target) {
  const Reference reference = copy(move, target);
  if (reference == RecordStore::no_reference) return false;
  const RecordView record = decode_record(move.encoded, move.position);
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

// A record with an extent of its own is shared.
Reference Rebuild::copy(const Move& move, Segment& target) {
  if (target.records_.is_large(move.bytes)) {
    return target.records_.share_large(move.source->records_, move.reference, target.slots_);
  }
  copied_bytes_ += move.bytes;
  return target.records_.append_encoded(move.encoded, move.bytes, target.slots_);
}

std::vector<std::unique_ptr<Segment>> Rebuild::commit() noexcept {
  HOPRING_CHECK(placed_ == moves_.size());
  // What is large and homeless has been copied: it must be given back with its source.
  for (const RecordView& record : homeless_) {
    for (Segment* source : sources_) {
      if (!source->interval().contains(record.position)) continue;
      source->erase(source->find(record.position, record.key).slot);
    }
  }
  for (Segment* source : sources_) source->records_.disown_large();
  return std::move(fresh_);
}

}  // namespace hopring
