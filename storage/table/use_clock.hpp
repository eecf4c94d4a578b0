#pragma once

// The clock by which a table tells how long ago a record was used. It counts uses, not time, and
// ticks once every sixteenth of the records. A record is marked with the low eight bits of the tick
// at which it was used; its age is the ticks since, modulo 256.
//
// Ages stay apart by being limited: within a round, which is about two uses a record long, the
// table walks all of its segments, one at a time, and makes what is older than age_max as old as
// that. So a record that is never used does not come round and look young: twelve uses a record
// after its last one, it is among the oldest, and stays there.

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
    if (++uses_since_tick_ >= records / ticks_per_size) {
      uses_since_tick_ = 0;
      ++now_;
    }
    if (++uses_since_walk_ < uses_per_round * records / segments) return false;
    uses_since_walk_ = 0;
    return true;
  }

 private:
  static constexpr std::uint64_t ticks_per_size = 16;
  static constexpr std::uint64_t uses_per_round = 2;  // for each record

  std::uint64_t uses_since_tick_ = 0;
  std::uint64_t uses_since_walk_ = 0;
  Mark now_ = 0;
};

}  // namespace hopring
