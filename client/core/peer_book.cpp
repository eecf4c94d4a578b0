#include "client/core/peer_book.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {

Duration pause(const ClientLimits& limits, std::uint32_t failures, Rng& rng) {
  HOPRING_CHECK(failures > 0);
  Duration pause = limits.pause_first;
  for (std::uint32_t i = 1; i < failures && pause < limits.pause_last; ++i) pause *= 2;
  return rng.jittered(std::min(pause, limits.pause_last));
}

PeerBook::PeerBook(const ClientLimits& limits, const std::vector<Endpoint>& given)
    : limits_(limits) {
  for (const Endpoint& endpoint : given) entries_[endpoint].given = true;
  given_ = entries_.size();
  if (!given.empty()) turn_ = given.front();
}

void PeerBook::learn(const PeerRef& peer) {
  if (peer.incarnation == 0 || entries_.contains(peer.endpoint)) return;
  if (entries_.size() - given_ >= limits_.contacts_max && !make_room()) return;
  entries_[peer.endpoint].incarnation = peer.incarnation;
}

bool PeerBook::make_room() {
  const auto failing = std::find_if(entries_.begin(), entries_.end(), [](const auto& entry) {
    return !entry.second.given && entry.second.failures > 0;
  });
  if (failing == entries_.end()) return false;
  entries_.erase(failing);
  return true;
}

void PeerBook::on_up(const PeerRef& peer) {
  learn(peer);
  const auto found = entries_.find(peer.endpoint);
  if (found == entries_.end()) return;
  found->second.up = true;
  found->second.incarnation = peer.incarnation;
  found->second.failures = 0;
}

// News of another incarnation at the endpoint says nothing of the one that is up there.
void PeerBook::on_unreachable(Time now, const PeerRef& peer, Rng& rng) {
  const auto found = entries_.find(peer.endpoint);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (entry.up && entry.incarnation != peer.incarnation) return;
  entry.up = false;
  entry.incarnation = 0;  // whoever listens there next is as good
  entry.failures += 1;
  entry.retry_at = now + pause(limits_, entry.failures, rng);
}

void PeerBook::leave_alone(const PeerRef& peer, Time until) {
  const auto found = entries_.find(peer.endpoint);
  if (found == entries_.end() || found->second.up) return;
  found->second.retry_at = std::max(found->second.retry_at, until);
}

void PeerBook::on_lost(const PeerRef& peer) {
  const auto found = entries_.find(peer.endpoint);
  if (found == entries_.end() || found->second.incarnation != peer.incarnation) return;
  found->second.up = false;
  found->second.incarnation = 0;
}

bool PeerBook::is_down(Time now, const PeerRef& peer) const {
  const auto found = entries_.find(peer.endpoint);
  if (found == entries_.end() || found->second.up) return false;
  return found->second.failures > 0 && now < found->second.retry_at;
}

bool PeerBook::has_failed(const PeerRef& peer) const {
  const auto found = entries_.find(peer.endpoint);
  return found != entries_.end() && found->second.failures > 0;
}

Time PeerBook::alone_until(const PeerRef& peer) const {
  const auto found = entries_.find(peer.endpoint);
  return found != entries_.end() && found->second.failures > 0 ? found->second.retry_at : Time{};
}

template <class Accept>
std::optional<PeerRef> PeerBook::in_turn(const std::vector<PeerRef>& asked, Accept&& accept) const {
  auto entry = is_taken_ ? entries_.upper_bound(turn_) : entries_.lower_bound(turn_);
  for (std::size_t seen = 0; seen < entries_.size(); ++seen, ++entry) {
    if (entry == entries_.end()) entry = entries_.begin();
    const PeerRef peer{entry->first, entry->second.incarnation};
    if (!accept(entry->second)) continue;
    // Of who is not up the incarnation may be forgotten; it was dialled there all the same.
    const bool is_up = entry->second.up;
    const bool is_asked = std::any_of(asked.begin(), asked.end(), [&](const PeerRef& each) {
      return is_up ? each == peer : each.endpoint == peer.endpoint;
    });
    if (!is_asked) return peer;
  }
  return std::nullopt;
}

std::optional<PeerRef> PeerBook::contact(Time now, const std::vector<PeerRef>& asked,
                                         bool tries_failed) const {
  if (auto peer = in_turn(asked, [](const Entry& entry) { return entry.up; })) return peer;
  return in_turn(asked, [&](const Entry& entry) {
    return !entry.up && (entry.failures == 0 || (tries_failed && now >= entry.retry_at));
  });
}

void PeerBook::audit() const {
  HOPRING_CHECK(entries_.size() - given_ <= limits_.contacts_max);
  for (const auto& [endpoint, entry] : entries_) {
    HOPRING_CHECK(!entry.up || (entry.incarnation != 0 && entry.failures == 0));
  }
}

}  // namespace hopring
