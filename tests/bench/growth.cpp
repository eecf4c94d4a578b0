#include "tests/bench/growth.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/check.hpp"
#include "tests/bench/clock.hpp"

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
      sample_step_(std::max<std::uint64_t>(1, workload.entries / 2 / samples)),
      next_size_(size_first),
      resident_start_(resident_bytes()),
      reading_(thread_seconds()) {}

void GrowthMeter::on_insert(std::size_t key_bytes) {
  entries_ += 1;
  payload_bytes_ += key_bytes + workload_.value_bytes;
  const bool is_size = entries_ == size_at(next_size_);
  const bool is_sample = entries_ >= size_at(size_first) && entries_ % sample_step_ == 0;
  if (entries_ % inserts_per_reading == 0 || is_size || is_sample) read_clock();
  if (!is_size && !is_sample) return;
  look_at_memory();
  if (is_size) {
    overhead_sum_ += overhead(resident_bytes());
    next_size_ += 1;
  }
  reading_ = thread_seconds();  // what the look took is no insertion's
}

void GrowthMeter::read_clock() {
  const double now = thread_seconds();
  longest_seconds_ = std::max(longest_seconds_, now - reading_);
  reading_ = now;
}

// A peak that is higher than at the look before was between the two, and may be over.
void GrowthMeter::look_at_memory() {
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
  return {overhead_sum_ / sizes, overhead_worst_, longest_seconds_ * 1e6};
}

}  // namespace hopring::bench
