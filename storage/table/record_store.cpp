#include "storage/table/record_store.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.hpp"

namespace hopring {

RecordStore::RecordStore(BlockPool& pool)
    : pool_(&pool),
      extent_bytes_(static_cast<std::uint16_t>(
          std::min(pool.unit_bytes() * units_per_extent, extent_bytes_max))) {}

RecordStore::Extent RecordStore::make_extent(Piece piece, std::size_t units) noexcept {
  HOPRING_CHECK(piece.block < std::uint32_t{1} << (32 - Extent::units_bits));
  return {piece.data, piece.block << Extent::units_bits | static_cast<std::uint32_t>(units), 0, 0};
}

RecordStore::Extent RecordStore::make_large(Piece piece) noexcept {
  HOPRING_CHECK(piece.block >= BlockPool::alone);
  return {piece.data, (piece.block - BlockPool::alone) << Extent::units_bits,
          static_cast<std::uint16_t>(piece.bytes), static_cast<std::uint16_t>(piece.bytes >> 16)};
}

Piece RecordStore::piece_of(const Extent& extent) const noexcept {
  const std::uint32_t block = extent.place >> Extent::units_bits;
  if (extent.is_large()) return {extent.data, extent.large_bytes(), BlockPool::alone + block};
  return {extent.data, static_cast<std::uint32_t>(bytes_of(extent)), block};
}

Reference RecordStore::append(const RecordView& record, SlotArray& slots, Copying copying) {
  const std::size_t bytes = encoded_bytes(record);
  if (is_large(bytes)) return append_large(record, bytes, slots);
  const Reference reference = take_room(bytes, slots, copying);
  if (reference != no_reference) {
    encode_record(extents_[extent_of(reference)].data + offset_of(reference), record);
  }
  return reference;
}

// Room for a record where none is left, counted as used.
Reference RecordStore::make_room(std::size_t bytes, SlotArray& slots, Copying copying) {
  const bool opens = copying == Copying::last_resort && open_extent(bytes);
  const std::size_t index = opens ? active_ : open_or_compact(bytes, slots);
  spare_ = most_room();
  write_lead(index, slots);
  return index != no_extent ? use(index, bytes) : no_reference;
}

Reference RecordStore::append_large(const RecordView& record, std::size_t bytes, SlotArray& slots) {
  const std::size_t index = vacant_index();
  write_lead(no_extent, slots);
  if (index == no_extent) return no_reference;
  if (pool_->has_sparse_pages()) move_large(bytes, slots);
  const Piece piece = pool_->lend_alone(bytes);
  if (piece.data == nullptr) return no_reference;
  encode_record(piece.data, record);
  extents_[index] = make_large(piece);
  write_lead(index, slots);
  return make_reference(index, 0);
}

// Moves large records, those seen longest ago first, until as much has been copied as `bytes`.
void RecordStore::move_large(std::size_t bytes, SlotArray& slots) noexcept {
  std::size_t copied = 0;
  int tries = 0;
  for (std::size_t i = 0; i < std::min(looks_max, extents_.size()) && copied < bytes; ++i) {
    hand_ = static_cast<std::uint16_t>((hand_ + 1u) % extents_.size());
    Extent& extent = extents_[hand_];
    if (!extent.is_large() || !pool_->is_lonely(piece_of(extent))) continue;
    if (++tries > tries_max) break;
    const Piece moved = pool_->move_alone(piece_of(extent));
    if (moved.data == extent.data) continue;
    extent = make_large(moved);
    write_lead(hand_, slots);
    copied += moved.bytes;
  }
  copied_bytes_ += static_cast<std::uint32_t>(copied);
}

// Also where the list of extents lies: it may have moved, even if no extent was to be had.
void RecordStore::write_lead(std::size_t extent, SlotArray& slots) const noexcept {
  if (slots.buckets() == 0) return;
  SlotArray::Leads& leads = slots.leads();
  if (extent < leads_max) leads[extent] = extents_[extent].data;
  leads[leads_max] = extents_.data();
}

void RecordStore::write_leads(SlotArray::Leads& leads) const noexcept {
  for (std::size_t i = 0; i < std::min(leads_max, extents_.size()); ++i)
    leads[i] = extents_[i].data;
  leads[leads_max] = extents_.data();
}

void RecordStore::release(Reference reference) noexcept {
  Extent& extent = extents_[extent_of(reference)];
  if (extent.is_large()) return give_back(extent);
  const std::size_t bytes = encoded_bytes(at(reference));
  if (offset_of(reference) + bytes == extent.used) {
    extent.used = static_cast<std::uint16_t>(extent.used - bytes);
    used_bytes_ -= static_cast<std::uint32_t>(bytes);
  } else {
    extent.dead = static_cast<std::uint16_t>(extent.dead + bytes);
    dead_bytes_ += static_cast<std::uint32_t>(bytes);
  }
  if (extent.dead == extent.used) give_back(extent);
}

void RecordStore::overwrite(Reference reference, const RecordView& record) noexcept {
  encode_record(extents_[extent_of(reference)].data + offset_of(reference), record);
}

void RecordStore::expect(std::size_t bytes) { expected_bytes_ = static_cast<std::uint32_t>(bytes); }

Reference RecordStore::share_large(const RecordStore& from, Reference reference, SlotArray& slots) {
  const Extent& extent = from.extents_[extent_of(reference)];
  if (!extent.is_large()) return no_reference;
  const std::size_t index = vacant_index();
  HOPRING_CHECK(index != no_extent);
  extents_[index] = extent;
  write_lead(index, slots);
  return make_reference(index, 0);
}

void RecordStore::disown(Reference reference) noexcept {
  Extent& extent = extents_[extent_of(reference)];
  if (!extent.is_large()) return release(reference);
  extent = {};
}

void RecordStore::disown_large() noexcept {
  for (Extent& extent : extents_) {
    if (extent.is_large()) extent = {};
  }
}

void RecordStore::clear() noexcept {
  for (const Extent& extent : extents_) pool_->take_back(piece_of(extent));
  std::vector<Extent>().swap(extents_);
  active_ = no_extent;
  spare_ = no_extent;
  used_bytes_ = 0;
  dead_bytes_ = 0;
}

std::size_t RecordStore::resident_bytes() const noexcept {
  std::size_t bytes = extents_.capacity() * sizeof(Extent);
  for (const Extent& extent : extents_) bytes += BlockPool::cost_of(piece_of(extent));
  return bytes;
}

// Makes an extent with room the active one; no_extent if there is no memory for it.
std::size_t RecordStore::open_or_compact(std::size_t bytes, SlotArray& slots) {
  std::size_t index = worth_compacting(bytes);
  if (index == no_extent) {
    if (fills_hole(bytes) ? open_extent(hole_bytes(bytes))
                          : grow_active(bytes) || open_extent(bytes)) {
      return active_;
    }
    index = most_free();  // no memory: whatever is enough is worth the work
    if (index == no_extent || free_of(extents_[index]) < bytes) return no_extent;
  }
  compact(index, slots);
  active_ = static_cast<std::uint16_t>(index);
  return active_;
}

// The extent that gives most when its records are pushed together, if an eighteenth of all is dead
// and this one gives a tenth of itself: a byte won back then costs at most nine copied ones, and
// in the mean of random overwrites three to four (docs/table.md).
std::size_t RecordStore::worth_compacting(std::size_t bytes) const noexcept {
  if (dead_bytes_ * 18 < used_bytes_ || dead_bytes_ == 0) return no_extent;
  const std::size_t index = most_free();
  if (index == no_extent) return no_extent;
  const Extent& extent = extents_[index];
  return free_of(extent) >= std::max(bytes, bytes_of(extent) / 10) ? index : no_extent;
}

std::size_t RecordStore::most_free() const noexcept {
  std::size_t best = no_extent;
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    if (extents_[i].data == nullptr || extents_[i].is_large()) continue;
    if (best == no_extent || free_of(extents_[i]) > free_of(extents_[best])) best = i;
  }
  return best;
}

