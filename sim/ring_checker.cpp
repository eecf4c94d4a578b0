#include "sim/ring_checker.hpp"

#include <algorithm>

namespace hopring::sim {
namespace {

// Of a large ring they are many, and looked at often: the arcs' ends are sorted, not the views.
struct Served {
  Position end;
  const View* view;
};
using AllServed = std::vector<Served>;

void sort(AllServed& served) {
  std::sort(served.begin(), served.end(),
            [](const Served& a, const Served& b) { return a.end < b.end; });
}

// In the order of their ends. The views are the peers' own.
AllServed all_served(const World& world) {
  AllServed served;
  for (const ProcessId id : world.alive_peers()) {
    for (const View* view : world.peer(id).served_now()) served.push_back({view->arc.end, view});
  }
  sort(served);
  return served;
}

std::string describe(const char* what, const View& a, const View& b) {
  return std::string(what) + ": " + to_string(a) + " and " + to_string(b);
}

std::vector<std::string> tiling_of(const AllServed& served) {
  std::vector<std::string> violations;
  if (served.empty()) violations.push_back("nobody serves anything");
  for (std::size_t i = 0; i < served.size(); ++i) {
    const View& view = *served[i].view;
    const View& next = *served[(i + 1) % served.size()].view;
    if (next.arc.begin == view.arc.end) continue;
    const bool gap = !overlaps(view.arc, next.arc);
    violations.push_back(describe(gap ? "gap between" : "overlap of", view, next));
  }
  return violations;
}

}  // namespace

std::vector<std::string> check_ownership(const World& world) {
  std::vector<std::string> violations;
  const AllServed served = all_served(world);
  for (std::size_t i = 1; i < served.size(); ++i) {
    const View& a = *served[i - 1].view;
    const View& b = *served[i].view;
    if (!overlaps(a.arc, b.arc)) continue;
    // Of different generations: a take-over is being sorted out.
    if (a.number.generation != b.number.generation || a.number.claimant != b.number.claimant) {
      continue;
    }
    violations.push_back(describe("served twice", a, b));
  }
  return violations;
}

std::vector<std::string> check_tiling(const std::vector<View>& views) {
  AllServed served;
  for (const View& view : views) served.push_back({view.arc.end, &view});
  sort(served);
  return tiling_of(served);
}

std::vector<std::string> check_tiling(const World& world) { return tiling_of(all_served(world)); }

KeySpread spread_of_keys(const World& world) {
  KeySpread spread;
  std::uint64_t peak = 0;
  const std::vector<ProcessId> peers = world.alive_peers();
  for (const ProcessId id : peers) {
    std::uint64_t keys = 0;
    for (const ArcReport& arc : world.peer(id).report().arcs) keys += arc.keys;
    spread.keys += keys;
    peak = std::max(peak, keys);
  }
  if (spread.keys == 0) return spread;
  const double mean = static_cast<double>(spread.keys) / static_cast<double>(peers.size());
  spread.skew = static_cast<double>(peak) / mean;
  return spread;
}

}  // namespace hopring::sim
