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
  HOPRING_CHECK(count_ + source.size() <= moves_.size());
  sources_.push_back(&source);
  const std::size_t begin = count_;
  source.slots_.for_each([&](Segment::SlotId slot) {
    moves_[count_++] = {0, &source, source.records_.at(source.slots_.reference(slot)), slot, 0};
  });
  for (std::size_t i = begin; i < count_; ++i) {
    const std::byte* const later = moves_[std::min(i + ahead, count_ - 1)].encoded;
    __builtin_prefetch(later);
    __builtin_prefetch(later + 64);
    moves_[i].position = position_of_(decode_record(moves_[i].encoded).key);
    moves_[i].bytes = static_cast<std::uint32_t>(encoded_bytes(moves_[i].encoded));
  }
}

std::unique_ptr<Segment> Rebuild::fresh_segment(Interval interval) {
  for (auto& ahead : ahead_) {
    if (ahead == nullptr) continue;
    ahead->set_interval(interval);
    return std::move(ahead);
  }
  return std::make_unique<Segment>(interval, pool_);
}

bool Rebuild::build(Interval interval) {
  fresh_.push_back(fresh_segment(interval));
  Segment& target = *fresh_.back();
  std::uint32_t count = 0;
  std::size_t bytes = 0;
  for (const Move& move : moves()) {
    if (!interval.contains(move.position)) continue;
    count += 1;
    if (!target.records_.is_large(move.bytes)) bytes += move.bytes;
  }
  if (count == 0) return true;
  if (!target.slots_.allocate(target.fresh_buckets(count), target.tag_max())) return false;
  target.records_.expect(bytes);
  if (!place(interval, target)) return false;
  target.records_.write_leads(target.slots_.leads());
  placed_ += count;
  return true;
}

// Copies the records in `interval`; those that find no place in their homes wait until all others
// have theirs.
bool Rebuild::place(Interval interval, Segment& target) {
  std::array<Waiting, Segment::records_max> waiting;
  std::size_t count = 0;
  for (const Move& move : moves()) {
    if (!interval.contains(move.position)) continue;
    const Reference reference = copy(move, target);
    if (reference == RecordStore::no_reference) return false;
    if (target.slots_.insert_at_home(target.tag_of(move.position), reference, mark_of(move))) {
      on_placed(move, target);
    } else {
      waiting[count++] = {&move, reference};
    }
  }
  for (const auto& [move, reference] : std::span(waiting).first(count)) {
    if (target.slots_.insert(target.tag_of(move->position), reference, mark_of(*move))) {
      on_placed(*move, target);
    } else {
      homeless_.push_back(decode_record(move->encoded, move->position));
      target.records_.disown(reference);
    }
  }
  return true;
}

void Rebuild::on_placed(const Move& move, Segment& target) noexcept {
  const RecordView record = decode_record(move.encoded, move.position);
  target.totals_.add(record);
  if (record.expiry_ms != 0) {
    target.earliest_expiry_ms_ = std::min(target.earliest_expiry_ms_, record.expiry_ms);
  }
}

// A record with an extent of its own is shared.
Reference Rebuild::copy(const Move& move, Segment& target) {
  if (target.records_.is_large(move.bytes)) {
    const Reference reference = move.source->slots_.reference(move.slot);
    return target.records_.share_large(move.source->records_, reference, target.slots_);
  }
  copied_bytes_ += move.bytes;
  return target.records_.append_encoded(move.encoded, move.bytes, target.slots_);
}

std::vector<std::unique_ptr<Segment>> Rebuild::commit() noexcept {
  HOPRING_CHECK(placed_ == count_);
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
