#include "base/siphash.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

namespace hopring {
namespace {

static_assert(std::endian::native == std::endian::little, "words are loaded little-endian");

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    v0 ^= word;
  }
};

std::uint64_t load(const char* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The bytes behind the last whole word, the first in the lowest place; without a branch by their
// number where there is a word before them.
std::uint64_t rest_of(std::string_view bytes) noexcept {
  const std::size_t count = bytes.size() % 8;
  if (bytes.size() >= 8) return load(bytes.data() + bytes.size() - 8) >> (56 - 8 * count) >> 8;
  std::uint64_t rest = 0;
  if (count > 0) std::memcpy(&rest, bytes.data(), count);
  return rest;
}

}  // namespace

std::uint64_t siphash13(const HashKey& key, std::string_view bytes) noexcept {
  State state{key.words[0] ^ 0x736f6d6570736575ull, key.words[1] ^ 0x646f72616e646f6dull,
              key.words[0] ^ 0x6c7967656e657261ull, key.words[1] ^ 0x7465646279746573ull};
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) state.absorb(load(bytes.data() + i));
  state.absorb(static_cast<std::uint64_t>(bytes.size()) << 56 | rest_of(bytes));
  state.v2 ^= 0xff;
  state.round();
  state.round();
  state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace hopring
