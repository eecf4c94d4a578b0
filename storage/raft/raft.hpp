#pragma once

// The order of one group at one of its members: who is primary in which term, which entries stand
// in the order, and how far they are committed. Applying them is the owner's business.
//
// Raft (D. Ongaro, "Consensus: Bridging Theory and Practice", 2014), in memory: a process that has
// died is no member any more, so nothing is ever read back. With
//   - PreVote (9.6) and promises: a member that has answered a heartbeat votes for nobody else for
//     promise_duration, so that a primary with the promises of a majority can answer reads alone
//     (6.4.1). Both also keep a member that hears nothing from disturbing the others.
//   - joint consensus (4.3): any set of members may follow any other. A voter is named by its
//     admission (roster.hpp). A primary takes a change back that is not agreed to, which Raft does
//     not know (decision 83).
//   - commit by counting copies only of entries of the own term (3.6.2); likewise the view is
//     changed only by a primary that has committed one.
//
//                  silence                  majority                 majority
//   follower -------------------> asking -----------------> candidate --------> primary
//      ^  ^                         |                           |                  |
//      |  +--- heard of a primary --+---------------------------+                  |
//      +------- a higher term; no promises for quorum_timeout; has handed it on ---+
//
// Entries are sent by flush(), so that those which are proposed in one turn travel together.
//
// Not thread-safe. Sans-IO: time comes in as `now`, messages are left in `out`.
//
// Invariants (docs/invariants.md):
//   (1) term() and committed() only grow; an entry up to committed() is never taken back.
//   (2) of two members, at most one becomes primary in one term.
//   (3) two orders that hold an entry of the same index and term are the same up to there.
//   (4) while may_serve(), nobody else does, as far as clocks keep to clock_drift_percent_max.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "storage/raft/raft_log.hpp"
#include "storage/raft/raft_messages.hpp"
#include "storage/raft/raft_options.hpp"

namespace hopring {

class Raft {
 public:
  enum class Role : std::uint8_t { follower, asking, candidate, primary };

  // Where a member begins: a state as of `index`, whose entry was of `index_term`.
  struct Start {
    std::uint64_t term = 0;
    std::uint64_t index = 0;
    std::uint64_t index_term = 0;
    Roster roster;
  };

  // Up to where a primary may go on to propose, by somebody's memory: see HeartbeatAnswer.
  struct Room {
    std::uint64_t granted = ~0ull;
    std::uint64_t max = ~0ull;
  };

  // Follows, and hears nobody yet. REQUIRES: `options` outlive it.
  Raft(const RaftOptions& options, const GroupName& group, const PeerRef& self, Start start,
       Rng rng, Now now);

  const GroupName& group() const noexcept { return group_; }
  Role role() const noexcept { return role_; }
  bool is_primary() const noexcept { return role_ == Role::primary; }
  std::uint64_t term() const noexcept { return term_; }
  std::uint64_t committed() const noexcept { return committed_; }
  std::uint64_t last_index() const noexcept { return log_.last_index(); }
  std::uint64_t last_term() const noexcept { return log_.last_term(); }
  const Roster& roster() const noexcept { return rosters_.back().roster; }
  // Does the roster name this member, and not a former self? It does not name a learner.
  bool is_voter() const { return is_voter_of(roster()); }
  // What an election would be about, as it is known here: does this member stand, what has its
  // candidate to have for this member's vote, and for which admissions does it vote?
  struct Ballot {
    bool stands = false;
    std::uint64_t last_term = 0;
    std::uint64_t last_index = 0;
    std::uint64_t begun_at = 0;  // for those after this index
  };
  Ballot ballot() const;
  // Is the voter this member, and not a former self?
  bool answers_for(const Voter& voter) const {
    return voter.peer == self_ && answer_for(voter.admitted) != 0;
  }
  // It is not the voter that was admitted at this index or before, whatever the roster says.
  void disown(std::uint64_t admitted) noexcept { begun_at_ = std::max(begun_at_, admitted); }
  // Has it left the view, for certain? Then its copy should be dropped.
  bool is_removed() const noexcept { return is_removed_; }
  // Is there a later generation of the arc, in which this order counts for nothing?
  bool is_superseded() const noexcept { return is_superseded_; }
  // Who is primary, as far as is known.
  const std::optional<PeerRef>& primary() const noexcept { return primary_; }

