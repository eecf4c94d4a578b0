#include <algorithm>

#include "tests/bench/child.hpp"
#include "tests/bench/contenders.hpp"
#include "tests/bench/progress.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

double median_ratio(const Rounds& seconds) {
  return median(seconds, [](const Pair& pair) { return pair.ratio(); });
}

// The best: that by which ours needs the most time, relative to it.
const Trial& best_at(const std::vector<Trial>& trials, Rounds ReadRaces::*what) {
  return *std::max_element(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) {
    return median_ratio(a.speed.reads.*what) < median_ratio(b.speed.reads.*what);
  });
}

// The one with the name, or the best of all where its package is not installed.
const Trial& named_or_best_at(const std::vector<Trial>& trials, std::string_view name,
                              Rounds ReadRaces::*what) {
  const auto named = std::find_if(trials.begin(), trials.end(),
                                  [&](const Trial& trial) { return trial.contender.name == name; });
  return named != trials.end() ? *named : best_at(trials, what);
}

Figure read_figure(std::string_view name, const Trial& trial, Rounds ReadRaces::*what,
                   std::uint64_t operations) {
  return speed_of(name, trial.contender.name, trial.speed.reads.*what, operations);
}

// Gets of which each begins when the one before has been answered: which key comes next depends on
// the answer, as far as the processor can tell. That is how a client waits that has one request at
// a time; gets that do not depend on each other overlap in the processor.
double time_waiting_gets(const Workload& workload, const HopringMap& map,
                         const std::vector<Key>& keys) {
  Reader reader(workload);
  std::size_t index = 0;
  return timed([&] {
    while (index < keys.size()) {
      const std::string_view value = map.find(keys[index].view())->value;
      reader.read(value);
      index += 1 + (value.size() - workload.value_bytes);
    }
  });
}

struct BatchRaces {
  Rounds alone;    // gets one by one
  Rounds waiting;  // gets of which each waits for the one before
};

BatchRaces race_batches(const Workload& workload) {
  HopringMap map(workload);
  fill(workload, map);
  Rng rng(workload.ring_key.words[0]);
  const auto keys = [&] { return random_keys(rng, 0, workload.entries, lookups(workload)); };
  BatchRaces races;
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    const auto batches = [&] { return time_batches(workload, map, keys()); };
    const auto alone = [&] { return time_gets(workload, map, keys(), lookups(workload)); };
    const auto waiting = [&] { return time_waiting_gets(workload, map, keys()); };
    const auto time = [](auto& gets) { return gets(); };
    races.alone[round] = in_turn(round, batches, alone, time);
    races.waiting[round] = in_turn(round, batches, waiting, time);
  }
  return races;
}

}  // namespace

std::vector<Trial> try_all(const Workload& workload, const std::vector<Contender>& contenders,
                           TrialParts parts) {
  std::vector<Trial> trials;
  for (const Contender& each : contenders) {
    Trial& trial = trials.emplace_back(Trial{each, {}, {}, {}});
    if (parts.footprint) {
      say_progress("memory", each.name);
      trial.footprint = in_child([&] { return each.measure_footprint(workload); });
    }
    if (parts.latency) {
      say_progress("single insertions", each.name);
      trial.latency = in_child([&] { return each.measure_latency(workload); });
    }
    if (parts.speed) {
      say_progress("insertions, gets and scans", each.name);
      trial.speed = in_child([&] { return each.measure_speed(workload); });
      say_share_on_huge_pages("hopring", trial.speed.huge_share_ours);
      say_share_on_huge_pages(each.name, trial.speed.huge_share);
    }
  }
  return trials;
}

std::vector<Figure> read_figures(const Workload& workload, const std::vector<Trial>& trials) {
  // tsl's is the other hopscotch map; absl's is the fastest at saying no; libcuckoo's is the one
  // that threads may share.
  const Trial& tsl = named_or_best_at(trials, name_of_tsl_stored, &ReadRaces::hit);
  const Trial& absl = named_or_best_at(trials, name_of_absl, &ReadRaces::miss);
  const Trial& cuckoo = named_or_best_at(trials, name_of_cuckoo, &ReadRaces::miss);
  const std::uint64_t gets = 2 * lookups(workload);
  return {
      read_figure("get_hit", tsl, &ReadRaces::hit, gets),
      read_figure("get_hit_best", best_at(trials, &ReadRaces::hit), &ReadRaces::hit, gets),
      read_figure("get_miss", absl, &ReadRaces::miss, gets),
      read_figure("get_miss_cuckoo", cuckoo, &ReadRaces::miss, gets),
      read_figure("scan", best_at(trials, &ReadRaces::scan), &ReadRaces::scan, workload.entries)};
}

std::vector<Figure> batch_figures(const Workload& workload) {
  say_progress("gets in batches", "hopring");
  const BatchRaces races = in_child([&] { return race_batches(workload); });
  return {speed_of("get_batch16", "hopring, one by one", races.alone, lookups(workload)),
          speed_of("get_batch16_waiting", "hopring, each after the answer of the one before",
                   races.waiting, lookups(workload))};
}

std::vector<Figure> halves_figures(const Workload& workload) {
  say_progress("splits and drops", "hopring and std::unordered_map");
  const HalvesRaces speeds = in_child([&] { return race_halves(workload); });
  return {figure_of("split", "million/s", "std::unordered_map", speeds.split),
          figure_of("drop", "million/s", "std::unordered_map", speeds.drop)};
}

}  // namespace hopring::bench
