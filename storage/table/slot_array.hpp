#pragma once

// The hopscotch slots of one segment: buckets of one cache line in a ring.
//
//   bucket | hops 16 bits | full 10 bits | 10 tags of 16 bits | 10 references of 32 bits |
//
// A tag is the record's place in the segment's interval of positions, scaled to at most 16 bits;
// its home bucket is the tag scaled to the number of buckets. So tags alone order the slots by ring
// position, and displacing, growing and auditing read no record:
//
//   bucket      h          h+1         h+2
//          +----------+----------+----------+
//   homes  | h h h .. | h h+1 .. | h+1 h+2  |      bit i of hops in bucket h
//   hops   | 0...0011 | 0...0011 | 0...0001 |      <=> bucket h+i holds a record whose home is h
//          +----------+----------+----------+
//
// A record lives in one of the 16 buckets from its home on (fewer if there are fewer), and a lookup
// touches only those that the home's hops name. An insertion that finds its nearest free slot
// further away moves that slot nearer: it puts into it a record which may live there, from as far
// back as possible, and goes on with the slot that this leaves. (M. Herlihy, N. Shavit, M. Tzafrir,
// "Hopscotch Hashing", DISC 2008; here a step is a bucket, not a slot.)
//
// Not thread-safe. Invariants (audit() checks them):
//   (1) bit i of hops in bucket h is set <=> bucket h+i holds a record whose home is h.
//   (2) every full slot is within the neighbourhood of its home.
//   (3) size() == number of full slots.

#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "storage/table/block_pool.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace hopring {

using Tag = std::uint16_t;
using Reference = std::uint32_t;

class SlotArray {
 public:
  static constexpr std::uint32_t slots_per_bucket = 10;
  static constexpr std::uint32_t neighbourhood = 16;  // buckets

  struct Bucket {
    std::uint16_t hops = 0;
    std::uint16_t full = 0;  // bit i <=> slot i holds a record
    std::array<Tag, slots_per_bucket> tags{};
    std::array<Reference, slots_per_bucket> references{};
  };
  static_assert(sizeof(Bucket) == 64, "one bucket, one cache line");

  // A slot: bucket * slots_per_bucket + number in the bucket. Valid until the next insert or erase.
  using SlotId = std::uint32_t;
  static constexpr SlotId no_slot = 0xffffffff;

  // No buckets yet: nothing can be inserted.
  explicit SlotArray(BlockPool& pool) : pool_(&pool) {}
  SlotArray(SlotArray&& other) noexcept { *this = std::move(other); }
  SlotArray& operator=(SlotArray&& other) noexcept;
  ~SlotArray();

  static constexpr std::uint32_t buckets_max = 0xffff / slots_per_bucket;

  // Gives an empty array `buckets` buckets (1 to buckets_max) for tags up to `tag_max`. False if
  // the pool refuses.
  [[nodiscard]] bool allocate(std::uint32_t buckets, Tag tag_max) noexcept;

  std::uint32_t size() const noexcept { return size_; }
  std::uint32_t buckets() const noexcept { return count_; }
  std::uint32_t capacity() const noexcept { return count_ * slots_per_bucket; }
  std::size_t resident_bytes() const noexcept { return piece_.bytes; }

  // REQUIRES of the calls with a tag: tag <= tag_max; but for insert(): buckets() > 0.
  std::uint32_t home(Tag tag) const noexcept {
    return static_cast<std::uint32_t>((std::uint64_t{tag} * scale_) >> 32);
  }

  // The slot with `tag` of which match(reference) says true, or no_slot.
  template <class Match>
  [[gnu::always_inline]] inline SlotId find(Tag tag, Match&& match) const;

  // False, and no record is lost, if no slot of the neighbourhood is or can be made free.
  [[nodiscard]] bool insert(Tag tag, Reference reference) noexcept;

  void erase(SlotId slot) noexcept;

  Tag tag(SlotId slot) const noexcept {
    return bucket(slot / slots_per_bucket).tags[slot % slots_per_bucket];
  }
  Reference& reference(SlotId slot) noexcept {
    return bucket(slot / slots_per_bucket).references[slot % slots_per_bucket];
  }
  Reference reference(SlotId slot) const noexcept {
    return bucket(slot / slots_per_bucket).references[slot % slots_per_bucket];
  }

  // visit(SlotId) for every record, in the order of memory.
  template <class Visit>
  void for_each(Visit&& visit) const;

  // visit(SlotId) for every record whose home is bucket `home`, in no order.
  template <class Visit>
  void for_each_of_home(std::uint32_t home, Visit&& visit) const;

