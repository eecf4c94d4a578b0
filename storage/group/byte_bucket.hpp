#pragma once

// How many bytes may be sent by now: a bucket that holds at most `burst` of them and is filled at a
// rate. In any window of time no more than rate * window + burst are taken, if nobody takes what
// the bucket does not have.
//
// Who learns what it sends only by reading it asks whether `least` are there, and takes what it
// was: then it may be more by so much as one thing is larger than `least`, and that is waited for
// afterwards.
//
// Sans-IO: time comes in as `now`, and does not go back. Not thread-safe.

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace hopring {

class ByteBucket {
 public:
  static constexpr std::uint64_t rate_max = std::uint64_t{1} << 33;  // more is no limit

  // `rate` in bytes a second, 0: no limit; `burst` in bytes. It is full at first.
  constexpr ByteBucket(std::uint64_t rate, std::uint64_t burst)
      : rate_(rate > rate_max ? 0 : rate), burst_(burst) {}

  // Are so many there, or as many as there can be?
  constexpr bool has(Time now, std::uint64_t least) const { return ready_at(least) <= now; }
  // Since when, or from when on, has() holds.
  constexpr Time ready_at(std::uint64_t least) const {
    if (rate_ == 0) return Time{};
    return Time{full_at_.since_start - time_for(burst_ - std::min(least, burst_), 0)};
  }
  constexpr void take(Time now, std::uint64_t bytes) {
    taken_ += bytes;
    if (rate_ != 0) full_at_ = std::max(full_at_, now) + time_for(bytes, rate_ - 1);
  }

  std::uint64_t taken() const noexcept { return taken_; }  // ever

 private:
  // In which so many come in; a part of a nanosecond counts as a whole one if `rounding` says so.
  constexpr Duration time_for(std::uint64_t bytes, std::uint64_t rounding) const {
    constexpr std::uint64_t second = 1'000'000'000;
    const std::uint64_t part = ((bytes % rate_) * second + rounding) / rate_;
    return std::chrono::seconds(bytes / rate_) + Duration(static_cast<std::int64_t>(part));
  }

  std::uint64_t rate_;
  std::uint64_t burst_;
  std::uint64_t taken_ = 0;
  Time full_at_{};  // as if nothing more were taken
};

static_assert(ByteBucket(0, 0).has(Time{}, 1000), "no limit");
static_assert(ByteBucket(1000, 500).has(Time{}, 500), "it is full at first");
static_assert(ByteBucket(1000, 500).has(Time{}, 501), "it never holds more");

}  // namespace hopring
