#include "storage/table/block_pool.hpp"

#include <bit>
#include <cstring>
#include <limits>
#include <new>

#include "base/check.hpp"

namespace hopring {

namespace {

constexpr std::uint64_t all_free = ~std::uint64_t{0};
constexpr std::align_val_t cache_line{64};

constexpr std::uint64_t run_mask(unsigned first, std::size_t units) {
  return (units < 64 ? (std::uint64_t{1} << units) - 1 : all_free) << first;
}

// Bit i of the result: a run of `units` free ones starts at unit i.
std::uint64_t starts_of_runs(std::uint64_t free, std::size_t units) {
  std::uint64_t starts = free;
  for (std::size_t i = 1; i < units; ++i) starts &= free >> i;
  return starts;
}

std::uint8_t longest_run(std::uint64_t free) {
  std::uint8_t run = 0;
  for (; free != 0 && run < BlockPool::run_units_max; ++run) free &= free >> 1;
  return run;
}

// First unit of the shortest run of at least `units` free ones. REQUIRES: there is one.
unsigned tightest_run(std::uint64_t free, std::size_t units) {
  int best = 0;
  int best_length = 65;
  std::uint64_t starts = starts_of_runs(free, units);
  while (starts != 0) {
    const int first = std::countr_zero(starts);
    const int length = std::countr_one(free >> first);
    if (length < best_length) {
      best_length = length;
      best = first;
    }
    starts &= ~run_mask(static_cast<unsigned>(first), static_cast<std::size_t>(length));
  }
  return static_cast<unsigned>(best);
}

}  // namespace

BlockPool::BlockPool(PoolOptions options) : options_(options), arena_(options.pages) {
  HOPRING_CHECK(std::has_single_bit(options.block_bytes));
  HOPRING_CHECK(options.block_bytes >= 4096 && options.block_bytes <= (std::size_t{512} << 10));
  lists_.fill(none);
}

BlockPool::~BlockPool() {
  HOPRING_CHECK(lent_bytes() == 0);
  HOPRING_CHECK(reserved_bytes_ == 0);
  drop_spare_blocks();
}

Piece BlockPool::lend(std::size_t bytes) noexcept {
  HOPRING_CHECK(bytes > 0 && bytes <= std::numeric_limits<std::uint32_t>::max());
  if (!is_run(bytes)) return lend_pages(bytes);
  const Piece piece = lend_run(bytes / unit_bytes());
  if (piece.data != nullptr) lent_bytes_ += bytes;
  return piece;
}

Piece BlockPool::lend_alone(std::size_t bytes) noexcept {
  HOPRING_CHECK(bytes > 0 && bytes <= std::numeric_limits<std::uint32_t>::max());
  return bytes <= packed_bytes_max ? lend_packed(bytes) : lend_pages(bytes);
}

bool BlockPool::can_lend(std::size_t bytes) noexcept {
  if (!is_run(bytes)) return admits(arena_.place_for(bytes).fresh_bytes);
  return has_hole(bytes) || spare_blocks_ > 0 || admits(options_.block_bytes);
}

bool BlockPool::is_lonely(const Piece& piece) const noexcept {
  if (piece.block < alone || piece.block == packed) return false;
  return arena_.bytes_kept_by({piece.data, piece.block - alone}, piece.bytes) * 2 >= piece.bytes;
}

Piece BlockPool::move_alone(Piece piece) noexcept {
  if (!is_lonely(piece)) return piece;
  const PageArena::Taken old{piece.data, piece.block - alone};
  const std::size_t kept = arena_.bytes_kept_by(old, piece.bytes);
  const PageArena::Place place = arena_.place_for(piece.bytes);
  if (kept < place.fresh_bytes + piece.bytes / 2) return piece;
  if (place.fresh_bytes > 0 && !admits(place.fresh_bytes)) return piece;
  const PageArena::Taken taken = arena_.take(place, piece.bytes);
  if (taken.data == nullptr) return piece;
  std::memcpy(taken.data, old.data, piece.bytes);
  arena_.give_back(old, piece.bytes);
  return {taken.data, piece.bytes, alone + taken.region};
}

void BlockPool::take_back(Piece piece) noexcept {
  if (piece.data == nullptr) return;
  if (piece.block >= alone && piece.block != packed) {
    return arena_.give_back({piece.data, piece.block - alone}, piece.bytes);
  }
  const std::size_t cost = cost_of(piece);
  lent_bytes_ -= cost;
  if (piece.block == packed) {
    ::operator delete(piece.data);
    packed_bytes_ -= cost;
    resident_bytes_ -= cost;
    return;
  }
  const Block& block = blocks_[piece.block];
  const auto first =
      static_cast<unsigned>(static_cast<std::size_t>(piece.data - block.data) / unit_bytes());
  set_free(piece.block, block.free | run_mask(first, piece.bytes / unit_bytes()));
  if (blocks_[piece.block].free != all_free) return;
  if (++spare_blocks_ > spare_blocks_max()) drop_block(piece.block);
}

bool BlockPool::reserve(std::size_t bytes) noexcept {
  if (!admits(bytes)) return false;
  reserved_bytes_ += bytes;
  resident_bytes_ += bytes;
  return true;
}

void BlockPool::unreserve(std::size_t bytes) noexcept {
  reserved_bytes_ -= bytes;
  resident_bytes_ -= bytes;
}

std::size_t BlockPool::round_up(std::size_t bytes) const noexcept {
  return (bytes + unit_bytes() - 1) / unit_bytes() * unit_bytes();
}

bool BlockPool::is_run(std::size_t bytes) const noexcept {
  return bytes % unit_bytes() == 0 && bytes <= run_units_max * unit_bytes();
}

Piece BlockPool::lend_run(std::size_t units) noexcept {
  std::uint32_t index = used_block_with_run(units);
  if (index == none) index = lists_[spare_list] != none ? lists_[spare_list] : take_block();
  if (index == none) return {};
  const Block& block = blocks_[index];
  if (block.free == all_free) --spare_blocks_;
  const unsigned first = tightest_run(block.free, units);
  set_free(index, block.free & ~run_mask(first, units));
  return {block.data + first * unit_bytes(), static_cast<std::uint32_t>(units * unit_bytes()),
          index};
}

Piece BlockPool::lend_pages(std::size_t bytes) noexcept {
  const PageArena::Place place = arena_.place_for(bytes);
  if (!admits(place.fresh_bytes)) return {};
  const PageArena::Taken taken = arena_.take(place, bytes);
  if (taken.data == nullptr) return {};
  return {taken.data, static_cast<std::uint32_t>(bytes), alone + taken.region};
}

Piece BlockPool::lend_packed(std::size_t bytes) noexcept {
  Piece piece{nullptr, static_cast<std::uint32_t>(bytes), packed};
  const std::size_t cost = cost_of(piece);
  if (!admits(cost)) return {};
  piece.data = static_cast<std::byte*>(::operator new(bytes, std::nothrow));
  if (piece.data == nullptr) return {};
  packed_bytes_ += cost;
  resident_bytes_ += cost;
  lent_bytes_ += cost;
  return piece;
}

std::uint32_t BlockPool::used_block_with_run(std::size_t units) const noexcept {
  for (std::size_t run = units; run <= run_units_max; ++run) {
    if (lists_[run] != none) return lists_[run];
  }
  return none;
}

std::uint8_t BlockPool::list_of(const Block& block) noexcept {
  return block.free == all_free ? spare_list : longest_run(block.free);
}

void* BlockPool::new_block() noexcept {
  const BlockSource& source = options_.source;
  if (source.take != nullptr) return source.take(source.context, options_.block_bytes);
  return ::operator new(options_.block_bytes, cache_line, std::nothrow);
}

void BlockPool::delete_block(void* data) noexcept {
  const BlockSource& source = options_.source;
  if (source.take != nullptr) return source.give_back(source.context, data);
  ::operator delete(data, cache_line);
}

// A new block, wholly free and listed; none if the limit or the system refuses.
std::uint32_t BlockPool::take_block() noexcept {
  if (!admits(options_.block_bytes)) return none;
  void* const data = new_block();
  if (data == nullptr) return none;
  std::uint32_t index = none;
  try {
    if (vacant_.empty()) {
      blocks_.emplace_back();
      vacant_.reserve(blocks_.capacity());  // so that giving a block up never allocates
      vacant_.push_back(static_cast<std::uint32_t>(blocks_.size() - 1));
    }
    index = vacant_.back();
    vacant_.pop_back();
  } catch (const std::bad_alloc&) {
    if (!blocks_.empty() && blocks_.back().data == nullptr && vacant_.empty()) blocks_.pop_back();
    delete_block(data);
    return none;
  }
  blocks_[index] = {static_cast<std::byte*>(data), all_free, none, none, spare_list};
  link(index);
  resident_bytes_ += options_.block_bytes;
  ++spare_blocks_;
  return index;
}

// REQUIRES: the block is wholly free.
void BlockPool::drop_block(std::uint32_t index) noexcept {
  unlink(index);
  delete_block(blocks_[index].data);
  blocks_[index] = {};
  vacant_.push_back(index);
  resident_bytes_ -= options_.block_bytes;
  --spare_blocks_;
}

void BlockPool::drop_spare_blocks() noexcept {
  while (lists_[spare_list] != none) drop_block(lists_[spare_list]);
}

bool BlockPool::admits(std::size_t bytes) noexcept {
  const auto fits = [&] {
    return options_.bytes_max == 0 || overdrafts_ > 0 ||
           (bytes <= options_.bytes_max && resident_bytes() <= options_.bytes_max - bytes);
  };
  if (!fits() && spare_blocks_ > 0) drop_spare_blocks();
  return fits();
}

void BlockPool::set_free(std::uint32_t index, std::uint64_t free) noexcept {
  Block& block = blocks_[index];
  block.free = free;
  const std::uint8_t list = list_of(block);
  if (list == block.list) return;
  unlink(index);
  block.list = list;
  link(index);
}

void BlockPool::link(std::uint32_t index) noexcept {
  Block& block = blocks_[index];
  block.previous = none;
  block.next = lists_[block.list];
  if (block.next != none) blocks_[block.next].previous = index;
  lists_[block.list] = index;
}

void BlockPool::unlink(std::uint32_t index) noexcept {
  const Block& block = blocks_[index];
  if (block.next != none) blocks_[block.next].previous = block.previous;
  if (block.previous != none) {
    blocks_[block.previous].next = block.next;
  } else {
    lists_[block.list] = block.next;
  }
}

void BlockPool::audit() const {
  std::size_t blocks = 0;
  std::size_t used_units = 0;
  std::size_t spare = 0;
  for (const Block& block : blocks_) {
    if (block.data == nullptr) continue;
    ++blocks;
    used_units += units_per_block - static_cast<std::size_t>(std::popcount(block.free));
    spare += block.free == all_free ? 1 : 0;
    HOPRING_CHECK(block.list == list_of(block));
  }
  std::size_t listed = 0;
  for (std::uint32_t list = 0; list < lists_.size(); ++list) {
    for (std::uint32_t i = lists_[list]; i != none; i = blocks_[i].next, ++listed) {
      HOPRING_CHECK(blocks_[i].list == list);
    }
  }
  HOPRING_CHECK(listed == blocks);
  HOPRING_CHECK(blocks + vacant_.size() == blocks_.size());
  HOPRING_CHECK(spare == spare_blocks_ && spare <= spare_blocks_max());
  HOPRING_CHECK(resident_bytes_ == blocks * options_.block_bytes + packed_bytes_ + reserved_bytes_);
  HOPRING_CHECK(lent_bytes_ == used_units * unit_bytes() + packed_bytes_);
  arena_.audit();
}

}  // namespace hopring
