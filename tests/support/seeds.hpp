#pragma once

// The seeds of a random test, which prints the one that fails.

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace hopring {

// 1 to `count`. HOPRING_TEST_SEED=<n> runs that seed alone.
inline std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* text = std::getenv("HOPRING_TEST_SEED")) {
    return {std::strtoull(text, nullptr, 10)};
  }
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

}  // namespace hopring
