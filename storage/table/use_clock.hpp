#pragma once

// The clock by which a table tells how long ago a record was used. It counts uses, not time, and
// ticks once every sixteenth of the records. A record is marked with the low eight bits of the tick
// at which it was used; its age is the ticks since, modulo 256.
//
// Ages stay apart by being limited: within a round of 32 ticks, which is about two uses a record,
// the table walks all of its segments, one at a time, and makes what is older than age_max as old
// as that. So a record that is never used does not come round and look young: twelve uses a record
// after its last one, it is among the oldest, and stays there. A round is counted in ticks, not in
// uses: while a table grows many times over, both become rarer together.

#include <algorithm>
#include <cstdint>

namespace hopring {

class UseClock {
 public:
  using Mark = std::uint8_t;
  using Age = std::uint8_t;
  static constexpr Age age_max = 191;  // a quarter of all ages is left for a round that takes long

  Mark now() const noexcept { return now_; }
  Age age_of(Mark mark) const noexcept { return static_cast<Age>(now_ - mark); }
  // The mark of a record of that age.
  Mark mark_of(Age age) const noexcept { return static_cast<Mark>(now_ - age); }

  // Counts a use, in a table of so many records and segments (at least one). True if the ages of
  // one more segment must be limited now.
  [[nodiscard]] bool count(std::uint64_t records, std::uint64_t segments) noexcept {
    const std::uint64_t uses_per_tick = std::max<std::uint64_t>(1, records / ticks_per_size);
    if (++uses_since_tick_ >= uses_per_tick) {
      uses_since_tick_ = 0;
      ++now_;
    }
    walk_ += (segments << walk_bits) / uses_per_tick;
    if (walk_ < one_segment) return false;
    walk_ = std::min(walk_ - one_segment, one_segment);  // one a use, whatever is due
    return true;
  }

 private:
  static constexpr std::uint64_t ticks_per_size = 16;
  static constexpr std::uint64_t ticks_per_round = 32;
  static constexpr unsigned walk_bits = 16;  // of fractions
  static constexpr std::uint64_t one_segment = ticks_per_round << walk_bits;

  std::uint64_t uses_since_tick_ = 0;
  std::uint64_t walk_ = 0;  // segments x ticks since the last walk, in fractions
  Mark now_ = 0;
};

}  // namespace hopring
