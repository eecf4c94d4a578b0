#include "storage/raft/raft.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/count.hpp"

namespace hopring {

Raft::Raft(const RaftOptions& options, const GroupName& group, const PeerRef& self, Start start,
           Rng rng, Now now)
    : options_(&options),
      group_(group),
      self_(self),
      rng_(rng),
      term_(start.term),
      log_(start.index, start.index_term),
      begun_at_(start.index),
      committed_(start.index),
      heard_at_(now.monotonic) {
  HOPRING_CHECK(!start.roster.voters.empty());
  rosters_.push_back({start.index, std::move(start.roster)});
  hear(now);
}

// Who is who.

// A member whose copy began after the admission has forgotten what it did under it.
std::uint64_t Raft::answer_for(std::uint64_t admitted) const {
  if (options_->bug == PlantedBug::former_self_votes) return admitted;
  return admitted > begun_at_ ? admitted : 0;
}

bool Raft::is_voter_of(const Roster& roster) const {
  const Voter* self = find(roster, self_);
  return self != nullptr && answer_for(self->admitted) != 0;
}

// One that its last roster does not name may be the only one that has it, and is needed until it is
// committed (4.2.2). Nor does it stand where terms have come to their end: others would not hear of
// the next one.
bool Raft::may_stand() const {
  if (!is_complete_ || !may_count_from(term_)) return false;
  for (auto each = rosters_.rbegin(); each != rosters_.rend(); ++each) {
    if (is_voter_of(each->roster)) return true;
    if (each->index <= committed_) return false;
  }
  return false;
}

template <class Holds>
bool Raft::is_decided_by(Holds&& holds) const {
  const auto agrees = [&](const Voter& voter) {
    if (voter.peer == self_) return answer_for(voter.admitted) != 0;
    const Peer* peer = peer_of(voter.peer);
    return peer != nullptr && peer->admitted == voter.admitted && holds(*peer);
  };
  if (options_->bug == PlantedBug::joint_by_one_majority && roster().is_joint()) {
    return is_majority(roster().incoming, agrees);
  }
  return decides(roster(), agrees);
}

// Promises.

bool Raft::is_bound(Now now) const {
  if (options_->bug == PlantedBug::promise_not_kept) return false;
  if (is_primary()) return may_serve(now);
  return promised_until_ > now.monotonic;
}

bool Raft::may_serve(Now now) const {
  if (!has_begun()) return false;
  if (options_->bug == PlantedBug::lease_not_checked) return true;
  // Both clocks may drift.
  const Duration drift = options_->promise_duration * 2 * options_->clock_drift_percent_max / 100;
  const Duration lease = options_->promise_duration - drift;
  return is_decided_by(
      [&](const Peer& peer) { return peer.confirmed && *peer.confirmed + lease > now.monotonic; });
}

bool Raft::is_confirmed(Time sent) const {
  return is_primary() &&
         is_decided_by([&](const Peer& peer) { return peer.confirmed && *peer.confirmed >= sent; });
}

bool Raft::decides_without_lost(Now now) const {
  return is_decided_by([&](const Peer& each) { return !each.is_lost && answers(now, each); });
}

HeartbeatAnswer Raft::on_heartbeat(Now now, const PeerRef& from, const Heartbeat& heartbeat) {
  const bool takes_stale = options_->bug == PlantedBug::stale_append_accepted;
  const bool is_stale = heartbeat.term < term_ && !takes_stale;
  const bool is_old = is_stale || (heartbeat.term <= term_ && is_primary());
  if (is_old || !may_be(heartbeat.term)) {
    return {group_, term_, heartbeat.admitted, 0, false, is_complete_, 0, 0};
  }
  follow(now, std::max(term_, heartbeat.term), from);
  commit_to(std::min(heartbeat.committed, verified_));
  promised_until_ = std::max(promised_until_, now.monotonic + options_->promise_duration);
  heard_at_ = std::max(heard_at_, now.monotonic);
  const std::uint64_t asked = heartbeat.admitted;
  const std::uint64_t term = takes_stale ? heartbeat.term : term_;
  return {group_, term, asked, answer_for(asked), true, is_complete_, verified_, committed_};
}

void Raft::on_heartbeat_answer(Now now, const PeerRef& from, const HeartbeatAnswer& answer,
                               Time sent, RaftOutbox& out) {
  if (!may_be(answer.term)) return;
  const bool any_term = options_->bug == PlantedBug::promise_of_another_term;
  if (answer.term > term_ && !any_term) return follow(now, answer.term, std::nullopt);
  Peer* peer = peer_of(from);
  if (!is_primary() || peer == nullptr) return;
  if (!any_term && (answer.term != term_ || !answer.promised)) return;
  commit_to(std::min(answer.committed, log_.last_index()));
  peer->heard = std::max(peer->heard.value_or(sent), sent);
  const std::uint64_t has = std::max(answer.index, answer.committed);
  if (sent >= peer->learns_since && answer.asked == peer->admitted) {
    peer->is_incomplete = !answer.is_complete || has < peer->learns_from;
    // Another copy than the voter had whom the roster names.
    peer->is_lost = answer.admitted != peer->admitted;
  }
  if (answer.admitted != peer->admitted && !any_term) return;
  peer->confirmed = std::max(peer->confirmed.value_or(sent), sent);
  peer->room = {answer.room, answer.room_max};
  if (!answer.is_complete || answer.index > log_.last_index()) return;
  if (peer->needs_copy && has >= log_.base_index()) {  // it came when nobody waited for it
    peer->needs_copy = false;
    peer->next = std::min(has, log_.last_index()) + 1;
  }
  // Of a member whose copy has become complete this is the first that counts.
  if (answer.index <= peer->match) return;
  peer->match = answer.index;
  peer->reached = std::max(peer->reached, peer->match);
  advance_commit();
  flush(now, out);
}

// The order.

bool Raft::has_room() const noexcept {
  return log_.bytes() < options_->kept_bytes_max + options_->uncommitted_bytes_max ||
         (log_.last_index() == committed_ && held_by_awaited() == committed_);
}

std::uint64_t Raft::memory_lacking(Now now, std::uint64_t bytes) const {
  std::uint64_t least = std::min(proposed_ + bytes, room_.granted);
  for (const Peer& each : peers_) {
    if (answers(now, each)) least = std::min(least, each.room.granted);
  }
  return proposed_ + bytes - least;
}

bool Raft::is_out_of_memory(Now now, std::uint64_t bytes) const {
  const std::uint64_t end = proposed_ + bytes;
  return end > room_.max || std::any_of(peers_.begin(), peers_.end(), [&](const Peer& each) {
           return answers(now, each) && end > each.room.max;
         });
}

std::uint64_t Raft::propose(Command command, std::int64_t as_of_ms, std::uint64_t bytes,
                            const std::optional<Stamp>& stamp) {
  HOPRING_CHECK(is_primary());
  proposed_ += bytes;
  const std::uint64_t index = log_.last_index() + 1;
  push(Entry{index, term_, std::move(command), as_of_ms, stamp});
  advance_commit();
  return index;
}

void Raft::push(SharedEntry entry) {
  if (const auto* change = std::get_if<ChangeRoster>(&entry->command)) {
    rosters_.push_back({entry->index, change->roster});
  }
  const bool changes = std::holds_alternative<ChangeRoster>(entry->command);
  log_.push(std::move(entry));
  if (changes && is_primary()) update_peers();
}

// Learners stay; a learner that becomes a voter keeps what is known of it.
void Raft::update_peers() {
  std::vector<Peer> peers;
  const auto take_over = [&](const PeerRef& peer, std::uint64_t admitted) {
    if (Peer* known = peer_of(peer)) {
      Peer kept = *known;
      if (kept.admitted != admitted) {
        kept.confirmed.reset();
        kept.is_lost = false;
        kept.match = 0;
      }
      kept.admitted = admitted;
      peers.push_back(std::move(kept));
    } else {
      Peer fresh;
      fresh.peer = peer;
      fresh.admitted = admitted;
      fresh.next = log_.last_index() + 1;
      peers.push_back(std::move(fresh));
    }
  };
  for_each_voter(roster(), [&](const Voter& voter) {
    if (voter.peer != self_) take_over(voter.peer, voter.admitted);
  });
  for (const Peer& each : peers_) {
    if (each.admitted == 0 && find(roster(), each.peer) == nullptr) take_over(each.peer, 0);
  }
  peers_ = std::move(peers);
}

void Raft::commit_to(std::uint64_t index) {
  committed_ = std::max(committed_, index);
  // A learner is not named by a view that it has never been in.
  const RosterAt& last = rosters_.back();
  const bool was_in = rosters_.size() > 1 && find(rosters_[rosters_.size() - 2].roster, self_);
  if (last.index <= committed_ && !last.roster.is_joint() && was_in &&
      find(last.roster, self_) == nullptr) {
    is_removed_ = true;
  }
}

void Raft::advance_commit() {
  if (options_->bug == PlantedBug::ack_before_majority) {
    commit_to(log_.last_index());
    return end_roster_change();
  }
  const bool any_term = options_->bug == PlantedBug::old_term_committed;
  std::uint64_t index = log_.last_index();
  while (index > committed_ && (index >= first_of_term_ || any_term)) {
    if (is_decided_by([&](const Peer& peer) { return peer.match >= index; })) {
      commit_to(index);
      return end_roster_change();
    }
    std::uint64_t next = 0;  // the next one that some peer has
    for (const Peer& each : peers_) {
      if (each.match < index) next = std::max(next, each.match);
    }
    index = next;
  }
}

void Raft::end_roster_change() {
  const bool awaited = options_->bug != PlantedBug::joint_not_awaited;
  if (!roster().is_joint() || (awaited && rosters_.back().index > committed_)) return;
  propose(ChangeRoster{Roster{roster().incoming, {}}});
}

bool Raft::can_change_members() const {
  if (!is_primary() || roster().is_joint() || rosters_.back().index > committed_) return false;
  return committed_ >= first_of_term_ || options_->bug == PlantedBug::own_entry_not_awaited;
}

void Raft::change_members(Now now, const Members& next) {
  HOPRING_CHECK(can_change_members());
  HOPRING_CHECK(!next.empty() && next.size() <= members_max);
  // A majority of the members so far has promised what those to come have not been asked for yet.
  look_for_promises(now);
  Roster joint{roster().voters, {}};
  for (const PeerRef& peer : next) {
    const Voter* known = find(joint.voters, peer);
    const Peer* sent_to = peer_of(peer);
    const bool is_new = known == nullptr || (sent_to != nullptr && sent_to->is_lost);
    joint.incoming.push_back(is_new ? Voter{peer, log_.last_index() + 1} : *known);
  }
  propose(ChangeRoster{std::move(joint)});
  if (options_->bug == PlantedBug::joint_not_awaited) end_roster_change();
  // A majority of those to come may need promises that have not been asked for yet.
  want_heartbeat();
}

// As long as it has not committed the joint roster nobody has gone on to the incoming one. Whoever
// is elected, or commits, by the roster before, by the joint one or by this needs a majority of the
// same voters. Not so where the joint roster is of an earlier term: a primary since may have
// committed it, and what it gave to the incoming members may be in their orders alone (decision
// 83).
void Raft::take_back_members() {
  const RosterAt& last = rosters_.back();
  const bool is_own = last.index > committed_ && log_.term_at(last.index) == term_;
  if (is_primary() && last.roster.is_joint() && is_own) {
    propose(ChangeRoster{Roster{last.roster.voters, {}}});
  }
}

void Raft::on_applied(std::uint64_t index) {
  HOPRING_CHECK(applied() <= index && index <= committed_);
  log_.set_applied(index);
  trim();
}

std::uint64_t Raft::held_by_awaited() const noexcept {
  std::uint64_t index = log_.last_index();
  for (const Peer& each : peers_) {
    if (each.is_awaited) index = std::min(index, each.reached);
  }
  return index;
}

// What everybody has is not needed any more; if some are too far behind and not awaited, what is
// too much.
void Raft::trim() {
  if (is_primary()) {
    held_by_all_ = log_.last_index();
    for (const Peer& each : peers_) held_by_all_ = std::min(held_by_all_, each.reached);
  }
  std::uint64_t to = std::min(applied(), held_by_all_);
  const bool is_copying = std::any_of(peers_.begin(), peers_.end(), [](const Peer& each) {
    return each.is_incomplete && !each.needs_copy;
  });
  const std::size_t bytes_max =
      is_copying ? options_->kept_for_copies_bytes_max : options_->kept_bytes_max;
  std::size_t excess = log_.bytes() > bytes_max ? log_.bytes() - bytes_max : 0;
  const std::uint64_t most = is_primary() ? std::min(applied(), held_by_awaited()) : applied();
  for (std::uint64_t index = log_.base_index() + 1; index <= most && excess > 0; ++index) {
    excess -= std::min(excess, bytes_of(log_.at(index).command));
    to = std::max(to, index);
  }
  if (to <= log_.base_index()) return;
  log_.trim(to);
  while (rosters_.size() > 1 && rosters_[1].index <= to) rosters_.erase(rosters_.begin());
}

// Copies.

Raft::Start Raft::start_of_copy() const {
  const auto after = std::find_if(rosters_.begin() + 1, rosters_.end(),
                                  [&](const RosterAt& each) { return each.index > applied(); });
  return {term_, applied(), log_.term_at(applied()), std::prev(after)->roster};
}

void Raft::on(Now, const PeerRef& from, const NoCopy& message, RaftOutbox&) {
  Peer* peer = peer_of(from);
  if (!is_primary() || message.term != term_ || peer == nullptr) return;
  if (message.admitted != peer->admitted) return;
  peer->needs_copy = true;
  peer->is_lost = peer->admitted != 0;
  peer->probes = true;
  peer->match = peer->reached = 0;
  peer->sent.clear();
  peer->resend_at = Time::never();
}

void Raft::on(Now, const PeerRef&, const NotMember& message, RaftOutbox&) {
  if (message.index == superseded_index) is_superseded_ = true;
  const bool has_left = message.index > rosters_.back().index;
  // Nobody answers what was not asked.
  const bool is_unknown = message.asked > heard_at_.since_start.count() &&
                          message.asked <= asked_at_.since_start.count();
  if (is_superseded_ || (!is_primary() && (has_left || is_unknown))) is_removed_ = true;
}

bool Raft::has(const Start& start) const {
  return is_complete_ && !is_primary() && start.term >= term_ && start.index >= log_.base_index() &&
         start.index <= log_.last_index() && log_.term_at(start.index) == start.index_term;
}

void Raft::set_complete(bool complete) {
  if (is_complete_ && !complete) vouched_ = {log_.last_term(), log_.last_index()};
  is_complete_ = complete;
}

// What it has acknowledged stays: entries that follow the copy may be committed by its word.
bool Raft::install(Now now, const Start& start) {
  if (is_primary() || start.term < term_ || !may_be(start.term)) return false;
  if (start.index < log_.base_index()) return false;
  const bool known =
      start.index <= log_.last_index() && log_.term_at(start.index) == start.index_term;
  if (known ? is_complete_ : start.index <= committed_) return false;
  follow(now, start.term, primary_);
  heard_at_ = std::max(heard_at_, now.monotonic);
  if (known) {
    log_.trim(start.index);
    log_.set_applied(start.index);
    while (rosters_.size() > 1 && rosters_[1].index <= start.index)
      rosters_.erase(rosters_.begin());
  } else {
    log_ = RaftLog(start.index, start.index_term);
    verified_ = std::min(verified_, log_.last_index());  // a primary that contradicts itself
    rosters_ = {{start.index, start.roster}};
  }
  committed_ = std::max(committed_, start.index);
  verified_ = std::max(verified_, start.index);
  return true;
}

// Inputs.

void Raft::stand_soon(Now now, RaftOutbox& out) {
  if (is_primary() || !may_stand() || is_bound(now)) return;
  ask(now, out);
  flush(now, out);
}

void Raft::on_message(Now now, const PeerRef& from, RaftMessage&& message, RaftOutbox& out) {
  const std::uint64_t term = std::visit(
      [](const auto& each) -> std::uint64_t {
        if constexpr (requires { each.term; }) return each.term;
        return 0;
      },
      message);
  if (group_of(message) != group_ || from == self_ || !may_be(term)) return;
  std::visit([&](auto&& each) { on(now, from, std::forward<decltype(each)>(each), out); },
             std::move(message));
  flush(now, out);
}

// What counts is when the promises were given, not when they were looked at.
void Raft::look_for_promises(Now now) {
  if (is_decided_by([](const Peer&) { return false; })) confirmed_at_ = now.monotonic;
  for (const Peer& last : peers_) {
    if (!last.confirmed || *last.confirmed <= confirmed_at_) continue;
    const auto as_late = [&](const Peer& each) {
      return each.confirmed && *each.confirmed >= *last.confirmed;
    };
    if (is_decided_by(as_late)) confirmed_at_ = *last.confirmed;
  }
}

bool Raft::steps_down(Now now) {
  look_for_promises(now);
  if (has_lost_quorum(now)) {
    take_back_members();
    look_for_promises(now);
  }
  if (!has_lost_quorum(now)) return false;
  follow(now, term_, std::nullopt);
  return true;
}

// Answers to what it solicited before the pause may be as old as that.
void Raft::wake(Now now) {
  const bool has_solicited = role_ == Role::asking || role_ == Role::candidate;
  if (is_primary()) {
    static_cast<void>(steps_down(now));
  } else if (has_solicited) {
    follow(now, term_, std::nullopt);
  } else {
    hear(now);
  }
  silent_since_wake_.clear();
  if (has_solicited || is_primary()) return;
  for_each_voter(roster(), [&](const Voter& voter) {
    if (voter.peer != self_) silent_since_wake_.push_back(voter);
  });
}

void Raft::on_deadline(Now now, RaftOutbox& out) {
  if (!is_primary()) {
    if (now.monotonic < election_at_) return;
    if (!may_stand() || is_bound(now)) {
      if (!is_bound(now)) primary_.reset();
      hear(now);
    } else if (!listens_first(now)) {
      ask(now, out);
    }
    return flush(now, out);
  }
  if (steps_down(now)) return;
  for (Peer& each : peers_) {
    if (each.resend_at > now.monotonic) continue;
    each.probes = true;
    each.is_unanswered = true;
    each.next = each.sent.front().previous + 1;
    each.sent.clear();
    each.resend_at = Time::never();
  }
  flush(now, out);
}

Time Raft::next_deadline() const noexcept {
  if (!is_primary()) return election_at_;
  if (peers_.empty()) return Time::never();
  Time next = confirmed_at_ + options_->quorum_timeout;
  for (const Peer& each : peers_) next = std::min(next, each.resend_at);
  return next;
}

}  // namespace hopring
