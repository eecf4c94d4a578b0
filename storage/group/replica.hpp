#pragma once

// One member's copy of an arc that several peers hold: the records, and their order (Raft).
//
// A write that the primary takes is appended, and answered when a majority has it and it has been
// applied here; until then its asker waits. A read is answered at once, from what has been applied,
// as long as the primary has the promises of a majority; where clocks are not trusted, it is told
// once a majority has confirmed that this was so (held_reads.hpp).
//
// The primary decides what a copy cannot: relative expiries become absolute, and each write carries
// the primary's wall clock, by which the records that it meets are due or not, on every copy alike.
// A read that meets a due record has it removed, and waits for that; so does one that has waited
// and meets what was due when it came.
//
// A write that is stamped is executed once: its result is kept in the window for a while. The
// primary looks there before it appends a write, and among those that are not applied yet if this
// one has been sent before; and every member looks again when it applies it, since a request that
// was long under way may be appended behind the one that was sent after it.
//
// A copy that is still coming is filled by chunks and entries at the same time:
//
//   arc (begin, end]    | taken chunks, up to date with applied() | not there yet         |
//                       begin + 1                                 missing()               end
//
// It applies no entry later than its last chunk was read at: the next one may be read by another
// primary, that does not know yet how far the order is committed, and must not come too late. Nor
// any before it has the window, which comes first; nor a split: it waits to be offered the upper
// half anew, and keeps its votes in both (begin_again(), vote_below()).
//
// Not thread-safe: belongs to one shard. Sans-IO: time comes in as `now`, messages and what has
// become of the arc are left in `out`.
//
// Invariants:
//   (1) two complete copies that have applied the same index hold the same records, and their
//       windows the same stamps.
//   (2) whoever was told `pending` is answered once: with the result, or if this peer stops being
//       primary first with `unknown`; a read with `moving`, since it has changed nothing.
//   (3) an entry above applied() is never visible to a read.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "storage/group/arc_records.hpp"
#include "storage/group/effects.hpp"
#include "storage/group/held_reads.hpp"
#include "storage/group/options.hpp"
#include "storage/group/result_window.hpp"
#include "storage/raft/raft.hpp"

namespace hopring {

class Replica {
 public:
  // What became of an operation: it has been answered, or it waits.
  enum class Executed : std::uint8_t { answered, pending };

  // A complete copy: of a new arc, or a half of a split one. REQUIRES: `options` outlive it.
  Replica(const GroupOptions& options, const PeerRef& self, View view, Raft::Start start,
          ArcRecords records, Rng rng, Now now);
  // One that is still coming. Whoever the roster of the offer names was not this copy: it does not
  // answer for that one's votes. REQUIRES: `records` are empty.
  static std::unique_ptr<Replica> coming(const GroupOptions& options, const PeerRef& self,
                                         const OfferCopy& offer, ArcRecords records, Rng rng,
                                         Now now);
  // Others have split this one's lower part off, up to `at`, and here that may never be applied.
  // What this peer has of the part is the vote: nobody has asked it for one there, nor given it
  // anything to acknowledge. This is a copy without records that votes, and waits to be offered
  // them. REQUIRES: has_vote_below(at); `records` are empty, of the arc up to `at`.
  std::unique_ptr<Replica> vote_below(Position at, ArcRecords records, Now now);
  // Not if the part has come without this one: that may have voted, and be gone again. Nor if too
  // many have.
  bool has_vote_below(Position at) const;
  void note_part_came(Position end);
  bool has_part_come(Position end) const;

  const View& view() const noexcept { return view_; }
  const Arc& arc() const noexcept { return view_.arc; }
  const Raft& raft() const noexcept { return raft_; }
  // Is it primary, and has it applied an entry of its term? Whether it may serve is a question of
  // promises, too.
  bool leads() const noexcept { return raft_.has_begun(); }
  bool may_serve(Now now) const { return raft_.may_serve(now); }
  std::uint64_t size() const noexcept { return records_.size(); }
  std::uint64_t bytes() const noexcept { return records_.bytes(); }
  // With those that its order may add and that are not applied yet: what has been acknowledged is
  // among these, where the primary is gone before it has said that it is committed.
  std::uint64_t size_at_most() const;
  bool is_complete() const noexcept { return !missing_ && newer_.empty(); }
  // The others may have made it a voter without its knowing: only a complete copy is let in.
  bool may_vote() const noexcept { return was_complete_; }
  // It cannot go on: no room for what the others have, or entries that make no sense. Or it is no
  // member any more.
  bool is_lost() const noexcept { return is_lost_; }
  bool is_removed() const noexcept { return is_removed_; }

