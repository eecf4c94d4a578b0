#include <algorithm>

#include "tests/bench/child.hpp"
#include "tests/bench/contender.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

Growth grow(const Contender& contender, const Workload& workload) {
  return in_child([&] { return contender.measure_growth(workload); });
}

Growth grow_ours(const Workload& workload) {
  return in_child([&] { return measure_growth<HopringMap>(workload); });
}

const Trial& least(const std::vector<Trial>& trials, double Growth::*what) {
  return *std::min_element(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) {
    return a.measured.growth.*what < b.measured.growth.*what;
  });
}

// Memory does not vary from run to run as time does: one is enough.
Figure overhead_figure(std::string_view name, const Growth& ours, const Growth& best,
                       std::string_view best_name, double Growth::*what) {
  const Pair pair{ours.*what, best.*what};
  return {name, "bytes/entry", pair.ours, pair.theirs, best_name, pair.ratio()};
}

// The round that found the fastest, and four in which ours, it, and the one with the shortest
// longest insertion grow in turn.
std::vector<Figure> time_figures(const Workload& workload, const std::vector<Trial>& trials,
                                 const Growth& ours) {
  const Trial& fastest = least(trials, &Growth::insert_seconds);
  const Trial& steadiest = least(trials, &Growth::insert_longest_us);
  Rounds seconds{{{ours.insert_seconds, fastest.measured.growth.insert_seconds}}};
  Rounds longest{{{ours.insert_longest_us, steadiest.measured.growth.insert_longest_us}}};
  for (std::size_t round = 1; round < rounds_per_figure; ++round) {
    const Growth theirs = grow(fastest.contender, workload);
    const Growth ours_again = grow_ours(workload);
    const Growth steady = &steadiest == &fastest ? theirs : grow(steadiest.contender, workload);
    seconds[round] = {ours_again.insert_seconds, theirs.insert_seconds};
    longest[round] = {ours_again.insert_longest_us, steady.insert_longest_us};
  }
  return {speed_of("insert", fastest.contender.name, seconds, workload.entries),
          figure_of("insert_longest_us", "us", steadiest.contender.name, longest)};
}

std::vector<Figure> overhead_figures(const Workload& workload, const std::vector<Trial>& trials,
                                     const Growth& ours) {
  Workload with_expiry = workload;
  with_expiry.expiry_ms = 4'102'444'800'000;  // the year 2100
  const Trial& mean = least(trials, &Growth::overhead_mean);
  const Trial& worst = least(trials, &Growth::overhead_worst);
  return {overhead_figure("overhead_bytes", ours, mean.measured.growth, mean.contender.name,
                          &Growth::overhead_mean),
          overhead_figure("overhead_bytes_worst", ours, worst.measured.growth, worst.contender.name,
                          &Growth::overhead_worst),
          overhead_figure("overhead_bytes_expiry", grow_ours(with_expiry),
                          grow(mean.contender, with_expiry), mean.contender.name,
                          &Growth::overhead_mean)};
}

}  // namespace

std::vector<Figure> growth_figures(const Workload& workload, const std::vector<Trial>& trials) {
  const Growth ours = grow_ours(workload);
  std::vector<Figure> figures = overhead_figures(workload, trials, ours);
  for (const Figure& figure : time_figures(workload, trials, ours)) figures.push_back(figure);
  return figures;
}

}  // namespace hopring::bench
