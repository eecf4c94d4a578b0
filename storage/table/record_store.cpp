#include "storage/table/record_store.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.hpp"

namespace hopring {

RecordStore::RecordStore(BlockPool& pool)
    : pool_(&pool), extent_bytes_(std::min(pool.unit_bytes() * 8, extent_bytes_max)) {}

RecordStore& RecordStore::operator=(RecordStore&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(extents_, other.extents_);
  std::swap(active_, other.active_);
  std::swap(expected_bytes_, other.expected_bytes_);
  std::swap(used_bytes_, other.used_bytes_);
  std::swap(dead_bytes_, other.dead_bytes_);
  std::swap(extent_bytes_, other.extent_bytes_);
  return *this;
}

Reference RecordStore::append(const RecordView& record, SlotArray& slots) {
  const std::size_t bytes = encoded_bytes(record);
  if (is_large(bytes)) return append_large(record, bytes);
  const std::size_t index = extent_with_room(bytes, slots);
  if (index == no_extent) return no_reference;
  Extent& extent = extents_[index];
  const Reference reference = make_reference(index, extent.used);
  encode_record(extent.piece.data + extent.used, record);
  extent.used = static_cast<std::uint16_t>(extent.used + bytes);
  used_bytes_ += bytes;
  expected_bytes_ -= std::min(expected_bytes_, bytes);
  return reference;
}

Reference RecordStore::append_large(const RecordView& record, std::size_t bytes) {
  const std::size_t index = vacant_index();
  if (index == no_extent) return no_reference;
  const Piece piece = pool_->lend(bytes);
  if (piece.data == nullptr) return no_reference;
  encode_record(piece.data, record);
  extents_[index] = {piece, 0, 0};
  return make_reference(index, 0);
}

void RecordStore::release(Reference reference) noexcept {
  Extent& extent = extents_[extent_of(reference)];
  if (is_large_extent(extent)) return give_back(extent);
  const std::size_t bytes = encoded_bytes(decode_record(at(reference)));
  if (offset_of(reference) + bytes == extent.used) {
    extent.used = static_cast<std::uint16_t>(extent.used - bytes);
    used_bytes_ -= bytes;
  } else {
    extent.dead = static_cast<std::uint16_t>(extent.dead + bytes);
    dead_bytes_ += bytes;
  }
  if (extent.dead == extent.used) give_back(extent);
}

void RecordStore::overwrite(Reference reference, const RecordView& record) noexcept {
  encode_record(extents_[extent_of(reference)].piece.data + offset_of(reference), record);
}

Reference RecordStore::share_large(const RecordStore& from, Reference reference) {
  const Extent& extent = from.extents_[extent_of(reference)];
  if (!is_large_extent(extent)) return no_reference;
  const std::size_t index = vacant_index();
  HOPRING_CHECK(index != no_extent);
  extents_[index] = extent;
  return make_reference(index, 0);
}

void RecordStore::disown(Reference reference) noexcept {
  Extent& extent = extents_[extent_of(reference)];
  if (!is_large_extent(extent)) return release(reference);
  extent = {};
}

void RecordStore::disown_large() noexcept {
  for (Extent& extent : extents_) {
    if (is_large_extent(extent)) extent = {};
  }
}

void RecordStore::clear() noexcept {
  for (Extent& extent : extents_) pool_->take_back(extent.piece);
  std::vector<Extent>().swap(extents_);
  active_ = no_extent;
  used_bytes_ = 0;
  dead_bytes_ = 0;
}

std::size_t RecordStore::resident_bytes() const noexcept {
  std::size_t bytes = extents_.capacity() * sizeof(Extent);
  for (const Extent& extent : extents_) bytes += extent.piece.bytes;
  return bytes;
}

// The extent at which `bytes` can be appended; no_extent if there is no memory for it.
std::size_t RecordStore::extent_with_room(std::size_t bytes, SlotArray& slots) {
  if (active_ != no_extent && extents_[active_].room() >= bytes) return active_;
  std::size_t index = worth_compacting(bytes);
  if (index == no_extent) {
    if (fills_hole(bytes) ? open_extent(bytes) : grow_active(bytes) || open_extent(bytes)) {
      return active_;
    }
    index = most_free();  // no memory: whatever is enough is worth the work
    if (index == no_extent || extents_[index].free() < bytes) return no_extent;
  }
  compact(index, slots);
  active_ = index;
  return active_;
}

// The extent that gives most when its records are pushed together, if a twentieth of all is dead
// and this one gives a tenth of itself: a byte won back then costs at most nine copied ones, and
// in the mean of random overwrites three to four (docs/table.md).
std::size_t RecordStore::worth_compacting(std::size_t bytes) const noexcept {
  if (dead_bytes_ * 20 < used_bytes_) return no_extent;
  const std::size_t index = most_free();
  if (index == no_extent) return no_extent;
  const std::size_t free = extents_[index].free();
  return free >= std::max(bytes, extents_[index].piece.bytes / std::size_t{10}) ? index : no_extent;
}

std::size_t RecordStore::most_free() const noexcept {
  std::size_t best = no_extent;
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    if (extents_[i].used == 0) continue;
    if (best == no_extent || extents_[i].free() > extents_[best].free()) best = i;
  }
  return best;
}