  // What its host has told of it.
  struct Told {
    View view;
    bool leads = false;
    bool follows = false;
    bool keeps = false;                          // what it led, and nobody is known to lead since
    std::optional<std::uint64_t> repaired = {};  // not told yet: see ArcOpened
  };
  Told& told() noexcept { return told_; }
  // Has it proposed what its host sends at the end of the turn?
  bool& is_unsent() noexcept { return is_unsent_; }

  // Its host's account of what it takes.
  struct Account {
    std::size_t log_bytes = 0;        // that are counted for its log
    std::uint64_t bytes_evicted = 0;  // that no write has used yet
    std::uint64_t bytes_granted = 0;  // that its primary has asked for and may have
    Time copies_again_at{};           // when members without a copy are offered one again
  };
  Account& account() noexcept { return account_; }

  // Bytes of memory that the key's record takes, about; 0: there is none.
  std::size_t memory_at(Position position, std::string_view key) const;

  // See Raft.
  void set_room(const Raft::Room& room) noexcept { raft_.set_room(room); }
  void ask_for_memory(std::uint64_t bytes) noexcept { raft_.ask_for_memory(bytes); }
  void count_freed(std::uint64_t bytes) noexcept { raft_.count_freed(bytes); }

  struct Asked {
    std::uint64_t waiter = 0;  // names the asker in Answered
    // A read must see the writes that have been taken before it, also those that are not committed
    // yet: it waits for them.
    bool after_writes = false;
    std::optional<Stamp> stamp = {};  // of a write
  };
  // A write that must not be executed: it has been, or is about to be, or that is not known any
  // more
  // (`stale_stamp`). nullopt: it should be executed. REQUIRES: leads(); `position` is in the arc.
  std::optional<Executed> recall(Now now, Position position, const Asked& asked, ResultSink& sink);
  // The primary. REQUIRES: leads(); !problem(operation); `position` is the key's and in the arc;
  // recall() has found nothing.
  Executed execute(Now now, Position position, const Operation& operation, const Asked& asked,
                   ResultSink& sink);
  // A get that can be answered here and now, and changes nothing: false, and no call of the sink,
  // where it cannot. REQUIRES: `position` is the key's and in the arc.
  bool try_read(Now now, Position position, std::string_view key, ResultSink& sink);
  // Nor does it read for anybody while too many reads wait already: they are `overloaded`.
  bool has_room_to_read() const noexcept { return held_.has_room(); }
  // nullopt, and nothing happened, if it may not serve now. Pending: the step may be told if
  // `waiter` is answered without an error. REQUIRES: leads(); the cursor's position is in the arc;
  // has_room_to_read().
  std::optional<Executed> scan(Now now, const Scan& scan, std::uint64_t waiter, ScanStep& step);
  // Proposes that due records be removed, at most records_max; returns how many.
  std::size_t sweep(Now now, std::size_t records_max);
  // Proposes to forget results, if all that are kept are too old. False: nothing was proposed.
  bool forget_results(Now now);
  const ResultWindow& results() const noexcept { return results_; }
  // How far the order has come here.
  ArcMark mark() const { return {arc(), order_of(view_.number), raft_.applied()}; }
  bool is_splitting() const noexcept { return splits_at_.has_value(); }
  // Proposes that what was used least recently near a position goes, but for a spared key; returns
  // its bytes. nullopt: there is nothing, or no room in the order. REQUIRES: !is_splitting().
  std::optional<std::size_t> evict(Position near, Position spared, std::string_view spared_key,
                                   std::size_t bytes_wanted);

  bool can_split(Position at) const;
  // Proposes it. Until it is applied nothing is done for the lower half, which is then found in
  // lower_halves(), here and at every member. REQUIRES: can_split(at).
  void split(Position at);
  // The halves that have come off: the caller takes them away after every input.
  std::vector<std::unique_ptr<Replica>>& lower_halves() noexcept { return lower_halves_; }

