#include <oneapi/tbb/concurrent_hash_map.h>

#include "tests/bench/contenders.hpp"
#include "tests/bench/string_map.hpp"

namespace hopring::bench {
namespace {

struct Compare {
  using is_transparent = void;
  std::size_t hash(std::string_view key) const noexcept { return StringHash()(key); }
  bool equal(std::string_view a, std::string_view b) const noexcept { return a == b; }
};

class TbbMap {
 public:
  explicit TbbMap(const Workload&) {}

  void put(std::string_view key, std::string_view value, std::int64_t expiry_ms = 0) {
    Map::accessor entry;
    map_.insert(entry, std::string(key));
    entry->second = stored(value, expiry_ms);
  }
  void get(std::string_view key, Reader& reader) const {
    Map::const_accessor entry;
    if (map_.find(entry, key)) reader.read(entry->second);
  }
  void read_all(Reader& reader) const {
    for (const auto& entry : map_) reader.read(entry.second);
  }

 private:
  using Map = oneapi::tbb::concurrent_hash_map<std::string, std::string, Compare>;

  mutable Map map_;  // the find() that makes no string of its key is not const
};

}  // namespace

void add_tbb(std::vector<Contender>& contenders) {
  contenders.push_back(shared_contender<TbbMap>("oneapi::tbb::concurrent_hash_map"));
}

}  // namespace hopring::bench
