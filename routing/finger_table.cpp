#include "routing/finger_table.hpp"

#include <algorithm>
#include <bit>

namespace hopring {

std::optional<unsigned> FingerTable::next_to_refresh(Position end, Position reach) {
  // The lowest finger that looks beyond `reach`.
  const std::uint64_t covered = distance(end, reach);
  const unsigned lowest = static_cast<unsigned>(std::bit_width(covered));
  if (lowest >= bits) return std::nullopt;
  for (unsigned i = lowest; i < bits; ++i) {
    const Position position = target(end, i);
    const auto holds = [&](const Hint& known) { return contains(known.arc, position); };
    if (std::none_of(known_.begin(), known_.end(), holds)) return i;
  }
  turn_ = turn_ < lowest || turn_ + 1 >= bits ? lowest : turn_ + 1;
  return turn_;
}

void FingerTable::set(Position end, unsigned i, const Hint& found) {
  if (!contains(found.arc, target(end, i))) return;
  const bool same = std::find(known_.begin(), known_.end(), found) != known_.end();
  pause_rounds_ = same ? std::min(2 * pause_rounds_, pause_rounds_max) : pause_rounds_min;
  if (same) return;
  std::erase_if(known_, [&](const Hint& known) { return overlaps(known.arc, found.arc); });
  const auto nearer = [end](const Hint& a, const Hint& b) {
    return distance(end, a.arc.end) < distance(end, b.arc.end);
  };
  known_.insert(std::lower_bound(known_.begin(), known_.end(), found, nearer), found);
}

void FingerTable::forget(const PeerRef& peer) {
  std::erase_if(known_, [&](const Hint& known) { return known.peer == peer; });
}

}  // namespace hopring
