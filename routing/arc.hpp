#pragma once

// A half-open interval (begin, end] of positions. The arcs of a ring tile it: no gap, no overlap.

#include <compare>
#include <cstdint>

#include "routing/position.hpp"

namespace hopring {

struct Arc {
  Position begin;  // exclusive
  Position end;    // inclusive; begin == end is the whole ring

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& begin& end;
  }
  friend constexpr auto operator<=>(const Arc&, const Arc&) = default;
};

constexpr bool is_whole_ring(const Arc& arc) noexcept { return arc.begin == arc.end; }

constexpr bool contains(const Arc& arc, Position position) noexcept {
  if (is_whole_ring(arc)) return true;
  return position != arc.begin && distance(arc.begin, position) <= distance(arc.begin, arc.end);
}

// Positions in the arc, less one, so that the whole ring has a width too.
constexpr std::uint64_t width_minus_one(const Arc& arc) noexcept {
  return distance(arc.begin, arc.end) - 1;
}

// The share of the ring that the arc covers, in (0, 1].
constexpr double ring_share(const Arc& arc) noexcept {
  return (static_cast<double>(width_minus_one(arc)) + 1.0) / 18446744073709551616.0;
}

// May the arc be cut in two at `at`? Both halves must have a position.
constexpr bool can_cut(const Arc& arc, Position at) noexcept {
  return contains(arc, at) && at != arc.end;
}

// The arc's first half ends here. REQUIRES: the arc has at least two positions.
constexpr Position middle(const Arc& arc) noexcept {
  return advance(arc.begin, width_minus_one(arc) / 2 + 1);
}

constexpr bool overlaps(const Arc& a, const Arc& b) noexcept {
  return contains(a, b.end) || contains(b, a.end);
}

// Does every position of `inner` lie in `outer`?
constexpr bool covers(const Arc& outer, const Arc& inner) noexcept {
  if (is_whole_ring(outer)) return true;
  if (is_whole_ring(inner)) return false;
  return contains(outer, inner.end) &&
         distance(outer.begin, inner.end) >= distance(inner.begin, inner.end);
}

// The positions that both arcs have; of two such stretches the one that begins with `a`.
// REQUIRES: overlaps(a, b).
constexpr Arc common(const Arc& a, const Arc& b) noexcept {
  if (covers(a, b)) return b;
  if (covers(b, a)) return a;
  return contains(a, b.end) ? Arc{a.begin, b.end} : Arc{b.begin, a.end};
}

static_assert(contains(Arc{Position{3}, Position{5}}, Position{5}), "closed on the right");
static_assert(!contains(Arc{Position{3}, Position{5}}, Position{3}), "open on the left");
static_assert(contains(Arc{Position{~0ull}, Position{2}}, Position{1}), "wraps past zero");
static_assert(contains(Arc{Position{7}, Position{7}}, Position{7}), "the whole ring");
static_assert(width_minus_one(Arc{Position{7}, Position{7}}) == ~0ull);
static_assert(middle(Arc{Position{~0ull}, Position{~0ull}}) == Position{(1ull << 63) - 1});
static_assert(middle(Arc{Position{3}, Position{5}}) == Position{4});
static_assert(middle(Arc{Position{7}, Position{15}}) == Position{11}, "x * 2^k - 1 stays so");
static_assert(!can_cut(Arc{Position{3}, Position{5}}, Position{5}));
static_assert(overlaps(Arc{Position{3}, Position{9}}, Arc{Position{5}, Position{6}}));
static_assert(!overlaps(Arc{Position{3}, Position{5}}, Arc{Position{5}, Position{6}}));
static_assert(covers(Arc{Position{3}, Position{9}}, Arc{Position{3}, Position{9}}));
static_assert(!covers(Arc{Position{3}, Position{9}}, Arc{Position{2}, Position{9}}));
static_assert(!covers(Arc{Position{3}, Position{9}}, Arc{Position{5}, Position{10}}));
static_assert(common(Arc{Position{3}, Position{9}}, Arc{Position{5}, Position{10}}) ==
              Arc{Position{5}, Position{9}});

}  // namespace hopring
