#pragma once

// Latencies, counted in buckets of which each is 1/64 longer than the last: a percentile is at most
// 1.6 % too high, and a count takes no memory however long it goes on.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hopring::bench {

class Latencies {
 public:
  using Duration = std::chrono::nanoseconds;

  void add(Duration latency, std::uint64_t count = 1) noexcept {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0));
    buckets_[bucket_of(ns)] += count;
    count_ += count;
    longest_ns_ = std::max(longest_ns_, ns);
  }

  void add_all(const Latencies& others) noexcept {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += others.buckets_[i];
    count_ += others.count_;
    longest_ns_ = std::max(longest_ns_, others.longest_ns_);
  }

  std::uint64_t count() const noexcept { return count_; }
  double longest_us() const noexcept { return static_cast<double>(longest_ns_) / 1000; }

  // What `part` of them do not exceed, in microseconds; 0 if there are none. `part`: 0 to 1.
  double at_part(double part) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > 0 && seen >= wanted) {
        return static_cast<double>(std::min(end_of(i), longest_ns_)) / 1000;
      }
    }
    return 0;
  }

 private:
  static constexpr unsigned fraction_bits = 6;
  static constexpr std::uint64_t fractions = 1ull << fraction_bits;
  static constexpr std::size_t buckets_count = (64 - fraction_bits + 1) * fractions;

  // Below `fractions` each number has a bucket; then each power of two has `fractions` of them.
  static std::size_t bucket_of(std::uint64_t ns) noexcept {
    if (ns < fractions) return ns;
    const unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - fraction_bits;
    return (shift + 1) * fractions + ((ns >> shift) - fractions);
  }
  // The largest number of the bucket.
  static std::uint64_t end_of(std::size_t bucket) noexcept {
    if (bucket < fractions) return bucket;
    const std::size_t shift = bucket / fractions - 1;
    return ((fractions + bucket % fractions + 1) << shift) - 1;
  }

  std::array<std::uint64_t, buckets_count> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t longest_ns_ = 0;
};

}  // namespace hopring::bench
