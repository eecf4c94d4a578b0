#pragma once

// How a peer gets its share of the ring, keeps it fair, and gives it back: rounds of samples,
// asking heavier peers for arcs, giving to lighter ones that ask, and handing everything over at
// the end. A joiner is a peer with no load that asks; nothing else is special about it.
//
// Members of an arc live on distinct hosts where there is a choice: an arc is not given where it
// would have more members on one host than before, whatever balance says.
//
// Where arcs have several copies these are asked for, and apart from that the lead of arcs of which
// there is a copy here already. An arc that is followed here is given by asking its primary.
//
// Sans-IO. Thread rule: belongs to its peer.

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "peer/core/arc_directory.hpp"
#include "peer/core/balancer.hpp"
#include "peer/core/ring_member.hpp"
#include "peer/core/shard.hpp"

namespace hopring {

// The token of its lookups (RingMember::start_lookup()); others' are greater.
inline constexpr std::uint64_t membership_lookup = 0;

class Membership {
 public:
  static constexpr std::size_t samples_to_join = 48;  // the first look at the ring
  static constexpr std::size_t samples_a_round = 16;  // later ones
  static constexpr std::size_t coming_max = 4;        // arcs asked for and on their way at once
  static constexpr std::size_t giving_max = 8;        // arcs on their way to others at once
  // Who have refused one and are remembered: as many as loads are. Beyond it the first of them is
  // asked again early.
  static constexpr std::size_t refused_max = Balancer::samples_max;

  // `health`: of the same peer; outlives it.
  Membership(const PeerRef& self, const Limits& limits, const RingConfig& ring,
             const PeerHealth& health, std::uint32_t weight, Rng rng);

  // What this peer carries now.
  PeerLoad load(const ArcDirectory& arcs) const;
  // See PeerLoad.
  void set_rooms(std::vector<std::uint64_t> rooms, bool makes_room) noexcept {
    rooms_ = std::move(rooms);
    makes_room_ = makes_room;
  }

  void on_lookup(Now now, const LookupDone& done);
  // The next round of lookups begins then, if not before.
  void look_by(Time time) noexcept { next_round_ = std::min(next_round_, time); }
  // Answers, and says what is to be given, if anything is; which then counts as on its way.
  std::optional<GiveArc> on(Now now, const PeerRef& from, const WantArc& message,
                            ArcDirectory& arcs, Outbox& out);
  void on(Now now, const PeerRef& from, const WantArcAnswer& message);
  // What was promised, or something else, has come: a copy, or the lead and so a copy, too.
  void on_came(Now now, Position end, Measure measure);
  bool waits_for(Position end) const;
  // What was promised to this peer, or what it has asked to be passed on, does not happen.
  void on_not_given(Now now, Position end, ArcDirectory& arcs);
  void on_move_ended(Now now, const PeerRef& to, bool done);
  void on_gone(const PeerRef& peer);

  void leave(Now now);
  bool leaving() const noexcept { return leaving_; }
  // Nothing more can be handed over: no arc or copy is left, or no peer takes one.
  bool is_done_leaving(Now now, const ArcDirectory& arcs) const;

  // REQUIRES: now >= next_deadline().
  void on_deadline(Now now, RingMember& ring, ArcDirectory& arcs, std::vector<GiveArc>& gifts,
                   Outbox& out, RingEvents& events);
  Time next_deadline() const;

  // An arc that is to have another member: none of `members`, beside those that stay.
  struct Vacancy {
    std::span<const PeerRef> members;
    std::span<const PeerRef> staying;
    Position end;  // the arc's
    std::uint64_t bytes = 0;
    bool must_be_willing = false;  // nobody is better than one that has just refused
  };
  // The lighter of two that are drawn from `others` and from the peers whose loads are known; of
  // those that answer and have room for it, as far as is known; of these on hosts where nobody
  // stays, if there are any that have not just refused. nullopt: there is nobody.
  std::optional<PeerRef> newcomer(Now now, const Vacancy& vacancy, std::span<const PeerRef> others);
  // The same, on such a host or nowhere.
  std::optional<PeerRef> newcomer_elsewhere(Now now, const Vacancy& vacancy,
                                            std::span<const PeerRef> others);
  // It has said that it wants to have no copy any more.
  void on_leaver(Now now, const PeerRef& peer);

