#pragma once

// How much memory the process holds.

#include <cstddef>

namespace hopring::bench {

// Counted page by page, unlike in /proc/self/statm, which may be off by hundreds of pages. Throws
// std::runtime_error where the system does not tell.
std::size_t resident_bytes();

// The most that has been resident in the life of the process.
std::size_t resident_bytes_peak();

struct ResidentBytes {
  std::size_t all = 0;
  std::size_t huge = 0;  // those that lie on huge pages
};
ResidentBytes resident_now();

// Of what has become resident since: the share on huge pages.
double huge_share(const ResidentBytes& before, const ResidentBytes& after);

}  // namespace hopring::bench
