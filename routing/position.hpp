#pragma once

// Positions on the identifier ring, and the clockwise arithmetic of the ring in one place.
// Chord (I. Stoica et al., SIGCOMM 2001), section 4.1, with 64 bits.

#include <compare>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/keyed_hash.hpp"

namespace hopring {

struct Position {
  std::uint64_t value = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
  }
  friend constexpr auto operator<=>(const Position&, const Position&) = default;
};

// Steps clockwise from `from` to `to`. Unsigned wrap-around is the ring's own arithmetic.
constexpr std::uint64_t distance(Position from, Position to) noexcept {
  return to.value - from.value;
}

constexpr Position advance(Position from, std::uint64_t steps) noexcept {
  return Position{from.value + steps};
}

// Where `key` lies on the ring whose hash key is `hash_key`.
inline Position position_of(const HashKey& hash_key, std::string_view key) noexcept {
  return Position{KeyedHash(hash_key)(key)};
}

static_assert(distance(Position{3}, Position{5}) == 2);
static_assert(distance(Position{~0ull}, Position{1}) == 2, "wraps past zero");

}  // namespace hopring
