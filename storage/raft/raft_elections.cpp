// The part of Raft that says who is primary: asking, standing, voting, following.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/count.hpp"
#include "storage/raft/raft.hpp"

namespace hopring {
namespace {

// Who is handed the lead has answered one of the last so many.
constexpr int heartbeats_awaited = 3;

}  // namespace

Duration Raft::up_to(Duration max) {
  const auto range = static_cast<std::uint64_t>(max.count()) + 1;
  return Duration(static_cast<std::int64_t>(rng_.below(range)));
}

void Raft::hear(Now now) {
  election_at_ = now.monotonic + options_->silence_max + up_to(options_->election_spread);
}

void Raft::follow(Now now, std::uint64_t term, std::optional<PeerRef> primary) {
  HOPRING_CHECK(term >= term_);
  if (term > term_) {
    take_back_members();
    verified_ = committed_;
    voted_for_.reset();
  }
  term_ = term;
  role_ = Role::follower;
  primary_ = primary;
  if (primary) silent_since_wake_.clear();
  votes_.clear();
  peers_.clear();
  wants_heartbeat_ = false;
  hear(now);
}

void Raft::stand_within_vote_timeout(Now now) {
  const Time soon = std::max(now.monotonic, promised_until_) + up_to(options_->vote_timeout);
  election_at_ = std::min(election_at_, soon);
}

// Two of which one is stopped for longer than a vote lasts, again and again, would ask each other
// in the same moment each time, and stand in the same term. Where all are late somebody must ask:
// the next time it does.
bool Raft::listens_first(Now now) {
  const bool is_late = election_at_ + options_->election_late_max < now.monotonic;
  has_listened_ = is_late && !has_listened_;
  if (has_listened_) election_at_ = now.monotonic + up_to(options_->vote_timeout);
  return has_listened_;
}

void Raft::on_primary_gone(Now now) {
  if (is_primary()) return;
  primary_.reset();
  stand_within_vote_timeout(now);
}

void Raft::solicit(RequestVote::Kind kind, std::uint64_t term, std::uint64_t resigned_term,
                   RaftOutbox& out) const {
  for_each_voter(roster(), [&](const Voter& voter) {
    if (voter.peer == self_) return;
    out.push_back({voter.peer, RequestVote{group_, kind, term, voter.admitted, log_.last_index(),
                                           log_.last_term(), resigned_term}});
  });
}

bool Raft::has_votes() const {
  const auto agrees = [&](const Voter& voter) {
    if (voter.peer == self_) return answer_for(voter.admitted) != 0;
    return std::find(votes_.begin(), votes_.end(), voter) != votes_.end();
  };
  if (options_->bug == PlantedBug::joint_by_one_majority && roster().is_joint()) {
    return is_majority(roster().incoming, agrees);
  }
  return decides(roster(), agrees);
}

void Raft::ask_whether_member(Now now, const PeerRef& to, RaftOutbox& out) {
  if (is_primary() || to == self_) return;
  asked_at_ = now.monotonic;
  const Voter* self = find(roster(), self_);
  const std::uint64_t next = std::min(term_ + 1, count_max);
  out.push_back({to, RequestVote{group_, RequestVote::Kind::pre_vote, next,
                                 self != nullptr ? self->admitted : 0, log_.last_index(),
                                 log_.last_term(), 0, now.monotonic.since_start.count()}});
}

// Is it certain that no roster names this peer which may count, now or later, unless it hears of a
// primary first? Of earlier terms a primary that has begun has all that is committed, or ever will
// be; and who asks has heard of no later primary, whose heartbeats it would have had to answer
// before that could name it.
bool Raft::knows_no(const PeerRef& peer, const RequestVote& message) const {
  if (message.asked == 0 || !has_begun() || message.term > term_ + 1 || sends_to(peer))
    return false;
  for (auto each = rosters_.rbegin(); each != rosters_.rend(); ++each) {
    if (find(each->roster, peer) != nullptr) return false;
    if (each->index <= committed_) break;
  }
  return true;
}

// Nothing goes to who has left that may still be asked of it.
void Raft::tell_whether_member(const PeerRef& to, const RequestVote& message,
                               RaftOutbox& out) const {
  const RosterAt& last = rosters_.back();
  const bool has_left =
      last.index <= committed_ && !last.roster.is_joint() && find(last.roster, to) == nullptr;
  const bool is_unknown = knows_no(to, message);
  if (!has_left && !is_unknown) return;
  out.push_back({to, NotMember{group_, has_left ? last.index : 0, is_unknown ? message.asked : 0}});
}

void Raft::ask(Now now, RaftOutbox& out) {
  if (term_ == resigned_) return stand(now, term_, out);  // nobody is disturbed by that
  role_ = Role::asking;
  primary_.reset();
  votes_.clear();
  election_at_ = now.monotonic + rng_.jittered(2 * options_->vote_timeout);
  if (has_votes()) return stand(now, 0, out);
  solicit(RequestVote::Kind::pre_vote, term_ + 1, 0, out);
}

void Raft::stand(Now now, std::uint64_t resigned_term, RaftOutbox& out) {
  ++term_;
  verified_ = committed_;
  role_ = Role::candidate;
  voted_for_ = self_;
  primary_.reset();
  votes_.clear();
  election_at_ = now.monotonic + rng_.jittered(2 * options_->vote_timeout);
  if (has_votes()) return lead(now);
  solicit(RequestVote::Kind::vote, term_, resigned_term, out);
}

Raft::EntryName Raft::voted_by() const {
  return is_complete_ ? EntryName{log_.last_term(), log_.last_index()} : vouched_;
}

Raft::Ballot Raft::ballot() const {
  const EntryName by = voted_by();
  return {may_stand(), by.term, by.index, begun_at_};
}

bool Raft::reaches_as_far(const RequestVote& message) const {
  if (options_->bug == PlantedBug::log_not_compared) return true;
  return EntryName{message.last_term, message.last_index} >= voted_by();
}

void Raft::on(Now now, const PeerRef& from, const RequestVote& message, RaftOutbox& out) {
  const bool resigned = message.resigned_term != 0 && message.resigned_term >= term_;
  const bool is_free = resigned || !is_bound(now);
  const bool pre_vote = message.kind == RequestVote::Kind::pre_vote;
  bool granted = false;
  if (message.term > term_ && is_free) {
    if (!pre_vote) follow(now, message.term, std::nullopt);
    granted = reaches_as_far(message);
  } else if (message.term == term_ && is_free && !pre_vote && role_ == Role::follower) {
    const bool has_voted = voted_for_.has_value() && options_->bug != PlantedBug::votes_twice;
    granted = (!has_voted || voted_for_ == from) && reaches_as_far(message);
  }
  if (granted && !pre_vote) voted_for_ = from;
  tell_whether_member(from, message, out);
  const std::uint64_t term = granted ? message.term : term_;
  out.push_back(
      {from, VoteAnswer{group_, message.kind, term, answer_for(message.admitted), granted}});
}

// None of them knows of a later generation: whoever does says that instead.
void Raft::on_answer_after_pause(Now now, const PeerRef& from) {
  const auto erased =
      std::erase_if(silent_since_wake_, [&](const Voter& each) { return each.peer == from; });
  if (erased == 0 || !silent_since_wake_.empty() || role_ != Role::follower) return;
  stand_within_vote_timeout(now);
}

void Raft::on(Now now, const PeerRef& from, const VoteAnswer& message, RaftOutbox& out) {
  on_answer_after_pause(now, from);
  if (!message.granted) {
    if (message.term > term_) follow(now, message.term, std::nullopt);
    return;
  }
  const bool pre_vote = message.kind == RequestVote::Kind::pre_vote;
  if (pre_vote ? role_ != Role::asking || message.term != term_ + 1
               : role_ != Role::candidate || message.term != term_) {
    return;
  }
  const Voter voter{from, message.admitted};
  const auto is_in = [&](const Voters& voters) {
    return std::find(voters.begin(), voters.end(), voter) != voters.end();
  };
  if (!is_in(roster().voters) && !is_in(roster().incoming)) return;  // strangers have any number
  if (!is_in(votes_)) votes_.push_back(voter);
  if (!has_votes()) return;
  if (pre_vote) {
    stand(now, 0, out);
  } else {
    lead(now);
  }
}

void Raft::on(Now now, const PeerRef& from, const TakeLead& message, RaftOutbox& out) {
  if (message.term != term_ || primary_ != from || !may_stand()) return;
  stand(now, message.term, out);
}

bool Raft::can_take_lead(Now now, const PeerRef& peer) const {
  const Peer* known = peer_of(peer);
  if (!is_primary() || known == nullptr || known->admitted == 0) return false;
  const bool has_copy = !known->needs_copy && !known->is_incomplete && !known->is_lost;
  const bool has_all = known->match > 0 && !known->probes && known->next > log_.last_index();
  const Duration lately = heartbeats_awaited * options_->heartbeat_interval;
  return has_copy && has_all && known->confirmed && *known->confirmed + lately > now.monotonic;
}

// Nobody promises anything to this primary any more, itself included: if the other does not take
// the lead, nothing needs to be waited for but its vote.
void Raft::hand_lead_to(Now now, const PeerRef& to, RaftOutbox& out) {
  HOPRING_CHECK(is_primary());
  const std::uint64_t term = term_;
  follow(now, term, std::nullopt);
  resigned_ = term;
  election_at_ = now.monotonic + rng_.jittered(2 * options_->vote_timeout);
  out.push_back({to, TakeLead{group_, term}});
}

void Raft::lead(Now now) {
  role_ = Role::primary;
  primary_ = self_;
  votes_.clear();
  peers_.clear();
  confirmed_at_ = now.monotonic;
  led_since_ = now.monotonic;
  wants_heartbeat_ = true;
  first_of_term_ = log_.last_index() + 1;
  proposed_ = proposed_at_first;
  wanted_ = 0;
  room_ = {};
  update_peers();
  propose(Nothing{});
}

}  // namespace hopring
