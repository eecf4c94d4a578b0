#pragma once

// The records of one segment, lying one behind the other in extents.
//
// An extent is a piece of the pool, at most extent_bytes() long; the one at which appending goes on
// starts with a unit and grows, so that a segment wastes half a unit and not half an extent. Where
// the pool could only serve that from a new block, a smaller extent fills a hole instead. A
// reference is (extent, offset), so that growing an extent changes no reference. A record above a
// quarter of extent_bytes() has an extent of its own, of exactly its size.
//
//   extent | record | record | dead | record |      room      |
//          0                                used_           piece.bytes
//
// The store does not know which records are alive: its owner says what dies, see release(), and
// hands in the slots that hold all live references where those may have to be renewed, see
// append().
//
// Not thread-safe. Invariants (audit() checks them, together with the owner):
//   (1) dead <= used <= piece.bytes, for every extent.
//   (2) the records that the owner refers to do not overlap and end before `used`; their bytes and
//       `dead` add up to `used`.
//   (3) an extent without live records is lent no piece, unless appending goes on there.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "storage/table/block_pool.hpp"
#include "storage/table/record.hpp"
#include "storage/table/slot_array.hpp"

namespace hopring {

class RecordStore {
 public:
  explicit RecordStore(BlockPool& pool);
  RecordStore(RecordStore&& other) noexcept { *this = std::move(other); }
  RecordStore& operator=(RecordStore&& other) noexcept;
  // Gives all extents back.
  ~RecordStore() { clear(); }

  // Copies `record` in and returns its reference; no_reference, and nothing but places changed, if
  // the pool refuses. `slots` holds every live reference: where that wins back enough, the records
  // of one extent are pushed together and their references renewed. Cost: a copy of one extent and
  // a walk of `slots`. Throws std::bad_alloc, and nothing changed.
  static constexpr Reference no_reference = 0xffffffff;
  [[nodiscard]] Reference append(const RecordView& record, SlotArray& slots);

  // The record at `reference` is dead: its bytes can be won back.
  void release(Reference reference) noexcept;

  // Overwrites the record at `reference`. REQUIRES: both have the same encoded size.
  void overwrite(Reference reference, const RecordView& record) noexcept;

  const std::byte* at(Reference reference) const noexcept {
    return extents_[extent_of(reference)].piece.data + offset_of(reference);
  }

  // Touches ahead what at() reads of the first extents.
  void prefetch_extents() const noexcept {
    if (extents_.empty()) return;
    const auto* const lines = reinterpret_cast<const std::byte*>(extents_.data());
    __builtin_prefetch(lines);
    __builtin_prefetch(lines + 64);
    __builtin_prefetch(lines + 128);
  }

  // Has a record of `bytes` an extent of its own?
  bool is_large(std::size_t bytes) const noexcept { return bytes > extent_bytes_ / 4; }

  // Announces that `bytes` of records that are not large will be appended, so that extents are lent
  // in one go.
  void expect(std::size_t bytes) { expected_bytes_ = bytes; }

  // Shares the record at `reference` of `from` if it has an extent of its own, else no_reference.
  // Both refer to it until one of them disowns it. Throws std::bad_alloc.
  [[nodiscard]] Reference share_large(const RecordStore& from, Reference reference);
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

  // Aborts unless the invariants hold for the references in `slots`. Cost: extents x slots.
  void audit(const SlotArray& slots) const;

 private:
  static constexpr unsigned offset_bits = 13;
  static constexpr std::size_t extent_bytes_max = std::size_t{1} << offset_bits;
  static constexpr std::size_t extents_max = (std::size_t{1} << (32 - offset_bits)) - 1;
  static constexpr std::size_t no_extent = ~std::size_t{0};

  struct Extent {
    Piece piece;
    std::uint16_t used = 0;  // both stay 0 in the extent of a large record
    std::uint16_t dead = 0;

    std::size_t room() const noexcept { return piece.bytes - used; }
    // What is free once the live records are pushed together.
    std::size_t free() const noexcept { return room() + dead; }
  };

  static std::size_t extent_of(Reference reference) noexcept { return reference >> offset_bits; }
  static std::size_t offset_of(Reference reference) noexcept {
    return reference & (extent_bytes_max - 1);
  }
  static Reference make_reference(std::size_t extent, std::size_t offset) noexcept {
    return static_cast<Reference>((extent << offset_bits) | offset);
  }
  bool is_large_extent(const Extent& extent) const noexcept {
    return extent.piece.data != nullptr && extent.used == 0;
  }

  Reference append_large(const RecordView& record, std::size_t bytes);
  std::size_t extent_with_room(std::size_t bytes, SlotArray& slots);
  std::size_t worth_compacting(std::size_t bytes) const noexcept;
  std::size_t most_free() const noexcept;
  void compact(std::size_t index, SlotArray& slots) noexcept;
  bool fills_hole(std::size_t bytes) const noexcept;
  bool grow_active(std::size_t bytes) noexcept;
  bool open_extent(std::size_t bytes);
  std::size_t size_of_next_extent(std::size_t bytes) const noexcept;
  std::size_t vacant_index();
  void give_back(Extent& extent) noexcept;

  std::vector<Extent> extents_;
  BlockPool* pool_ = nullptr;
  std::size_t active_ = no_extent;  // where appending goes on
  std::size_t expected_bytes_ = 0;
  std::size_t used_bytes_ = 0;  // sums over the extents that are not large
  std::size_t dead_bytes_ = 0;
  std::size_t extent_bytes_ = 0;
};

}  // namespace hopring
