#pragma once

// The records of one segment, lying one behind the other in extents.
//
// An extent is a piece of the pool, at most extent_bytes() long; the one at which appending goes on
// starts with a unit and grows, so that a segment wastes a unit and not half an extent. Where the
// pool could only serve that from a new block, a smaller extent fills a hole instead. A reference
// is (extent, offset), so that growing an extent changes no reference. A record above a quarter of
// extent_bytes() has an extent of its own, lent alone.
//
//   extent | record | record | dead | record |      room      |
//          0                                used             piece
//
// Large records that come and go leave holes in the pool's pages. Where there are many, each that
// comes moves others of the segment to where they share pages, about as many bytes as it has.
//
// Lookups find the first extents by the leads of the segment's slots (see SlotArray), and the
// others by one step more.
//
// The store does not know which records are alive: its owner says what dies, see release(), and
// hands in the slots that hold all live references where those may have to be renewed, see
// append().
//
// Not thread-safe. Invariants (audit() checks them, together with the owner):
//   (1) dead <= used <= bytes of the piece, for every extent.
//   (2) the records that the owner refers to do not overlap and end before `used`; their bytes and
//       `dead` add up to `used`.
//   (3) an extent without live records is lent no piece.
//   (4) the leads name the extents that hold records.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "storage/table/block_pool.hpp"
#include "storage/table/record.hpp"
#include "storage/table/slot_array.hpp"

namespace hopring {

class RecordStore {
 public:
  explicit RecordStore(BlockPool& pool);
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;
  // Gives all extents back.
  ~RecordStore() { clear(); }

  // Copies `record` in and returns its reference; no_reference, and nothing but places changed, if
  // the pool refuses. `slots` holds every live reference and the leads: where that wins back
  // enough, the records of one extent are pushed together and their references renewed. Cost: a
  // copy of one extent and a walk of `slots`. Throws std::bad_alloc, and nothing changed.
  static constexpr Reference no_reference = 0xffffffff;
  // May append() copy other records to have room? As the last resort: only if there is no memory
  // for a new extent.
  enum class Copying { allowed, last_resort };
  [[nodiscard]] Reference append(const RecordView& record, SlotArray& slots,
                                 Copying copying = Copying::allowed);
  // The same for a record that is encoded already and is not large, copying others as the last
  // resort.
  [[nodiscard]] Reference append_encoded(const std::byte* encoded, std::size_t bytes,
                                         SlotArray& slots) {
    const Reference reference = take_room(bytes, slots, Copying::last_resort);
    if (reference != no_reference) {
      std::memcpy(extents_[extent_of(reference)].data + offset_of(reference), encoded, bytes);
    }
    return reference;
  }

  // The record at `reference` is dead: its bytes can be won back.
  void release(Reference reference) noexcept;

  // Overwrites the record at `reference`. REQUIRES: both have the same encoded size.
  void overwrite(Reference reference, const RecordView& record) noexcept;

  const std::byte* at(Reference reference) const noexcept {
    return extents_[extent_of(reference)].data + offset_of(reference);
  }
  // The same by the leads of the segment's slots.
  static const std::byte* at(const SlotArray::Leads& leads, Reference reference) noexcept {
    const std::size_t extent = extent_of(reference);
    if (extent >= leads_max) [[unlikely]] {
      return static_cast<const Extent*>(leads[leads_max])[extent].data + offset_of(reference);
    }
    return static_cast<const std::byte*>(leads[extent]) + offset_of(reference);
  }
  // Writes all leads, for slots that are new.
  void write_leads(SlotArray::Leads& leads) const noexcept;

  // Asks for the memory that the next append() writes to.
  [[gnu::always_inline]] void prefetch_room() const noexcept {
    if (active_ == no_extent) return;
    const std::byte* const room = extents_[active_].data + extents_[active_].used;
    __builtin_prefetch(room, 1);
    __builtin_prefetch(room + 64, 1);
  }

  // Has a record of `bytes` an extent of its own?
  bool is_large(std::size_t bytes) const noexcept { return bytes > extent_bytes_ / 4; }

  bool has_own_extent(Reference reference) const noexcept {
    return extents_[extent_of(reference)].is_large();
  }

  // Room in the list for so many extents. Throws std::bad_alloc.
  void reserve(std::size_t extents) { extents_.reserve(extents); }

  // Announces that `bytes` of records that are not large will be appended, so that extents are lent
  // in one go.
  void expect(std::size_t bytes);

  // Shares the record at `reference` of `from` if it has an extent of its own, else no_reference.
  // Both refer to it until one of them disowns it. Throws std::bad_alloc.
  [[nodiscard]] Reference share_large(const RecordStore& from, Reference reference,
                                      SlotArray& slots);
  // Forgets the record at `reference`, or gives it back if it has no extent of its own.
  void disown(Reference reference) noexcept;
  // Forgets all records with extents of their own, without giving them back.
  void disown_large() noexcept;

  void clear() noexcept;

  // Bytes that are won back when all records are copied elsewhere.
  std::size_t dead_bytes() const noexcept { return dead_bytes_; }
  std::size_t used_bytes() const noexcept { return used_bytes_; }
  std::size_t resident_bytes() const noexcept;
  std::size_t extent_bytes() const noexcept { return extent_bytes_; }
  // Bytes of records that were copied again, to win back memory, since the last call.
  std::size_t take_copied_bytes() noexcept { return std::exchange(copied_bytes_, 0); }

