#include "base/system_pages.hpp"

#include <sys/mman.h>

#include "base/check.hpp"

namespace hopring {

void* SystemPages::take(std::size_t bytes) noexcept {
  void* const mapped =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  madvise(mapped, bytes, MADV_NOHUGEPAGE);
  return mapped;
}

void SystemPages::discard(void* data, std::size_t bytes) noexcept {
  HOPRING_CHECK(madvise(data, bytes, MADV_DONTNEED) == 0);
}

void SystemPages::give_back(void* data, std::size_t bytes) noexcept {
  HOPRING_CHECK(munmap(data, bytes) == 0);
}

}  // namespace hopring
