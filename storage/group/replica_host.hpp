#pragma once

// All arcs of one shard in a ring that keeps several copies of each: those that this peer is
// primary of, those that it follows, and those that are coming.
//
// Members are changed by a goal: change() names who should hold the arc, and perhaps who should be
// primary then; copies, admissions and removals follow from that. What a peer that has lost its
// copy, or lacks entries that have been dropped, needs is given to it without being asked for.
//
// Heartbeats of all groups that two shards have in common travel together, and so does what they
// append in one turn.
//
// Thread rule: belongs to one shard; not movable, since the tables refer to its pool and hash key.
// Sans-IO: time comes in as `now`, effects are left in `out`.
//
// Invariants:
//   (1) of the arcs that are led here, none overlap.
//   (2) at most copies_max copies leave this shard at a time, and at most learners_max come.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/keyed_hash.hpp"
#include "base/rng.hpp"
#include "storage/group/copy_source.hpp"
#include "storage/group/effects.hpp"
#include "storage/group/group_counters.hpp"
#include "storage/group/repair.hpp"
#include "storage/group/replica.hpp"

namespace hopring {

class ReplicaHost {
 public:
  // REQUIRES: !problem(options).
  ReplicaHost(const PeerRef& self, const HashKey& hash_key, const GroupOptions& options, Rng rng);
  ReplicaHost(const ReplicaHost&) = delete;
  ReplicaHost& operator=(const ReplicaHost&) = delete;

  // An arc of a new ring, whose one member this peer is, and its primary at once.
  void open(Now now, const View& view, GroupOutbox& out);

  // An arc that has lost the majority of its members goes on under a later generation, whose one
  // member this peer is, and its primary at once; the arc may be a part of the copy's, and becomes
  // several if that is cut by what stands in its order. REQUIRES: is_straight(repair.arc).
  Repaired repair(Now now, const Repair& repair, GroupOutbox& out);
  // Another peer serves this arc under a later generation: what is led of it here is dropped. What
  // must be cut off first goes when this is told again.
  void drop(Now now, const Arc& lost, const ViewNumber& to, GroupOutbox& out);

  struct Execution {
    const View* view = nullptr;  // in which it was executed; nullptr: the arc is not led here
    bool is_pending = false;     // Answered follows, perhaps at once
    // How far the arc has come, if a stamped write was answered, and not by `unavailable`.
    std::optional<ArcMark> mark = {};
  };
  // What it proposes is sent by end_turn(). REQUIRES: !problem(operation).
  Execution execute(Now now, const Operation& operation, const Replica::Asked& asked,
                    ResultSink& sink, GroupOutbox& out);
  // As GroupHost::expect().
  void expect(std::span<const std::string_view> keys) const;

  // Gets of the first of these keys, as many as can be answered here and now and change nothing:
  // one call of the sink each, while it takes more. Returns how many. REQUIRES: at most
  // keys_expected_max.
  std::size_t try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink);
  // No view: not led here, or it may not serve now. Pending: the step may be told if Answered to
  // `waiter` brings no error.
  Execution scan(Now now, const Scan& scan, std::uint64_t waiter, ScanStep& step, GroupOutbox& out);

  // Cuts the arc that ends at `end` behind `at`. False, and nothing will change, if it is not led
  // here or cannot be cut now. It is cut when ArcChanged tells so.
  [[nodiscard]] bool split(Now now, Position end, Position at, GroupOutbox& out);
  // The arc that ends at `end` should have these members, and `primary` as such, if one is named.
  // False, and nothing will change, if it is not led here or is being changed already. Copies that
  // are given unasked do not count as a change: they give way. MoveEnded tells how it ended; it
  // names the new member that its copy did not reach, else the last that is new, else the primary.
  // For balance nobody is let go while one of those that are to be members does not answer: an arc
  // that has just lost a member would rely on fewer still.
  enum class Goal : std::uint8_t { copies, balance };
  [[nodiscard]] bool change(Now now, Position end, const Members& members,
                            std::optional<PeerRef> primary, GroupOutbox& out,
                            Goal goal = Goal::copies);
  bool is_changing(Position end) const;

  // This peer's copy of the arc that ends at `end` is of no use any more, as when it has run full:
  // it is dropped, and the group's primary gives it another.
  void give_up(Position end, GroupOutbox& out);

  // Messages of Raft, heartbeats, copies. Takes any.
  void on_message(Now now, const PeerRef& from, GroupMessage&& message, GroupOutbox& out);
  // That incarnation is dead and will never speak again.
  void on_peer_gone(Now now, const PeerRef& peer, GroupOutbox& out);
  // An orphan (Replica::is_orphan()) may have been left out of its group while all that it knew as
  // members have gone. Who is primary there, as the ring says, can tell. If the ring says that the
  // arc is served under a later generation, the orphan is dropped.
  void ask_whether_member(Now now, Position end, const View& served, GroupOutbox& out);

