#pragma once

// What stands in the place of the best contender for figures that only our table has.

#include <string_view>

namespace hopring::bench {

inline constexpr std::string_view goal_name = "goal";

inline constexpr double load_mean_goal = 0.83;         // docs/table.md, "What an entry costs"
inline constexpr double load_at_growth_goal = 0.9;     // full slots, when a segment has no room
inline constexpr double insert_moved_max_goal = 1024;  // records: a bound, not a mean

}  // namespace hopring::bench