  // REQUIRES: index <= committed(), and not dropped.
  const Entry& entry(std::uint64_t index) const { return log_.at(index); }
  // The owner has applied the entries up to `index`; they may be dropped now.
  void on_applied(std::uint64_t index);
  std::uint64_t applied() const noexcept { return log_.applied(); }
  // The member will go on without the others, as another group: what it has it takes for committed.
  // Nothing else may be done with this order then.
  void accept_all() { commit_to(log_.last_index()); }

  // Has the primary applied an entry of its own term? Before that it does not know what is
  // committed.
  bool has_begun() const noexcept {
    return is_primary() &&
           (applied() >= first_of_term_ || options_->bug == PlantedBug::own_entry_not_awaited);
  }
  // May the primary answer reads from its applied state, alone? `now` must have been read after
  // the request was received.
  bool may_serve(Now now) const;

  // Have a majority answered heartbeats, in this term, that were sent at this moment or later? Then
  // nobody else had been elected when the first of these was sent. A question of order and not of
  // time, if no two moments at which heartbeats are sent are the same.
  bool is_confirmed(Time sent) const;

  // Is there room for one more entry? Not while too much is not committed, or a member lacks too
  // much that answers and does not stay behind by more than promise_duration.
  bool has_room() const noexcept;
  // How many of so many bytes more this peer, or some member that answers, has no memory for, as
  // far as they have said; more than `bytes` where too much has been proposed already.
  std::uint64_t memory_lacking(Now now, std::uint64_t bytes) const;
  // Has one of them none even if this arc got all that is free there?
  bool is_out_of_memory(Now now, std::uint64_t bytes) const;
  // Members are asked at once to let it have so much, for a write that comes again.
  void ask_for_memory(std::uint64_t bytes) noexcept {
    wanted_ = std::max(wanted_, bytes);
    want_heartbeat();
  }
  // As members say in their answers to heartbeats: up to where this peer itself may go on.
  std::uint64_t proposed() const noexcept { return proposed_; }
  std::uint64_t wanted() const noexcept { return wanted_; }
  void set_room(const Room& room) noexcept { room_ = room; }
  // So many bytes become free by what has been proposed.
  void count_freed(std::uint64_t bytes) noexcept { proposed_ -= std::min(proposed_, bytes); }
  // Bytes of entries that are kept here, and of those that have not been applied yet.
  std::size_t kept_bytes() const noexcept { return log_.bytes(); }
  std::size_t waiting_bytes() const noexcept { return log_.waiting_bytes(); }
  // Appends a command, which takes so many bytes of memory once it is applied, and returns its
  // index. flush() sends it. REQUIRES: is_primary().
  std::uint64_t propose(Command command, std::int64_t as_of_ms = 0, std::uint64_t bytes = 0,
                        const std::optional<Stamp>& stamp = {});
  // May the members be changed now? By one change at a time, and by a primary that may_serve()
  // would trust but for its promises.
  bool can_change_members() const;
  // Begins to replace the members by these; ends by itself, with the members so far if no majority
  // of these agrees within quorum_timeout. Those that are new should have been brought near first:
  // add_learner(). REQUIRES: can_change_members(); 1 to members_max of them.
  void change_members(Now now, const Members& next);

