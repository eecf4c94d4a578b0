#pragma once

#include <cstdint>
#include <cstdlib>

namespace hopring {

// The seed of a random test: 1, or HOPRING_TEST_SEED from the environment.
inline std::uint64_t test_seed() {
  const char* text = std::getenv("HOPRING_TEST_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

}  // namespace hopring
