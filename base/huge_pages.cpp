#include "base/huge_pages.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "base/check.hpp"

namespace hopring {
namespace {

constexpr std::size_t size = HugePages::region_bytes;

}  // namespace

HugePages::HugePages(std::size_t block_bytes, std::size_t bytes_max)
    : block_bytes_(block_bytes), regions_max_(bytes_max == 0 ? ~std::size_t{0} : bytes_max / size) {
  HOPRING_CHECK(block_bytes > 0 && size % block_bytes == 0);
  const std::size_t blocks = size / block_bytes;
  HOPRING_CHECK(blocks <= blocks_per_region_max);
  all_free_ = blocks < 64 ? (Free{1} << blocks) - 1 : ~Free{0};
}

HugePages::~HugePages() { HOPRING_CHECK(regions_.empty()); }

void* HugePages::take(std::size_t bytes) noexcept {
  if (bytes != block_bytes_) return nullptr;
  auto region = std::find_if(regions_.lower_bound(full_below_), regions_.end(),
                             [](const auto& each) { return each.second != 0; });
  if (region == regions_.end()) {
    std::byte* const fresh = fresh_region();
    if (fresh == nullptr) return nullptr;
    try {
      region = regions_.emplace(reinterpret_cast<Address>(fresh), all_free_).first;
    } catch (const std::bad_alloc&) {
      munmap(fresh, size);
      return nullptr;
    }
  }
  full_below_ = region->first;
  Free& free = region->second;
  const auto index = static_cast<std::size_t>(std::countr_zero(free));
  free &= free - 1;
  auto* const first = reinterpret_cast<std::byte*>(region->first);
  if (free == 0) {
    madvise(first, size, MADV_HUGEPAGE);
    ahead_.collapse(first);
  }
  if (static_cast<std::size_t>(std::popcount(free)) == free_when_preparing()) prepare_next();
  return first + index * block_bytes_;
}

// A quarter of a region is filled: that leaves time enough, and those who stay below do without.
std::size_t HugePages::free_when_preparing() const noexcept {
  return static_cast<std::size_t>(std::popcount(all_free_)) * 3 / 4;
}

void HugePages::prepare_next() noexcept {
  if (regions_.size() >= small_regions && regions_.size() < regions_max_) ahead_.prepare();
}

std::byte* HugePages::fresh_region() noexcept {
  const bool is_small = regions_.size() < small_regions || regions_.size() >= regions_max_;
  if (std::byte* const ready = is_small ? nullptr : ahead_.take()) return ready;
  std::byte* const region = map_region(size);
  // None is ready: small pages, until it is full, rather than to clear it as a whole now.
  if (region != nullptr) madvise(region, size, MADV_NOHUGEPAGE);
  return region;
}

void HugePages::give_back(void* block) noexcept {
  const auto address = reinterpret_cast<Address>(block);
  const auto region = regions_.find(address / size * size);
  HOPRING_CHECK(region != regions_.end());
  full_below_ = std::min(full_below_, region->first);
  region->second |= Free{1} << ((address - region->first) / block_bytes_);
  if (region->second != all_free_) {
    // Else the system would sooner or later make the region whole again, holes included.
    madvise(reinterpret_cast<void*>(region->first), size, MADV_NOHUGEPAGE);
    madvise(block, block_bytes_, MADV_DONTNEED);
    return;
  }
  munmap(reinterpret_cast<void*>(region->first), size);
  regions_.erase(region);
}

}  // namespace hopring
