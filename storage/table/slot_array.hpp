#pragma once

// The hopscotch slots of one segment: buckets of one cache line in a ring, behind two lines of
// leads.
//
//   piece  | leads: 16 words | bucket 0 | bucket 1 | ...
//   bucket | 12 references of 24 bits | 12 tags of 16 bits | full 12, far 4 bits | hops 16 bits |
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
// A record lives in one of the 16 buckets from its home on (fewer if there are fewer), nine in ten
// in their home. A lookup that finds none there looks into the bucket beside it without asking the
// hops, since a processor would have to guess what they say. It goes on into those that they name
// only if `far` says that a record with the same last two bits of its tag lives there, which it
// seldom says of a key that is not there. An insertion that finds its nearest free slot further
// away moves that slot nearer: it puts into it a record which may live there, from as far back as
// possible, and goes on with the slot that this leaves. (M. Herlihy, N. Shavit, M. Tzafrir,
// "Hopscotch Hashing", DISC 2008; here a step is a bucket, not a slot.)
//
// In a pool that keeps ages, one byte a slot stands behind the buckets: the mark of the record's
// last use (use_clock.hpp), which goes where the slot goes. Lookups do not read it.
//
//   piece  | leads | bucket 0 | ... | 12 marks | 12 marks | ... | room, up to whole units |
//
// The leads belong to the owner: what a lookup needs beside the buckets, under way at the same
// time.
//
// Not thread-safe. Invariants (audit() checks them):
//   (1) bit i of hops in bucket h is set <=> bucket h+i holds a record whose home is h.
//   (2) every full slot is within the neighbourhood of its home.
//   (3) size() == number of full slots.
//   (4) the piece is bytes_of(buckets()) long; with marks, rounded up to whole units.
//   (5) a record two buckets or more from its home has its far_bit() set there. Where no record
//       does, none is set.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "storage/table/block_pool.hpp"
#include "storage/table/use_clock.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace hopring {

using Tag = std::uint16_t;
using Reference = std::uint32_t;  // below reference_end
inline constexpr unsigned reference_bits = 24;
inline constexpr Reference reference_end = Reference{1} << reference_bits;

class SlotArray {
 public:
  static constexpr std::uint32_t slots_per_bucket = 12;
  static constexpr std::uint32_t neighbourhood = 16;  // buckets

  // A slot: bucket * slots_per_bucket + number in the bucket. Valid until the next insert or erase.
  using SlotId = std::uint32_t;
  static constexpr SlotId no_slot = 0xffffffff;

  static constexpr std::uint32_t all_full = (1u << slots_per_bucket) - 1;
  // Of the home of a record that lives two buckets from it or more.
  static constexpr std::uint32_t far_bit(std::uint32_t tag) noexcept {
    return 1u << (slots_per_bucket + (tag & 3));
  }

  struct Bucket {
    std::array<std::uint8_t, slots_per_bucket * reference_bits / 8> references{};
    std::array<Tag, slots_per_bucket> tags{};
    std::uint16_t state = 0;  // bit i, of the first twelve <=> slot i holds a record; and far bits
    std::uint16_t hops = 0;

    std::uint32_t full() const noexcept { return state & all_full; }
    bool is_full() const noexcept { return full() == all_full; }

    static std::size_t offset_of(std::uint32_t slot) noexcept {
      return std::size_t{slot} * (reference_bits / 8);
    }
    Reference reference(std::uint32_t slot) const noexcept {
      Reference reference;  // and a byte of what follows
      std::memcpy(&reference, reinterpret_cast<const std::byte*>(this) + offset_of(slot),
                  sizeof reference);
      return reference & (reference_end - 1);
    }
    void set_reference(std::uint32_t slot, Reference reference) noexcept {
      std::memcpy(references.data() + offset_of(slot), &reference, reference_bits / 8);
    }
  };
  static_assert(sizeof(Bucket) == 64, "one bucket, one cache line");
  static_assert(std::endian::native == std::endian::little);

  using Leads = std::array<const void*, 16>;
  static_assert(sizeof(Leads) == 2 * sizeof(Bucket));

  // Where to look for a tag.
  struct Start {
    const std::byte* piece = nullptr;  // nullptr: there are no buckets
    std::uint32_t buckets = 0;
    std::uint32_t home = 0;
    // Not a Tag: what is stored with two bytes and loaded with four, as compilers do with those
    // that they run out of registers for, waits for all that came before it.
    std::uint32_t tag = 0;

    const Leads& leads() const noexcept { return *reinterpret_cast<const Leads*>(piece); }
    const Bucket& bucket(std::uint32_t index) const noexcept {
      return reinterpret_cast<const Bucket*>(piece + sizeof(Leads))[index];
    }
    // The bucket `steps` after `index` on the ring of buckets. REQUIRES: steps <= buckets.
    std::uint32_t after(std::uint32_t index, std::uint32_t steps) const noexcept {
      const std::uint32_t sum = index + steps;
      return sum < buckets ? sum : sum - buckets;
    }
  };

