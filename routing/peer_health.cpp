#include "routing/peer_health.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {

bool PeerHealth::on_heard(const PeerRef& peer) {
  if (troubled_.empty()) return false;
  const auto found = troubled_.find(peer);
  if (found == troubled_.end()) return false;
  if (found->second.dead && !(found->second.was_silent && forgives_silence_)) return false;
  troubled_.erase(found);
  return true;
}

void PeerHealth::on_unanswered(Time now, const PeerRef& peer) {
  if (troubled_.contains(peer)) return;
  make_room();
  troubled_.emplace(peer, Trouble{now, now, false});
}

bool PeerHealth::on_dead(Time now, const PeerRef& peer) {
  const auto found = troubled_.find(peer);
  if (found != troubled_.end() && found->second.dead) {
    found->second.was_silent = false;
    return false;
  }
  if (found == troubled_.end()) make_room();
  troubled_[peer] = Trouble{now, now + options_.probe_interval, true};
  return true;
}

void PeerHealth::on_departed(Time now, const PeerRef& peer) {
  on_dead(now, peer);
  troubled_[peer].departed = true;
}

bool PeerHealth::has_departed(const PeerRef& peer) const {
  const auto found = troubled_.find(peer);
  return found != troubled_.end() && found->second.departed;
}

bool PeerHealth::is_dead(const PeerRef& peer) const {
  if (troubled_.empty()) return false;
  const auto found = troubled_.find(peer);
  return found != troubled_.end() && found->second.dead;
}

bool PeerHealth::is_routable(const PeerRef& peer) const {
  return troubled_.empty() || !troubled_.contains(peer);
}

PeerHealth::Due PeerHealth::on_deadline(Time now) {
  Due due;
  for (auto& [peer, trouble] : troubled_) {
    if (!trouble.dead && now - trouble.since >= options_.dead_after) {
      due.dead.push_back(peer);
      trouble = Trouble{now, now, true};
      trouble.was_silent = true;
    }
    if (trouble.next_probe > now) continue;
    due.probes.push_back(trouble.dead ? PeerRef{peer.endpoint, 0} : peer);
    const bool fast = !trouble.dead || now - trouble.since < options_.fast_probes_for;
    trouble.next_probe =
        now + (fast ? Duration(options_.probe_interval) : Duration(options_.slow_probe_interval));
  }
  std::erase_if(troubled_, [&](const auto& each) {
    const Trouble& trouble = each.second;
    const bool may_return = trouble.was_silent && forgives_silence_;
    return trouble.dead && !may_return && now - trouble.since >= options_.remembered_for;
  });
  return due;
}

Time PeerHealth::next_deadline() const {
  Time next = Time::never();
  for (const auto& [peer, trouble] : troubled_) {
    next = std::min(next, trouble.next_probe);
    if (!trouble.dead) next = std::min(next, trouble.since + options_.dead_after);
  }
  return next;
}

// The peer that has been in trouble longest is forgotten, a dead one before a silent one.
void PeerHealth::make_room() {
  if (troubled_.size() < peers_max) return;
  const auto before = [](const auto& a, const auto& b) {
    if (a.second.dead != b.second.dead) return a.second.dead;
    return a.second.since < b.second.since;
  };
  troubled_.erase(std::min_element(troubled_.begin(), troubled_.end(), before));
}

}  // namespace hopring
