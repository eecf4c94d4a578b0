#include "peer/core/arc_directory.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hopring {

std::uint64_t ring_parts(const Arc& arc) {
  return static_cast<std::uint64_t>(std::llround(ring_share(arc) * 4294967296.0));
}

std::size_t ArcDirectory::index_from(Position end) const {
  const auto before = [](const ArcEntry& each, Position p) { return each.view.arc.end < p; };
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), end, before);
  return static_cast<std::size_t>(found - entries_.begin());
}

void ArcDirectory::set(const View& view) {
  const std::size_t index = index_from(view.arc.end);
  if (index < entries_.size() && entries_[index].view.arc.end == view.arc.end) {
    entries_[index].view = view;
  } else {
    entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(index), ArcEntry{view, 0, 0});
  }
}

void ArcDirectory::erase(Position end) {
  const std::size_t index = index_from(end);
  if (index == entries_.size() || entries_[index].view.arc.end != end) return;
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
}

void ArcDirectory::set_size(Position end, std::uint64_t keys, std::uint64_t bytes) {
  const bool guessed = next_sized_ < entries_.size() && entries_[next_sized_].view.arc.end == end;
  const std::size_t index = guessed ? next_sized_ : index_from(end);
  if (index == entries_.size() || entries_[index].view.arc.end != end) return;
  entries_[index].keys = keys;
  entries_[index].bytes = bytes;
  next_sized_ = index + 1 < entries_.size() ? index + 1 : 0;
}

const ArcEntry* ArcDirectory::at(Position end) const {
  const std::size_t index = index_from(end);
  const bool found = index < entries_.size() && entries_[index].view.arc.end == end;
  return found ? &entries_[index] : nullptr;
}

const ArcEntry* ArcDirectory::holding(Position position) const {
  const std::size_t index = index_from(position);
  const bool found = index < entries_.size() && contains(entries_[index].view.arc, position);
  return found ? &entries_[index] : nullptr;
}

std::uint64_t ArcDirectory::keys() const {
  std::uint64_t keys = 0;
  for (const ArcEntry& each : entries_) keys += each.keys;
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
  return load;
}

}  // namespace hopring
