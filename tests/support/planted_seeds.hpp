#pragma once

// Shows that judges can object: of each planted bug a seed by which it was found, and which they
// let pass without it.

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <span>

#include "storage/raft/planted_bug.hpp"
#include "tests/support/seed_search.hpp"

namespace hopring {

struct PlantedSeed {
  PlantedBug bug;
  std::uint64_t seed;
};

// `objection(seed, bug)`: what the judges say, or an empty text.
template <class Objection>
void check_that_each_is_found(std::span<const PlantedSeed> planted, std::uint64_t seeds_max,
                              Objection&& objection) {
  for (const PlantedSeed& each : planted) {
    BOOST_TEST_CONTEXT(name(each.bug)) {
      const std::uint64_t seed = seed_that_shows(
          each.seed, seeds_max, [&](auto tried) { return objection(tried, each.bug) != ""; });
      BOOST_REQUIRE(seed != 0u);
      BOOST_TEST(objection(seed, PlantedBug::none) == "", "seed " << seed);
    }
  }
}

}  // namespace hopring
