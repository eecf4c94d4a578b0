// The part of Raft that brings the order to the members: what each has, and what is sent to it.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "storage/raft/raft.hpp"

namespace hopring {

void Raft::add_learner(Now now, const PeerRef& peer, std::uint64_t index) {
  HOPRING_CHECK(is_primary() && peer != self_);
  if (peer_of(peer) == nullptr) peers_.push_back(Peer{peer});
  Peer& added = *peer_of(peer);
  added.needs_copy = false;
  added.is_incomplete = true;
  added.learns_since = now.monotonic;
  added.learns_from = index;
  added.probes = true;
  added.is_unanswered = false;
  added.next = index + 1;
  added.reached = index;
  added.sent.clear();
  added.resend_at = Time::never();
}

void Raft::end_learning(const PeerRef& peer) {
  std::erase_if(peers_, [&](const Peer& each) { return each.peer == peer && each.admitted == 0; });
  Peer* const voter = peer_of(peer);
  if (voter == nullptr) return;
  voter->needs_copy = true;
  voter->probes = true;
  voter->reached = voter->match;
  voter->sent.clear();
  voter->resend_at = Time::never();
}

bool Raft::has_lost_voters() const {
  return std::any_of(peers_.begin(), peers_.end(), [](const Peer& each) { return each.is_lost; });
}

std::vector<PeerRef> Raft::members_without_copy() const {
  std::vector<PeerRef> without;
  for (const Peer& each : peers_) {
    if (each.needs_copy || each.is_incomplete) without.push_back(each.peer);
  }
  return without;
}

bool Raft::has_copy(Now now, const PeerRef& peer) const {
  const Peer* known = peer_of(peer);
  return known != nullptr && !known->needs_copy && !known->is_incomplete && known->heard &&
         *known->heard + options_->promise_duration > now.monotonic;
}

// Who follows this primary may have to be elected by any of the rosters that are not surely past.
std::size_t Raft::copies(Now now) const {
  const auto counts = [&](const Voter& voter) {
    if (voter.peer == self_) return answer_for(voter.admitted) != 0;
    const Peer* peer = peer_of(voter.peer);
    return peer != nullptr && peer->admitted == voter.admitted && !peer->is_lost &&
           peer->match > 0 && has_copy(now, voter.peer);
  };
  const auto count = [&](const Voters& voters) {
    return static_cast<std::size_t>(std::count_if(voters.begin(), voters.end(), counts));
  };
  std::size_t fewest = members_max;
  for (auto each = rosters_.rbegin(); each != rosters_.rend(); ++each) {
    fewest = std::min(fewest, count(each->roster.voters));
    if (each->roster.is_joint()) fewest = std::min(fewest, count(each->roster.incoming));
    if (each->index <= committed_) break;
  }
  return fewest;
}

std::vector<PeerRef> Raft::silent_voters(Now now, Duration silence) const {
  std::vector<PeerRef> silent;
  if (!is_primary()) return silent;
  for (const Peer& each : peers_) {
    if (each.admitted == 0) continue;
    const Time heard = std::max(led_since_, each.heard.value_or(Time{}));
    if (heard + silence <= now.monotonic) silent.push_back(each.peer);
  }
  return silent;
}

bool Raft::needs_copy(const PeerRef& peer) const {
  const Peer* known = peer_of(peer);
  return known == nullptr || known->needs_copy;
}

bool Raft::all_have_copies() const {
  return std::all_of(peers_.begin(), peers_.end(), [](const Peer& each) {
    return !each.needs_copy && !each.is_incomplete && !each.is_lost && each.admitted != 0 &&
           each.match > 0;
  });
}

std::uint64_t Raft::matched(const PeerRef& peer) const {
  const Peer* known = peer_of(peer);
  return known == nullptr ? 0 : known->reached;
}

void Raft::flush(Now now, RaftOutbox& out) {
  if (!is_primary()) return;
  for (Peer& each : peers_) await(now, each);
  trim();
  for (Peer& each : peers_) send_to(now, each, out);
  leave_view(now, out);
}

// A member that answers, and has within that time what was in the order at its beginning, is not
// left behind: what it lacks is kept, and if that becomes too much, no more is let in.
void Raft::await(Now now, Peer& peer) const {
  if (peer.reached >= peer.goal) {
    peer.goal = log_.last_index();
    peer.goal_set_at = now.monotonic;
  }
  const bool is_near = peer.goal_set_at + options_->promise_duration > now.monotonic;
  peer.is_awaited = !peer.needs_copy && !peer.is_incomplete && is_near && answers(now, peer);
}

void Raft::send_to(Now now, Peer& peer, RaftOutbox& out) {
  while (!peer.needs_copy && peer.next <= log_.last_index() &&
         peer.sent.size() < (peer.probes ? 1 : options_->appends_inflight_max)) {
    if (peer.next <= log_.base_index()) {
      peer.needs_copy = true;
      peer.sent.clear();
      peer.resend_at = Time::never();
      return;
    }
    const std::uint64_t previous = peer.next - 1;
    AppendEntries append{group_,
                         term_,
                         peer.admitted,
                         previous,
                         log_.term_at(previous),
                         committed_,
                         held_by_all_,
                         peer.is_unanswered ? std::vector<SharedEntry>{}
                                            : log_.after(previous, options_->append_bytes_max)};
    peer.next += append.entries.size();
    peer.sent.push_back({previous, peer.next - 1});
    if (peer.resend_at == Time::never()) peer.resend_at = now.monotonic + options_->resend_interval;
    out.push_back({peer.peer, std::move(append)});
  }
}

// A primary that its own view does not name any more, and whose members have that view.
void Raft::leave_view(Now now, RaftOutbox& out) {
  if (roster().is_joint() || rosters_.back().index > committed_) return;
  if (find(roster(), self_) != nullptr || peers_.empty()) return;
  const auto furthest = std::max_element(
      peers_.begin(), peers_.end(), [](const Peer& a, const Peer& b) { return a.match < b.match; });
  hand_lead_to(now, PeerRef(furthest->peer), out);
}

void Raft::on(Now now, const PeerRef& from, AppendEntries&& message, RaftOutbox& out) {
  const bool takes_stale = options_->bug == PlantedBug::stale_append_accepted;
  const bool stale = message.term < term_ && !takes_stale;
  AppendEntriesAnswer answer{group_, term_, 0, message.previous_index, false, 0};
  const bool leads = is_primary() && message.term <= term_;
  if (stale || leads || !is_sound(message)) {
    out.push_back({from, answer});
    return;
  }
  follow(now, std::max(term_, message.term), from);
  held_by_all_ = std::max(held_by_all_, message.held_by_all);
  answer.term = takes_stale ? message.term : term_;
  answer.admitted = is_complete_ ? answer_for(message.admitted) : 0;
  const std::uint64_t previous = message.previous_index;
  answer.matches =
      previous <= log_.base_index() ||
      (previous <= log_.last_index() && log_.term_at(previous) == message.previous_term);
  if (answer.matches) {
    const std::uint64_t upto = previous + message.entries.size();
    take(std::move(message.entries));
    verified_ = std::max(verified_, upto);
    commit_to(std::min(message.committed, verified_));
    answer.index = std::max(verified_, committed_);
  } else {
    answer.index = std::min(log_.last_index(), previous - 1);
    const std::uint64_t term = previous <= log_.last_index() ? log_.term_at(previous) : 0;
    while (answer.index > committed_ && log_.term_at(answer.index) == term) --answer.index;
    answer.index = std::max(answer.index, committed_);
  }
  out.push_back({from, answer});
}

// Does the message keep the rules? What has been committed is never taken back.
bool Raft::is_sound(const AppendEntries& message) const {
  std::uint64_t index = message.previous_index;
  std::uint64_t term = message.previous_term;
  for (const SharedEntry& each : message.entries) {
    if (each->index != ++index || each->term < term || each->term > message.term) return false;
    if (index == log_.base_index() + 1 && each->term < log_.term_at(index - 1)) return false;
    term = each->term;
    const bool known = log_.base_index() < index && index <= committed_;
    if (known && log_.term_at(index) != term) return false;
  }
  return true;
}

// What is here already stays; what differs was never committed, and gives way.
void Raft::take(std::vector<SharedEntry>&& entries) {
  for (SharedEntry& entry : entries) {
    if (entry->index <= log_.base_index()) continue;
    if (entry->index <= log_.last_index()) {
      if (log_.term_at(entry->index) == entry->term) continue;
      log_.truncate(entry->index - 1);
      verified_ = std::min(verified_, log_.last_index());  // a primary that contradicts itself
      while (rosters_.back().index >= entry->index) rosters_.pop_back();
    }
    push(std::move(entry));
  }
}

void Raft::on(Now now, const PeerRef& from, const AppendEntriesAnswer& message, RaftOutbox&) {
  if (message.term > term_) return follow(now, message.term, std::nullopt);
  Peer* peer = peer_of(from);
  if (!is_primary() || message.term != term_ || peer == nullptr) return;
  peer->is_unanswered = false;
  // 0: it has the entries, but not yet what makes its word count.
  const bool counts =
      message.admitted == peer->admitted || options_->bug == PlantedBug::former_self_votes;
  if (message.index > log_.last_index() || (!counts && message.admitted != 0)) return;
  if (message.matches) {
    peer->probes = false;
    peer->reached = std::max(peer->reached, message.index);
    if (counts) peer->match = std::max(peer->match, message.index);
    peer->next = std::max(peer->next, message.index + 1);
    while (!peer->sent.empty() && peer->sent.front().last <= message.index) peer->sent.pop_front();
    peer->resend_at =
        peer->sent.empty() ? Time::never() : now.monotonic + options_->resend_interval;
    advance_commit();
  } else if (!peer->sent.empty() && message.previous_index == peer->sent.front().previous) {
    peer->probes = true;
    peer->next = std::max(peer->match, std::min(message.previous_index, message.index)) + 1;
    peer->sent.clear();
    peer->resend_at = Time::never();
  }
}

}  // namespace hopring
