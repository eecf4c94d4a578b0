#pragma once

// A map that ours is measured against. Its library is seen by one source file, contender_*.cpp;
// all else calls it through this. Every function is called in a process of its own (see in_child).

#include <string_view>
#include <vector>

#include "tests/bench/growth.hpp"
#include "tests/bench/mixed.hpp"
#include "tests/bench/races.hpp"

namespace hopring::bench {

struct SpeedRaces {
  Pair insert;
  ReadRaces reads;
};

struct Contender {
  std::string_view name;
  Growth (*measure_growth)(const Workload&);
  Pair (*race_inserts)(const Workload&);
  SpeedRaces (*race_all)(const Workload&);
  Rounds (*race_mixed)(const Workload&);  // nullptr: it cannot be shared by threads
};

// The maps of this build.
std::vector<Contender> contenders();

template <class Map>
Pair race_inserts_of(const Workload& workload) {
  HopringMap ours(workload);
  Map theirs(workload);
  return race_inserts(workload, ours, theirs);
}

template <class Map>
SpeedRaces race_all_of(const Workload& workload) {
  HopringMap ours(workload);
  Map theirs(workload);
  const Pair insert = race_inserts(workload, ours, theirs);
  return {insert, race_reads(workload, ours, theirs)};
}

template <class Map>
constexpr Contender contender(std::string_view name) {
  return {name, &measure_growth<Map>, &race_inserts_of<Map>, &race_all_of<Map>, nullptr};
}

// REQUIRES: Map may be used by two threads.
template <class Map>
constexpr Contender shared_contender(std::string_view name) {
  Contender shared = contender<Map>(name);
  shared.race_mixed = &race_mixed<Map>;
  return shared;
}

}  // namespace hopring::bench
