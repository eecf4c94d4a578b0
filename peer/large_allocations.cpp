#include "peer/large_allocations.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace hopring {
namespace {

// Of the heap's end, free: malloc would give back above 128 KiB once its thresholds are fixed, and
// get it again with the next message.
constexpr int heap_kept_bytes = 4 << 20;

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

void keep_large_allocations_apart() {
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(large_allocation_bytes));
  ::mallopt(M_TRIM_THRESHOLD, heap_kept_bytes);
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
void operator delete(void* buffer) noexcept { std::free(buffer); }
void operator delete(void* buffer, std::size_t) noexcept { std::free(buffer); }
