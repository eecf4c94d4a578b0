#include "tests/bench/insertion.hpp"

#include "base/check.hpp"

namespace hopring::bench {
namespace {

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

LatencyMeter::Moment cost_of_a_look_us() {
  constexpr std::size_t looks = 10'000;
  std::vector<double> thread_us;
  std::vector<double> wall_us;
  LatencyMeter::Moment before = LatencyMeter::now();
  for (std::size_t i = 0; i < looks; ++i) {
    const LatencyMeter::Moment after = LatencyMeter::now();
    thread_us.push_back((after.thread_seconds - before.thread_seconds) * 1e6);
    wall_us.push_back((after.wall_seconds - before.wall_seconds) * 1e6);
    before = after;
  }
  return {median(thread_us), median(wall_us)};
}

}  // namespace

LatencyMeter::LatencyMeter(std::uint64_t insertions_max)
    : thread_us_(insertions_max), cost_us_(cost_of_a_look_us()) {}

InsertLatency LatencyMeter::latency() {
  HOPRING_CHECK(insertions_ != 0);
  const auto end = thread_us_.begin() + static_cast<std::ptrdiff_t>(insertions_);
  const auto p9999 =
      thread_us_.begin() + static_cast<std::ptrdiff_t>((insertions_ - 1) * 9999 / 10'000);
  std::nth_element(thread_us_.begin(), p9999, end);
  const double longest = *std::max_element(p9999, end);
  return {std::max(us_min, longest - cost_us_.thread_seconds),
          std::max(us_min, *p9999 - cost_us_.thread_seconds),
          std::max(us_min, longest_wall_us_ - cost_us_.wall_seconds)};
}

}  // namespace hopring::bench
