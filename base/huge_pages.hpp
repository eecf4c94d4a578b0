#pragma once

// Memory for a table's blocks in huge pages of 2 MiB, where the system gives them to those who ask
// (`transparent_hugepage` is `madvise` or `always`); else it is ordinary memory. A lookup touches
// memory at random, and with pages of 4 KiB it waits for the page table as well.
//
// A region is one huge page, cut into blocks. A block comes from the region with the lowest address
// that has one, so that others become free as a whole and are given back. The first regions are of
// small pages: a process that holds little stays small. Once a quarter of it is in use, one region
// is touched ahead by a thread (RegionsAhead), so that no write waits for it: 2 MiB that no block
// uses yet. A region with a hole, where a block was given back, is one of small pages until it is
// full again.
//
// Thread rule: belongs to one shard.

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/regions_ahead.hpp"

namespace hopring {

class HugePages {
 public:
  static constexpr std::size_t region_bytes = std::size_t{2} << 20;
  static constexpr std::size_t blocks_per_region_max = 64;
  static constexpr std::size_t small_regions = 1;  // of small pages

  // REQUIRES: `block_bytes` divides region_bytes into at most blocks_per_region_max.
  // A region that would pass `bytes_max` is neither touched ahead nor of huge pages, since not all
  // of it will be used; 0 = no bound. It is no limit of take().
  explicit HugePages(std::size_t block_bytes, std::size_t bytes_max = 0);
  // REQUIRES: all blocks have been given back.
  ~HugePages();
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;

  // A block, aligned to its size. nullptr, and nothing changed, if the system has no memory, or if
  // `bytes` are not a block's.
  void* take(std::size_t bytes) noexcept;
  // Takes back what take() gave. Its memory goes back to the system, at once.
  void give_back(void* block) noexcept;

  std::size_t regions() const noexcept { return regions_.size(); }

 private:
  using Address = std::uintptr_t;
  using Free = std::uint64_t;  // bit i <=> block i is free

  std::byte* fresh_region() noexcept;
  std::size_t free_when_preparing() const noexcept;
  void prepare_next() noexcept;

  std::size_t block_bytes_;
  std::size_t regions_max_;
  Free all_free_;
  std::map<Address, Free> regions_;
  Address full_below_ = 0;  // no region below has a free block
  RegionsAhead ahead_{region_bytes};
};

}  // namespace hopring
