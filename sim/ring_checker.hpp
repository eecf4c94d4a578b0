#pragma once

// Judges of the ring as a whole. They see what no peer sees: all peers at one moment.

#include <cstdint>
#include <string>
#include <vector>

#include "sim/world.hpp"

namespace hopring::sim {

// No two living peers serve one position in the same generation. Holds at every moment.
std::vector<std::string> check_ownership(const World& world);

// The arcs that living peers serve tile the ring: no gap, no overlap. Holds once things are
// settled.
std::vector<std::string> check_tiling(const World& world);

// The same for a list of views, in any order.
std::vector<std::string> check_tiling(const std::vector<View>& views);

// What the living peers hold: all keys, and the most that one has by the mean; 1 if there are none.
struct KeySpread {
  std::uint64_t keys = 0;
  double skew = 1;
};
KeySpread spread_of_keys(const World& world);

}  // namespace hopring::sim
