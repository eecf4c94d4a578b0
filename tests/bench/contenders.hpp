#pragma once

// What the source file of each library offers to the list of contenders. The list has those whose
// package the build has found.

#include <cstdint>
#include <vector>

#include "tests/bench/contender.hpp"

namespace hopring::bench {

void add_std(std::vector<Contender>& contenders);
void add_boost(std::vector<Contender>& contenders);
void add_absl(std::vector<Contender>& contenders);
void add_tsl(std::vector<Contender>& contenders);
void add_cuckoo(std::vector<Contender>& contenders);
void add_tbb(std::vector<Contender>& contenders);

// CPU seconds of cutting a map of all entries in two, and of dropping the second half.
struct HalvesRaces {
  Pair split;
  Pair drop;
  std::uint64_t records_split = 0;
  std::uint64_t records_dropped = 0;
};

// Against std::unordered_map.
HalvesRaces race_halves(const Workload& workload);

}  // namespace hopring::bench
