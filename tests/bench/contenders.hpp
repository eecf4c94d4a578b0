#pragma once

// What the source file of each library offers to the list of contenders. The list has those whose
// package the build has found.

#include <string_view>
#include <vector>

#include "tests/bench/contender.hpp"

namespace hopring::bench {

void add_std(std::vector<Contender>& contenders);
void add_boost(std::vector<Contender>& contenders);
void add_absl(std::vector<Contender>& contenders);
void add_tsl(std::vector<Contender>& contenders);
void add_cuckoo(std::vector<Contender>& contenders);
void add_tbb(std::vector<Contender>& contenders);

// Names of those that figures ask for.
inline constexpr std::string_view name_of_absl = "absl::flat_hash_map";
inline constexpr std::string_view name_of_cuckoo = "libcuckoo::cuckoohash_map";
inline constexpr std::string_view name_of_tsl_stored = "tsl::hopscotch_map, stored hash";

// Million records a second.
struct HalvesRaces {
  Rounds split;
  Rounds drop;
};

// Fills two maps, ours and std::unordered_map, and in each round cuts them in two and drops the
// second half: the rounds go from all entries down to a sixteenth.
HalvesRaces race_halves(const Workload& workload);

}  // namespace hopring::bench