  // The primary sends entries to this peer, too, which does not vote. What it begins with it has
  // got otherwise, as of `index`. REQUIRES: is_primary().
  void add_learner(Now now, const PeerRef& peer, std::uint64_t index);
  // The copy that add_learner() spoke of has been given up. A voter may have it all the same, and
  // then says so; else it still needs one.
  void end_learning(const PeerRef& peer);
  // Members and learners that lack entries which have been dropped here, have no copy or one that
  // is not complete: each must be given one; then add_learner() tells as of which index, whether it
  // votes or not.
  std::vector<PeerRef> members_without_copy() const;
  // Voters that have lost theirs, and perhaps been given another: change_members() admits them
  // anew.
  bool has_lost_voters() const;
  // Is it a member or a learner that gets entries from here?
  bool sends_to(const PeerRef& peer) const { return peer_of(peer) != nullptr; }
  // Nobody who gets entries from here lacks what has been dropped.
  bool all_have_copies() const;
  // Has it said since it began with its copy that this is complete, and been heard of lately?
  bool has_copy(Now now, const PeerRef& peer) const;
  // Members on whom the arc could rely if others crashed: they have_copy(), and answer for it under
  // the admission that the roster names. This one included; while the members change, of the set
  // that has the fewest. REQUIRES: is_primary().
  std::size_t copies(Now now) const;
  // Are those voters a majority that answer and have not lost their copies? A change of members
  // admits the others anew, and until it is committed they count for the present members no more.
  bool decides_without_lost(Now now) const;
  // Voters that have not answered for so long, as far as this primary has led for so long.
  std::vector<PeerRef> silent_voters(Now now, Duration silence) const;
  // Does it lack what is not kept here any more? Then the copy that it was given is of no use.
  bool needs_copy(const PeerRef& peer) const;
  // How far the entries have reached a member or learner; 0 if that is not known.
  std::uint64_t matched(const PeerRef& peer) const;

  // As of what has been applied here: where who is given a copy of it begins.
  Start start_of_copy() const;
  // This member begins anew as of start.index, where the primary of start.term gives it a copy of
  // the arc: entries after that are applied again. False, and nothing happened, if its copy is
  // complete and not behind that, or if it lacks the entries to go on from there.
  bool install(Now now, const Start& start);
  // Is its copy complete and not behind that? Then it needs no other.
  bool has(const Start& start) const;
  // A member whose copy is not complete has the entries that have reached it, but not what they
  // build on. It votes, but does not stand for election, and what it has does not count: else an
  // entry might be committed by members of whom none that is complete has it. Nor does it count
  // when it votes, but for what it had while its copy was complete.
  void set_complete(bool complete);

  // Sends what followers lack.
  void flush(Now now, RaftOutbox& out);

  // Would it be elected if the lead were handed to it now? A voter that has answered one of the
  // last heartbeats, and to which all entries are on their way at least.
  bool can_take_lead(Now now, const PeerRef& peer) const;
  // Stops serving, and asks `to` to become primary; stands for election again if nobody has become
  // that soon. REQUIRES: is_primary(); `to` votes.
  void hand_lead_to(Now now, const PeerRef& to, RaftOutbox& out);
  // The primary is known to be gone: do not wait until its silence has lasted.
  void on_primary_gone(Now now);

  // This peer did not run for a while: the others may have gone on without it, in this order or in
  // a later generation of the arc. It leads no longer without the promises of a majority, and
  // before it stands for election it listens as long as if it had just heard of a primary, or until
  // all other voters have answered. The owner asks them: ask_whether_member().
  void wake(Now now);

  // Of a new order: whoever is to be its first primary need not wait.
  void stand_soon(Now now, RaftOutbox& out);
  // Of a voter, or of who is primary as others say: NotMember is the answer if this one has been
  // left out since it last heard of the group, or has never been let in.
  void ask_whether_member(Now now, const PeerRef& to, RaftOutbox& out);

  void on_message(Now now, const PeerRef& from, RaftMessage&& message, RaftOutbox& out);

  // The primary's heartbeats: to whom, and what. The owner sends those of all its groups together,
  // every heartbeat_interval, and at once if wants_heartbeat().
  bool wants_heartbeat() const noexcept { return wants_heartbeat_; }
  void want_heartbeat() noexcept { wants_heartbeat_ = is_primary(); }
  template <class Send>  // send(const PeerRef&, const Heartbeat&)
  void beat(Send&& send) {
    wants_heartbeat_ = false;
    const std::uint64_t wanted = std::exchange(wanted_, 0);
    if (!is_primary()) return;
    for (const Peer& each : peers_) {
      send(each.peer, Heartbeat{group_, term_, each.admitted, committed_, proposed_, wanted});
    }
  }
  HeartbeatAnswer on_heartbeat(Now now, const PeerRef& from, const Heartbeat& heartbeat);
  // `sent`: when the heartbeat that this answers was sent, by this peer's clock.
  void on_heartbeat_answer(Now now, const PeerRef& from, const HeartbeatAnswer& answer, Time sent,
                           RaftOutbox& out);