// The extent, but for the active one, that has most room behind its records.
std::uint16_t RecordStore::most_room() const noexcept {
  std::size_t best = no_extent;
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    if (i == active_ || extents_[i].data == nullptr || extents_[i].is_large()) continue;
    if (best == no_extent || room_of(extents_[i]) > room_of(extents_[best])) best = i;
  }
  return static_cast<std::uint16_t>(best);
}

// Pushes the live records of an extent together, to its beginning.
void RecordStore::compact(std::size_t index, SlotArray& slots) noexcept {
  std::array<SlotArray::SlotId, extent_bytes_max / encoded_bytes_min + 1> live;
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
    const std::size_t bytes = encoded_bytes(from);
    std::memmove(extent.data + used, from, bytes);
    slots.set_reference(*slot, make_reference(index, used));
    used += bytes;
  }
  HOPRING_CHECK(used + extent.dead == extent.used);
  used_bytes_ -= extent.dead;
  dead_bytes_ -= extent.dead;
  copied_bytes_ += static_cast<std::uint32_t>(used);
  extent.used = static_cast<std::uint16_t>(used);
  extent.dead = 0;
}

// How long the active extent becomes so that `bytes` more fit: by an eighth of the longest, since
// growing copies it.
std::size_t RecordStore::grown_bytes(std::size_t bytes) const noexcept {
  const std::size_t used = extents_[active_].used;
  const std::size_t step = used < pool_->unit_bytes() * 2 ? bytes : extent_bytes_ / std::size_t{8};
  return std::min<std::size_t>(extent_bytes_, pool_->round_up(used + std::max(bytes, step)));
}