  // No buckets yet: nothing can be inserted.
  explicit SlotArray(BlockPool& pool) : pool_(&pool) {}
  SlotArray(SlotArray&& other) noexcept { *this = std::move(other); }
  SlotArray& operator=(SlotArray&& other) noexcept;
  ~SlotArray();

  static constexpr std::uint32_t buckets_max = 0xffff / slots_per_bucket;

  // What a bucket takes, and what the leads and so many buckets take, without or with marks.
  static constexpr std::size_t bucket_bytes(bool with_marks) noexcept {
    return sizeof(Bucket) + (with_marks ? slots_per_bucket * sizeof(UseClock::Mark) : 0);
  }
  static constexpr std::size_t bytes_of(std::uint32_t buckets, bool with_marks = false) noexcept {
    return sizeof(Leads) + buckets * bucket_bytes(with_marks);
  }

  // Gives an empty array `buckets` buckets (1 to buckets_max) for tags up to `tag_max`. False if
  // the pool refuses.
  [[nodiscard]] bool allocate(std::uint32_t buckets, Tag tag_max) noexcept;

  std::uint32_t size() const noexcept { return size_; }
  std::uint32_t buckets() const noexcept { return count_; }
  std::uint32_t capacity() const noexcept { return count_ * slots_per_bucket; }
  std::size_t resident_bytes() const noexcept { return BlockPool::cost_of(piece_); }
  const std::byte* piece() const noexcept { return piece_.data; }

  // REQUIRES: buckets() > 0.
  Leads& leads() noexcept { return *reinterpret_cast<Leads*>(piece_.data); }
  const Leads& leads() const noexcept { return *reinterpret_cast<const Leads*>(piece_.data); }

  // REQUIRES of the calls with a tag: tag <= tag_max; but for start(): buckets() > 0.
  std::uint32_t home(Tag tag) const noexcept {
    return static_cast<std::uint32_t>((std::uint64_t{tag} * scale_) >> 32);
  }
  Start start(Tag tag) const noexcept { return {piece_.data, count_, home(tag), tag}; }
  // The home in an array of so many buckets whose tag_max is 65535.
  static std::uint32_t home_of_whole(std::uint32_t tag, std::uint32_t buckets) noexcept {
    return (tag * buckets) >> 16;
  }

  // How a lookup goes: where there is a candidate, look at its record; if that is another's, and
  // there are more places, look further. REQUIRES: start.piece != nullptr.

  // The slots with the tag: bits 0 to 11 of the home, 12 to 23 of the bucket behind it.
  using Candidates = std::uint32_t;
  static Candidates candidates(const Start& start) noexcept {
    return candidates_at_home(start) | candidates_beside(start);
  }
  static Candidates candidates_at_home(const Start& start) noexcept {
    return slots_with_tag(start.bucket(start.home), start.tag);
  }
  static Candidates candidates_beside(const Start& start) noexcept {
    const Bucket& beside = start.bucket(start.after(start.home, 1));  // the home, if it is alone
    return slots_with_tag(beside, start.tag) << slots_per_bucket;
  }
  // REQUIRES: there is one.
  static SlotId first_of(const Start& start, Candidates candidates) noexcept;
  static Reference reference_of_first(const Start& start, Candidates candidates) noexcept;
  // Are these, and those that no bit names, none?
  static bool are_all(const Start& start, Candidates candidates) noexcept {
    return candidates == 0 && (start.bucket(start.home).state & far_bit(start.tag)) == 0;
  }
  // The slot among the candidates, or further away, with the tag and of which match(reference) says
  // true; or no_slot.
  template <class Match>
  static SlotId find_further(const Start& start, Candidates candidates, Match&& match);

  // False, and no record is lost, if no slot of the neighbourhood is or can be made free.
  [[nodiscard]] bool insert(Tag tag, Reference reference, UseClock::Mark mark = 0) noexcept;
  // Only into the home; false if that is full. Whoever inserts many tries this first with all of
  // them: then no record has taken a slot of a home that is not its own before that has its own.
  [[nodiscard]] bool insert_at_home(Tag tag, Reference reference, UseClock::Mark mark = 0) noexcept;

  void erase(SlotId slot) noexcept;

  Tag tag(SlotId slot) const noexcept {
    return bucket(slot / slots_per_bucket).tags[slot % slots_per_bucket];
  }
  Reference reference(SlotId slot) const noexcept {
    return bucket(slot / slots_per_bucket).reference(slot % slots_per_bucket);
  }
  void set_reference(SlotId slot, Reference reference) noexcept {
    bucket(slot / slots_per_bucket).set_reference(slot % slots_per_bucket, reference);
  }

  // Without marks: 0, and nothing.
  UseClock::Mark mark(SlotId slot) const noexcept { return has_marks() ? marks()[slot] : 0; }
  void set_mark(SlotId slot, UseClock::Mark mark) noexcept {
    if (has_marks()) marks()[slot] = mark;
  }

  // visit(SlotId) for every record, in the order of memory.
  template <class Visit>
  void for_each(Visit&& visit) const;

