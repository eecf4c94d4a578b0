#include <boost/container_hash/hash.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "tests/bench/contenders.hpp"
#include "tests/bench/string_map.hpp"

namespace hopring::bench {
namespace {

struct BoostHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const noexcept {
    return boost::hash<std::string_view>()(key);
  }
};
using BoostMap = boost::unordered_flat_map<std::string, std::string, BoostHash, std::equal_to<>>;

}  // namespace

void add_boost(std::vector<Contender>& contenders) {
  contenders.push_back(contender<StringMap<BoostMap>>("boost::unordered_flat_map"));
}

}  // namespace hopring::bench