  // REQUIRES: now >= next_deadline().
  void on_deadline(Now now, RaftOutbox& out);
  Time next_deadline() const noexcept;

 private:
  struct Sent {
    std::uint64_t previous = 0;
    std::uint64_t last = 0;
  };
  // Another member or a learner, as the primary sees it.
  struct Peer {
    PeerRef peer;
    std::uint64_t admitted = 0;  // 0: a learner
    bool needs_copy = false;     // nothing that is kept here would help it
    bool is_incomplete = false;  // its copy was not complete when it spoke last
    // What it has said before is of no interest, nor what it says of a copy older than this.
    Time learns_since{};
    std::uint64_t learns_from = 0;
    bool probes = true;          // where its order meets ours is not known: one append at a time
    bool is_unanswered = false;  // nor has it answered what was sent again: no entries till then
    bool is_lost = false;        // a voter that has no copy any more: it must be admitted anew
    std::uint64_t match = 0;     // it answers for having the entries up to here
    std::uint64_t reached = 0;   // it has them up to here, perhaps without answering for it
    std::uint64_t next = 1;      // the first entry that has not been sent
    std::deque<Sent> sent = {};  // and not acknowledged: at most appends_inflight_max
    Time resend_at = Time::never();
    std::uint64_t goal = 0;              // what it should reach within promise_duration,
    Time goal_set_at{};                  //   from then on
    bool is_awaited = false;             // see await()
    Room room = {};                      // as it has said
    std::optional<Time> heard = {};      // when the last heartbeat was sent that it has answered
    std::optional<Time> confirmed = {};  // the same, of those that it answers for as this voter
  };
  // Entries are compared as orders are (3.6.1): by term, then by index.
  struct EntryName {
    std::uint64_t term = 0;
    std::uint64_t index = 0;
    friend auto operator<=>(const EntryName&, const EntryName&) = default;
  };
  struct RosterAt {
    std::uint64_t index = 0;
    Roster roster;
  };

  void on(Now now, const PeerRef& from, AppendEntries&& message, RaftOutbox& out);
  void on(Now now, const PeerRef& from, const AppendEntriesAnswer& message, RaftOutbox& out);
  void on(Now now, const PeerRef& from, const RequestVote& message, RaftOutbox& out);
  void on(Now now, const PeerRef& from, const VoteAnswer& message, RaftOutbox& out);
  void on(Now now, const PeerRef& from, const TakeLead& message, RaftOutbox& out);
  void on(Now now, const PeerRef& from, const NoCopy& message, RaftOutbox& out);
  void on(Now now, const PeerRef& from, const NotMember& message, RaftOutbox& out);

