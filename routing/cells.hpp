#pragma once

// Which of a peer's shards an arc belongs to. The ring is divided into cells of one size, as many
// as a peer has nodes, and each shard has every so manieth of them: so all know of all peers which
// shard would have a copy of an arc.

#include <cstdint>

#include "routing/arc.hpp"
#include "routing/ring_config.hpp"

namespace hopring {

// The cell that holds the position, of `cells` equal ones. REQUIRES: a power of two.
constexpr std::uint32_t cell_of(Position position, std::uint32_t cells) noexcept {
  return cells == 1 ? 0 : static_cast<std::uint32_t>(position.value / ((~0ull / cells) + 1));
}
static_assert(cell_of(Position{~0ull}, 32) == 31 && cell_of(Position{0}, 32) == 0);
static_assert(cell_of(equal_arc(7, 32).end, 32) == 7);

// Which of `shards` a position belongs to.
constexpr std::uint32_t shard_of(Position position, std::uint32_t cells,
                                 std::uint32_t shards) noexcept {
  return shards == 1 ? 0 : cell_of(position, cells) % shards;
}

// Does the arc lie in one cell?
constexpr bool is_in_one_cell(const Arc& arc, std::uint32_t cells) noexcept {
  if (cells == 1) return true;
  return !is_whole_ring(arc) && cell_of(advance(arc.begin, 1), cells) == cell_of(arc.end, cells) &&
         advance(arc.begin, 1) <= arc.end;
}

}  // namespace hopring
