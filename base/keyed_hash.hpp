#pragma once

// The hash that maps keys to ring positions: 64 bits, under a key that outsiders do not know, so
// that nobody can choose keys that collide.
//
// It is a message authentication code like Pelican (J. Daemen, V. Rijmen, "The MAC function Pelican
// 2.0", 2005), for its speed: each block of 16 bytes is added to a secret state, which begins as
// the key K, and then passes through four unkeyed rounds of AES; the last, padded block, through
// all of AES. Where Pelican ends with AES under the key, here AES under a public key stands between
// two additions of 2K, in GF(2^128) (S. Even, Y. Mansour, "A construction of a cipher from a single
// pseudorandom permutation", 1997), so that no schedule of round keys is needed. The result is the
// first half, little-endian. A key of 24 bytes takes about 50 instructions where the processor has
// AES; where it has not, tables give the same result, ten times slower.
//
// Thread rule: immutable.

#include <array>
#include <cstdint>
#include <string_view>

namespace hopring {

struct HashKey {
  std::array<std::uint64_t, 2> words{};

  friend bool operator==(const HashKey&, const HashKey&) = default;
};

// Sixteen bytes as AES sees them.
struct alignas(16) HashBlock {
  std::array<std::uint8_t, 16> bytes{};

  friend bool operator==(const HashBlock&, const HashBlock&) = default;
};

class KeyedHash {
 public:
  // What it is made of, ready for the hot path: no copy, no branch by the processor.
  using Function = std::uint64_t (*)(const void* keyed_hash, std::string_view bytes);

  explicit KeyedHash(const HashKey& key) noexcept;

  std::uint64_t operator()(std::string_view bytes) const noexcept { return function_(this, bytes); }
  // To be called with `this`.
  Function function() const noexcept { return function_; }

  // The function of this processor, and the one of any.
  static Function fastest() noexcept;
  static std::uint64_t by_tables(const void* keyed_hash, std::string_view bytes) noexcept;

 private:
  friend struct AesInstructions;

  HashBlock start_;
  HashBlock whitening_;
  Function function_;
};

// AES-128 (FIPS 197) by the tables, for tests: what `block` is enciphered to under `key`.
HashBlock aes_128(const HashBlock& key, const HashBlock& block) noexcept;

}  // namespace hopring
