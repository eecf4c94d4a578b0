#include "routing/lookup.hpp"

#include <algorithm>

namespace hopring {

Lookup::Lookup(Position target, std::span<const Hint> first_hints) : target_(target) {
  on_closer(first_hints);
}

std::optional<PeerRef> Lookup::next(const PeerHealth& health) {
  while (!candidates_.empty() && asked_.size() < hops_max && stuck_ < stuck_max) {
    const PeerRef peer = candidates_.back().peer;
    candidates_.pop_back();
    const bool known = std::find(asked_.begin(), asked_.end(), peer) != asked_.end();
    if (known || !health.is_routable(peer)) continue;
    asked_.push_back(peer);
    return peer;
  }
  return std::nullopt;
}

void Lookup::on_closer(std::span<const Hint> hints) {
  ++stuck_;
  for (const Hint& hint : hints) {
    const std::uint64_t gap = contains(hint.arc, target_) ? 0 : distance(hint.arc.end, target_);
    if (gap != 0 && gap < closest_) {
      closest_ = gap;
      stuck_ = 0;
    }
    const auto further = [&](const Candidate& each) { return each.gap <= gap; };
    const auto place = std::find_if(candidates_.begin(), candidates_.end(), further);
    candidates_.insert(place, Candidate{gap, hint.peer});
  }
  if (candidates_.size() > candidates_max) {
    candidates_.erase(candidates_.begin(), candidates_.end() - candidates_max);
  }
}

}  // namespace hopring
