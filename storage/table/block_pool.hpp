#pragma once

// The memory of one shard's tables.
//
// A block is `block_bytes` long and cut into 64 units. A piece is a run of neighbouring units of
// one block, lent to one borrower; what is too large for that comes from an arena of pages
// (PageArena), whose holes count as well. One word says which units of a block are free, so a run
// is found by shifting it:
//
//   block  | piece, 3 units | piece, 1 | free | piece, 5 units          | free ...  |
//   free   | 0    0    0    | 0        | 1    | 0   0   0   0   0       | 1   1 ... |   (64 bits)
//
// A piece takes the tightest run of the tightest block: those whose longest free run is r wait in
// list r (capped at run_units_max). A wholly free block, a spare, serves whoever finds no hole; few
// are kept, and none when the limit presses.
//
// Not thread-safe: a pool belongs to one shard.
//
// Invariants (audit() checks them):
//   (1) resident_bytes() == blocks x block_bytes + what the arena says + packed + reserved bytes.
//   (2) lent_bytes() == used units x unit_bytes() + what the arena says + packed bytes.
//   (3) a block stands in the list that its free units name, and in no other.
//   (4) the number of wholly free blocks is at most spare_blocks_max().

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/table/page_arena.hpp"

namespace hopring {

// What a pool lends. Plain data: the borrower hands it back whole.
struct Piece {
  std::byte* data = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t block = 0;  // the pool's business
};

// Where a pool takes its blocks from: functions and their context, which outlives the pool.
struct BlockSource {
  // Memory for one block, aligned to a cache line; nullptr if there is none.
  void* (*take)(void* context, std::size_t bytes) noexcept = nullptr;
  void (*give_back)(void* context, void* block) noexcept = nullptr;
  void* context = nullptr;
};

// A source with the member functions take(bytes) and give_back(block).
template <class Memory>
BlockSource source_of(Memory& memory) {
  return {
      [](void* context, std::size_t bytes) noexcept {
        return static_cast<Memory*>(context)->take(bytes);
      },
      [](void* context, void* block) noexcept { static_cast<Memory*>(context)->give_back(block); },
      &memory};
}

struct PoolOptions {
  static constexpr std::size_t block_bytes_default = std::size_t{32} << 10;

  std::size_t block_bytes = block_bytes_default;  // a power of two, 4 KiB to 512 KiB
  std::size_t bytes_max = 0;  // bound of resident_bytes(); 0 = none. Beyond it lending fails
  BlockSource source = {};    // without functions: operator new
  PageSource pages = {};      // of what is too large for a block
  // Tables that borrow here keep the age of each record, for one byte more a slot, and can name the
  // least recently used (HopscotchTable::oldest()).
  bool keeps_ages = false;
};

class BlockPool {
 public:
  static constexpr std::size_t units_per_block = 64;
  static constexpr std::size_t run_units_max = 16;  // longer pieces come from the arena
  // Up to here what is lent alone is packed: an allocation of the system's, with what that adds.
  static constexpr std::size_t packed_bytes_max = 2048;

  // Instead of a block, of pieces that lie in none: from here on the arena's regions, and one for
  // all that are packed. The lower 24 bits tell them apart.
  static constexpr std::uint32_t alone = 0xff000000;
  static constexpr std::uint32_t packed = 0xfffffffe;

  explicit BlockPool(PoolOptions options = {});
  // REQUIRES: all pieces have been taken back.
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A piece of exactly `bytes` (1 to 2^32 - 1), or one without data, and nothing changed, if the
  // limit or the system refuses. Whole units up to run_units_max come from blocks, any other size
  // from the arena; aligned to a cache line.
  [[nodiscard]] Piece lend(std::size_t bytes) noexcept;

  // The same, but in no block, whatever the size: packed if it is short, and then aligned as the
  // system's allocator likes it.
  [[nodiscard]] Piece lend_alone(std::size_t bytes) noexcept;

  // Would lend(bytes) be served from a block that is in use already? REQUIRES: whole units, at most
  // run_units_max.
  bool has_hole(std::size_t bytes) const noexcept {
    return used_block_with_run(bytes / unit_bytes()) != none;
  }

  // Would lend(bytes) succeed now, but for a system without memory? May give spare blocks up.
  bool can_lend(std::size_t bytes) noexcept;

  // Are there so many holes between pieces that lie in no block that it is worth to move_alone()?
  bool has_sparse_pages() const noexcept { return arena_.is_wasteful(); }

  // Are half as many bytes as it has resident for a piece of lend_alone() and nothing else?
  bool is_lonely(const Piece& piece) const noexcept;

