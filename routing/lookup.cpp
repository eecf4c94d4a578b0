#include "routing/lookup.hpp"

#include <algorithm>

namespace hopring {

Lookup::Lookup(Position target, std::span<const Hint> first_hints) : target_(target) {
  on_closer(first_hints);
}

std::optional<PeerRef> Lookup::next(const PeerHealth& health) {
  while (!candidates_.empty() && asked_.size() < hops_max) {
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
  candidates_.insert(candidates_.end(), hints.rbegin(), hints.rend());
  if (candidates_.size() > candidates_max) {
    candidates_.erase(candidates_.begin(), candidates_.end() - candidates_max);
  }
}

}  // namespace hopring
