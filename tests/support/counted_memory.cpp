#include "tests/support/counted_memory.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

namespace hopring {
namespace {

constexpr std::size_t own_word_bytes = sizeof(std::size_t);  // glibc's, before each block
constexpr std::size_t alignment_usual = 16;

// Atomic: the thread that touches memory ahead allocates too.
std::atomic<std::size_t> allocated = 0;
std::atomic<std::size_t> peak = 0;
std::atomic<std::uint64_t> calls = 0;

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  void* const data =
      alignment <= alignment_usual
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (data == nullptr) return nullptr;
  ++calls;
  const std::size_t bytes = ::malloc_usable_size(data) + own_word_bytes;
  const std::size_t now = allocated.fetch_add(bytes) + bytes;
  peak = std::max(peak.load(), now);
  return data;
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* const data = allocate(size, alignment);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

// Out of line: g++ 12 takes std::free for the wrong counterpart where it sees both.
[[gnu::noinline]] void give_back(void* data) noexcept {
  if (data == nullptr) return;
  allocated -= ::malloc_usable_size(data) + own_word_bytes;
  std::free(data);
}

}  // namespace

std::size_t allocated_bytes() noexcept { return allocated; }

std::uint64_t allocations() noexcept { return calls; }

std::size_t take_allocated_peak() noexcept { return peak.exchange(allocated); }

}  // namespace hopring

using hopring::alignment_usual;
using hopring::allocate;
using hopring::allocate_or_throw;
using hopring::give_back;

void* operator new(std::size_t size) { return allocate_or_throw(size, alignment_usual); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, alignment_usual);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* data) noexcept { give_back(data); }
void operator delete(void* data, std::size_t) noexcept { give_back(data); }
void operator delete(void* data, std::align_val_t) noexcept { give_back(data); }
void operator delete(void* data, std::size_t, std::align_val_t) noexcept { give_back(data); }
