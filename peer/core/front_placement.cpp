// Where the copies of the arcs that are served here should be.

#include <algorithm>

#include "peer/core/front.hpp"

namespace hopring {

// An arc that is served here should have all its copies, at living peers.
void Front::place_copies(Now now) {
  next_placement_ = now.monotonic + rng_.jittered(options_.limits.placement_interval);
  const std::vector<PeerRef> others = living_peers();
  for (const ArcEntry& each : directory_.entries()) {
    if (directory_.is_moving(each.view.arc.end)) continue;
    std::vector<PeerRef> members;
    for (const PeerRef& member : each.view.members) {
      if (!member_.health().is_dead(member)) members.push_back(member);
    }
    const bool has_dead = members.size() < each.view.members.size();
    const std::size_t before = members.size();
    while (members.size() < ring_->replicas) {
      const auto newcomer = membership_->newcomer(now, members, others);
      if (!newcomer) break;
      members.push_back(*newcomer);
    }
    // A member that is dead is let go for another, or where there is no other.
    const bool is_better =
        members.size() > each.view.members.size() || (has_dead && members.size() > before);
    const bool has_nobody = has_dead && members.size() == before;
    if (is_better || has_nobody) {
      command(each.view.arc.end, SetMembers{each.view.arc.end, std::move(members)});
    }
  }
}

// A member wants another peer to have its copy.
void Front::on_pass(Now now, const PeerRef& from, const PassCopy& pass) {
  const bool leaves = !pass.to;
  if (leaves) membership_->on_leaver(now, from);
  const ArcEntry* arc = directory_.at(pass.end);
  if (arc == nullptr || !is_member(arc->view, from) || from == options_.self) return;
  if (directory_.is_moving(pass.end)) return;
  const Members& members = arc->view.members;
  std::vector<PeerRef> next(members.begin(), members.end());
  std::optional<PeerRef> to = pass.to;
  if (leaves) to = membership_->newcomer(now, next, living_peers());
  std::erase(next, from);
  std::erase_if(next, [&](const PeerRef& each) { return member_.health().is_dead(each); });
  if (to && member_.health().is_dead(*to)) return;
  if (to && std::find(next.begin(), next.end(), *to) == next.end()) next.push_back(*to);
  command(pass.end, SetMembers{pass.end, std::move(next)});
}

std::vector<PeerRef> Front::living_peers() const {
  std::vector<PeerRef> peers = member_.known_peers();
  std::erase_if(peers, [&](const PeerRef& peer) { return member_.health().is_dead(peer); });
  return peers;
}

}  // namespace hopring
