#pragma once

// The clock of a load: when it is over, when the next request of an open loop is due, and how far
// it has come, on standard error once a second.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>

#include "tests/bench/net_options.hpp"

namespace hopring::bench {

class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Pace(const NetOptions& options)
      : seconds_(options.seconds), rate_(options.rate), start_(Clock::now()), now_(start_) {}

  // Looks at the clock.
  bool is_over() {
    now_ = Clock::now();
    return now_ >= end();
  }
  Clock::time_point now() const { return now_; }

  // Of the next request of an open loop.
  Clock::time_point due() const {
    return start_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(asked_) / rate_));
  }
  bool is_due() const { return rate_ > 0 && due() <= now_ && due() < end(); }
  void next() { ++asked_; }

  // `done`: operations, since the start.
  void say(std::uint64_t done) {
    if (now_ < next_word_) return;
    std::fprintf(stderr, "hopring-bench: %3.0f s of %.0f: %llu operations a second\n",
                 std::chrono::duration<double>(now_ - start_).count(), seconds_,
                 static_cast<unsigned long long>(done - told_));
    told_ = done;
    next_word_ += interval;
  }
  // When say() or is_over() would have something to say.
  Clock::time_point next_look() const { return std::min(next_word_, end()); }

 private:
  static constexpr std::chrono::seconds interval{1};

  Clock::time_point end() const {
    return start_ +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_));
  }

  double seconds_;
  double rate_;
  Clock::time_point start_;
  Clock::time_point now_;
  Clock::time_point next_word_ = start_ + interval;
  std::uint64_t asked_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace hopring::bench
