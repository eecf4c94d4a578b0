#include "tests/bench/goals.hpp"

#include "tests/bench/contenders.hpp"

namespace hopring::bench {
namespace {

constexpr auto ours = &Figure::ours;
constexpr auto ratio = &Figure::ratio;
constexpr auto at_least = Goal::Bound::at_least;
constexpr auto at_most = Goal::Bound::at_most;
constexpr std::uint64_t many = 20'000'000;

// Of several for a figure, the last whose entries_min is reached counts.
constexpr Goal goals[] = {
    {"overhead_bytes", ours, at_most, 14},
    {"overhead_bytes_worst", ours, at_most, 17},
    {"overhead_bytes_expiry", ours, at_most, 18},
    {"overhead_bytes_4_shards", ours, at_most, overhead_4_shards_goal},
    {"overhead_bytes_copied", ours, at_most, overhead_copied_goal},
    {"overhead_bytes_copied_worst", ours, at_most, overhead_copied_worst_goal},
    {"spilled_copied", ours, at_most, spilled_copied_goal},
    {"load_mean", ours, at_least, load_mean_goal},
    {"load_at_growth", ours, at_least, load_at_growth_goal},
    {"insert_moved_max", ours, at_most, insert_moved_max_goal},
    {"rewrite_resident", ours, at_most, rewrite_resident_goal},
    {"rewrite_copied", ours, at_most, rewrite_copied_goal},
    {"empty_arcs_mib", ours, at_most, empty_arcs_mib_goal},
    {"insert", ratio, at_least, 1.8, name_of_tsl_stored},
    {"insert_longest_max_us", ours, at_most, 5'000},
    {"insert_longest_max_us", ours, at_most, 10'000, {}, many},
    {"insert_p9999_us", ours, at_most, 100},
    {"get_hit", ratio, at_least, 1.2, name_of_tsl_stored},
    {"get_hit", ratio, at_least, 1.3, name_of_tsl_stored, many},
    {"get_miss", ratio, at_least, 0.75, name_of_absl},
    {"get_miss_cuckoo", ratio, at_least, 1.5, name_of_cuckoo},
    {"get_miss_copied", ratio, at_least, 0.8},
    {"get_batch16", ratio, at_least, 4.5},
    {"scan", ours, at_least, 15},
    {"split", ratio, at_least, 5},
    {"drop", ratio, at_least, 5},
    {"mixed_2_threads", ratio, at_least, 1.5},
    {"flood", ratio, at_most, 2},
    {"equal_positions_us", ours, at_most, 50},
};

}  // namespace

const Goal* goal_of(const Figure& figure, std::uint64_t entries) noexcept {
  const Goal* found = nullptr;
  for (const Goal& goal : goals) {
    if (goal.figure != figure.name || entries < goal.entries_min) continue;
    if (goal.against.empty() || goal.against == figure.best_name) found = &goal;
  }
  return found;
}

}  // namespace hopring::bench
