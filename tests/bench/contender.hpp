#pragma once

// A map that ours is measured against. Its library is seen by one source file, contender_*.cpp;
// all else calls it through this. Every function is called in a process of its own (see in_child).

#include <string_view>
#include <vector>

#include "tests/bench/growth.hpp"
#include "tests/bench/mixed.hpp"
#include "tests/bench/races.hpp"

namespace hopring::bench {

// What one build of the map is good for.
struct Measured {
  Growth growth;
  ReadRaces reads;
};

struct Contender {
  std::string_view name;
  Growth (*measure_growth)(const Workload&);
  Measured (*measure)(const Workload&);   // growth, then races against ours
  Rounds (*race_mixed)(const Workload&);  // nullptr: it cannot be shared by threads
};

// The maps of this build.
std::vector<Contender> contenders();

template <class Map>
Measured measure(const Workload& workload) {
  warm_up<Map>(workload);
  GrowthMeter meter(workload);
  Map theirs(workload);
  const Growth growth = grow(workload, meter, theirs);
  HopringMap ours(workload);
  fill(workload, ours);
  return {growth, race_reads(workload, ours, theirs)};
}

template <class Map>
constexpr Contender contender(std::string_view name) {
  return {name, &measure_growth<Map>, &measure<Map>, nullptr};
}

// REQUIRES: Map may be used by two threads.
template <class Map>
constexpr Contender shared_contender(std::string_view name) {
  Contender shared = contender<Map>(name);
  shared.race_mixed = &race_mixed<Map>;
  return shared;
}

}  // namespace hopring::bench