  // After all that has come so far has been handed in: sends what was proposed. `out` may hold what
  // was left there since the last turn.
  void end_turn(Now now, GroupOutbox& out);
  bool is_in_turn() const noexcept { return !unsent_.empty(); }

  // REQUIRES: now >= next_deadline().
  void on_deadline(Now now, GroupOutbox& out);
  Time next_deadline() const noexcept;

  // The copy of the arc that holds the position; nullptr if there is none.
  const Replica* find(Position position) const noexcept;
  const std::vector<std::unique_ptr<Replica>>& replicas() const noexcept { return replicas_; }
  GroupCounters counters() const;
  std::size_t resident_bytes() const noexcept { return pool_.resident_bytes(); }
  // Bytes of the largest copy that is taken now. None: whatever there is.
  std::optional<std::uint64_t> room() const noexcept;
  // Changes of members, and copies of arcs that others serve or that are still coming: while there
  // are any, other peers may count on this one.
  std::size_t transfers() const;

 private:
  // A change of members under way, or a copy for one that needs it.
  struct Job {
    GroupName group;
    Members members;  // empty: only the copies
    std::optional<PeerRef> primary;
    Goal goal = Goal::copies;
    std::vector<std::unique_ptr<CopySource>> copies;
    PeerRef newcomer;
    bool is_asked = false;  // by change(); else it was begun because somebody lacks a copy
    bool is_proposed = false;
    bool has_lost_one = false;  // of `members`, who is dead
    Time ends_at;
    std::optional<Time> hands_over_by = {};  // once all else is done
  };
  using Copies = std::vector<std::unique_ptr<CopySource>>;
  // A later generation that began here.
  struct BegunAnew {
    Arc arc;
    GroupName group;
  };
  // Those that are remembered, when their copies have gone on to other peers, for members of older
  // generations that come back. Of more, the first are forgotten: a majority of the members of such
  // an arc that comes back together may serve what it has until the ring has told it.
  static constexpr std::size_t begun_anew_max = 4096;
  // A copy whose chunks are taken.
  struct Incoming {
    TransferId transfer;
    PeerRef from;
    GroupName group;
    std::uint64_t bytes = 0;  // that were offered
  };
  // What some of the arcs hold: all, and as if they were the whole ring.
  struct Held {
    std::uint64_t bytes = 0;
    double bytes_per_ring = 0;
  };
  Replica* at(Position position) const noexcept;
  Replica* ending_at(Position end) const noexcept;
  Replica* named(const GroupName& group) const noexcept;
  std::vector<GroupName> names() const;  // what is done by them may drop some
  void add(std::unique_ptr<Replica> replica);
  void begin(Now now, std::unique_ptr<Replica> alone, GroupOutbox& out);
  void settle(Now now, Replica& replica, GroupOutbox& out);
  void take_lower_halves(Now now, Replica& replica, GroupOutbox& out);
  void tell(Replica& replica, GroupOutbox& out);
  void drop_useless(GroupOutbox& out);
  void forget(const GroupName& group, GroupOutbox& out, std::uint64_t records_served = 0);
  void notice_pause(Now now, GroupOutbox& out);
  Time next_beat(Now now);
  void beat(Now now, Replica& replica, GroupOutbox& out);
  void beat_all(Now now, GroupOutbox& out);
  void sweep(Now now, GroupOutbox& out);

  std::optional<RepairRefusal> refusal(Now now, const Repair& repair) const;
  void go_on_alone(Now now, const GroupName& group, GroupOutbox& out);
  void forget_within(const Arc& arc, GroupOutbox& out);
  bool is_superseded(const GroupName& group) const;
  void end_superseded(const GroupName& group, GroupOutbox& out);

  void on_replicas_changed();
  void share_log_memory();
  void count_coming_bytes();
  std::uint64_t still_promised(const Incoming& coming) const;
  std::int64_t memory_left() const;
  Raft::Room room_after(Replica& replica, std::uint64_t proposed, std::uint64_t wanted);
  std::uint64_t grant(Replica& replica, std::uint64_t free, std::uint64_t wanted);
  void limit(Replica& replica);
  void relieve(Now now, GroupOutbox& out);
  std::optional<OpError> make_room(Now now, Replica& replica, Position position,
                                   const Operation& operation, GroupOutbox& out);
  OpError ask_for_memory(Replica& replica, std::uint64_t bytes);
  std::optional<OpError> evict_for(Now now, Replica& replica, Position position,
                                   const Operation& operation, std::uint64_t wanted,
                                   GroupOutbox& out);
  void note_unsent(Replica& replica);
  bool has_its_share(const Replica& replica, const Held& all) const;
  Replica* draw_giver(Now now, Replica& asking);
  Position draw(const Arc& arc);
  void look_at_shares();