  void prefetch(Tag tag) const noexcept { __builtin_prefetch(&bucket(home(tag))); }

  // Aborts unless the invariants hold.
  void audit() const;

 private:
  // The bucket `steps` after `index` on the ring of buckets. REQUIRES: steps <= count_.
  std::uint32_t after(std::uint32_t index, std::uint32_t steps) const noexcept {
    const std::uint32_t sum = index + steps;
    return sum < count_ ? sum : sum - count_;
  }
  std::uint32_t distance(std::uint32_t from, std::uint32_t to) const noexcept {
    return to >= from ? to - from : to + count_ - from;
  }
  std::uint32_t reach() const noexcept { return count_ < neighbourhood ? count_ : neighbourhood; }

  Bucket& bucket(std::uint32_t index) noexcept {
    return reinterpret_cast<Bucket*>(piece_.data)[index];
  }
  const Bucket& bucket(std::uint32_t index) const noexcept {
    return reinterpret_cast<const Bucket*>(piece_.data)[index];
  }

  static std::uint32_t slots_with_tag(const Bucket& bucket, Tag tag) noexcept;
  std::uint32_t nearest_with_room(std::uint32_t home) const noexcept;
  std::uint32_t draw_nearer(std::uint32_t vacant) noexcept;
  void fill(std::uint32_t index, Tag tag, Reference reference) noexcept;
  bool holds_home(std::uint32_t index, std::uint32_t home) const noexcept;

  // What find() reads comes first: a segment has it in one cache line.
  Piece piece_;
  std::uint32_t scale_ = 0;  // home = tag * scale_ >> 32
  std::uint16_t count_ = 0;
  std::uint16_t size_ = 0;
  BlockPool* pool_ = nullptr;
};

inline std::uint32_t SlotArray::slots_with_tag(const Bucket& bucket, Tag tag) noexcept {
  static_assert(slots_per_bucket == 10);
#ifdef __SSE2__
  const auto* const tags = reinterpret_cast<const __m128i*>(bucket.tags.data());
  const auto* const last_tags = reinterpret_cast<const __m128i*>(bucket.tags.data() + 2);
  const __m128i wanted = _mm_set1_epi16(static_cast<short>(tag));
  const __m128i first = _mm_cmpeq_epi16(_mm_loadu_si128(tags), wanted);      // slots 0 to 7
  const __m128i last = _mm_cmpeq_epi16(_mm_loadu_si128(last_tags), wanted);  // slots 2 to 9
  const auto both = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(first, last)));
  const std::uint32_t slots = (both & 0xff) | (both >> 6 & 0x300);
#else
  std::uint32_t slots = 0;
  for (std::uint32_t i = 0; i < slots_per_bucket; ++i) {
    slots |= static_cast<std::uint32_t>(bucket.tags[i] == tag) << i;
  }
#endif
  return slots & bucket.full;
}

template <class Match>
inline SlotArray::SlotId SlotArray::find(Tag tag, Match&& match) const {
  if (count_ == 0) return no_slot;
  const std::uint32_t start = home(tag);
  for (std::uint32_t hops = bucket(start).hops; hops != 0; hops &= hops - 1) {
    const std::uint32_t index = after(start, static_cast<std::uint32_t>(std::countr_zero(hops)));
    const Bucket& candidate = bucket(index);
    for (std::uint32_t slots = slots_with_tag(candidate, tag); slots != 0; slots &= slots - 1) {
      const auto slot = static_cast<std::uint32_t>(std::countr_zero(slots));
      if (match(candidate.references[slot])) return index * slots_per_bucket + slot;
    }
  }
  return no_slot;
}

template <class Visit>
void SlotArray::for_each(Visit&& visit) const {
  for (std::uint32_t index = 0; index < count_; ++index) {
    for (std::uint32_t full = bucket(index).full; full != 0; full &= full - 1) {
      visit(index * slots_per_bucket + static_cast<std::uint32_t>(std::countr_zero(full)));
    }
  }
}

template <class Visit>
void SlotArray::for_each_of_home(std::uint32_t home_index, Visit&& visit) const {
  for (std::uint32_t hops = bucket(home_index).hops; hops != 0; hops &= hops - 1) {
    const std::uint32_t index =
        after(home_index, static_cast<std::uint32_t>(std::countr_zero(hops)));
    for (std::uint32_t full = bucket(index).full; full != 0; full &= full - 1) {
      const auto slot = static_cast<std::uint32_t>(std::countr_zero(full));
      if (home(bucket(index).tags[slot]) == home_index) visit(index * slots_per_bucket + slot);
    }
  }
}

}  // namespace hopring