  // visit(SlotId) for every record whose home is bucket `home`, in no order.
  template <class Visit>
  void for_each_of_home(std::uint32_t home, Visit&& visit) const;

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
    return reinterpret_cast<Bucket*>(piece_.data + sizeof(Leads))[index];
  }
  const Bucket& bucket(std::uint32_t index) const noexcept {
    return reinterpret_cast<const Bucket*>(piece_.data + sizeof(Leads))[index];
  }

  bool has_marks() const noexcept { return piece_.bytes != bytes_of(count_); }
  UseClock::Mark* marks() noexcept {
    return reinterpret_cast<UseClock::Mark*>(piece_.data + bytes_of(count_));
  }
  const UseClock::Mark* marks() const noexcept {
    return reinterpret_cast<const UseClock::Mark*>(piece_.data + bytes_of(count_));
  }

  static std::uint32_t slots_with_tag(const Bucket& bucket, std::uint32_t tag) noexcept;
  std::uint32_t nearest_with_room(std::uint32_t home) const noexcept;
  std::uint32_t draw_nearer(std::uint32_t vacant) noexcept;
  void fill(std::uint32_t index, Tag tag, Reference reference, UseClock::Mark mark) noexcept;
  void set_slot(std::uint32_t index, Tag tag, Reference reference, UseClock::Mark mark) noexcept;
  bool holds_home(std::uint32_t index, std::uint32_t home) const noexcept;

  Piece piece_;
  std::uint32_t scale_ = 0;  // home = tag * scale_ >> 32
  std::uint16_t count_ = 0;
  std::uint16_t size_ = 0;
  BlockPool* pool_ = nullptr;
};

inline std::uint32_t SlotArray::slots_with_tag(const Bucket& bucket, std::uint32_t tag) noexcept {
  static_assert(slots_per_bucket == 12);
#ifdef __SSE2__
  const auto* const tags = reinterpret_cast<const __m128i*>(bucket.tags.data());
  const auto* const last_tags = reinterpret_cast<const __m128i*>(bucket.tags.data() + 8);
  const __m128i wanted = _mm_set1_epi16(static_cast<short>(tag));
  const __m128i first = _mm_cmpeq_epi16(_mm_loadu_si128(tags), wanted);      // slots 0 to 7
  const __m128i last = _mm_cmpeq_epi16(_mm_loadl_epi64(last_tags), wanted);  // slots 8 to 11
  const auto slots = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(first, last)));
#else
  std::uint32_t slots = 0;
  for (std::uint32_t i = 0; i < slots_per_bucket; ++i) {
    slots |= static_cast<std::uint32_t>(bucket.tags[i] == tag) << i;
  }
#endif
  return slots & bucket.full();
}

inline SlotArray::SlotId SlotArray::first_of(const Start& start, Candidates candidates) noexcept {
  const auto number = static_cast<std::uint32_t>(std::countr_zero(candidates));
  const SlotId slot = start.home * slots_per_bucket + number;
  const SlotId end = start.buckets * slots_per_bucket;
  return slot < end ? slot : slot - end;
}

inline Reference SlotArray::reference_of_first(const Start& start, Candidates candidates) noexcept {
  const auto number = static_cast<std::uint32_t>(std::countr_zero(candidates));
  if (number < slots_per_bucket) return start.bucket(start.home).reference(number);
  return start.bucket(start.after(start.home, 1)).reference(number - slots_per_bucket);
}

template <class Match>
SlotArray::SlotId SlotArray::find_further(const Start& start, Candidates candidates,
                                          Match&& match) {
  for (; candidates != 0; candidates &= candidates - 1) {
    if (match(reference_of_first(start, candidates))) return first_of(start, candidates);
  }
  for (std::uint32_t hops = start.bucket(start.home).hops >> 2; hops != 0; hops &= hops - 1) {
    const auto steps = static_cast<std::uint32_t>(std::countr_zero(hops)) + 2;
    const std::uint32_t index = start.after(start.home, steps);
    const Bucket& bucket = start.bucket(index);
    for (std::uint32_t slots = slots_with_tag(bucket, start.tag); slots != 0; slots &= slots - 1) {
      const auto number = static_cast<std::uint32_t>(std::countr_zero(slots));
      if (match(bucket.reference(number))) return index * slots_per_bucket + number;
    }
  }
  return no_slot;
}

template <class Visit>
void SlotArray::for_each(Visit&& visit) const {
  for (std::uint32_t index = 0; index < count_; ++index) {
    for (std::uint32_t full = bucket(index).full(); full != 0; full &= full - 1) {
      visit(index * slots_per_bucket + static_cast<std::uint32_t>(std::countr_zero(full)));
    }
  }
}

template <class Visit>
void SlotArray::for_each_of_home(std::uint32_t home_index, Visit&& visit) const {
  for (std::uint32_t hops = bucket(home_index).hops; hops != 0; hops &= hops - 1) {
    const std::uint32_t index =
        after(home_index, static_cast<std::uint32_t>(std::countr_zero(hops)));
    for (std::uint32_t full = bucket(index).full(); full != 0; full &= full - 1) {
      const auto slot = static_cast<std::uint32_t>(std::countr_zero(full));
      if (home(bucket(index).tags[slot]) == home_index) visit(index * slots_per_bucket + slot);
    }
  }
}

}  // namespace hopring
