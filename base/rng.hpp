#pragma once

// The one generator of pseudo-random numbers. A core is handed one and draws from no other, so a
// simulation is a function of its seed. Not for secrets: those come from the system (base/entropy
// is the driver's business).
//
// splitmix64: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators",
// OOPSLA 2014, figure 16.

#include <cstdint>

#include "base/check.hpp"
#include "base/time.hpp"

namespace hopring {

class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ull;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound). The bias of the multiplication is below bound / 2^64.
  // REQUIRES: bound > 0.
  constexpr std::uint64_t below(std::uint64_t bound) {
    HOPRING_CHECK(bound > 0);
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

  // True with probability `numerator` / `denominator`.
  constexpr bool chance(std::uint64_t numerator, std::uint64_t denominator) {
    return below(denominator) < numerator;
  }

  // `duration` lengthened or shortened by up to a quarter: rounds of many peers drift apart.
  constexpr Duration jittered(Duration duration) {
    const auto half = static_cast<std::uint64_t>(duration.count() / 2);
    return duration - duration / 4 + Duration(static_cast<std::int64_t>(below(half + 1)));
  }

  // A generator of its own for a part, so that one part's draws do not shift another's.
  constexpr Rng fork() { return Rng(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace hopring