  bool can_change_members() const { return leads() && raft_.can_change_members() && !splits_at_; }
  // What is written while this peer leaves the members is `moving`: nobody here would learn what
  // has become of it.
  void change_members(Now now, const Members& next) {
    is_leaving_ = std::find(next.begin(), next.end(), self_) == next.end();
    raft_.change_members(now, next);
  }
  // The same while the lead is about to be handed on. Called with false, they are taken again.
  void hold_writes(bool hold) noexcept { is_handing_over_ = hold; }
  bool has_waiters() const noexcept { return !waiters_.empty(); }
  void hand_lead_to(Now now, const PeerRef& to, GroupOutbox& out);

  // For a copy to `to`: what to offer, and a part of the arc as it is now, from `first` on, of at
  // least one position and about bytes_max bytes.
  OfferCopy offer(TransferId transfer) const;
  Chunk read_chunk(Position first, std::size_t bytes_max) const;
  // Results after that of entry `after`, at most `count`.
  CopyResults read_results(std::uint64_t after, std::size_t count) const;
  void add_learner(Now now, const PeerRef& peer, std::uint64_t index) {
    raft_.add_learner(now, peer, index);
  }
  void end_learning(const PeerRef& peer) { raft_.end_learning(peer); }

  // It is a copy that has heard of no primary for so long that the arc must have lost its majority,
  // or this peer have lost the others.
  bool is_orphan(Now now) const {
    return !raft_.is_primary() && !raft_.primary() &&
           heard_at_ + options_->orphan_after <= now.monotonic;
  }
  // So long that, as it votes, nobody can be elected.
  bool misses_majority(Now now) const { return is_orphan(now) && raft_.is_voter(); }
  // This peer did not run for a while: what it did not hear meanwhile is no silence of others, and
  // what they have decided meanwhile is asked for, and waited for (Raft::wake()).
  void wake(Now now, GroupOutbox& out);
  // Of an orphan, in replica_repair.cpp. What stands in its order takes place, also what others may
  // not have: somebody may have been told that it has. False: it makes no sense. REQUIRES:
  // is_complete(), it is not primary. Then lower_halves() and what remains here may each have a
  // successor, and are of no other use.
  bool take_all(Now now, GroupOutbox& out);
  // The records of `part`, and the window, under a new order of which this peer is the one member.
  // REQUIRES: take_all(), or a half of such a one; arc() covers `part`.
  std::unique_ptr<Replica> succeed(const Arc& part, std::uint64_t generation, Now now);
  // When a primary, or whoever gives it a copy, was last heard of.
  Time heard_at() const noexcept { return heard_at_; }

  // The copy that comes. Begins again from nothing, where a primary offers that: false if this copy
  // is not behind it.
  bool begin_again(Now now, const OfferCopy& offer, ArcRecords records);
  // Is there nothing in the copy that is offered which this one lacks?
  bool has(const OfferCopy& offer) const;
  void on_results(Now now, const CopyResults& part, GroupOutbox& out);
  void on_chunk(Now now, const Chunk& chunk, GroupOutbox& out);
  // How far the window has come, and whether it is complete.
  std::uint64_t results_upto() const noexcept { return results_upto_; }
  bool has_results() const noexcept { return has_results_; }
  const std::optional<Position>& missing() const noexcept { return missing_; }

  void on_message(Now now, const PeerRef& from, RaftMessage&& message, GroupOutbox& out);
  HeartbeatAnswer on_heartbeat(Now now, const PeerRef& from, const Heartbeat& heartbeat,
                               GroupOutbox& out);
  void on_heartbeat_answer(Now now, const PeerRef& from, const HeartbeatAnswer& answer, Time sent,
                           GroupOutbox& out);
  void on_primary_gone(Now now) { raft_.on_primary_gone(now); }
  void stand_soon(Now now, GroupOutbox& out);
  // See Raft. Without a name: of all voters that it knows.
  void ask_whether_member(Now now, const PeerRef& to, GroupOutbox& out);
  void ask_whether_member(Now now, GroupOutbox& out);
  bool wants_heartbeat() const noexcept { return raft_.wants_heartbeat(); }
  // `sent`: now, and with reads by majority a moment that no other heartbeats have had.
  template <class Send>
  void beat(Time sent, Send&& send) {
    held_.on_sent(sent);
    raft_.beat(send);
  }