// Should `bytes` go to a new, smaller extent, since the active one could only grow into a new
// block? Not to one that is so small that its own end is wasted instead.
bool RecordStore::fills_hole(std::size_t bytes) const noexcept {
  if (active_ == no_extent || extents_[active_].used + bytes > extent_bytes_) return false;
  return !pool_->has_hole(grown_bytes(bytes)) && pool_->has_hole(hole_bytes(bytes));
}

// At least eight such records, and an eighth of a long extent.
std::size_t RecordStore::hole_bytes(std::size_t bytes) const noexcept {
  const std::size_t least = std::max<std::size_t>(8 * bytes, extent_bytes_ / 8u);
  return pool_->round_up(std::min<std::size_t>(extent_bytes_, least));
}

// Lengthens the active extent until `bytes` fit, if extent_bytes() allow and the pool agrees.
bool RecordStore::grow_active(std::size_t bytes) noexcept {
  if (active_ == no_extent || extents_[active_].used + bytes > extent_bytes_) return false;
  Extent& extent = extents_[active_];
  const std::size_t wanted = grown_bytes(bytes);
  const Piece longer = pool_->lend(wanted);
  if (longer.data == nullptr) return false;
  std::memcpy(longer.data, extent.data, extent.used);
  copied_bytes_ += extent.used;
  pool_->take_back(piece_of(extent));
  Extent grown = make_extent(longer, wanted / pool_->unit_bytes());
  grown.used = extent.used;
  grown.dead = extent.dead;
  extent = grown;
  return true;
}

bool RecordStore::open_extent(std::size_t bytes) {
  const std::size_t index = vacant_index();
  if (index == no_extent) return false;
  const std::size_t size = size_of_next_extent(bytes);
  const Piece piece = pool_->lend(size);
  if (piece.data == nullptr) return false;
  extents_[index] = make_extent(piece, size / pool_->unit_bytes());
  active_ = static_cast<std::uint16_t>(index);
  return true;
}

// What is expected, up to extent_bytes(); less if that fills a hole between other pieces, but not
// so little that there would be many.
std::size_t RecordStore::size_of_next_extent(std::size_t bytes) const noexcept {
  const std::size_t least = pool_->round_up(
      std::max<std::size_t>(bytes, std::min<std::size_t>(expected_bytes_, extent_bytes_ / 8u)));
  const std::size_t wanted = pool_->round_up(
      std::min<std::size_t>(extent_bytes_, std::max<std::size_t>(bytes, expected_bytes_)));
  for (std::size_t size = wanted; size >= least; size -= pool_->unit_bytes()) {
    if (pool_->has_hole(size)) return size;
  }
  return wanted;
}

// An index of extents_ without a piece; no_extent if references cannot name one more.
std::size_t RecordStore::vacant_index() {
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    if (extents_[i].data == nullptr) return i;
  }
  if (extents_.size() == extents_max) return no_extent;
  if (extents_.size() == extents_.capacity()) {
    extents_.reserve(extents_.size() + std::max<std::size_t>(2, extents_.size() / 4));
  }
  extents_.emplace_back();
  return extents_.size() - 1;
}

void RecordStore::give_back(Extent& extent) noexcept {
  const auto index = static_cast<std::size_t>(&extent - extents_.data());
  if (active_ == index) active_ = no_extent;
  if (spare_ == index) spare_ = no_extent;
  if (!extent.is_large()) {
    used_bytes_ -= extent.used;
    dead_bytes_ -= extent.dead;
  }
  pool_->take_back(piece_of(extent));
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
      HOPRING_CHECK(at(slots.leads(), reference) == at(reference));
      live.emplace_back(offset_of(reference),
                        offset_of(reference) + encoded_bytes(decode_record(at(reference))));
    });
    const Extent& extent = extents_[i];
    if (extent.is_large()) {
      HOPRING_CHECK(live.size() == 1 && live[0].first == 0 && live[0].second == bytes_of(extent));
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
    HOPRING_CHECK(end <= extent.used && extent.used <= bytes_of(extent));
    HOPRING_CHECK(live_bytes + extent.dead == extent.used);
    HOPRING_CHECK(live_bytes > 0 || extent.data == nullptr);
    used_bytes += extent.used;
    dead_bytes += extent.dead;
  }
  HOPRING_CHECK(used_bytes == used_bytes_ && dead_bytes == dead_bytes_);
}

}  // namespace hopring
