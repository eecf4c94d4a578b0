#include "tests/bench/contenders.hpp"

namespace hopring::bench {

std::vector<Contender> contenders() {
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
  return found;
}

}  // namespace hopring::bench
