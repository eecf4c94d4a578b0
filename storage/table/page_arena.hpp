#pragma once

// Memory for what is too large for a block: large records, long queues.
//
// A region is 1 MiB of addresses, cut into units of 256 bytes; 16 of them are a page of the
// system's. A piece is a run of neighbouring units, wherever they lie in pages:
//
//   page   |             0             |             1             |            2            | ...
//   piece  |   10 units    |   10 units    |        free                 |   20 units
//
// A page is resident as long as one of its units is lent, and is given up with the last one. So
// what is resident is known, whatever has come and gone: a hole between two pieces costs less than
// two pages, and where it is longer it is a matter of addresses, of which there are plenty. A piece
// goes where it makes the fewest pages resident, in the tightest region: those are listed by their
// longest free run. What is longer than half a region has a region of its own, of whole pages.
//
// Not thread-safe.
//
// Invariants (audit() checks them):
//   (1) resident_bytes() == pages with a lent unit x page_bytes + regions of their own.
//   (2) lent_bytes() == lent units x unit_bytes + regions of their own.
//   (3) no free run of a region is longer than it says, and it stands in the list that this names
//       and no other.
//   (4) at most one region is wholly free.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace hopring {

// Where whole pages come from: functions and their context, which outlives their user. What has
// been discarded is not resident until it is written to again.
struct PageSource {
  // Aligned to a page; nullptr if there is none.
  void* (*take)(void* context, std::size_t bytes) noexcept = nullptr;
  void (*discard)(void* context, void* data, std::size_t bytes) noexcept = nullptr;
  void (*give_back)(void* context, void* data, std::size_t bytes) noexcept = nullptr;
  void* context = nullptr;
};

// A source with the member functions take(bytes), discard(data, bytes), give_back(data, bytes).
template <class Pages>
PageSource page_source_of(Pages& pages) {
  return {[](void* context, std::size_t bytes) noexcept {
            return static_cast<Pages*>(context)->take(bytes);
          },
          [](void* context, void* data, std::size_t bytes) noexcept {
            static_cast<Pages*>(context)->discard(data, bytes);
          },
          [](void* context, void* data, std::size_t bytes) noexcept {
            static_cast<Pages*>(context)->give_back(data, bytes);
          },
          &pages};
}

class PageArena {
 public:
  static constexpr std::size_t unit_bytes = 256;
  static constexpr std::size_t page_bytes = 4096;
  static constexpr std::size_t region_bytes = std::size_t{1} << 20;
  static constexpr std::uint32_t regions_max = 0xfffff0;
  static constexpr std::uint32_t no_region = 0xffffffff;

  // Without functions: operator new, which discards nothing.
  explicit PageArena(PageSource source = {});
  // REQUIRES: all pieces have been given back.
  ~PageArena();
  PageArena(const PageArena&) = delete;
  PageArena& operator=(const PageArena&) = delete;

  // Where a piece would lie.
  struct Place {
    std::uint32_t region = no_region;  // that: in a new one
    std::uint32_t first = 0;           // of its units
    std::size_t fresh_bytes = 0;       // of pages that would become resident
    unsigned longest = 0;              // what the region would say of its free runs
  };
  // REQUIRES: bytes > 0.
  Place place_for(std::size_t bytes) noexcept;

  struct Taken {
    std::byte* data = nullptr;  // aligned to a unit
    std::uint32_t region = 0;
  };
  // Without data, and nothing changed, if the system refuses. REQUIRES: place_for(bytes) has just
  // told the place.
  [[nodiscard]] Taken take(const Place& place, std::size_t bytes) noexcept;
  // REQUIRES: take() has given it, for as many bytes.
  void give_back(const Taken& piece, std::size_t bytes) noexcept;

  // Of pages that only this piece keeps resident.
  std::size_t bytes_kept_by(const Taken& piece, std::size_t bytes) const noexcept;

