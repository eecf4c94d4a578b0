#include <algorithm>

#include "tests/bench/child.hpp"
#include "tests/bench/colliding_keys.hpp"
#include "tests/bench/progress.hpp"
#include "tests/bench/races.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

constexpr std::uint64_t flood_keys = 100'000;
constexpr std::uint64_t equal_positions_max = 1'000'000;

// CPU seconds of inserting and finding `keys`.
double time_flood(const Workload& workload, const std::vector<std::string>& keys) {
  HopringMap map(workload);
  const std::string value = workload.value();
  Reader reader(workload);
  const double seconds = timed([&] {
    for (const std::string& key : keys) map.put(key, value);
    for (const std::string& key : keys) map.get(key, reader);
  });
  HOPRING_CHECK(reader.values() == keys.size() && map.size() == keys.size());
  return seconds;
}

// Milliseconds: keys that collide without a secret, and keys that are random.
Rounds race_flood(const Workload& workload) {
  Rng rng(workload.ring_key.words[0]);
  Rounds milliseconds;
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    const auto colliding = colliding_keys(rng, flood_keys);
    const auto random = chance_keys(rng, flood_keys);
    milliseconds[round] = in_turn(round, colliding, random, [&](const auto& keys) {
      return time_flood(workload, keys) * 1e3;
    });
  }
  return milliseconds;
}

std::uint64_t position_of_all(const void*, std::string_view) { return 0; }

// Microseconds of a find: where all positions are equal, and where they are the ring's.
Rounds race_equal_positions(const Workload& workload) {
  HopringMap equal(PositionOf{&position_of_all, nullptr});
  HopringMap apart(workload);
  fill(workload, equal);
  fill(workload, apart);
  Rng rng(workload.ring_key.words[0]);
  const std::uint64_t count = lookups(workload);
  Rounds microseconds;
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    const auto keys = random_keys(rng, 0, workload.entries, count);
    microseconds[round] = in_turn(round, equal, apart, [&](const HopringMap& map) {
      return time_gets(workload, map, keys, count) * 1e6 / static_cast<double>(count);
    });
  }
  return microseconds;
}

}  // namespace

std::vector<Figure> hostile_figures(const Workload& workload) {
  Workload at_one_position = workload;
  at_one_position.entries = std::min(workload.entries, equal_positions_max);
  say_progress("a flood of colliding keys", "hopring");
  const Rounds flood = in_child([&] { return race_flood(workload); });
  say_progress("keys of equal position", "hopring");
  const Rounds equal = in_child([&] { return race_equal_positions(at_one_position); });
  return {figure_of("flood", "ms", "hopring, random keys", flood),
          figure_of("equal_positions_us", "us", "hopring, positions apart", equal)};
}

}  // namespace hopring::bench
