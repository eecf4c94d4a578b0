#pragma once

// A map that ours is measured against. Its library is seen by one source file, contender_*.cpp;
// all else calls it through this. Every function is called in a process of its own (see in_child).

#include <string_view>
#include <vector>

#include "tests/bench/growth.hpp"
#include "tests/bench/mixed.hpp"
#include "tests/bench/races.hpp"

namespace hopring::bench {

struct Contender {
  std::string_view name;
  Growth (*measure_growth)(const Workload&);
  ReadRaces (*race_reads)(const Workload&);
  Rounds (*race_mixed)(const Workload&);  // nullptr: it cannot be shared by threads
};

// The maps of this build.
std::vector<Contender> contenders();

template <class Map>
ReadRaces race_reads_of(const Workload& workload) {
  HopringMap ours(workload);
  Map theirs(workload);
  fill(workload, ours);
  fill(workload, theirs);
  return race_reads(workload, ours, theirs);
}

template <class Map>
constexpr Contender contender(std::string_view name) {
  return {name, &measure_growth<Map>, &race_reads_of<Map>, nullptr};
}

// REQUIRES: Map may be used by two threads.
template <class Map>
constexpr Contender shared_contender(std::string_view name) {
  Contender shared = contender<Map>(name);
  shared.race_mixed = &race_mixed<Map>;
  return shared;
}

}  // namespace hopring::bench
