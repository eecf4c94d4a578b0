#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "tests/bench/contenders.hpp"
#include "tests/bench/string_map.hpp"

namespace hopring::bench {
namespace {

using StdMap = std::unordered_map<std::string, std::string, StringHash, std::equal_to<>>;

class LockedStdMap {
 public:
  explicit LockedStdMap(const Workload& workload) : map_(workload) {}

  void put(std::string_view key, std::string_view value, std::int64_t expiry_ms = 0) {
    const std::unique_lock lock(mutex_);
    map_.put(key, value, expiry_ms);
  }
  void get(std::string_view key, Reader& reader) const {
    const std::shared_lock lock(mutex_);
    map_.get(key, reader);
  }

 private:
  mutable std::shared_mutex mutex_;
  StringMap<StdMap> map_;
};

// A user's map is cut by looking at every key and moving those of the other half.
StdMap cut(StdMap& map, const HopringMap& ring, std::uint64_t at) {
  StdMap half;
  for (auto next = map.begin(); next != map.end();) {
    const auto entry = next++;
    if (ring.position(entry->first) > at) half.insert(map.extract(entry));
  }
  return half;
}

}  // namespace

void add_std(std::vector<Contender>& contenders) {
  Contender std_map = contender<StringMap<StdMap>>("std::unordered_map");
  std_map.race_mixed = &race_mixed<LockedStdMap>;
  contenders.push_back(std_map);
}

HalvesRaces race_halves(const Workload& workload) {
  HopringMap ours(workload);
  StringMap<StdMap> theirs(workload);
  fill(workload, ours);
  fill(workload, theirs);
  HalvesRaces speeds;
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    const std::uint64_t at = ~std::uint64_t{0} >> (round + 1);
    const auto records = static_cast<double>(ours.size()) / 1e6;
    std::optional<HopscotchTable> our_half;
    std::optional<StdMap> their_half;
    const auto speed = [](double amount) {
      return [amount](auto& work) { return amount / timed(work); };
    };
    const auto cut_ours = [&] { our_half = ours.split_off(at); };
    const auto cut_theirs = [&] { their_half = cut(theirs.map(), ours, at); };
    speeds.split[round] = in_turn(round, cut_ours, cut_theirs, speed(records));
    HOPRING_CHECK(our_half->size() == their_half->size());
    const auto dropped = static_cast<double>(our_half->size()) / 1e6;
    const auto drop_ours = [&] { our_half.reset(); };
    const auto drop_theirs = [&] { their_half.reset(); };
    speeds.drop[round] = in_turn(round, drop_ours, drop_theirs, speed(dropped));
  }
  return speeds;
}

}  // namespace hopring::bench
