#pragma once

// Intervals of ring positions, and where to cut them. Differences wrap around: that is the ring's
// own arithmetic.

#include <bit>
#include <cstdint>

namespace hopring {

// The positions (begin, end] clockwise; begin == end is the whole ring.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  constexpr bool contains(std::uint64_t position) const noexcept {
    return position - begin - 1 <= end - begin - 1;
  }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};
static_assert(Range{3, 5}.contains(5) && !Range{3, 5}.contains(3), "open on the left");
static_assert(Range{~0ull, 2}.contains(0) && !Range{~0ull, 2}.contains(3), "wraps past zero");
static_assert(Range{7, 7}.contains(7) && Range{7, 7}.contains(8), "the whole ring");

// The positions first, first + 1, ... first + extent: 1 to 2^64 of them.
struct Interval {
  std::uint64_t first = 0;
  std::uint64_t extent = 0;

  constexpr std::uint64_t last() const noexcept { return first + extent; }
  constexpr bool contains(std::uint64_t position) const noexcept {
    return position - first <= extent;
  }
  friend constexpr bool operator==(const Interval&, const Interval&) = default;
};

constexpr Interval interval_of(Range range) noexcept {
  return {range.begin + 1, range.end - range.begin - 1};
}
static_assert(interval_of({7, 7}) == Interval{8, ~0ull});

// The position in [low, high], clockwise, that is divisible by the highest power of two.
constexpr std::uint64_t roundest(std::uint64_t low, std::uint64_t high) noexcept {
  if (low == 0 || low > high) return 0;  // zero is divisible by all, and between them
  const auto kept = static_cast<int>(std::bit_width((low - 1) ^ high)) - 1;
  return high >> kept << kept;
}
static_assert(roundest(3, 5) == 4 && roundest(5, 5) == 5 && roundest(~0ull, 2) == 0);

// Where to cut an interval: the first position of the second half. The roundest in the middle half,
// so that arc ends of the form x * 2^k - 1 fall on cuts once segments are finer than arcs.
// REQUIRES: extent > 0.
constexpr std::uint64_t cut_point(Interval interval) noexcept {
  const std::uint64_t quarter = interval.extent / 4;
  return roundest(interval.first + quarter + 1, interval.last() - quarter);
}
static_assert(cut_point({0, ~0ull}) == 1ull << 63, "the ring is halved");
static_assert(cut_point({64, 63}) == 96 && cut_point({8, 1}) == 9);
static_assert(cut_point({1ull << 63, 1ull << 63}) == 3ull << 62);
static_assert(cut_point({~0ull - 9, 19}) == 0, "wraps past zero");

}  // namespace hopring