  std::size_t peers_estimated(const ArcDirectory& arcs) const;
  bool settled() const noexcept { return settled_; }
  // Others have been looked at, and for two rounds none of them had anything for this peer, nor was
  // busy.
  bool is_nothing_due(Now now) const {
    return due_at_ && coming_.empty() && *due_at_ + 2 * limits_.balance_interval <= now.monotonic;
  }

 private:
  void begin_round(Now now, RingMember& ring, const ArcDirectory& arcs, Outbox& out,
                   RingEvents& events);
  struct Want {
    PeerRef asked;
    Measure measure;
  };
  struct Coming {
    Time until;  // it is waited for so long
    Measure measure;
    Position end;
    PeerRef from;
  };

  // What could be given to a peer that asks.
  struct Offer {
    std::vector<Balancer::Candidate> candidates;
    PeerLoad staying;  // what is carried, without what is on its way to others
    std::size_t moving = 0;

    void take_away(std::uint64_t parts, std::uint64_t bytes);  // a copy
  };
  Offer offer_for(const PeerRef& from, Measure measure, const ArcDirectory& arcs) const;

  std::vector<PeerRef> candidates(Now now, const Vacancy& vacancy,
                                  std::span<const PeerRef> others) const;
  std::vector<PeerRef> elsewhere(Now now, const std::vector<PeerRef>& choice,
                                 std::span<const PeerRef> staying) const;
  bool has_room(Now now, const PeerRef& peer, Position end, std::uint64_t bytes) const;
  bool makes_room(Now now, const PeerRef& peer) const;
  bool has_refused(Now now, const PeerRef& peer) const;
  void remember_refusal(Now now, const PeerRef& peer);
  std::optional<PeerRef> draw(Now now, const std::vector<PeerRef>& choice);
  void ask_givers(Now now, const ArcDirectory& arcs, Outbox& out);
  bool ask_giver(Now now, const ArcDirectory& arcs, Measure measure, Outbox& out);
  void hand_over(Now now, ArcDirectory& arcs, std::vector<GiveArc>& gifts, Outbox& out);
  std::optional<PeerRef> taker(Now now, const ArcEntry& arc) const;
  void pass_copies_on(Now now, const ArcDirectory& arcs, Outbox& out);
  void forget_passed(Now now, ArcDirectory& arcs);
  PeerLoad expected(const ArcDirectory& arcs, const Balancer::Estimate& estimate) const;

  PeerRef self_;
  Limits limits_;
  const PeerHealth& health_;
  std::uint32_t nodes_per_peer_;
  std::uint32_t replicas_;
  std::uint32_t weight_;
  std::vector<std::uint64_t> rooms_;
  bool makes_room_ = false;
  Rng rng_;
  Balancer balancer_;
  std::size_t lookups_open_ = 0;
  // When something was last promised, came, or might have been if nobody had been busy; else when
  // the others were looked at first.
  std::optional<Time> due_at_;
  bool came_ = false;     // arcs have come since the last look
  bool settled_ = false;  // the last look found nothing to ask for
  Time next_round_{};
  Time next_step_ = Time::never();       // asking givers, or handing over, goes on
  std::map<std::uint32_t, Want> wants_;  // by nonce
  Time wants_deadline_ = Time::never();
  std::vector<Coming> coming_;  // promised to us
  // Copies of arcs that others serve, which their primaries have been asked to give away: until
  // when that is waited for.
  std::map<Position, Time> passed_;
  Time next_passing_{};  // leaving
  std::size_t copies_left_ = 0;
  std::uint32_t last_nonce_ = 0;
  bool leaving_ = false;
  Time last_progress_{};
  // Who did not take an arc, and until when to pass over.
  std::map<PeerRef, Time> refused_;
};

}  // namespace hopring
