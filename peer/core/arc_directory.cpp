#include "peer/core/arc_directory.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hopring {

std::uint64_t ring_parts(const Arc& arc) {
  return static_cast<std::uint64_t>(std::llround(ring_share(arc) * 4294967296.0));
}

namespace {

using Entries = std::vector<ArcEntry>;

std::size_t index_from(const Entries& entries, Position end) {
  const auto before = [](const ArcEntry& each, Position p) { return each.view.arc.end < p; };
  const auto found = std::lower_bound(entries.begin(), entries.end(), end, before);
  return static_cast<std::size_t>(found - entries.begin());
}

bool ends_at(const Entries& entries, std::size_t index, Position end) {
  return index < entries.size() && entries[index].view.arc.end == end;
}

void set_in(Entries& entries, const View& view) {
  const std::size_t index = index_from(entries, view.arc.end);
  if (ends_at(entries, index, view.arc.end)) {
    entries[index].view = view;
  } else {
    entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(index), ArcEntry{view});
  }
}

void erase_in(Entries& entries, Position end) {
  const std::size_t index = index_from(entries, end);
  if (!ends_at(entries, index, end)) return;
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(index));
}

const ArcEntry* holding_in(const Entries& entries, Position position) {
  const std::size_t index = index_from(entries, position);
  const bool found = index < entries.size() && contains(entries[index].view.arc, position);
  return found ? &entries[index] : nullptr;
}

}  // namespace

void ArcDirectory::set(const View& view) {
  erase_in(copies_, view.arc.end);
  set_in(entries_, view);
}

void ArcDirectory::erase(Position end) { erase_in(entries_, end); }

void ArcDirectory::set_copy(const View& view) { set_in(copies_, view); }

void ArcDirectory::erase_copy(Position end) { erase_in(copies_, end); }

void ArcDirectory::set_size(const ArcSize& size) {
  const bool guessed = ends_at(entries_, next_sized_, size.end);
  const std::size_t index = guessed ? next_sized_ : index_from(entries_, size.end);
  if (ends_at(entries_, index, size.end)) {
    entries_[index].keys = size.keys;
    entries_[index].bytes = size.bytes;
    entries_[index].copies = size.copies;
    entries_[index].silent = size.silent;
    next_sized_ = index + 1 < entries_.size() ? index + 1 : 0;
    return;
  }
  const std::size_t copy = index_from(copies_, size.end);
  if (!ends_at(copies_, copy, size.end)) return;
  copies_[copy].keys = size.keys;
  copies_[copy].bytes = size.bytes;
  copies_[copy].is_orphan = size.is_orphan;
}

const ArcEntry* ArcDirectory::at(Position end) const {
  const std::size_t index = index_from(entries_, end);
  return ends_at(entries_, index, end) ? &entries_[index] : nullptr;
}

const ArcEntry* ArcDirectory::holding(Position position) const {
  return holding_in(entries_, position);
}

const ArcEntry* ArcDirectory::copy_holding(Position position) const {
  return holding_in(copies_, position);
}

std::optional<Arc> ArcDirectory::moving_part(const Arc& arc) const {
  if (moving_.contains(arc.end)) return arc;
  // The first end after the arc's beginning; it may lie beyond zero.
  const auto after = moving_.upper_bound(arc.begin);
  for (const auto& end : {after, moving_.begin()}) {
    if (end != moving_.end() && contains(arc, *end)) return Arc{arc.begin, *end};
  }
  return std::nullopt;
}

std::uint64_t ArcDirectory::keys_of_sole_copies() const {
  std::uint64_t keys = 0;
  for (const ArcEntry& each : entries_) keys += each.copies > 1 ? 0 : each.keys;
  return keys;
}

std::size_t ArcDirectory::transfers() const {
  return std::accumulate(transfers_.begin(), transfers_.end(), std::size_t{0});
}

void ArcDirectory::set_transfers(std::uint32_t shard, std::size_t count) {
  if (transfers_.size() <= shard) transfers_.resize(shard + 1);
  transfers_[shard] = count;
}

PeerLoad ArcDirectory::load() const {
  PeerLoad load;
  for (const ArcEntry& each : entries_) {
    load.bytes += each.bytes;
    load.ring_parts += ring_parts(each.view.arc);
    load.arcs += 1;
  }
  load.copy_parts = load.ring_parts;
  for (const ArcEntry& each : copies_) {
    load.bytes += each.bytes;
    load.copy_parts += ring_parts(each.view.arc);
  }
  load.ring_parts = std::min(load.ring_parts, ring_parts_whole);
  load.copy_parts = std::min(load.copy_parts, ring_parts_whole);
  return load;
}

}  // namespace hopring
