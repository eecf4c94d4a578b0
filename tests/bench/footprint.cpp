#include "tests/bench/footprint.hpp"

#include "base/check.hpp"

namespace hopring::bench {

bool FootprintMeter::on_insert(std::span<const Key> keys) {
  entries_ += keys.size();
  for (const Key& key : keys) payload_bytes_ += key.view().size() + workload_.value_bytes;
  if (next_size_ <= size_last && entries_ >= size_at(next_size_)) {
    overhead_sum_ += overhead();
    next_size_ += 1;
  }
  if (entries_ < next_look_) return false;
  look_at_peak();
  next_look_ += workload_.entries / looks;
  return true;
}

// A peak that is higher than at the look before was between the two, and may be over.
void FootprintMeter::look_at_peak() {
  const std::size_t peak = resident_bytes_peak();
  if (is_in_range()) {
    const std::size_t highest = peak > peak_ ? peak : resident_bytes();
    overhead_worst_ = std::max(overhead_worst_, overhead(highest));
  }
  peak_ = peak;
}

double FootprintMeter::overhead(std::size_t resident) const {
  const auto held = static_cast<double>(resident) - static_cast<double>(resident_start_);
  return (held - static_cast<double>(payload_bytes_)) / static_cast<double>(entries_);
}

Footprint FootprintMeter::footprint() const {
  HOPRING_CHECK(entries_ == entries_max() && next_size_ == size_last + 1);
  constexpr auto sizes = static_cast<double>(size_last - size_steps + 1);
  return {overhead_sum_ / sizes, overhead_worst_};
}

}  // namespace hopring::bench
