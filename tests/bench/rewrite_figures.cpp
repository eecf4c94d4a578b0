#include "tests/bench/child.hpp"
#include "tests/bench/footprint.hpp"
#include "tests/bench/goals.hpp"
#include "tests/bench/progress.hpp"
#include "tests/bench/rewriting.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

constexpr std::uint64_t entries_per_key = 2;  // these values are larger: half as many are enough
constexpr std::uint64_t times_written = 3;    // as many bytes as the data has
constexpr std::uint64_t record_bytes_allowed = 14;

struct RewriteCost {
  double resident = 0;  // bytes for each that lives or is allowed
  double copied = 0;    // bytes for each that is written
};

RewriteCost measure_rewriting(const Workload& workload) {
  warm_up<HopringMap>(workload);
  Rewriting rewriting(workload.entries / entries_per_key, workload.ring_key.words[0]);
  const std::size_t resident_start = resident_bytes();
  HopringMap map(workload);
  rewriting.fill(map);
  const std::uint64_t copied_before = map.table().work().bytes_copied;
  const std::uint64_t written_before = rewriting.written_bytes();
  rewriting.rewrite(map, times_written);
  const std::size_t held = resident_bytes() - resident_start;
  const std::uint64_t copied = map.table().work().bytes_copied - copied_before;
  const std::uint64_t written = rewriting.written_bytes() - written_before;
  rewriting.verify(map);
  const std::uint64_t allowed = rewriting.live_bytes() + record_bytes_allowed * rewriting.records();
  return {static_cast<double>(held) / static_cast<double>(allowed),
          static_cast<double>(copied) / static_cast<double>(written)};
}

}  // namespace

std::vector<Figure> rewrite_figures(const Workload& workload) {
  say_progress("rewriting", "hopring");
  const RewriteCost cost = in_child([&] { return measure_rewriting(workload); });
  return {single_figure("rewrite_resident", "held/live", {cost.resident, rewrite_resident_goal},
                        goal_name),
          single_figure("rewrite_copied", "copied/written", {cost.copied, rewrite_copied_goal},
                        goal_name)};
}

}  // namespace hopring::bench
