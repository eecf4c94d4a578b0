#pragma once

// Ours and another map in turn, in one process: what slows the machine for a while slows both.

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "tests/bench/clock.hpp"
#include "tests/bench/figure.hpp"
#include "tests/bench/hopring_map.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

// Lookups in a round. Each round draws other keys, so that none meets a warm cache. So many that
// what a map reads again and again, as its directory, is read from where it is in the long run: the
// scan before has read all of both maps.
constexpr std::uint64_t lookups_max = 1'000'000;
inline std::uint64_t lookups(const Workload& workload) {
  return std::min(workload.entries, lookups_max);
}

// CPU seconds of five rounds: twice `lookups` gets, and scans of all entries.
struct ReadRaces {
  Rounds hit;
  Rounds miss;
  Rounds scan;
};

template <class Map>
void fill(const Workload& workload, Map& map) {
  const std::string value = workload.value();
  for (std::uint64_t i = 0; i < workload.entries; ++i) map.put(Key(i).view(), value);
}

// What both measure; `theirs` is first in every other round, since whoever comes first meets colder
// caches, and since machines become slower or faster meanwhile.
template <class Ours, class Theirs>
auto both_in_turn(std::size_t round, Ours&& ours, Theirs&& theirs) {
  if (round % 2 == 0) {
    auto first = ours();
    return std::pair{std::move(first), theirs()};
  }
  auto first = theirs();
  return std::pair{ours(), std::move(first)};
}

// time(ours) and time(theirs), in turn.
template <class Ours, class Theirs, class Time>
Pair in_turn(std::size_t round, Ours& ours, Theirs& theirs, Time&& time) {
  const auto [of_ours, of_theirs] = both_in_turn(
      round, [&] { return time(ours); }, [&] { return time(theirs); });
  return {of_ours, of_theirs};
}

// The sum of two turns, each with what draw() gives: ours is first in one of them, theirs in the
// other. For turns so short that it matters who finds the keys in the nearest cache.
template <class Ours, class Theirs, class Draw, class Time>
Pair in_both_orders(Ours& ours, Theirs& theirs, Draw&& draw, Time&& time) {
  Pair sum;
  for (const std::size_t order : {std::size_t{0}, std::size_t{1}}) {
    const auto drawn = draw();
    const Pair turn =
        in_turn(order, ours, theirs, [&](const auto& map) { return time(map, drawn); });
    sum.ours += turn.ours;
    sum.theirs += turn.theirs;
  }
  return sum;
}

// CPU seconds of gets of `keys`, of which `hits` are there.
template <class Map>
double time_gets(const Workload& workload, const Map& map, const std::vector<Key>& keys,
                 std::uint64_t hits) {
  Reader reader(workload);
  const double seconds = timed([&] {
    for (const Key& key : keys) map.get(key.view(), reader);
  });
  HOPRING_CHECK(reader.values() == hits);
  return seconds;
}

inline double time_batches(const Workload& workload, const HopringMap& map,
                           std::span<const Key> keys) {
  Reader reader(workload);
  const double seconds = timed([&] {
    for (std::size_t i = 0; i < keys.size(); i += HopringMap::batch_max) {
      map.get_batch(keys.subspan(i, std::min(HopringMap::batch_max, keys.size() - i)), reader);
    }
  });
  HOPRING_CHECK(reader.values() == keys.size());
  return seconds;
}

template <class Map>
double time_scan(const Workload& workload, Map& map) {
  Reader reader(workload);
  const double seconds = timed([&] { map.read_all(reader); });
  HOPRING_CHECK(reader.values() == workload.entries);
  return seconds;
}

// REQUIRES: both maps hold all entries and no others.
template <class Ours, class Theirs>
ReadRaces race_reads(const Workload& workload, Ours& ours, Theirs& theirs) {
  const std::uint64_t count = lookups(workload);
  Rng rng(workload.ring_key.words[0]);
  ReadRaces races;
  const auto time = [&](std::uint64_t hits) {
    return [&workload, hits](const auto& map, const auto& keys) {
      return time_gets(workload, map, keys, hits);
    };
  };
  const auto present = [&] { return random_keys(rng, 0, workload.entries, count); };
  const auto absent = [&] { return random_keys(rng, workload.entries, workload.entries, count); };
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    races.hit[round] = in_both_orders(ours, theirs, present, time(count));
    races.miss[round] = in_both_orders(ours, theirs, absent, time(0));
    races.scan[round] =
        in_turn(round, ours, theirs, [&](auto& map) { return time_scan(workload, map); });
  }
  return races;
}

}  // namespace hopring::bench
