#pragma once

// A map that ours is measured against. Its library is seen by one source file, contender_*.cpp;
// all else calls it through this. Every function is called in a process of its own (see in_child).

#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/footprint.hpp"
#include "tests/bench/insertion.hpp"
#include "tests/bench/mixed.hpp"
#include "tests/bench/races.hpp"

namespace hopring::bench {

// How fast one build of the map is.
struct Speed {
  double insert_seconds = 0;  // CPU time of all insertions
  double huge_share = 0;      // of the memory that the map takes: what lies on huge pages
  double huge_share_ours = 0;
  ReadRaces reads;  // against ours
};

struct Contender {
  std::string_view name;
  Footprint (*measure_footprint)(const Workload&);
  InsertLatency (*measure_latency)(const Workload&);
  double (*measure_insertions)(const Workload&);
  Speed (*measure_speed)(const Workload&);
  Rounds (*race_mixed)(const Workload&);  // nullptr: it cannot be shared by threads
};

// The maps of this build that have `part` in their names.
std::vector<Contender> contenders(const std::string& part = {});

template <class Map>
Speed measure_speed(const Workload& workload) {
  warm_up<Map>(workload);
  const ResidentBytes start = resident_now();
  Map theirs(workload);
  const double insert_seconds = time_insertions(workload, theirs);
  const ResidentBytes with_theirs = resident_now();
  HopringMap ours(workload);
  fill(workload, ours);
  const ResidentBytes with_both = resident_now();
  return {insert_seconds, huge_share(start, with_theirs), huge_share(with_theirs, with_both),
          race_reads(workload, ours, theirs)};
}

template <class Map>
constexpr Contender contender(std::string_view name) {
  return {name,
          &measure_footprint<Map>,
          &measure_latency<Map>,
          &measure_insertions<Map>,
          &measure_speed<Map>,
          nullptr};
}

// REQUIRES: Map may be used by two threads.
template <class Map>
constexpr Contender shared_contender(std::string_view name) {
  Contender shared = contender<Map>(name);
  shared.race_mixed = &race_mixed<Map>;
  return shared;
}

}  // namespace hopring::bench
