#include <libcuckoo/cuckoohash_map.hh>

#include "tests/bench/contenders.hpp"
#include "tests/bench/string_map.hpp"

namespace hopring::bench {
namespace {

class CuckooMap {
 public:
  explicit CuckooMap(const Workload&) {}

  void put(std::string_view key, std::string_view value, std::int64_t expiry_ms = 0) {
    map_.insert_or_assign(std::string(key), stored(value, expiry_ms));
  }
  void get(std::string_view key, Reader& reader) const {
    map_.find_fn(key, [&](const std::string& value) { reader.read(value); });
  }
  void read_all(Reader& reader) {
    for (const auto& entry : map_.lock_table()) reader.read(entry.second);
  }

 private:
  libcuckoo::cuckoohash_map<std::string, std::string, StringHash, std::equal_to<>> map_;
};

}  // namespace

void add_cuckoo(std::vector<Contender>& contenders) {
  contenders.push_back(shared_contender<CuckooMap>(name_of_cuckoo));
}

}  // namespace hopring::bench
