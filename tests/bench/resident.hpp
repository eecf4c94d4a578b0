#pragma once

// How much memory the process holds.

#include <cstddef>

namespace hopring::bench {

// Counted page by page, unlike in /proc/self/statm, which may be off by hundreds of pages. Throws
// std::runtime_error where the system does not tell.
std::size_t resident_bytes();

// The most that has been resident in the life of the process.
std::size_t resident_bytes_peak();

}  // namespace hopring::bench
