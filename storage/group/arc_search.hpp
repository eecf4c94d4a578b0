#pragma once

// Which of a shard's arcs holds a position: each operation asks it, of arcs that come in no order
// that a processor could guess. So no branch depends on an arc.

#include <cstddef>
#include <vector>

#include "routing/position.hpp"

namespace hopring {

// The first of `arcs` whose end is not before `position`; one past the last if there is none.
// `end_of`: const Each& -> Position, growing.
template <class Each, class EndOf>
const Each* first_not_before(const std::vector<Each>& arcs, Position position, EndOf&& end_of) {
  const Each* first = arcs.data();
  for (std::size_t left = arcs.size(); left > 0;) {
    const std::size_t half = left / 2;
    const bool is_before = end_of(first[half]) < position;
    first += is_before ? half + 1 : 0;
    left = is_before ? left - half - 1 : half;
  }
  return first;
}

}  // namespace hopring
