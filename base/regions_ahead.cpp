#include "base/regions_ahead.hpp"

#include <sys/mman.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <utility>

namespace hopring {
namespace {

constexpr int collapse_advice = 25;       // MADV_COLLAPSE, since Linux 6.1; others refuse it
constexpr std::size_t page_bytes = 4096;  // where there are no huge pages, each has to be touched

// How often the thread looks, and how many times in vain before it sleeps: for a second. Where
// writes fill a region in 20 ms, the one ahead is asked for when a quarter of that is gone, and
// takes 5 ms: so 5 ms may pass before the thread sees it.
constexpr std::chrono::milliseconds look_interval{5};
constexpr int looks_max = 200;

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
  bool is_to_be_woken = false;
  {
    const std::lock_guard lock(mutex_);
    is_wanted_ = ready_ == nullptr;
    is_to_be_woken = is_wanted_ && is_asleep_;
  }
  if (is_to_be_woken) changed_.notify_one();
}

std::byte* RegionsAhead::take() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(ready_, nullptr);
}

void RegionsAhead::collapse(std::byte* region) noexcept {
  bool is_to_be_woken = false;
  {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable() || small_count_ == small_max) return;
    small_[small_count_++] = region;
    is_to_be_woken = is_asleep_;
  }
  if (is_to_be_woken) changed_.notify_one();
}

void RegionsAhead::wait_until_wanted(std::unique_lock<std::mutex>& lock) {
  const auto is_over = [this] { return has_work() || is_ending_; };
  for (int looks = 0; looks < looks_max; ++looks) {
    if (changed_.wait_for(lock, look_interval, is_over)) return;
  }
  is_asleep_ = true;
  changed_.wait(lock, is_over);
  is_asleep_ = false;
}

void RegionsAhead::run() noexcept {
  std::unique_lock lock(mutex_);
  while (true) {
    wait_until_wanted(lock);
    if (is_ending_) return;
    if (!is_wanted_) {  // which comes first
      std::byte* const small = small_[--small_count_];
      lock.unlock();
      // Where the region is gone, or has holes again, nothing happens: it may not be a huge page.
      madvise(small, region_bytes_, collapse_advice);
      lock.lock();
      continue;
    }
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