  // It is about to be dropped: whoever waits for a write is told that the outcome is not known.
  void end_waiting(GroupOutbox& out);

  // After calls that propose: sends, and applies what is committed.
  void flush(Now now, GroupOutbox& out);
  void on_deadline(Now now, GroupOutbox& out);
  Time next_deadline() const noexcept { return raft_.next_deadline(); }

  void audit() const { records_.audit(); }
  const ArcRecords& records() const noexcept { return records_; }
  // The entry that is applied next, if it is here and none after `index`; else nullptr.
  const Entry* next_entry(std::uint64_t index) const {
    const std::uint64_t next = raft_.applied() + 1;
    return next <= index && next <= raft_.last_index() ? &raft_.entry(next) : nullptr;
  }

 private:
  struct Waiter {
    std::uint64_t index = 0;
    std::uint64_t waiter = 0;
    std::optional<Get> get = {};      // it reads, once the entry has been applied
    std::optional<Stamp> stamp = {};  // it writes
    std::optional<Time> round = {};   // it reads, and this one must be confirmed (HeldReads)
    WallTime came = {};               // it reads: when it was asked
  };
  // Parts that have come without this one and are remembered: an arc is seldom cut so often before
  // a member hears of it. Further ones count as having come, so that no vote is left there.
  static constexpr std::size_t parts_come_max = 64;
  // Nor does a member apply more cuts at once: whoever sends so many is no primary of ours, and the
  // copy is of no use.
  static constexpr std::size_t halves_max = parts_come_max;

  struct NewerChunk {
    Arc interval;
    std::uint64_t index = 0;
  };

  bool splits_off(Position position) const;
  bool serves(Now now, Position position) const;
  std::optional<RecordView> find(Position position, std::string_view key);
  Executed read(Now now, Position position, const Get& get, const Asked& asked, ResultSink& sink);
  Executed read_and_hold(Now now, Position position, const Get& get, const Asked& asked,
                         ResultSink& sink);
  Executed propose(Now now, Command command, const Asked& asked, ResultSink& sink);
  void remove_due(std::vector<RemoveExpired>&& due);
  void after_input(Now now, RaftOutbox& sent, GroupOutbox& out);
  void apply_committed(Now now, GroupOutbox& out);
  bool install(const Chunk& chunk);
  void apply(Now now, const Entry& entry, GroupOutbox& out);
  void apply_write(const Entry& entry, OpResult& result);
  std::optional<OpResult> recalled(const Entry& entry) const;
  void remember(const Entry& entry, const OpResult& result);
  void await_copy(std::uint64_t index);
  void drop_results();
  void apply_split(Now now, const Entry& entry, Position at);
  void apply_roster(const Roster& roster);
  bool is_here(Position position, std::uint64_t index) const;
  void answer(std::uint64_t index, const OpResult& result, GroupOutbox& out);
  void answer_read(Waiter&& waiter, GroupOutbox& out);
  void end_copying();
  void update_hint();
  bool has(PlantedBug bug) const { return options_->raft.bug == bug; }
  void expire_by_own_clock(Now now);  // a planted bug

  const GroupOptions* options_;
  PeerRef self_;
  View view_;
  Rng rng_;
  Raft raft_;
  ArcRecords records_;
  std::deque<Waiter> waiters_;  // by index
  HeldReads held_;
  std::optional<Position> splits_at_;
  std::vector<std::unique_ptr<Replica>> lower_halves_;
  std::optional<Position> missing_;
  std::uint64_t copied_at_ = 0;  // the index at which the last chunk was read
  std::vector<NewerChunk> newer_;
  ResultWindow results_;
  bool has_results_ = true;         // false: the window is still coming
  std::uint64_t results_upto_ = 0;  // and has come up to here
  std::uint64_t results_at_ = 0;    // index at which it was read: it knows of entries up to there
  Time heard_at_;
  Told told_;
  Account account_;
  bool reads_again_ = false;  // a read that has waited must wait for another entry
  bool was_primary_ = false;
  bool was_complete_ = true;
  bool is_lost_ = false;
  bool is_removed_ = false;
  bool is_unsent_ = false;
  bool is_handing_over_ = false;  // the lead
  bool is_leaving_ = false;       // the members, by a change that is under way
  std::vector<Position> parts_come_;
};

}  // namespace hopring
