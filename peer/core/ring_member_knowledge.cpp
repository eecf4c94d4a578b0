// What a ring member knows of others: caches, all of them.

#include <algorithm>

#include "peer/core/ring_member.hpp"

namespace hopring {

// What passing answers tell may grow without end: then only what the nodes themselves know is kept.
void RingMember::learn(const Hint& hint) {
  const bool own = hint.peer == self_ || node_holding(hint.arc.end) != nullptr;
  if (own || health_.is_dead(hint.peer)) return;
  locations_.learn(hint);
  if (locations_.size() > locations_max_) learn_anew();
}

// Who has copies and leads nothing is known by views alone, and when all who lead are dead nobody
// tells of it any more. So it is kept, but in nobody's place who has been reached.
void RingMember::learn(const View& view) {
  learn(hint_of(view));
  if (!has_copies_) return;
  for (const PeerRef& member : view.members) {
    const bool has_room = contacts_.size() < contacts_max;
    if (has_room && member != self_ && !health_.is_dead(member)) add_contact(member);
  }
}

void RingMember::learn_anew() {
  const auto keep = [this](const Hint& hint) {
    if (hint.peer != self_ && !health_.is_dead(hint.peer)) locations_.learn(hint);
  };
  locations_.clear();
  for (const ChordNode& node : nodes_) {
    for (const View& view : node.successors().entries()) keep(hint_of(view));
    for (const Hint& finger : node.fingers().known()) keep(finger);
  }
  for (const View& view : moved_) keep(hint_of(view));
  locations_max_ = std::max(locations_min, 2 * locations_.size());
}

void RingMember::forget(const PeerRef& dead) {
  locations_.forget(dead);
  for (ChordNode& node : nodes_) node.forget(dead);
}

std::vector<Hint> RingMember::closest(Position position) const {
  std::vector<Hint> hints = locations_.closest(position, health_);
  for (const PeerRef& contact : contacts_) {
    if (!hints.empty() || contact == self_ || !health_.is_routable(contact)) continue;
    hints.push_back(Hint{Arc{}, contact});
  }
  return hints;
}

const View* RingMember::known_view(Position position) const {
  const View* best = nullptr;
  for_each_view([&](const View& view) {
    if (!contains(view.arc, position) || is_denied(view)) return;
    if (best == nullptr || beats(view, *best)) best = &view;
  });
  return best;
}

// Views that name the peer there are out of date. At one copy they still tell, after its death,
// what it had.
void RingMember::deny(Position position, const PeerRef& peer) {
  locations_.deny(position, peer);
  if (!has_copies_) return;
  for_each_view([&](const View& view) {
    if (primary_of(view) != peer || !contains(view.arc, position) || is_denied(view)) return;
    if (denied_.size() == denied_max) denied_.pop_front();
    denied_.push_back(view);
  });
}

bool RingMember::is_denied(const View& view) const {
  return std::find(denied_.begin(), denied_.end(), view) != denied_.end();
}

std::vector<PeerRef> RingMember::known_peers() const {
  std::vector<PeerRef> peers;
  const auto take = [&](const PeerRef& peer) {
    if (peer != self_ && peer.incarnation != 0) peers.push_back(peer);
  };
  for (const ChordNode& node : nodes_) {
    for (const View& view : node.successors().entries()) {
      for (const PeerRef& member : view.members) take(member);  // it may lead no arc at all
    }
    for (const Hint& finger : node.fingers().known()) take(finger.peer);
  }
  for (const View& view : moved_) take(primary_of(view));
  for (const PeerRef& contact : contacts_) take(contact);
  std::sort(peers.begin(), peers.end());
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
  std::erase_if(peers, [&](const PeerRef& peer) { return health_.is_dead(peer); });
  if (peers.size() > known_peers_max) peers.resize(known_peers_max);
  return peers;
}

}  // namespace hopring
