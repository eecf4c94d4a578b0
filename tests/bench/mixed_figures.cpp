#include <algorithm>

#include "tests/bench/child.hpp"
#include "tests/bench/contender.hpp"
#include "tests/bench/progress.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {

std::vector<Figure> mixed_figures(const Workload& workload,
                                  const std::vector<Contender>& contenders) {
  std::vector<Figure> all;
  for (const Contender& each : contenders) {
    if (each.race_mixed == nullptr) continue;
    say_progress("operations of two threads", each.name);
    const Rounds seconds = in_child([&] { return each.race_mixed(workload); });
    all.push_back(speed_of("mixed_2_threads", each.name, seconds, 2 * lookups(workload)));
  }
  if (all.empty()) return {};
  return {*std::min_element(all.begin(), all.end(),
                            [](const Figure& a, const Figure& b) { return a.ratio < b.ratio; })};
}

}  // namespace hopring::bench
