#include <algorithm>

#include "tests/bench/child.hpp"
#include "tests/bench/contender.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

struct Grown {
  Contender contender;
  Growth growth;
};

Growth grow(const Contender& contender, const Workload& workload) {
  return in_child([&] { return contender.measure_growth(workload); });
}

Growth grow_ours(const Workload& workload) {
  return in_child([&] { return measure_growth<HopringMap>(workload); });
}

std::vector<Grown> grow_all(const Workload& workload) {
  std::vector<Grown> all;
  for (const Contender& each : contenders()) all.push_back({each, grow(each, workload)});
  return all;
}

const Grown& least(const std::vector<Grown>& all, double Growth::*what) {
  return *std::min_element(all.begin(), all.end(), [&](const Grown& a, const Grown& b) {
    return a.growth.*what < b.growth.*what;
  });
}

// Memory does not vary from run to run as time does: one is enough.
Figure overhead_figure(std::string_view name, const Growth& ours, const Grown& best,
                       double Growth::*what) {
  const Pair pair{ours.*what, best.growth.*what};
  return {name, "bytes/entry", pair.ours, pair.theirs, best.contender.name, pair.ratio()};
}

// The first round found the best; it and ours grow in turn four times more.
Rounds growth_rounds(const Workload& workload, const Growth& ours, const Grown& best,
                     double Growth::*what) {
  Rounds rounds;
  rounds[0] = {ours.*what, best.growth.*what};
  std::generate(rounds.begin() + 1, rounds.end(), [&] {
    return Pair{grow_ours(workload).*what, grow(best.contender, workload).*what};
  });
  return rounds;
}

Figure insert_figure(const Workload& workload, const Growth& ours, const Grown& best) {
  return speed_of("insert", best.contender.name,
                  growth_rounds(workload, ours, best, &Growth::insert_seconds), workload.entries);
}

Figure longest_figure(const Workload& workload, const Growth& ours, const Grown& best) {
  return figure_of("insert_longest_us", "us", best.contender.name,
                   growth_rounds(workload, ours, best, &Growth::insert_longest_us));
}

}  // namespace

std::vector<Figure> growth_figures(const Workload& workload) {
  Workload with_expiry = workload;
  with_expiry.expiry_ms = 4'102'444'800'000;  // the year 2100
  const std::vector<Grown> all = grow_all(workload);
  const Growth ours = grow_ours(workload);
  const Grown& smallest = least(all, &Growth::overhead_mean);
  const Grown smallest_with_expiry{smallest.contender, grow(smallest.contender, with_expiry)};
  return {overhead_figure("overhead_bytes", ours, smallest, &Growth::overhead_mean),
          overhead_figure("overhead_bytes_worst", ours, least(all, &Growth::overhead_worst),
                          &Growth::overhead_worst),
          overhead_figure("overhead_bytes_expiry", grow_ours(with_expiry), smallest_with_expiry,
                          &Growth::overhead_mean),
          insert_figure(workload, ours, least(all, &Growth::insert_seconds)),
          longest_figure(workload, ours, least(all, &Growth::insert_longest_us))};
}

}  // namespace hopring::bench
