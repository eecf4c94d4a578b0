#pragma once

// The front of a peer: its part in the ring, its membership, and the state of its life. What it
// decides about arcs it tells the shards that serve them, and they tell it what became of that:
// see shard.hpp. It answers for what no shard serves.
//
// Sans-IO: every input carries `now`; effects are left in `out`, commands in commands(). Thread
// rule: belongs to one thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "peer/core/arc_directory.hpp"
#include "peer/core/copy_burst.hpp"
#include "peer/core/effects.hpp"
#include "peer/core/errands.hpp"
#include "peer/core/membership.hpp"
#include "peer/core/options.hpp"
#include "peer/core/ring_member.hpp"
#include "peer/core/shard.hpp"
#include "peer/wire/messages.hpp"

namespace hopring {

class Front {
 public:
  struct ToShard {
    std::uint32_t shard = 0;
    ShardCommand command;
  };

  Front(PeerOptions options, Rng rng);

  // As those of Peer (peer.hpp).
  void start(Now now, Outbox& out);
  void on_connected(Now now, const PeerRef& actual, const RingConfig& ring, Outbox& out);
  void on_message(Now now, const PeerRef& from, PeerMessage&& message, Outbox& out);
  void on_unreachable(Now now, const PeerRef& peer, Unreachable why, Outbox& out);
  void on_stranger(Now now, const PeerRef& from, std::uint64_t ring_id, Outbox& out);
  void on_deadline(Now now, Outbox& out);
  Time next_deadline() const;
  void leave(Now now, Outbox& out);

  // What a shard says that it has done, in its order.
  void on_news(Now now, ShardNews&& news, Outbox& out);
  // How it is. Every so often, and at any rate before WantArc, leave(), report(), and on_deadline()
  // if that looks_at_sizes(); what is decided by older ones is merely not the best.
  void on_status(const ShardStatus& status);
  bool looks_at_sizes(Now now) const;

  // What the shards are to do, in order. The caller takes it away after every input.
  std::vector<ToShard>& commands() noexcept { return commands_; }

  const ArcDirectory& directory() const noexcept { return directory_; }

  const PeerOptions& options() const noexcept { return options_; }
  // nullptr while it has no ring: a joiner that has not been let in.
  const RingConfig* ring() const noexcept { return ring_ ? &*ring_ : nullptr; }
  bool settled() const noexcept { return membership_ && membership_->settled(); }
  ReportReply report() const;

  // A first write has come. The ring is not given up for another one any more, and shards take
  // writes from now on; unless it was created just now: an older one may still claim it.
  void on_write();

  // Puts in where the client should go.
  ToDesk answer(Unserved&& note) const;

  // Looks whether somebody serves the arc; if it is to begin empty once more after repair_pause. If
  // nobody does, its shard is to repair it. More than repairs_max at a time are `overloaded`.
  static constexpr std::size_t repairs_max = 64;  // each asks a few peers
  static constexpr std::chrono::seconds repair_pause{2};
  void on_repair(Now now, const RepairWanted& wanted, Outbox& out);

  // What desks are to do or to hear. The caller takes it away after every input.
  std::vector<ToDesk>& errands() noexcept { return errands_; }

  std::uint32_t shard_of(Position position) const;

 private:
  enum class State : std::uint8_t {
    idle,      // start() has not been called
    dialling,  // no contact has answered yet
    joining,   // let in, but without an arc
    fresh,     // has created a ring, and waits whether an older one claims it
    serving,
    leaving,
    gone,
  };

