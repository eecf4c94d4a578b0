#include <malloc.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/bench/child.hpp"
#include "tests/bench/footprint.hpp"
#include "tests/bench/goals.hpp"
#include "tests/bench/hopring_map.hpp"
#include "tests/bench/progress.hpp"
#include "tests/bench/races.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

struct CopiedArc {
  double overhead_mean = 0;   // bytes an entry, at the sizes of other overheads
  double overhead_worst = 0;  // at any moment
  double spilled = 0;         // of a million records, the most of all looks
};

// The numbers of keys 0 to `count` - 1 in the order of the ring.
std::vector<std::uint64_t> in_ring_order(const HopringMap& map, std::uint64_t count) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
  places.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) places.emplace_back(map.position(Key(i).view()), i);
  std::sort(places.begin(), places.end());
  std::vector<std::uint64_t> numbers;
  numbers.reserve(count);
  for (const auto& [position, number] : places) numbers.push_back(number);
  return numbers;
}

// An arc of twice the workload's entries comes from another peer: its records in the order of the
// ring, as they are read there.
CopiedArc measure_copied_arc(const Workload& workload) {
  warm_up<HopringMap>(workload);
  const HopringMap ring(workload);  // knows the positions, and holds nothing
  const std::vector<std::uint64_t> numbers = in_ring_order(ring, 2 * workload.entries);
  const std::string value = workload.value();
  ::malloc_trim(0);  // what sorting took is no room for the map
  FootprintMeter meter(workload);
  HopringMap map(workload);
  CopiedArc arc;
  for (const std::uint64_t number : numbers) {
    const Key key(number);
    map.put(key.view(), value);
    if (!meter.on_insert({&key, 1}) || !meter.is_in_range()) continue;
    const auto spilled = static_cast<double>(map.table().spilled());
    arc.spilled = std::max(arc.spilled, spilled * 1e6 / static_cast<double>(map.size()));
  }
  arc.overhead_mean = meter.footprint().overhead_mean;
  arc.overhead_worst = meter.footprint().overhead_worst;
  return arc;
}

// CPU seconds of gets of keys that are not there: from a copied arc, in which a few records are
// spilled, and from a map of the same records that came at random.
Rounds race_copied_misses(const Workload& workload) {
  HopringMap copied(workload);
  HopringMap random(workload);
  const std::string value = workload.value();
  for (const std::uint64_t number : in_ring_order(random, workload.entries)) {
    copied.put(Key(number).view(), value);
  }
  fill(workload, random);
  Rng rng(workload.ring_key.words[0]);
  const std::uint64_t count = lookups(workload);
  Rounds seconds;
  for (Pair& round : seconds) {
    round = in_both_orders(
        copied, random, [&] { return random_keys(rng, workload.entries, workload.entries, count); },
        [&](const auto& map, const auto& absent) { return time_gets(workload, map, absent, 0); });
  }
  return seconds;
}

}  // namespace

std::vector<Figure> copied_figures(const Workload& workload) {
  say_progress("a copied arc", "hopring");
  const CopiedArc arc = in_child([&] { return measure_copied_arc(workload); });
  say_progress("gets of absent keys", "hopring, a copied arc and one filled at random");
  const Rounds misses = in_child([&] { return race_copied_misses(workload); });
  return {single_figure("overhead_bytes_copied", "bytes/entry",
                        {arc.overhead_mean, overhead_copied_goal}, goal_name),
          single_figure("overhead_bytes_copied_worst", "bytes/entry",
                        {arc.overhead_worst, overhead_copied_worst_goal}, goal_name),
          single_figure("spilled_copied", "of a million", {arc.spilled, spilled_copied_goal},
                        goal_name),
          speed_of("get_miss_copied", "hopring, filled at random", misses, 2 * lookups(workload))};
}

}  // namespace hopring::bench