  // Aborts unless the invariants hold for the references in `slots`. Cost: extents x slots.
  void audit(const SlotArray& slots) const;

 private:
  static constexpr unsigned offset_bits = 13;
  static constexpr std::size_t extent_bytes_max = std::size_t{1} << offset_bits;
  static constexpr std::size_t extents_max = reference_end >> offset_bits;
  static constexpr std::size_t units_per_extent = 16;
  static constexpr std::size_t looks_max = 64;  // of move_large(), and how many it tries to move
  static constexpr int tries_max = 4;
  static constexpr std::uint16_t no_extent = 0xffff;
  static_assert(extents_max < no_extent);
  // The last lead is that of the list of all extents.
  static constexpr std::size_t leads_max = std::tuple_size_v<SlotArray::Leads> - 1;

  struct Extent {
    std::byte* data = nullptr;
    std::uint32_t place = 0;  // the pool's block, and the piece's units: 0 of a large record
    std::uint16_t used = 0;   // of a large record: the lower and
    std::uint16_t dead = 0;   //   the upper half of its size

    static constexpr unsigned units_bits = 8;

    bool is_large() const noexcept { return data != nullptr && units() == 0; }
    std::size_t units() const noexcept { return place & ((1u << units_bits) - 1); }
    std::uint32_t large_bytes() const noexcept { return used | std::uint32_t{dead} << 16; }
  };
  static_assert(sizeof(Extent) == 16);

  static std::size_t extent_of(Reference reference) noexcept { return reference >> offset_bits; }
  static std::size_t offset_of(Reference reference) noexcept {
    return reference & (extent_bytes_max - 1);
  }
  static Reference make_reference(std::size_t extent, std::size_t offset) noexcept {
    return static_cast<Reference>((extent << offset_bits) | offset);
  }

  static Extent make_extent(Piece piece, std::size_t units) noexcept;
  static Extent make_large(Piece piece) noexcept;
  Piece piece_of(const Extent& extent) const noexcept;
  std::size_t bytes_of(const Extent& extent) const noexcept {
    return extent.is_large() ? extent.large_bytes() : extent.units() * pool_->unit_bytes();
  }
  std::size_t room_of(const Extent& extent) const noexcept {
    return bytes_of(extent) - extent.used;
  }
  // What is free once the live records are pushed together.
  std::size_t free_of(const Extent& extent) const noexcept { return room_of(extent) + extent.dead; }

  Reference append_large(const RecordView& record, std::size_t bytes, SlotArray& slots);
  void move_large(std::size_t bytes, SlotArray& slots) noexcept;
  // Room for a record, counted as used.
  Reference take_room(std::size_t bytes, SlotArray& slots, Copying copying) {
    if (has_room(spare_, bytes)) return use(spare_, bytes);
    return has_room(active_, bytes) ? use(active_, bytes) : make_room(bytes, slots, copying);
  }
  bool has_room(std::size_t index, std::size_t bytes) const noexcept {
    return index != no_extent && room_of(extents_[index]) >= bytes;
  }
  Reference use(std::size_t index, std::size_t bytes) noexcept {
    Extent& extent = extents_[index];
    const Reference reference = make_reference(index, extent.used);
    extent.used = static_cast<std::uint16_t>(extent.used + bytes);
    used_bytes_ += static_cast<std::uint32_t>(bytes);
    expected_bytes_ -= std::min(expected_bytes_, static_cast<std::uint32_t>(bytes));
    if (index == spare_) spare_ = most_room();
    return reference;
  }
  Reference make_room(std::size_t bytes, SlotArray& slots, Copying copying);
  void write_lead(std::size_t extent, SlotArray& slots) const noexcept;
  std::size_t open_or_compact(std::size_t bytes, SlotArray& slots);
  std::uint16_t most_room() const noexcept;
  std::size_t worth_compacting(std::size_t bytes) const noexcept;
  std::size_t most_free() const noexcept;
  void compact(std::size_t index, SlotArray& slots) noexcept;
  bool fills_hole(std::size_t bytes) const noexcept;
  std::size_t hole_bytes(std::size_t bytes) const noexcept;
  std::size_t grown_bytes(std::size_t bytes) const noexcept;
  bool grow_active(std::size_t bytes) noexcept;
  bool open_extent(std::size_t bytes);
  std::size_t size_of_next_extent(std::size_t bytes) const noexcept;
  std::size_t vacant_index();
  void give_back(Extent& extent) noexcept;

  std::vector<Extent> extents_;
  BlockPool* pool_ = nullptr;
  std::uint32_t expected_bytes_ = 0;
  std::uint32_t used_bytes_ = 0;  // sums over the extents that are not large
  std::uint32_t dead_bytes_ = 0;
  std::uint32_t copied_bytes_ = 0;
  std::uint16_t active_ = no_extent;  // where appending goes on
  std::uint16_t spare_ = no_extent;   // whose room takes what fits before that
  std::uint16_t extent_bytes_ = 0;
  std::uint16_t hand_ = 0;  // the extent that move_large() has looked at last
};

}  // namespace hopring
