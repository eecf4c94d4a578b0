#include "sim/ring_checker.hpp"

#include <algorithm>

namespace hopring::sim {
namespace {

std::vector<View> all_served(const World& world) {
  std::vector<View> views;
  for (const ProcessId id : world.alive_peers()) {
    for (View& view : world.peer(id).served()) views.push_back(std::move(view));
  }
  const auto before = [](const View& a, const View& b) { return a.arc.end < b.arc.end; };
  std::sort(views.begin(), views.end(), before);
  return views;
}

std::string describe(const char* what, const View& a, const View& b) {
  return std::string(what) + ": " + to_string(a) + " and " + to_string(b);
}

}  // namespace

std::vector<std::string> check_ownership(const World& world) {
  std::vector<std::string> violations;
  const std::vector<View> views = all_served(world);
  for (std::size_t i = 1; i < views.size(); ++i) {
    const View& a = views[i - 1];
    const View& b = views[i];
    if (!overlaps(a.arc, b.arc)) continue;
    // Of different generations: a take-over is being sorted out.
    if (a.number.generation != b.number.generation || a.number.claimant != b.number.claimant) {
      continue;
    }
    violations.push_back(describe("served twice", a, b));
  }
  return violations;
}

std::vector<std::string> check_tiling(std::vector<View> views) {
  const auto before = [](const View& a, const View& b) { return a.arc.end < b.arc.end; };
  std::sort(views.begin(), views.end(), before);
  std::vector<std::string> violations;
  if (views.empty()) violations.push_back("nobody serves anything");
  for (std::size_t i = 0; i < views.size(); ++i) {
    const View& next = views[(i + 1) % views.size()];
    if (next.arc.begin == views[i].arc.end) continue;
    const bool gap = !overlaps(views[i].arc, next.arc);
    violations.push_back(describe(gap ? "gap between" : "overlap of", views[i], next));
  }
  return violations;
}

std::vector<std::string> check_tiling(const World& world) {
  return check_tiling(all_served(world));
}

double skew_of_keys(const World& world) {
  double total = 0;
  double peak = 0;
  const std::vector<ProcessId> peers = world.alive_peers();
  for (const ProcessId id : peers) {
    double keys = 0;
    for (const ArcReport& arc : world.peer(id).report().arcs) keys += static_cast<double>(arc.keys);
    total += keys;
    peak = std::max(peak, keys);
  }
  return total == 0 ? 1 : peak / (total / static_cast<double>(peers.size()));
}

}  // namespace hopring::sim
