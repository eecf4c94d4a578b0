#pragma once

// What insertions into a map that grows from empty cost in time: all together, and the longest.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/clock.hpp"
#include "tests/bench/footprint.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

// CPU seconds of the insertions of all entries.
template <class Map>
double time_insertions(const Workload& workload, Map& map) {
  constexpr std::uint64_t slice = 256;  // insertions between two looks at the clock
  const std::string value = workload.value();
  double seconds = 0;
  for (std::uint64_t i = 0; i < workload.entries; i += slice) {
    const auto keys = keys_from(i, std::min(slice, workload.entries - i));
    seconds += timed_in_all([&] {  // ours has memory touched by a thread
      for (const Key& key : keys) map.put(key.view(), value, workload.expiry_ms);
    });
  }
  return seconds;
}

template <class Map>
double measure_insertions(const Workload& workload) {
  warm_up<Map>(workload);
  Map map(workload);
  return time_insertions(workload, map);
}

// Of single insertions, in microseconds.
struct InsertLatency {
  double longest_us = 0;       // CPU time of the thread
  double p9999_us = 0;         // all but one in ten thousand need less CPU time
  double longest_wall_us = 0;  // with what the system did meanwhile
};

// Looks at the clocks around every single insertion. That takes longer than an insertion; the
// median cost of a look is subtracted.
class LatencyMeter {
 public:
  struct Moment {
    double thread_seconds;
    double wall_seconds;
  };
  static Moment now() { return {thread_seconds(), wall_seconds()}; }

  // Room for so many insertions; it is written to, so that no page of it is new later.
  explicit LatencyMeter(std::uint64_t insertions_max);

  // One insertion was made between the two moments.
  void on_insert(const Moment& before, const Moment& after) {
    thread_us_[insertions_++] =
        static_cast<float>((after.thread_seconds - before.thread_seconds) * 1e6);
    longest_wall_us_ = std::max(longest_wall_us_, (after.wall_seconds - before.wall_seconds) * 1e6);
  }

  // REQUIRES: there were insertions. Changes the order of what is recorded.
  InsertLatency latency();

 private:
  static constexpr double us_min = 0.001;  // what is left of less than the clock's own cost

  std::vector<float> thread_us_;
  std::size_t insertions_ = 0;
  double longest_wall_us_ = 0;
  Moment cost_us_;  // of one look at both clocks
};

template <class Map>
InsertLatency measure_latency(const Workload& workload) {
  constexpr std::uint64_t slice = 32;  // keys that are made ahead
  warm_up<Map>(workload);
  LatencyMeter meter(workload.entries);
  Map map(workload);
  const std::string value = workload.value();
  for (std::uint64_t i = 0; i < workload.entries; i += slice) {
    const auto keys = keys_from(i, std::min(slice, workload.entries - i));
    LatencyMeter::Moment before = LatencyMeter::now();
    for (const Key& key : keys) {
      map.put(key.view(), value, workload.expiry_ms);
      const LatencyMeter::Moment after = LatencyMeter::now();
      meter.on_insert(before, after);
      before = after;
    }
  }
  return meter.latency();
}

}  // namespace hopring::bench
