#include "tests/bench/contenders.hpp"

#include <string_view>

namespace hopring::bench {

std::vector<Contender> contenders(const std::string& part) {
  std::vector<Contender> found;
  add_std(found);
  add_boost(found);
#ifdef HOPRING_BENCH_ABSL
  add_absl(found);
#endif
#ifdef HOPRING_BENCH_TSL
  add_tsl(found);
#endif
#ifdef HOPRING_BENCH_CUCKOO
  add_cuckoo(found);
#endif
#ifdef HOPRING_BENCH_TBB
  add_tbb(found);
#endif
  std::erase_if(found, [&](const Contender& each) {
    return std::string_view(each.name).find(part) == std::string_view::npos;
  });
  return found;
}

}  // namespace hopring::bench
