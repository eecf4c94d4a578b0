#pragma once

// Two threads, 95 % gets and 5 % updates of keys drawn by Zipf's law: ours as two shards, which
// share nothing, the other as one map that both threads use.

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/clock.hpp"
#include "tests/bench/figure.hpp"
#include "tests/bench/hopring_map.hpp"
#include "tests/bench/races.hpp"

namespace hopring::bench {

struct MixedOperation {
  Key key;
  bool is_update;
};
using Operations = std::vector<MixedOperation>;

// What each thread does.
using Schedule = std::array<Operations, 2>;

// Two tables that tile the ring, one for each thread.
class TwoShards {
 public:
  explicit TwoShards(const Workload& workload)
      : shards_{HopringMap(workload, {0, middle}), HopringMap(workload, {middle, 0})} {}

  std::size_t shard_of(std::string_view key) const {
    return Range{0, middle}.contains(shards_[0].position(key)) ? 0 : 1;
  }
  HopringMap& shard(std::size_t index) { return shards_[index]; }

 private:
  static constexpr std::uint64_t middle = std::uint64_t{1} << 63;

  std::array<HopringMap, 2> shards_;
};

// One put of each key.
Operations puts_of_all(const Workload& workload);
// 95 % gets, 5 % updates.
Operations draw_operations(const Workload& workload, const Zipf& zipf, Rng& rng);

// Each operation goes to the thread that has its shard.
Schedule by_shard(const TwoShards& shards, const Operations& operations);
// The operations go to the threads in turn.
Schedule dealt(const Operations& operations);

template <class Map>
void perform(const Workload& workload, Map& map, const Operations& operations) {
  const std::string value = workload.value();
  Reader reader(workload);
  for (const MixedOperation& operation : operations) {
    if (operation.is_update) {
      map.put(operation.key.view(), value);
    } else {
      map.get(operation.key.view(), reader);
    }
  }
}

// Wall seconds until both threads have done their part, the first on `first`, the second on
// `second`.
template <class Map>
double time_threads(const Workload& workload, Map& first, Map& second, const Schedule& schedule) {
  const double start = wall_seconds();
  std::thread other([&] { perform(workload, second, schedule[1]); });
  perform(workload, first, schedule[0]);
  other.join();
  return wall_seconds() - start;
}

// Wall seconds of five rounds. Map: one that two threads may use.
template <class Map>
Rounds race_mixed(const Workload& workload) {
  TwoShards ours(workload);
  Map theirs(workload);
  const Operations every_key = puts_of_all(workload);
  time_threads(workload, ours.shard(0), ours.shard(1), by_shard(ours, every_key));
  time_threads(workload, theirs, theirs, dealt(every_key));
  const Zipf zipf(workload.entries);
  Rng rng(workload.ring_key.words[1]);
  Rounds rounds;
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    const Operations operations = draw_operations(workload, zipf, rng);
    const Schedule sharded = by_shard(ours, operations);
    const Schedule shared = dealt(operations);
    const auto time_ours = [&] {
      return time_threads(workload, ours.shard(0), ours.shard(1), sharded);
    };
    const auto time_theirs = [&] { return time_threads(workload, theirs, theirs, shared); };
    rounds[round] = in_turn(round, time_ours, time_theirs, [](auto& time) { return time(); });
  }
  return rounds;
}

}  // namespace hopring::bench