  bool is_bound(Now now) const;
  // Can a message of this term be true? See terms_ahead_max.
  bool may_be(std::uint64_t term) const noexcept {
    return term <= term_ || term - term_ <= terms_ahead_max;
  }
  EntryName voted_by() const;
  bool reaches_as_far(const RequestVote& message) const;
  bool knows_no(const PeerRef& peer, const RequestVote& message) const;
  void tell_whether_member(const PeerRef& to, const RequestVote& message, RaftOutbox& out) const;
  std::uint64_t answer_for(std::uint64_t admitted) const;
  bool is_voter_of(const Roster& roster) const;
  bool may_stand() const;
  void follow(Now now, std::uint64_t term, std::optional<PeerRef> primary);
  Duration up_to(Duration max);
  void hear(Now now);
  // Does this peer come late to its election? Then it reads first what others have sent, and asks
  // the next time.
  bool listens_first(Now now);
  void ask(Now now, RaftOutbox& out);
  void stand(Now now, std::uint64_t resigned_term, RaftOutbox& out);
  void solicit(RequestVote::Kind kind, std::uint64_t term, std::uint64_t resigned_term,
               RaftOutbox& out) const;
  bool has_votes() const;
  void lead(Now now);
  void push(SharedEntry entry);
  bool is_sound(const AppendEntries& message) const;
  void take(std::vector<SharedEntry>&& entries);
  void update_peers();
  void advance_commit();
  void commit_to(std::uint64_t index);
  void end_roster_change();
  void take_back_members();
  void leave_view(Now now, RaftOutbox& out);
  void trim();
  // Has it answered a heartbeat, as this voter, that is not older than a promise lasts?
  bool answers(Now now, const Peer& peer) const {
    return peer.confirmed && *peer.confirmed + options_->promise_duration > now.monotonic;
  }
  void await(Now now, Peer& peer) const;
  // The last entry that all awaited members have.
  std::uint64_t held_by_awaited() const noexcept;
  void send_to(Now now, Peer& peer, RaftOutbox& out);
  Peer* peer_of(const PeerRef& peer) { return peer_in(peers_, peer); }
  const Peer* peer_of(const PeerRef& peer) const { return peer_in(peers_, peer); }
  template <class Peers>
  static auto peer_in(Peers& peers, const PeerRef& peer) -> decltype(peers.data()) {
    const auto found = std::find_if(peers.begin(), peers.end(),
                                    [&](const Peer& each) { return each.peer == peer; });
    return found == peers.end() ? nullptr : &*found;
  }
  // Those of whom holds(const Peer&) holds, and this peer: are they a majority?
  template <class Holds>
  bool is_decided_by(Holds&& holds) const;
  void look_for_promises(Now now);
  // Without the promises of a majority for quorum_timeout it is primary no more.
  bool steps_down(Now now);
  void stand_within_vote_timeout(Now now);
  void on_answer_after_pause(Now now, const PeerRef& from);
  bool has_lost_quorum(Now now) const {
    return confirmed_at_ + options_->quorum_timeout <= now.monotonic;
  }

  const RaftOptions* options_;
  GroupName group_;
  PeerRef self_;
  Rng rng_;
  Role role_ = Role::follower;
  std::uint64_t term_;
  std::optional<PeerRef> voted_for_;  // in term_
  std::optional<PeerRef> primary_;
  RaftLog log_;
  std::vector<RosterAt> rosters_;  // those in the log, and the one before
  std::uint64_t begun_at_;         // index as of which its copy began
  std::uint64_t committed_;
  std::uint64_t held_by_all_ = 0;  // nobody will ask for entries up to here
  Time heard_at_;                  // when it last had a heartbeat, or began with a copy
  Time asked_at_{};                // when it last asked whether it is a member
  Voters silent_since_wake_;       // whom it listens for; none: for nobody in particular

  // Follower. What was promised binds a candidate, too.
  bool is_complete_ = true;
  EntryName vouched_;  // while it is not: the last entry that its word may have committed
  bool is_removed_ = false;
  bool is_superseded_ = false;
  bool has_listened_ = false;              // instead of asking, the last time
  std::optional<std::uint64_t> resigned_;  // the last term whose lead it has handed on
  Time promised_until_{};
  Time election_at_;
  std::uint64_t verified_ = 0;  // it has the entries of the primary of term_ up to here

  // Asking and candidate.
  std::vector<Voter> votes_;

  // Primary.
  std::vector<Peer> peers_;
  std::uint64_t first_of_term_ = 0;  // index of the first entry of its term
  Time led_since_{};
  // Bytes of memory, less those that have been freed. From here on, so that room can be less.
  static constexpr std::uint64_t proposed_at_first = std::uint64_t{1} << 48;
  std::uint64_t proposed_ = proposed_at_first;
  std::uint64_t wanted_ = 0;  // see ask_for_memory()
  Room room_;                 // see set_room()
  Time confirmed_at_{};       // as of when it knows of the promises of a majority
  bool wants_heartbeat_ = false;
};

}  // namespace hopring
