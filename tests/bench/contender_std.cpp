#include <functional>
#include <mutex>
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

}  // namespace

void add_std(std::vector<Contender>& contenders) {
  Contender std_map = contender<StringMap<StdMap>>("std::unordered_map");
  std_map.race_mixed = &race_mixed<LockedStdMap>;
  contenders.push_back(std_map);
}

// A user's map is cut by looking at every key and moving those of the other half.
HalvesRaces race_halves(const Workload& workload) {
  HopringMap ours(workload);
  StringMap<StdMap> theirs(workload);
  race_inserts(workload, ours, theirs);
  constexpr std::uint64_t at = std::uint64_t{1} << 63;
  HalvesRaces seconds;
  std::optional<HopscotchTable> our_half;
  std::optional<StdMap> their_half(std::in_place);
  seconds.split.ours = timed([&] { our_half = ours.split_off(at); });
  seconds.split.theirs = timed([&] {
    for (auto next = theirs.map().begin(); next != theirs.map().end();) {
      const auto entry = next++;
      if (ours.position(entry->first) > at) their_half->insert(theirs.map().extract(entry));
    }
  });
  seconds.records_split = workload.entries;
  seconds.records_dropped = our_half->size();
  seconds.drop.ours = timed([&] { our_half.reset(); });
  seconds.drop.theirs = timed([&] { their_half.reset(); });
  return seconds;
}

}  // namespace hopring::bench
