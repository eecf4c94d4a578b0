#pragma once

// The two clocks that a core is told about. A core never reads one itself: `Now` comes in with
// every input, from CLOCK_BOOTTIME and the wall clock in a peer, from virtual time in a simulation.

#include <chrono>
#include <compare>
#include <cstdint>

namespace hopring {

using Duration = std::chrono::nanoseconds;

// Monotonic time. For timeouts, leases and rounds; comparable only within one peer.
struct Time {
  Duration since_start{};

  static constexpr Time never() { return Time{Duration::max()}; }
  friend constexpr auto operator<=>(const Time&, const Time&) = default;
};

// `never` stays never: a deadline that does not exist cannot be moved.
constexpr Time operator+(Time time, Duration duration) {
  return time == Time::never() ? time : Time{time.since_start + duration};
}
constexpr Duration operator-(Time late, Time early) { return late.since_start - early.since_start; }

static_assert(Time::never() + std::chrono::seconds(1) == Time::never());
static_assert(Time{} + std::chrono::seconds(1) < Time::never());

// Wall clock, in milliseconds since 1970-01-01T00:00Z: for the expiry of records, nothing else.
struct WallTime {
  std::int64_t ms_since_epoch = 0;

  friend constexpr auto operator<=>(const WallTime&, const WallTime&) = default;
};

struct Now {
  Time monotonic{};
  WallTime wall{};
};

}  // namespace hopring
