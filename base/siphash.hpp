#pragma once

// SipHash-1-3 with a 64-bit result: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input
// PRF", INDOCRYPT 2012; the 1-3 rounds are those of the hash tables of Rust and Ruby. Keyed, so
// that somebody who does not know a ring's key cannot choose keys that collide.

#include <array>
#include <cstdint>
#include <string_view>

namespace hopring {

struct HashKey {
  std::array<std::uint64_t, 2> words{};

  friend bool operator==(const HashKey&, const HashKey&) = default;
};

std::uint64_t siphash13(const HashKey& key, std::string_view bytes) noexcept;

}  // namespace hopring
