#pragma once

// What the benchmark is at, on standard error, for those who wait.

#include <cstdio>
#include <string_view>

#include "tests/bench/clock.hpp"

namespace hopring::bench {

// `what` is measured of the map `whose` from now on.
inline void say_progress(std::string_view what, std::string_view whose) {
  static const double start = wall_seconds();
  std::fprintf(stderr, "hopring-bench: %4.0f s: %.*s of %.*s\n", wall_seconds() - start,
               static_cast<int>(what.size()), what.data(), static_cast<int>(whose.size()),
               whose.data());
}

inline void say_share_on_huge_pages(std::string_view whose, double share) {
  std::fprintf(stderr, "hopring-bench:         %.0f %% on huge pages of %.*s\n", 100 * share,
               static_cast<int>(whose.size()), whose.data());
}

}  // namespace hopring::bench
