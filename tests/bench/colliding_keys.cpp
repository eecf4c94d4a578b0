#include "tests/bench/colliding_keys.hpp"

#include <cstring>
#include <functional>
#include <string_view>

#include "base/check.hpp"

namespace hopring::bench {
namespace {

constexpr std::uint64_t multiplier = 0xc6a4a7935bd1e995;
constexpr std::uint64_t seed = 0xc70f6907;
constexpr std::uint64_t key_bytes = 16;

constexpr std::uint64_t inverse(std::uint64_t odd) {
  std::uint64_t found = odd;  // right in its last 3 bits; Newton's step doubles them
  for (int bits = 3; bits < 64; bits *= 2) found *= 2 - odd * found;
  return found;
}
static_assert(inverse(multiplier) * multiplier == 1);

constexpr std::uint64_t shift_mix(std::uint64_t word) { return word ^ word >> 47; }
static_assert(shift_mix(shift_mix(~std::uint64_t{5})) == ~std::uint64_t{5}, "it undoes itself");

constexpr std::uint64_t mix(std::uint64_t word) {
  return shift_mix(word * multiplier) * multiplier;
}
constexpr std::uint64_t unmix(std::uint64_t word) {
  return shift_mix(word * inverse(multiplier)) * inverse(multiplier);
}
static_assert(unmix(mix(12345)) == 12345);

std::string key_of(std::uint64_t first, std::uint64_t second) {
  std::string key(key_bytes, '\0');
  std::memcpy(key.data(), &first, sizeof first);
  std::memcpy(key.data() + sizeof first, &second, sizeof second);
  return key;
}

// The hash's state after `first` is cancelled by what mix() makes of the second half.
std::string colliding_key(std::uint64_t first) {
  const std::uint64_t state = (seed ^ key_bytes * multiplier ^ mix(first)) * multiplier;
  return key_of(first, unmix(state));
}

}  // namespace

std::vector<std::string> colliding_keys(Rng& rng, std::uint64_t count) {
  std::vector<std::string> keys;
  keys.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    keys.push_back(colliding_key(rng.next()));
    const std::hash<std::string_view> hash;
    HOPRING_CHECK(hash(keys.back()) == hash(keys.front()));
  }
  return keys;
}

std::vector<std::string> chance_keys(Rng& rng, std::uint64_t count) {
  std::vector<std::string> keys;
  keys.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) keys.push_back(key_of(rng.next(), rng.next()));
  return keys;
}

}  // namespace hopring::bench