  // Is more than a sixteenth of what is resident lent to nobody? A little does not count.
  bool is_wasteful() const noexcept {
    return resident_bytes_ - lent_bytes_ > waste_bytes_min + resident_bytes_ / 16;
  }

  // Of `bytes`, as lent_bytes() counts them.
  static constexpr std::size_t cost_of(std::size_t bytes) noexcept {
    const std::size_t step = is_alone(bytes) ? page_bytes : unit_bytes;
    return (bytes + step - 1) / step * step;
  }

  std::size_t resident_bytes() const noexcept { return resident_bytes_; }
  std::size_t lent_bytes() const noexcept { return lent_bytes_; }

  // Aborts unless the invariants hold. Cost: all units.
  void audit() const;

 private:
  static constexpr unsigned units_per_page = page_bytes / unit_bytes;
  static constexpr unsigned units_per_region = region_bytes / unit_bytes;
  static constexpr unsigned bits = 64;

  // Bit i of the whole <=> unit i is free.
  using Free = std::array<std::uint64_t, units_per_region / bits>;

  // Lists of regions by their longest free run: one for each length up to runs_listed, then four
  // for each power of two. The last ones are of regions that are wholly free, and of no regions.
  static constexpr unsigned runs_listed = 63;
  static constexpr unsigned free_list = runs_listed + 1 + 4 * 6;
  static constexpr unsigned vacant_list = free_list + 1;
  static constexpr std::size_t waste_bytes_min = std::size_t{64} << 10;
  // So many regions of a list are looked at where not all of them have a run that is long enough.
  static constexpr int looks_max = 8;

  struct Region {
    std::byte* data = nullptr;
    std::unique_ptr<Free> free;  // nullptr: one piece's own
    std::uint32_t previous = no_region;
    std::uint32_t next = no_region;
    std::uint16_t longest = 0;  // no free run is longer
    std::uint8_t list = vacant_list;
  };

  // Of units, or of pages.
  struct Run {
    unsigned first = 0;
    unsigned count = 0;
    unsigned end() const noexcept { return first + count; }
  };

  static constexpr bool is_alone(std::size_t bytes) noexcept { return bytes > region_bytes / 2; }
  static constexpr unsigned units_of(std::size_t bytes) noexcept {
    return static_cast<unsigned>((bytes + unit_bytes - 1) / unit_bytes);
  }
  static unsigned list_of(unsigned longest) noexcept;
  static Run run_of(const Region& region, const Taken& piece, std::size_t bytes) noexcept;
  static bool are_free(const Free& free, Run run) noexcept;
  static Run own_pages(const Free& free, Run run) noexcept;
  static void set(Free& free, Run run, bool is_free) noexcept;
  static unsigned begin_of_run(const Free& free, unsigned at) noexcept;
  static unsigned end_of_run(const Free& free, unsigned at) noexcept;
  static Run next_run(const Free& free, unsigned from) noexcept;
  static Free starts_of_runs(const Free& free, unsigned units) noexcept;
  static Place best_place(const Free& free, unsigned units) noexcept;

  std::uint32_t region_with_run(unsigned units) const noexcept;
  Taken take_region(std::size_t bytes, bool is_shared) noexcept;
  bool make_vacant() noexcept;
  void drop_region(std::uint32_t index, std::size_t bytes) noexcept;
  void set_longest(std::uint32_t index, unsigned longest) noexcept;
  void link(std::uint32_t index, unsigned list) noexcept;
  void unlink(std::uint32_t index) noexcept;
  void* take_pages(std::size_t bytes) noexcept;
  void give_pages_back(void* data, std::size_t bytes) noexcept;
  void discard_free_pages(const Region& region, Run run) noexcept;

  PageSource source_;
  std::vector<Region> regions_;
  std::array<std::uint32_t, vacant_list + 1> lists_;
  std::size_t resident_bytes_ = 0;
  std::size_t lent_bytes_ = 0;
  std::size_t alone_bytes_ = 0;  // of both
};

}  // namespace hopring