  // Copies it to where it shares pages with others, and takes the old one back, if that wins at
  // least half of its size. Else returns `piece`, and nothing has changed.
  [[nodiscard]] Piece move_alone(Piece piece) noexcept;

  // Takes back what lend() gave; `piece` may be without data.
  void take_back(Piece piece) noexcept;

  // Counts memory that a borrower allocates elsewhere. False, and nothing changed, at the limit.
  [[nodiscard]] bool reserve(std::size_t bytes) noexcept;
  void unreserve(std::size_t bytes) noexcept;

  // What a packed piece takes of the process, with what glibc's malloc adds: a word before it, and
  // steps of 16 bytes.
  static constexpr std::size_t packed_cost(std::size_t bytes) noexcept {
    return std::max<std::size_t>(32, (bytes + sizeof(void*) + 15) / 16 * 16);
  }
  // What lend_alone(bytes) takes.
  static constexpr std::size_t cost_alone(std::size_t bytes) noexcept {
    return bytes <= packed_bytes_max ? packed_cost(bytes) : PageArena::cost_of(bytes);
  }
  // What a piece takes of the process.
  static constexpr std::size_t cost_of(const Piece& piece) noexcept {
    if (piece.block < alone) return piece.bytes;
    return piece.block == packed ? packed_cost(piece.bytes) : PageArena::cost_of(piece.bytes);
  }

  // While one lives the limit is not looked at: for work that must not fail and that is bounded.
  class Overdraft {
   public:
    explicit Overdraft(BlockPool& pool) : pool_(pool) { ++pool_.overdrafts_; }
    ~Overdraft() { --pool_.overdrafts_; }
    Overdraft(const Overdraft&) = delete;
    Overdraft& operator=(const Overdraft&) = delete;

   private:
    BlockPool& pool_;
  };

  bool keeps_ages() const noexcept { return options_.keeps_ages; }
  std::size_t unit_bytes() const noexcept { return options_.block_bytes / units_per_block; }
  // `bytes` rounded up to whole units.
  std::size_t round_up(std::size_t bytes) const noexcept;
  std::size_t resident_bytes() const noexcept { return resident_bytes_ + arena_.resident_bytes(); }
  std::size_t lent_bytes() const noexcept { return lent_bytes_ + arena_.lent_bytes(); }
  // One block, and one more for every 128.
  std::size_t spare_blocks_max() const noexcept { return 1 + blocks_.size() / 128; }

  // A lower limit than what is resident stops lending; it takes nothing away.
  void set_bytes_max(std::size_t bytes_max) noexcept { options_.bytes_max = bytes_max; }

  // Aborts unless the invariants hold. Cost: all blocks.
  void audit() const;

 private:
  static constexpr std::uint32_t none = 0xffffffff;

  // Lists of blocks: 0 to run_units_max by the longest free run, but for the wholly free ones.
  static constexpr std::uint8_t spare_list = run_units_max + 1;

  struct Block {
    std::byte* data = nullptr;  // nullptr: the index waits in vacant_
    std::uint64_t free = 0;
    std::uint32_t previous = none;  // neighbours in `list`
    std::uint32_t next = none;
    std::uint8_t list = 0;
  };

  bool is_run(std::size_t bytes) const noexcept;
  Piece lend_run(std::size_t units) noexcept;
  Piece lend_pages(std::size_t bytes) noexcept;
  Piece lend_packed(std::size_t bytes) noexcept;
  std::uint32_t used_block_with_run(std::size_t units) const noexcept;
  static std::uint8_t list_of(const Block& block) noexcept;
  void* new_block() noexcept;
  void delete_block(void* data) noexcept;
  std::uint32_t take_block() noexcept;
  void drop_block(std::uint32_t index) noexcept;
  void drop_spare_blocks() noexcept;
  bool admits(std::size_t bytes) noexcept;
  void set_free(std::uint32_t index, std::uint64_t free) noexcept;
  void link(std::uint32_t index) noexcept;
  void unlink(std::uint32_t index) noexcept;

  PoolOptions options_;
  PageArena arena_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> vacant_;  // indices of blocks_ without a block
  std::array<std::uint32_t, spare_list + 1> lists_;
  std::size_t spare_blocks_ = 0;
  std::size_t overdrafts_ = 0;
  std::size_t resident_bytes_ = 0;  // without the arena
  std::size_t lent_bytes_ = 0;      // the same
  std::size_t packed_bytes_ = 0;    // of packed pieces, by cost_of()
  std::size_t reserved_bytes_ = 0;  // see reserve()
};

}  // namespace hopring
