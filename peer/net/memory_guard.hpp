#pragma once

// Keeps a process near its limit of memory: says when what is free inside malloc's heap should be
// given back to the system. Tables know what they take; what logs and buffers have left
// between each other they do not.
//
// Thread rule: belongs to one thread.

#include <chrono>
#include <cstdint>

#include "base/time.hpp"

namespace hopring {

class MemoryGuard {
 public:
  // Giving back costs a walk of all that is free, during which nobody allocates, and page faults
  // afterwards. So it is done when it is needed and no sooner
  // than this, and seldom where it has not helped.
  static constexpr std::chrono::seconds pause{1};
  static constexpr std::chrono::seconds pause_in_vain{10};
  // Of the limit. So near to it memory is given back; and as much must come back to be worth it.
  static constexpr std::uint64_t near_part = 64;

  // 0: there is no limit.
  explicit MemoryGuard(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Should the resident size be looked at?
  bool is_due(Time now) const noexcept { return limit_bytes_ != 0 && now >= next_; }
  bool is_near(std::uint64_t resident_bytes) const noexcept {
    return resident_bytes > limit_bytes_ - limit_bytes_ / near_part;
  }
  // After a look, and memory was given back if it was near.
  void on_looked(Time now, std::uint64_t before_bytes, std::uint64_t after_bytes) noexcept {
    const bool in_vain =
        is_near(before_bytes) && after_bytes + limit_bytes_ / near_part > before_bytes;
    next_ = now + (in_vain ? pause_in_vain : pause);
  }

 private:
  std::uint64_t limit_bytes_;
  Time next_{};
};

}  // namespace hopring
