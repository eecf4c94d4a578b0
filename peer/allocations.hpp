#pragma once

// How this process gets its memory: by jemalloc, in place of the C library's malloc. A write passes
// through some ten objects at each of three peers, and many are freed by another thread than the
// one that made them (docs/decisions/0095).
//
// Large buffers, those of values on their way above all, lie on huge pages where the system gives
// them to those who ask: a value of 16 MiB is copied some twenty times between its client and the
// last of its copies, each time into a buffer of its own, and what takes the time is not the
// copying but the 4,096 pages that each buffer is made of.
//
// Whoever links this has malloc and `operator new` replaced, so it is for programs, not for
// libraries. Under sanitizers, who bring an allocator of their own, malloc is theirs.
//
// Thread rule: any thread may call what is here.

#include <cstddef>

namespace hopring {

// Asked for with one call of `operator new`; less has the pages that malloc gives. So large a
// buffer is mapped by itself and goes back to the system when it is freed.
inline constexpr std::size_t large_allocation_bytes = std::size_t{2} << 20;

// Gives what is free inside the heap back to the system, in whole pages.
void give_free_memory_back();

}  // namespace hopring
