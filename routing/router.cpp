#include "routing/router.hpp"

#include <algorithm>
#include <iterator>

namespace hopring {

void ClosestPeers::consider(const Arc& arc, const PeerRef& peer) {
  const std::uint64_t gap = contains(arc, target_) ? 0 : distance(arc.end, target_);
  if (gap >= std::end(best_)[-1].gap || peer == self_ || !health_.is_routable(peer)) return;
  const auto same = [&](const Candidate& each) { return each.hint.peer == peer; };
  auto* const old = std::find_if(std::begin(best_), std::end(best_), same);
  if (old != std::end(best_) && old->gap <= gap) return;
  const auto further = [&](const Candidate& each) { return each.gap > gap; };
  auto* const place = std::find_if(std::begin(best_), std::end(best_), further);
  auto* const last = old != std::end(best_) ? old : std::end(best_) - 1;
  std::move_backward(place, last, last + 1);
  *place = Candidate{gap, Hint{arc, peer}};
}

void ClosestPeers::consider(const ChordNode& node) {
  for (const View& view : node.successors().entries()) consider(view.arc, primary_of(view));
  for (const KnownArc& known : node.fingers().known()) consider(known.arc, known.peer);
}

std::vector<Hint> ClosestPeers::take() const {
  std::vector<Hint> hints;
  for (const Candidate& each : best_) {
    if (each.hint.peer.incarnation != 0) hints.push_back(each.hint);
  }
  return hints;
}

}  // namespace hopring
