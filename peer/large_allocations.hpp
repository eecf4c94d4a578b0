#pragma once

// Large buffers of this process, those of values on their way above all, lie on huge pages where
// the system gives them to those who ask: a value of 16 MiB is copied some twenty times between its
// client and the last of its copies, each time into a buffer of its own, and what takes the time is
// not the copying but the 4,096 pages that each buffer is made of.
//
// Whoever links this has its `operator new` replaced, so it is for programs, not for libraries.

#include <cstddef>

namespace hopring {

// Asked for with one call of `operator new`; less has the pages that malloc gives.
inline constexpr std::size_t large_allocation_bytes = std::size_t{2} << 20;

// From now on what is large is mapped by itself and goes back to the system when it is freed. Call
// it once, before there are threads.
void keep_large_allocations_apart();

}  // namespace hopring
