#pragma once

// What the table is to reach, figure by figure. A goal bounds what is measured of ours, or its
// ratio to the best of the others. Goals are for 5 million entries and more: with fewer, pages and
// regions of memory weigh too much.

#include <cstdint>
#include <string_view>

#include "tests/bench/figure.hpp"

namespace hopring::bench {

// What stands in the place of the best contender for figures that only our table has.
inline constexpr std::string_view goal_name = "goal";

inline constexpr double overhead_4_shards_goal = 14;      // bytes an entry, all shards together
inline constexpr double overhead_copied_goal = 14;        // bytes an entry, of a copied arc
inline constexpr double overhead_copied_worst_goal = 17;  // the same, at any moment
inline constexpr double spilled_copied_goal = 100;        // of its records
inline constexpr double load_mean_goal = 0.84;            // full slots, over a whole doubling
inline constexpr double load_at_growth_goal = 0.92;       // full slots, when a segment has no room
inline constexpr double insert_moved_max_goal = 1024;     // records: a bound, not a mean
inline constexpr double rewrite_resident_goal = 1.15;  // times live bytes and what an entry costs
inline constexpr double rewrite_copied_goal = 4.5;     // bytes for each one written
// What a simulated peer may hold in all. A real one with a hundred arcs has 20 MiB, which
// tests/integration/idle_memory_test.py looks at.
inline constexpr double empty_arcs_mib_goal = 1;

struct Goal {
  enum class Bound { at_least, at_most };

  std::string_view figure;
  double Figure::*of;  // &Figure::ours or &Figure::ratio
  Bound bound;
  double value;
  std::string_view against = {};  // whose ratio it is; empty: whoever is the best
  std::uint64_t entries_min = 0;

  bool is_met_by(const Figure& measured) const noexcept {
    return bound == Bound::at_most ? measured.*of <= value : measured.*of >= value;
  }
};

// The goal of a figure that was measured with so many entries; nullptr if there is none, or if it
// is about a map that was not measured.
const Goal* goal_of(const Figure& figure, std::uint64_t entries) noexcept;

}  // namespace hopring::bench