  Replica* coming(const TransferId& transfer, const PeerRef& from, GroupOutbox& out);
  void begin_copy(Now now, Replica& replica, Job& job, const PeerRef& to, GroupOutbox& out);
  void give_missing_copies(Now now, Replica& replica, GroupOutbox& out);
  Copies supersede(Replica& replica, const Members& members);
  void advance_jobs(Now now, GroupOutbox& out);
  bool advance_job(Now now, Job& job, GroupOutbox& out);  // is it over?
  bool hand_over(Now now, Job& job, Replica& replica, GroupOutbox& out);
  void end_useless_copies(Job& job, Replica& replica);
  void end_copies_of_whole(const Replica& replica);
  void end_job(const Job& job, bool done, GroupOutbox& out);
  void count_end(const CopySource& copy);
  bool give_up(Now now, const Job& job, Replica& replica, GroupOutbox& out);
  bool is_near(const Replica& replica, const PeerRef& peer) const;
  bool answers(Now now, const Replica& replica, const PeerRef& peer) const;
  bool can_decide(Now now, const Replica& replica, const Job& job) const;
  bool is_takeable(const PeerRef& from, const OfferCopy& offer) const;
  std::uint64_t bytes_needed(const OfferCopy& offer) const;
  bool has_place_for(const OfferCopy& offer) const;
  void want_room(Now now, const OfferCopy& offer);
  std::size_t copies_under_way() const;
  std::size_t copies_coming() const;
  bool forget_silent_copy(Now now, GroupOutbox& out);
  bool begin_taking(Now now, const OfferCopy& offer, GroupOutbox& out);
  std::unique_ptr<Replica> vote_below(Now now, Replica& whole, Position at);

  void on_each(Now now, const PeerRef& from, OfferCopy&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, OfferAnswer&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, Chunk&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, ChunkAnswer&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, CopyResults&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, CopyResultsAnswer&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, Abandon&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, AppendsTogether&& message, GroupOutbox& out);
  template <class Message, class Handle>
  void for_each_expected(std::vector<Message>& messages, Handle&& handle);
  void on_each(Now now, const PeerRef& from, Heartbeats&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, HeartbeatAnswers&& message, GroupOutbox& out);
  // To the primary of a group of which it has no copy.
  void say_that_none_is_here(Now now, const PeerRef& to, const NoCopy& none, GroupOutbox& out);
  Replica* whole_of(const GroupName& group) const;
  Replica* asked_for(Now now, const GroupName& group);
  bool is_about_to_split_off(Now now, const GroupName& group) const;
  void on_raft(Now now, const PeerRef& from, RaftMessage&& message, GroupOutbox& out);
  void on_vote_without_copy(const PeerRef& from, const RequestVote& vote, GroupOutbox& out) const;
  template <class Message>
  void to_source(Now now, const PeerRef& from, const Message& message, GroupOutbox& out);
  template <class Message>
  void on_other(Now now, const PeerRef& from, Message&& message, GroupOutbox& out);

  PeerRef self_;
  KeyedHash hash_;
  GroupOptions options_;
  Rng rng_;
  std::size_t log_bytes_max_;  // of one arc's log, by the options that were given
  BlockPool pool_;
  std::size_t log_bytes_ = 0;       // of the logs of all arcs
  std::uint64_t coming_bytes_ = 0;  // see count_coming_bytes()
  // Where records are evicted, for a copy that there was no room for. See want_room().
  std::uint64_t room_wanted_ = 0;
  Time room_wanted_until_{};
  // At the last beat, where records are evicted alone: of the arcs that are led here, and of all.
  Held led_;
  Held held_;
  ByteBucket copy_budget_;
  std::vector<std::unique_ptr<Replica>> replicas_;  // by their arcs' ends
  std::vector<Position> ends_;  // those: each operation searches them, and they lie side by side
  std::vector<Job> jobs_;
  std::vector<Incoming> incoming_;
  std::vector<GroupName> unsent_;  // have proposed in this turn; each once
  std::deque<BegunAnew> begun_anew_;
  GroupCounters counters_;
  bool has_useless_ = false;
  std::size_t next_swept_ = 0;
  Time next_due_ = Time::never();  // no replica has a deadline before
  Time ran_at_{};
  Time beat_at_{};
  Time last_beat_{};
  Time sweep_at_{};
};

}  // namespace hopring
