#include "tests/bench/growth.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/check.hpp"

namespace hopring::bench {
namespace {

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages_mapped = 0;
  std::size_t pages = 0;
  HOPRING_CHECK(statm >> pages_mapped >> pages);
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// The most that has been resident in the life of the process.
std::size_t resident_bytes_peak() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

GrowthMeter::GrowthMeter(const Workload& workload)
    : workload_(workload),
      resident_start_(resident_bytes()),
      next_sample_(workload.entries / size_steps * size_first) {}

void GrowthMeter::on_slice(const std::vector<Key>& keys, double seconds) {
  entries_ += keys.size();
  for (const Key& key : keys) payload_bytes_ += key.view().size() + workload_.value_bytes;
  seconds_ += seconds;
  seconds_longest_ = std::max(seconds_longest_, seconds);
  if (entries_ >= next_sample_) {
    look_at_peak();
    next_sample_ += workload_.entries / 2 / samples;
  }
  if (entries_ >= size_at(next_size_)) {
    overhead_sum_ += overhead(resident_bytes());
    next_size_ += 1;
  }
}

// A peak that is higher than at the look before was between the two, and may be over.
void GrowthMeter::look_at_peak() {
  const std::size_t peak = resident_bytes_peak();
  const std::size_t highest = peak > peak_ ? peak : resident_bytes();
  if (peak_ != 0) overhead_worst_ = std::max(overhead_worst_, overhead(highest));
  peak_ = peak;
}

double GrowthMeter::overhead(std::size_t resident) const {
  const auto held = static_cast<double>(resident) - static_cast<double>(resident_start_);
  return (held - static_cast<double>(payload_bytes_)) / static_cast<double>(entries_);
}

Growth GrowthMeter::growth() const {
  HOPRING_CHECK(entries_ == workload_.entries);
  constexpr auto sizes = static_cast<double>(size_steps - size_first + 1);
  return {overhead_sum_ / sizes, overhead_worst_, seconds_, seconds_longest_ * 1e6};
}

}  // namespace hopring::bench
