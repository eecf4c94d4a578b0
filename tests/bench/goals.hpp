#pragma once

// What stands in the place of the best contender for figures that only our table has.

#include <string_view>

namespace hopring::bench {

inline constexpr std::string_view goal_name = "goal";

inline constexpr double load_mean_goal = 0.83;         // docs/table.md, "What an entry costs"
inline constexpr double load_at_growth_goal = 0.9;     // full slots, when a segment has no room
inline constexpr double insert_moved_max_goal = 1024;  // records: a bound, not a mean
inline constexpr double rewrite_resident_goal = 1.13;  // docs/table.md, under the costs at most
inline constexpr double rewrite_copied_goal = 3.9;     // the same
inline constexpr double empty_arcs_mib_goal = 1;       // a hundredth of it for each of 100 tables

}  // namespace hopring::bench
