#pragma once

// How a peer gets its share of the ring, keeps it fair, and gives it back: rounds of samples,
// asking heavier peers for arcs, giving to lighter ones that ask, and handing everything over at
// the end (design D5). A joiner is a peer with no load that asks; nothing else is special about it.
//
// Sans-IO. Thread rule: belongs to its peer.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/rng.hpp"
#include "peer/core/arc_directory.hpp"
#include "peer/core/balancer.hpp"
#include "peer/core/ring_member.hpp"
#include "peer/core/shard.hpp"

namespace hopring {

class Membership {
 public:
  static constexpr std::size_t samples_to_join = 48;  // the first look at the ring
  static constexpr std::size_t samples_a_round = 16;  // later ones
  static constexpr std::size_t coming_max = 4;        // arcs asked for and on their way at once
  static constexpr std::size_t giving_max = 8;        // arcs on their way to others at once

  Membership(const PeerRef& self, const Limits& limits, std::uint32_t nodes_per_peer,
             std::uint32_t weight, Rng rng);

  // What this peer carries now.
  PeerLoad load(const ArcDirectory& arcs) const;

  void on_lookup(Now now, const LookupDone& done);
  // Answers, and says what is to be given, if anything is; which then counts as on its way.
  std::optional<GiveArc> on(Now now, const PeerRef& from, const WantArc& message,
                            ArcDirectory& arcs, Outbox& out);
  void on(Now now, const PeerRef& from, const WantArcAnswer& message);
  void on_arc_came(Now now);
  void on_move_ended(Now now, const PeerRef& to, bool done);
  void on_gone(const PeerRef& peer);

  void leave(Now now);
  bool leaving() const noexcept { return leaving_; }
  // Nothing more can be handed over: no arc is left, or no peer takes one.
  bool is_done_leaving(Now now, const ArcDirectory& arcs) const;

  // REQUIRES: now >= next_deadline().
  void on_deadline(Now now, RingMember& ring, ArcDirectory& arcs, std::vector<GiveArc>& gifts,
                   Outbox& out, RingEvents& events);
  Time next_deadline() const;

  std::size_t peers_estimated(const ArcDirectory& arcs) const;
  bool settled() const noexcept { return settled_; }

 private:
  void begin_round(Now now, RingMember& ring, const ArcDirectory& arcs, Outbox& out,
                   RingEvents& events);
  void ask_givers(Now now, const ArcDirectory& arcs, Outbox& out);
  void hand_over(Now now, ArcDirectory& arcs, std::vector<GiveArc>& gifts);
  PeerLoad expected(const ArcDirectory& arcs, const Balancer::Estimate& estimate) const;

  PeerRef self_;
  Limits limits_;
  std::uint32_t nodes_per_peer_;
  std::uint32_t weight_;
  Rng rng_;
  Balancer balancer_;
  std::size_t lookups_open_ = 0;
  bool came_ = false;     // arcs have come since the last look
  bool settled_ = false;  // the last look found nothing to ask for
  Time next_round_{};
  Time next_step_ = Time::never();          // asking givers, or handing over, goes on
  std::map<std::uint32_t, PeerRef> wants_;  // asked, by nonce
  Time wants_deadline_ = Time::never();
  std::vector<Time> coming_;  // arcs promised to us: until when each is waited for
  std::uint32_t last_nonce_ = 0;
  bool leaving_ = false;
  Time last_progress_{};
  std::map<PeerRef, Time>
      refused_;  // leaving: who did not take an arc, and until when to pass over
};

}  // namespace hopring
