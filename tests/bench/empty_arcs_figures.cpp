#include <vector>

#include "base/huge_pages.hpp"
#include "storage/table/hopscotch_table.hpp"
#include "tests/bench/child.hpp"
#include "tests/bench/footprint.hpp"
#include "tests/bench/goals.hpp"
#include "tests/bench/progress.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

constexpr std::uint64_t arcs = 100;
constexpr std::uint64_t arc_width = ~std::uint64_t{0} / arcs;

// One table for each of the arcs that the ring is cut into, in one shard's memory, each with the
// first key of the workload that falls to it.
double measure_empty_arcs(const Workload& workload) {
  const std::string value = workload.value();
  std::vector<HopscotchTable> tables;
  tables.reserve(arcs);
  const KeyedHash hash(workload.ring_key);
  const PositionOf position_of{hash.function(), &hash};
  const std::size_t resident_start = resident_bytes();
  HugePages memory(PoolOptions::block_bytes_default);
  BlockPool pool(PoolOptions{.source = source_of(memory)});
  for (std::uint64_t i = 0; i < arcs; ++i) {
    const Range range{i * arc_width, (i + 1) % arcs * arc_width};
    HopscotchTable& table = tables.emplace_back(pool, range, position_of);
    std::uint64_t number = 0;
    while (!range.contains(position_of(Key(number).view()))) ++number;
    const Key key(number);
    const PutResult result = table.put({position_of(key.view()), key.view(), value, 0, 0});
    HOPRING_CHECK(result == PutResult::created);
  }
  const std::size_t held = resident_bytes() - resident_start;
  tables.clear();  // before their pool
  return static_cast<double>(held) / (1024 * 1024);
}

}  // namespace

std::vector<Figure> empty_arcs_figures(const Workload& workload) {
  say_progress("empty arcs", "hopring");
  const double mib = in_child([&] {
    warm_up<HopringMap>(workload);
    return measure_empty_arcs(workload);
  });
  return {single_figure("empty_arcs_mib", "MiB", {mib, empty_arcs_mib_goal}, goal_name)};
}

}  // namespace hopring::bench
