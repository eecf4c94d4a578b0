#include <tsl/hopscotch_map.h>

#include "tests/bench/contenders.hpp"
#include "tests/bench/string_map.hpp"

namespace hopring::bench {
namespace {

template <unsigned neighbourhood, bool stores_hash>
using TslMap = tsl::hopscotch_map<std::string, std::string, StringHash, std::equal_to<>,
                                  std::allocator<std::pair<std::string, std::string>>,
                                  neighbourhood, stores_hash>;

}  // namespace

// With the neighbourhoods that its documentation names: 62, and 30 with stored hashes.
void add_tsl(std::vector<Contender>& contenders) {
  contenders.push_back(contender<StringMap<TslMap<62, false>>>("tsl::hopscotch_map"));
  contenders.push_back(contender<StringMap<TslMap<30, true>>>(name_of_tsl_stored));
}

}  // namespace hopring::bench
