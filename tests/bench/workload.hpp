#pragma once

// What every map is asked to hold and to find.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/keyed_hash.hpp"
#include "base/rng.hpp"

namespace hopring::bench {

struct Workload {
  std::uint64_t entries = 0;    // keys 0 to entries - 1
  std::size_t value_bytes = 0;  // of each value
  HashKey ring_key;             // maps keys to positions; at random, as a ring's
  std::int64_t expiry_ms = 0;   // of each entry; 0 = none

  std::string value() const { return std::string(value_bytes, 'v'); }
};

// The key of a number: 16 to 24 bytes, different for different numbers.
class Key {
 public:
  static constexpr std::size_t bytes_max = 24;

  explicit Key(std::uint64_t number);

  std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, bytes_max> bytes_;
  std::uint8_t size_;
};

// `count` keys: those of first, first + 1, ...
std::vector<Key> keys_from(std::uint64_t first, std::uint64_t count);
// `count` keys, each of a number drawn from [first, first + range).
std::vector<Key> random_keys(Rng& rng, std::uint64_t first, std::uint64_t range,
                             std::uint64_t count);

// Draws numbers below `range` with frequencies of Zipf's law: the frequent ones are scattered over
// the range. J. Gray et al., "Quickly generating billion-record synthetic databases", SIGMOD 1994,
// section 4.
class Zipf {
 public:
  // REQUIRES: range > 1, 0 < exponent < 1. Cost: range steps.
  explicit Zipf(std::uint64_t range, double exponent = 0.99);

  std::uint64_t draw(Rng& rng) const;

 private:
  std::uint64_t rank(double uniform) const;

  std::uint64_t range_;
  double exponent_;
  double zeta_ = 0;
  double eta_ = 0;
};

// Does with values what a server does: copies them to where they are sent from.
class Reader {
 public:
  explicit Reader(const Workload& workload) : buffer_(workload.value_bytes, '\0') {}

  void read(std::string_view value) noexcept {
    std::memcpy(buffer_.data(), value.data(), buffer_.size());
    asm volatile("" : : "r"(buffer_.data()) : "memory");  // the copy is wanted
    ++values_;
  }

  std::uint64_t values() const noexcept { return values_; }

 private:
  std::string buffer_;
  std::uint64_t values_ = 0;
};

}  // namespace hopring::bench
