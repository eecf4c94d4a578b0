#pragma once

// What growing from empty costs: memory at every size, and time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/bench/clock.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

struct Growth {
  double overhead_mean = 0;   // bytes an entry, over sizes from half the entries to all
  double overhead_worst = 0;  // bytes an entry, at any moment from half the entries on
  double insert_seconds = 0;  // CPU time of all insertions
  double insert_longest_us = 0;
};

// Told of every insertion into one map, from the first. Overhead = (resident bytes of the process -
// those when the meter was made) / entries - key bytes - value bytes.
class GrowthMeter {
 public:
  // Insertions between two looks at the thread's clock, which takes as long as an insertion: what
  // is named the longest is at most 31 ordinary insertions too long.
  static constexpr std::uint64_t slice = 32;

  explicit GrowthMeter(const Workload& workload);

  // `keys` have been inserted in `seconds`.
  void on_slice(const std::vector<Key>& keys, double seconds);

  // REQUIRES: all entries have been inserted.
  Growth growth() const;

 private:
  // Sizes at which the mean looks: 5/10, 6/10, ... 10/10 of the entries.
  static constexpr std::uint64_t size_steps = 10;
  static constexpr std::uint64_t size_first = 5;
  // The worst is looked for this often while the second half grows.
  static constexpr std::uint64_t samples = 250;

  std::uint64_t size_at(std::uint64_t step) const { return workload_.entries * step / size_steps; }
  void look_at_peak();
  double overhead(std::size_t resident) const;

  Workload workload_;
  std::size_t resident_start_;
  std::size_t peak_ = 0;
  std::uint64_t next_size_ = size_first;
  std::uint64_t next_sample_;
  std::uint64_t entries_ = 0;
  std::uint64_t payload_bytes_ = 0;
  double overhead_sum_ = 0;
  double overhead_worst_ = 0;
  double seconds_ = 0;
  double seconds_longest_ = 0;
};

// Fills an empty map. REQUIRES: the meter was made before the map, in a process of its own (see
// in_child).
template <class Map>
Growth grow(const Workload& workload, GrowthMeter& meter, Map& map) {
  const std::string value = workload.value();
  for (std::uint64_t i = 0; i < workload.entries; i += GrowthMeter::slice) {
    const auto keys = keys_from(i, std::min(GrowthMeter::slice, workload.entries - i));
    meter.on_slice(keys, timed([&] {
                     for (const Key& key : keys) map.put(key.view(), value, workload.expiry_ms);
                   }));
  }
  return meter.growth();
}

// Brings the map's code into memory, which is no overhead of an entry.
template <class Map>
void warm_up(const Workload& workload) {
  Map map(workload);
  map.put(Key(0).view(), workload.value(), workload.expiry_ms);
}

template <class Map>
Growth measure_growth(const Workload& workload) {
  warm_up<Map>(workload);
  GrowthMeter meter(workload);
  Map map(workload);
  return grow(workload, meter, map);
}

}  // namespace hopring::bench
