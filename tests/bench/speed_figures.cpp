#include <algorithm>

#include "tests/bench/child.hpp"
#include "tests/bench/contenders.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

double median_ratio(const Rounds& seconds) {
  return median(seconds, [](const Pair& pair) { return pair.ratio(); });
}

Figure read_figure(std::string_view name, const std::vector<Trial>& all, Rounds ReadRaces::*what,
                   std::uint64_t operations) {
  // The best: that by which ours needs the most time, relative to it.
  const auto best = std::max_element(all.begin(), all.end(), [&](const Trial& a, const Trial& b) {
    return median_ratio(a.measured.reads.*what) < median_ratio(b.measured.reads.*what);
  });
  return speed_of(name, best->contender.name, best->measured.reads.*what, operations);
}

Rounds race_batches(const Workload& workload) {
  HopringMap map(workload);
  fill(workload, map);
  Rng rng(workload.ring_key.words[0]);
  Rounds seconds;
  for (Pair& pair : seconds) {
    const auto keys = random_keys(rng, 0, workload.entries, lookups(workload));
    pair.theirs = time_gets(workload, map, keys, keys.size());
    const auto others = random_keys(rng, 0, workload.entries, lookups(workload));
    pair.ours = time_batches(workload, map, others);
  }
  return seconds;
}

}  // namespace

std::vector<Trial> try_all(const Workload& workload) {
  std::vector<Trial> trials;
  for (const Contender& each : contenders()) {
    trials.push_back({each, in_child([&] { return each.measure(workload); })});
  }
  return trials;
}

std::vector<Figure> read_figures(const Workload& workload, const std::vector<Trial>& trials) {
  return {read_figure("get_hit", trials, &ReadRaces::hit, lookups(workload)),
          read_figure("get_miss", trials, &ReadRaces::miss, lookups(workload)),
          read_figure("scan", trials, &ReadRaces::scan, workload.entries)};
}

std::vector<Figure> batch_figures(const Workload& workload) {
  const Rounds seconds = in_child([&] { return race_batches(workload); });
  return {speed_of("get_batch16", "hopring, one by one", seconds, lookups(workload))};
}

std::vector<Figure> halves_figures(const Workload& workload) {
  const HalvesRaces speeds = in_child([&] { return race_halves(workload); });
  return {figure_of("split", "million/s", "std::unordered_map", speeds.split),
          figure_of("drop", "million/s", "std::unordered_map", speeds.drop)};
}

}  // namespace hopring::bench