// Pushes the live records of an extent together, to its beginning.
void RecordStore::compact(std::size_t index, SlotArray& slots) noexcept {
  std::array<SlotArray::SlotId, extent_bytes_max / 4> live;  // no record is shorter than 4 bytes
  std::size_t count = 0;
  slots.for_each([&](SlotArray::SlotId slot) {
    if (extent_of(slots.reference(slot)) == index) live[count++] = slot;
  });
  const auto end = live.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(live.begin(), end, [&](SlotArray::SlotId a, SlotArray::SlotId b) {
    return slots.reference(a) < slots.reference(b);
  });
  Extent& extent = extents_[index];
  std::size_t used = 0;
  for (auto slot = live.begin(); slot != end; ++slot) {
    const std::byte* const from = at(slots.reference(*slot));
    const std::size_t bytes = encoded_bytes(decode_record(from));
    std::memmove(extent.piece.data + used, from, bytes);
    slots.reference(*slot) = make_reference(index, used);
    used += bytes;
  }
  HOPRING_CHECK(used + extent.dead == extent.used);
  used_bytes_ -= extent.dead;
  dead_bytes_ -= extent.dead;
  extent.used = static_cast<std::uint16_t>(used);
  extent.dead = 0;
}

// Should `bytes` go to a new small extent, since the active one could only grow into a new block?
bool RecordStore::fills_hole(std::size_t bytes) const noexcept {
  if (active_ == no_extent || extents_[active_].used + bytes > extent_bytes_) return false;
  const std::size_t wanted = pool_->round_up(extents_[active_].used + bytes);
  return !pool_->has_hole(wanted) && pool_->has_hole(pool_->round_up(bytes));
}

// Lengthens the active extent until `bytes` fit, if extent_bytes() allow and the pool agrees.
bool RecordStore::grow_active(std::size_t bytes) noexcept {
  if (active_ == no_extent || extents_[active_].used + bytes > extent_bytes_) return false;
  Extent& extent = extents_[active_];
  const std::size_t wanted = pool_->round_up(extent.used + bytes);
  const Piece longer = pool_->lend(wanted);
  if (longer.data == nullptr) return false;
  std::memcpy(longer.data, extent.piece.data, extent.used);
  pool_->take_back(extent.piece);
  extent.piece = longer;
  return true;
}

bool RecordStore::open_extent(std::size_t bytes) {
  const std::size_t index = vacant_index();
  if (index == no_extent) return false;
  const Piece piece = pool_->lend(size_of_next_extent(bytes));
  if (piece.data == nullptr) return false;
  extents_[index] = {piece, 0, 0};
  active_ = index;
  return true;
}

// What is expected, up to extent_bytes(); less if that fills a hole between other pieces.
std::size_t RecordStore::size_of_next_extent(std::size_t bytes) const noexcept {
  const std::size_t least = pool_->round_up(bytes);
  const std::size_t wanted =
      pool_->round_up(std::min(extent_bytes_, std::max(bytes, expected_bytes_)));
  for (std::size_t size = wanted; size >= least; size -= pool_->unit_bytes()) {
    if (pool_->has_hole(size)) return size;
  }
  return wanted;
}

// An index of extents_ without a piece; no_extent if references cannot name one more.
std::size_t RecordStore::vacant_index() {
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    if (extents_[i].piece.data == nullptr) return i;
  }
  if (extents_.size() == extents_max) return no_extent;
  if (extents_.size() == extents_.capacity()) {
    extents_.reserve(extents_.size() + std::max<std::size_t>(2, extents_.size() / 4));
  }
  extents_.emplace_back();
  return extents_.size() - 1;
}

void RecordStore::give_back(Extent& extent) noexcept {
  if (active_ == static_cast<std::size_t>(&extent - extents_.data())) active_ = no_extent;
  used_bytes_ -= extent.used;
  dead_bytes_ -= extent.dead;
  pool_->take_back(extent.piece);
  extent = {};
}

void RecordStore::audit(const SlotArray& slots) const {
  std::size_t used_bytes = 0;
  std::size_t dead_bytes = 0;
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    std::vector<std::pair<std::size_t, std::size_t>> live;  // offset and end of each record
    slots.for_each([&](SlotArray::SlotId slot) {
      const Reference reference = slots.reference(slot);
      if (extent_of(reference) != i) return;
      live.emplace_back(offset_of(reference),
                        offset_of(reference) + encoded_bytes(decode_record(at(reference))));
    });
    const Extent& extent = extents_[i];
    if (is_large_extent(extent)) {
      HOPRING_CHECK(live.size() == 1 && live[0].first == 0 && live[0].second == extent.piece.bytes);
      continue;
    }
    std::sort(live.begin(), live.end());
    std::size_t end = 0;
    std::size_t live_bytes = 0;
    for (const auto& [first, last] : live) {
      HOPRING_CHECK(first >= end);
      end = last;
      live_bytes += last - first;
    }
    HOPRING_CHECK(end <= extent.used && extent.used <= extent.piece.bytes);
    HOPRING_CHECK(live_bytes + extent.dead == extent.used);
    HOPRING_CHECK(live_bytes > 0 || extent.piece.data == nullptr);
    used_bytes += extent.used;
    dead_bytes += extent.dead;
  }
  HOPRING_CHECK(used_bytes == used_bytes_ && dead_bytes == dead_bytes_);
}

}  // namespace hopring
