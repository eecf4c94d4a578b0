#include "peer/allocations.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#ifdef HOPRING_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#ifdef HOPRING_JEMALLOC
// jemalloc reads it when the process begins. What is free goes back to the system within a second,
// instead of ten: a peer's memory is there for records. Large buffers share nothing with others
// from large_allocation_bytes on, and are given back at once.
const char* malloc_conf = "dirty_decay_ms:1000,muzzy_decay_ms:0,oversize_threshold:2097152";
static_assert(hopring::large_allocation_bytes == 2097152);
#endif

namespace hopring {
namespace {

void* allocate_large(std::size_t size) noexcept {
  void* buffer = nullptr;
  // aligned_alloc() would ask for a multiple of the alignment.
  if (::posix_memalign(&buffer, large_allocation_bytes, size) != 0) return nullptr;
  madvise(buffer, size, MADV_HUGEPAGE);
  return buffer;
}

void* allocate(std::size_t size) noexcept {
  return size >= large_allocation_bytes ? allocate_large(size) : std::malloc(size);
}

}  // namespace

void give_free_memory_back() {
#ifdef HOPRING_JEMALLOC
#define HOPRING_TEXT_OF(number) HOPRING_TEXT(number)
#define HOPRING_TEXT(number) #number
  ::mallctl("arena." HOPRING_TEXT_OF(MALLCTL_ARENAS_ALL) ".purge", nullptr, nullptr, nullptr, 0);
#endif
}

}  // namespace hopring

void* operator new(std::size_t size) {
  for (;;) {
    if (void* const buffer = hopring::allocate(size)) return buffer;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return hopring::allocate(size);
}
// Those of arrays, lest they be jemalloc's own.
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return hopring::allocate(size);
}
void operator delete(void* buffer) noexcept { std::free(buffer); }
void operator delete(void* buffer, std::size_t) noexcept { std::free(buffer); }
void operator delete[](void* buffer) noexcept { std::free(buffer); }
void operator delete[](void* buffer, std::size_t) noexcept { std::free(buffer); }
