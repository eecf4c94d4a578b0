#pragma once

// Secrets and seeds from the system's generator: incarnations, ring ids, hash keys. Drivers and
// programs ask; a core is handed an Rng.

#include <cstdint>

namespace hopring {

// Never 0, which stands for "unknown" wherever such a number is kept. Blocks only while the system
// has just booted.
std::uint64_t random_word();

}  // namespace hopring
