#include "storage/table/slot_array.hpp"

#include <algorithm>
#include <new>

#include "base/check.hpp"

namespace hopring {

namespace {
constexpr std::uint32_t nowhere = 0xffffffff;
constexpr std::uint32_t far_steps = 2;  // from the home
constexpr std::uint32_t far_hops = 1u << far_steps;

std::uint16_t bit(std::uint32_t number) { return static_cast<std::uint16_t>(1u << number); }
}  // namespace

SlotArray& SlotArray::operator=(SlotArray&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(piece_, other.piece_);
  std::swap(scale_, other.scale_);
  std::swap(count_, other.count_);
  std::swap(size_, other.size_);
  return *this;
}

SlotArray::~SlotArray() {
  if (piece_.data != nullptr) pool_->take_back(piece_);
}

bool SlotArray::allocate(std::uint32_t buckets, Tag tag_max) noexcept {
  HOPRING_CHECK(piece_.data == nullptr && buckets > 0 && buckets <= buckets_max);
  const std::size_t bytes = bytes_of(buckets, pool_->keeps_ages());
  piece_ = pool_->lend(pool_->keeps_ages() ? pool_->round_up(bytes) : bytes);
  if (piece_.data == nullptr) return false;
  count_ = static_cast<std::uint16_t>(buckets);
  new (piece_.data) Leads{};
  for (std::uint32_t i = 0; i < buckets; ++i) new (&bucket(i)) Bucket;
  // With fewer tags than buckets, each tag has one of the first buckets for a home.
  constexpr std::uint64_t scale_max = 0xffffffff;
  scale_ = static_cast<std::uint32_t>(
      std::min(scale_max, (std::uint64_t{buckets} << 32) / (std::uint64_t{tag_max} + 1)));
  return true;
}

// The first free slot of a bucket. In line, since growing and cutting do little else.
inline void SlotArray::set_slot(std::uint32_t index, Tag tag, Reference reference,
                                UseClock::Mark mark) noexcept {
  Bucket& to = bucket(index);
  const auto slot = static_cast<std::uint32_t>(std::countr_one(to.full()));
  to.state = static_cast<std::uint16_t>(to.state | bit(slot));
  to.tags[slot] = tag;
  to.set_reference(slot, reference);
  set_mark(index * slots_per_bucket + slot, mark);
}

bool SlotArray::insert(Tag tag, Reference reference, UseClock::Mark mark) noexcept {
  const std::uint32_t start = home(tag);
  std::uint32_t vacant = nearest_with_room(start);
  while (vacant != nowhere && distance(start, vacant) >= reach()) vacant = draw_nearer(vacant);
  if (vacant == nowhere) return false;
  fill(vacant, tag, reference, mark);
  ++size_;
  return true;
}

bool SlotArray::insert_at_home(Tag tag, Reference reference, UseClock::Mark mark) noexcept {
  const std::uint32_t index = home(tag);
  Bucket& to = bucket(index);
  if (to.is_full()) return false;
  to.hops = static_cast<std::uint16_t>(to.hops | bit(0));
  set_slot(index, tag, reference, mark);
  ++size_;
  return true;
}

void SlotArray::erase(SlotId slot) noexcept {
  const std::uint32_t index = slot / slots_per_bucket;
  const std::uint32_t start = home(tag(slot));
  Bucket& from = bucket(index);
  from.state = static_cast<std::uint16_t>(from.state & ~bit(slot % slots_per_bucket));
  --size_;
  if (holds_home(index, start)) return;
  Bucket& named = bucket(start);
  named.hops = static_cast<std::uint16_t>(named.hops & ~bit(distance(start, index)));
  if (named.hops < far_hops) named.state = static_cast<std::uint16_t>(named.full());
}

std::uint32_t SlotArray::nearest_with_room(std::uint32_t start) const noexcept {
  for (std::uint32_t steps = 0; steps < count_; ++steps) {
    const std::uint32_t index = after(start, steps);
    if (!bucket(index).is_full()) return index;
  }
  return nowhere;
}

// Fills a slot of `vacant` with a record from as far back as may be, and returns the bucket that it
// came from; nowhere if no record before may move there.
std::uint32_t SlotArray::draw_nearer(std::uint32_t vacant) noexcept {
  for (std::uint32_t back = reach() - 1; back > 0; --back) {
    const std::uint32_t index = after(vacant, count_ - back);
    for (std::uint32_t i = 0; i < slots_per_bucket; ++i) {
      if (distance(home(bucket(index).tags[i]), vacant) >= reach()) continue;
      if ((bucket(index).state & bit(i)) == 0) continue;
      const SlotId slot = index * slots_per_bucket + i;
      fill(vacant, tag(slot), reference(slot), mark(slot));
      erase(slot);
      ++size_;  // erase() counted a record that has only moved
      return index;
    }
  }
  return nowhere;
}

// REQUIRES: bucket `index` has room and is in the neighbourhood of the tag's home.
void SlotArray::fill(std::uint32_t index, Tag tag, Reference reference,
                     UseClock::Mark mark) noexcept {
  set_slot(index, tag, reference, mark);
  const std::uint32_t start = home(tag);
  Bucket& named = bucket(start);
  const std::uint32_t steps = distance(start, index);
  named.hops = static_cast<std::uint16_t>(named.hops | bit(steps));
  if (steps >= far_steps) named.state = static_cast<std::uint16_t>(named.state | far_bit(tag));
}

bool SlotArray::holds_home(std::uint32_t index, std::uint32_t start) const noexcept {
  const Bucket& held = bucket(index);
  for (std::uint32_t full = held.full(); full != 0; full &= full - 1) {
    if (home(held.tags[static_cast<std::uint32_t>(std::countr_zero(full))]) == start) return true;
  }
  return false;
}

void SlotArray::audit() const {
  std::uint32_t full_slots = 0;
  for_each([&](SlotId slot) {
    ++full_slots;
    const std::uint32_t start = home(tag(slot));
    HOPRING_CHECK(start < count_);
    const std::uint32_t steps = distance(start, slot / slots_per_bucket);
    HOPRING_CHECK(steps < reach());
    HOPRING_CHECK(steps < far_steps || (bucket(start).state & far_bit(tag(slot))) != 0);
  });
  HOPRING_CHECK(full_slots == size_);
  if (count_ > 0) {
    const std::size_t bytes = bytes_of(count_, pool_->keeps_ages());
    HOPRING_CHECK(piece_.bytes == (pool_->keeps_ages() ? pool_->round_up(bytes) : bytes));
  }
  for (std::uint32_t start = 0; start < count_; ++start) {
    HOPRING_CHECK(bucket(start).hops >= far_hops || bucket(start).state == bucket(start).full());
    for (std::uint32_t i = 0; i < neighbourhood; ++i) {
      const bool named = (bucket(start).hops & bit(i)) != 0;
      HOPRING_CHECK(named == (i < reach() && holds_home(after(start, i), start)));
    }
  }
}

}  // namespace hopring
