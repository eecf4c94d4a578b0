#include <algorithm>

#include "tests/bench/child.hpp"
#include "tests/bench/contenders.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

struct Raced {
  Contender contender;
  SpeedRaces races;
};

double median_ratio(const Rounds& seconds) {
  return median(seconds, [](const Pair& pair) { return pair.ratio(); });
}

// The contender that ours needs the most time of, relative to it.
template <class SecondsRatio>
const Raced& best_of(const std::vector<Raced>& all, SecondsRatio&& ratio) {
  return *std::max_element(all.begin(), all.end(), [&](const Raced& a, const Raced& b) {
    return ratio(a.races) < ratio(b.races);
  });
}

Figure read_figure(std::string_view name, const std::vector<Raced>& all, Rounds ReadRaces::*what,
                   std::uint64_t operations) {
  const Raced& best =
      best_of(all, [&](const SpeedRaces& races) { return median_ratio(races.reads.*what); });
  return speed_of(name, best.contender.name, best.races.reads.*what, operations);
}

// The fastest of the first round meets ours in four more.
Figure insert_figure(const std::vector<Raced>& all, const Workload& workload) {
  const Raced& best = best_of(all, [](const SpeedRaces& races) { return races.insert.ratio(); });
  Rounds seconds;
  seconds[0] = best.races.insert;
  std::generate(seconds.begin() + 1, seconds.end(),
                [&] { return in_child([&] { return best.contender.race_inserts(workload); }); });
  return speed_of("insert", best.contender.name, seconds, workload.entries);
}

Rounds race_batches(const Workload& workload) {
  HopringMap map(workload);
  const std::string value = workload.value();
  for (std::uint64_t i = 0; i < workload.entries; ++i) map.put(Key(i).view(), value);
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

std::vector<Figure> speed_figures(const Workload& workload) {
  std::vector<Raced> all;
  for (const Contender& each : contenders()) {
    all.push_back({each, in_child([&] { return each.race_all(workload); })});
  }
  return {read_figure("get_hit", all, &ReadRaces::hit, lookups(workload)),
          read_figure("get_miss", all, &ReadRaces::miss, lookups(workload)),
          read_figure("scan", all, &ReadRaces::scan, workload.entries),
          insert_figure(all, workload)};
}

std::vector<Figure> batch_figures(const Workload& workload) {
  const Rounds seconds = in_child([&] { return race_batches(workload); });
  return {speed_of("get_batch16", "hopring, one by one", seconds, lookups(workload))};
}

std::vector<Figure> halves_figures(const Workload& workload) {
  Rounds split;
  Rounds drop;
  HalvesRaces races;
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    races = in_child([&] { return race_halves(workload); });
    split[round] = races.split;
    drop[round] = races.drop;
  }
  return {speed_of("split", "std::unordered_map", split, races.records_split),
          speed_of("drop", "std::unordered_map", drop, races.records_dropped)};
}

}  // namespace hopring::bench
