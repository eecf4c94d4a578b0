#pragma once

// The trace of a run as one number: two runs that did the same things in the same order have the
// same one.

#include <cstdint>

namespace hopring::sim {

class Trace {
 public:
  void add(std::uint64_t word) noexcept {
    hash_ = (hash_ ^ word) * 0x100000001b3ull;
    hash_ ^= hash_ >> 29;
  }
  std::uint64_t hash() const noexcept { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ull;
};

}  // namespace hopring::sim
