#include "tests/bench/mixed.hpp"

namespace hopring::bench {

Operations puts_of_all(const Workload& workload) {
  Operations operations;
  operations.reserve(workload.entries);
  for (std::uint64_t i = 0; i < workload.entries; ++i) operations.push_back({Key(i), true});
  return operations;
}

Operations draw_operations(const Workload& workload, const Zipf& zipf, Rng& rng) {
  Operations operations;
  const std::uint64_t count = 2 * lookups(workload);
  operations.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    operations.push_back({Key(zipf.draw(rng)), rng.chance(5, 100)});
  }
  return operations;
}

Schedule by_shard(const TwoShards& shards, const Operations& operations) {
  Schedule schedule;
  for (const MixedOperation& operation : operations) {
    schedule[shards.shard_of(operation.key.view())].push_back(operation);
  }
  return schedule;
}

Schedule dealt(const Operations& operations) {
  Schedule schedule;
  for (std::size_t i = 0; i < operations.size(); ++i) schedule[i % 2].push_back(operations[i]);
  return schedule;
}

}  // namespace hopring::bench
