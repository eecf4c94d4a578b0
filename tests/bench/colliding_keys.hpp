#pragma once

// What somebody who means harm sends to a map whose hash has no secret.

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.hpp"

namespace hopring::bench {

// `count` different keys of 16 bytes, all with the same std::hash. REQUIRES: it is that of
// libstdc++ on a little-endian machine of 64 bits, MurmurHash64A: each step of it can be undone, so
// for any first half of a key there is a second half that leads to a given hash.
std::vector<std::string> colliding_keys(Rng& rng, std::uint64_t count);

// `count` keys of 16 random bytes.
std::vector<std::string> chance_keys(Rng& rng, std::uint64_t count);

}  // namespace hopring::bench
