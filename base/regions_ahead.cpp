#include "base/regions_ahead.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <exception>
#include <utility>

namespace hopring {
namespace {

constexpr std::size_t page_bytes = 4096;  // where there are no huge pages, each has to be touched

void touch(std::byte* region, std::size_t size) noexcept {
  for (std::size_t at = 0; at < size; at += page_bytes) {
    *static_cast<volatile std::byte*>(region + at) = std::byte{0};
  }
}

}  // namespace

std::byte* map_region(std::size_t size) noexcept {
  void* const mapped =
      mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const first = static_cast<std::byte*>(mapped);
  const std::size_t before = (size - reinterpret_cast<std::uintptr_t>(mapped) % size) % size;
  if (before > 0) munmap(first, before);
  munmap(first + before + size, size - before);
  return first + before;
}

RegionsAhead::~RegionsAhead() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
  if (ready_ != nullptr) munmap(ready_, region_bytes_);
}

void RegionsAhead::prepare() noexcept {
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::exception&) {  // no thread, or no memory for one
      return;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    is_wanted_ = ready_ == nullptr;
  }
  changed_.notify_one();
}

std::byte* RegionsAhead::take() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(ready_, nullptr);
}

void RegionsAhead::run() noexcept {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return is_wanted_ || is_ending_; });
    if (is_ending_) return;
    lock.unlock();
    std::byte* const region = map_region(region_bytes_);
    if (region != nullptr) {
      madvise(region, region_bytes_, MADV_HUGEPAGE);
      touch(region, region_bytes_);
    }
    lock.lock();
    ready_ = region;
    is_wanted_ = false;  // also what was asked for meanwhile
  }
}

}  // namespace hopring
