#pragma once

// What growing from empty costs: memory at every size, and the longest insertion.

#include <cstddef>
#include <cstdint>

#include "tests/bench/workload.hpp"

namespace hopring::bench {

struct Growth {
  double overhead_mean = 0;   // bytes an entry, over sizes from half the entries to all
  double overhead_worst = 0;  // bytes an entry, at any moment from half the entries on
  double insert_longest_us = 0;
};

// Told of every insertion into one map, from the first. Overhead = (resident bytes of the process -
// those when the meter was made) / entries - key bytes - value bytes.
class GrowthMeter {
 public:
  explicit GrowthMeter(const Workload& workload);

  void on_insert(std::size_t key_bytes);

  // REQUIRES: all entries have been inserted.
  Growth growth() const;

 private:
  // Sizes at which the mean looks: 5/10, 6/10, ... 10/10 of the entries.
  static constexpr std::uint64_t size_steps = 10;
  static constexpr std::uint64_t size_first = 5;
  // The worst is looked for this often while the second half grows.
  static constexpr std::uint64_t samples = 250;
  // The thread's clock costs more than an insertion, so it is read once for so many: what is named
  // the longest is at most seven ordinary insertions too long.
  static constexpr std::uint64_t inserts_per_reading = 8;

  std::uint64_t size_at(std::uint64_t step) const { return workload_.entries * step / size_steps; }
  void read_clock();
  void look_at_memory();
  double overhead(std::size_t resident) const;

  Workload workload_;
  std::uint64_t sample_step_;
  std::uint64_t next_size_;
  std::size_t resident_start_;
  std::size_t peak_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t payload_bytes_ = 0;
  double overhead_sum_ = 0;
  double overhead_worst_ = 0;
  double longest_seconds_ = 0;
  double reading_;
};

// Grows a Map from empty. REQUIRES: the process has done nothing else (see in_child).
template <class Map>
Growth measure_growth(const Workload& workload) {
  const std::string value = workload.value();
  const auto put = [&](Map& map, std::uint64_t number) {
    const Key key(number);
    map.put(key.view(), value, workload.expiry_ms);
    return key.view().size();
  };
  {
    Map first(workload);  // pages of code are no overhead of an entry
    put(first, 0);
  }
  GrowthMeter meter(workload);
  Map map(workload);
  for (std::uint64_t i = 0; i < workload.entries; ++i) meter.on_insert(put(map, i));
  return meter.growth();
}

}  // namespace hopring::bench
