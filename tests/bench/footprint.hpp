#pragma once

// What an entry costs in memory beside its key and value, at the sizes of a whole doubling.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tests/bench/resident.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

// Bytes an entry, from the workload's entries to twice as many.
struct Footprint {
  double overhead_mean = 0;
  double overhead_worst = 0;  // at any moment of growth
};

// Told of every insertion into one map, from the first. Overhead = (resident bytes of the process -
// those when the meter was made) / entries - key bytes - value bytes.
class FootprintMeter {
 public:
  // Looks while the map doubles; before that, from a tenth of the entries on, they are as frequent.
  static constexpr std::uint64_t looks = 250;

  explicit FootprintMeter(const Workload& workload)
      : workload_(workload), resident_start_(resident_bytes()), next_look_(workload.entries / 10) {}

  // `keys` have been inserted. True if the meter has had a look.
  bool on_insert(std::span<const Key> keys);

  std::uint64_t entries() const noexcept { return entries_; }
  std::uint64_t entries_max() const noexcept { return 2 * workload_.entries; }
  // Do the figures count this size? The looks before it are for curves.
  bool is_in_range() const noexcept { return entries_ >= workload_.entries; }
  // Bytes an entry at this moment.
  double overhead() const { return overhead(resident_bytes()); }

  // REQUIRES: entries() == entries_max().
  Footprint footprint() const;

 private:
  // The mean is taken of the sizes 5/5, 6/5, ... 10/5 of the workload's entries.
  static constexpr std::uint64_t size_steps = 5;
  static constexpr std::uint64_t size_last = 2 * size_steps;

  std::uint64_t size_at(std::uint64_t step) const { return workload_.entries * step / size_steps; }
  void look_at_peak();
  double overhead(std::size_t resident) const;

  Workload workload_;
  std::size_t resident_start_;
  std::size_t peak_ = 0;
  std::uint64_t next_size_ = size_steps;
  std::uint64_t next_look_;
  std::uint64_t entries_ = 0;
  std::uint64_t payload_bytes_ = 0;
  double overhead_sum_ = 0;
  double overhead_worst_ = 0;
};

// Fills an empty map with twice the workload's entries; on_look() after every look of the meter.
// REQUIRES: the meter was made before the map, in a process of its own (see in_child).
template <class Map, class OnLook>
Footprint grow(const Workload& workload, FootprintMeter& meter, Map& map, OnLook&& on_look) {
  constexpr std::uint64_t slice = 32;  // insertions between two calls of the meter
  const std::string value = workload.value();
  while (meter.entries() < meter.entries_max()) {
    const std::uint64_t left = meter.entries_max() - meter.entries();
    const auto keys = keys_from(meter.entries(), std::min(slice, left));
    for (const Key& key : keys) map.put(key.view(), value, workload.expiry_ms);
    if (meter.on_insert(keys)) on_look();
  }
  return meter.footprint();
}

// Brings the map's code into memory, which is no overhead of an entry.
template <class Map>
void warm_up(const Workload& workload) {
  Map map(workload);
  map.put(Key(0).view(), workload.value(), workload.expiry_ms);
}

template <class Map>
Footprint measure_footprint(const Workload& workload) {
  warm_up<Map>(workload);
  FootprintMeter meter(workload);
  Map map(workload);
  return grow(workload, meter, map, [] {});
}

}  // namespace hopring::bench
