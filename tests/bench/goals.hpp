#pragma once

// What stands in the place of the best contender for figures that only our table has.

#include <string_view>

namespace hopring::bench {

inline constexpr std::string_view goal_name = "goal";

inline constexpr double overhead_4_shards_goal = 14;      // bytes an entry, all shards together
inline constexpr double overhead_copied_goal = 14;        // bytes an entry, of a copied arc
inline constexpr double overhead_copied_worst_goal = 17;  // the same, at any moment
inline constexpr double spilled_copied_goal = 100;        // of its records: each costs three times
inline constexpr double load_mean_goal = 0.84;            // full slots, over a whole doubling
inline constexpr double load_at_growth_goal = 0.92;       // full slots, when a segment has no room
inline constexpr double insert_moved_max_goal = 1024;     // records: a bound, not a mean
inline constexpr double rewrite_resident_goal = 1.15;  // times live bytes and what an entry costs
inline constexpr double rewrite_copied_goal = 4.5;     // bytes for each one written
inline constexpr double empty_arcs_mib_goal = 1;       // what a simulated peer may hold in all

}  // namespace hopring::bench