  void create(Now now, Outbox& out);
  void enter(const RingConfig& ring);
  void dial(Now now, Outbox& out);
  bool is_contact(const Endpoint& endpoint) const;
  void end_joining(Now now, Outbox& out);
  void fail(std::string reason, Outbox& out);
  void command(Position position, ShardCommand&& command);
  void command_all(const ShardCommand& command);
  void on_group_message(const PeerRef& from, GroupMessage&& message, Outbox& out);
  void on_pass(Now now, const PeerRef& from, const PassCopy& pass, Outbox& out);
  void hint_at_members(Position position, Redirect& redirect) const;
  bool lacks_members(const ArcEntry& arc) const;
  void tell_not_given(const PeerRef& to, Position end, Outbox& out) const;
  bool is_alone() const;
  void tell_of_leaving(Now now, Outbox& out);
  bool is_welcome(const PeerRef& from, const OfferArc& offer) const;
  template <class Together>
  void deal(const PeerRef& from, Together& message);
  void deal(const PeerRef& from, AppendsTogether& message);
  Redirect elsewhere(Position position) const;
  bool is_lost(Position position, const View* known) const;
  void note_lookup(Now now, bool has_found);
  void settle(Now now, Outbox& out);
  void on_event(Now now, const ClaimArc& event, Outbox& out);
  void on_event(Now now, const LoseArc& event, Outbox& out);
  void on_event(Now now, const LookupDone& event, Outbox& out);
  void on_event(Now now, const PeerDied& event, Outbox& out);
  void on_each(Now now, SendGroup&& news, Outbox& out);
  void on_each(Now now, ArcOpened&& news, Outbox& out);
  void on_each(Now now, ArcChanged&& news, Outbox& out);
  void on_each(Now now, ArcMoved&& news, Outbox& out);
  void on_each(Now now, ArcLost&& news, Outbox& out);
  void on_each(Now now, MoveEnded&& news, Outbox& out);
  void on_each(Now now, CopyKept&& news, Outbox& out);
  void on_each(Now now, ArcFollowed&& news, Outbox& out);
  void on_each(Now now, CopySuperseded&& news, Outbox& out);
  void on_each(Now now, Answered&& news, Outbox& out);
  struct RepairLook;
  void look_on(Now now, RepairLook& look, Outbox& out);
  bool take_look(Now now, const LookupDone& event, Outbox& out);
  void look_again(Now now, Outbox& out);
  Time next_look() const;
  ToDesk hand_on(const RepairWanted& wanted) const;
  void end_repair(std::uint64_t lookup, ToDesk&& errand);
  void end_repairs();
  std::vector<Position> places_in(const Arc& arc) const;
  void tell_of_repair(const ArcOpened& news, Outbox& out) const;
  bool is_later_generation(const View& view, const Arc& served) const;
  void place_copies(Now now, Outbox& out);
  std::size_t add_newcomers(Now now, const ArcEntry& arc, const std::vector<PeerRef>& others,
                            std::vector<PeerRef>& next);
  void tell_of_burst(Now now, Outbox& out);
  void mend_hosts(Now now, const ArcEntry& arc, const std::vector<PeerRef>& others);
  void seek_primaries(Now now, Outbox& out);
  bool is_meeting(Now now) const;
  void sync(Now now);
  void become_ready(Outbox& out);
  void check_left(Now now, Outbox& out);
  void be_gone(Outbox& out);
  bool has_majority_without_self(const View& view) const;

  PeerOptions options_;
  Rng rng_;
  RingMember member_;
  ArcDirectory directory_;
  std::optional<RingConfig> ring_;
  std::optional<Membership> membership_;  // while there is a ring
  State state_ = State::idle;
  bool is_ready_ = false;
  bool farewell_said_ = false;
  bool written_ = false;       // has taken a write or a peer: its ring is no longer fresh
  bool takes_writes_ = false;  // the shards have been told to
  bool arcs_changed_ = false;  // since the ring member has been told
  Time join_deadline_ = Time::never();
  Time next_dial_ = Time::never();
  Time fresh_until_ = Time::never();
  Time next_leaving_note_ = Time::never();
  Time next_placement_ = Time::never();  // where arcs have several copies
  // Arcs of several copies whose lead has just gone, by their ends, until it is told who leads them
  // now, for handed_on_lasts at most.
  struct HandedOn {
    View view;
    Time at;
  };
  std::map<Position, HandedOn> handed_on_;
  // Where arcs have several copies, and this peer serves nothing: no lookup has found anybody
  // since, and whether that is taken to be so of the whole ring.
  Time unfound_since_ = Time::never();
  bool nobody_serves_ = false;
  std::set<Position> orphans_;                // the ends of copies without a primary, as last seen
  std::map<std::uint64_t, Position> sought_;  // of these, by the token of their lookup
  std::uint64_t last_sought_ = membership_lookup;  // the last such token
  std::uint64_t returns_ = 0;                      // RingMember::returns(), as last seen
  Time meets_until_{};
  RingEvents events_;  // reused; empty between inputs
  std::vector<ToShard> commands_;
  std::vector<ToDesk> errands_;
  // An arc that is to be repaired, while it is looked whether somebody serves it.
  struct RepairLook {
    RepairWanted wanted;
    std::vector<Position> places;  // where it is looked
    std::size_t looked = 0;        // in this round, at so many of them
    std::uint64_t lookup = 0;      // the token of the one that is under way, or was the last
    bool is_second = false;
    Time again_at = Time::never();  // then the second round begins
  };
  std::vector<RepairLook> repairs_;    // at most repairs_max
  std::vector<ShardStatus> statuses_;  // of each shard, the last one, without its arcs
  // Arcs that members are being changed of since one of them has asked to pass its copy on: who.
  std::map<Position, PeerRef> passing_;
  // Arcs of which a member is being replaced because it shares a host with another.
  std::set<Position> mending_;
  Time next_mending_{};  // no other is, before
  CopyBurst burst_;
  std::map<Endpoint, Unreachable> dial_ends_;  // of contacts, while dialling
  std::uint64_t arcs_taken_over_ = 0;
};

}  // namespace hopring
