#pragma once

// Looks for a seed that shows what only some seeds show, as a planted bug does. Which ones do is
// decided by the order of messages, and so changes with much that has nothing to do with it.

#include <boost/test/unit_test.hpp>
#include <cstdint>

namespace hopring {

// `likely`, which showed it when last looked; else the first one of 1 to `most`. 0: none shows it.
template <class Shows>
std::uint64_t seed_that_shows(std::uint64_t likely, std::uint64_t most, Shows&& shows) {
  if (shows(likely)) return likely;
  for (std::uint64_t seed = 1; seed <= most; ++seed) {
    if (seed == likely || !shows(seed)) continue;
    BOOST_TEST_MESSAGE("not seed " << likely << " any more: seed " << seed);
    return seed;
  }
  return 0;
}

}  // namespace hopring
