#pragma once

// Balance by bytes: estimates a fair share from the loads of peers at random positions, and decides
// which peer to ask for an arc, and which arc to give to a peer that asks.
//
// Pulled, never pushed: a peer below its fair share asks heavier ones; a move must lower the peak
// of the two by a step, and of bytes be worth it. So balance comes to rest, and a joiner is a peer
// with no load.
//
// Sans-IO, no messages of its own. Thread rule: belongs to its peer.

#include <boost/container/flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "routing/messages.hpp"

namespace hopring {

// An empty ring is balanced by width, as if it held this much, evenly spread: once it holds much
// more, bytes alone decide.
inline constexpr double empty_ring_bytes = 1 << 20;

// What a peer carries, per unit of its weight: by bytes of its copies, or by width of the arcs that
// it is primary of.
double load_of(const PeerLoad& load, Measure measure = Measure::copies);

class Balancer {
 public:
  static constexpr std::size_t samples_max = 256;            // peers remembered
  static constexpr std::chrono::seconds sample_age_max{30};  // older loads are not acted upon
  // A move lowers the peak by 1/128 of a fair share; by less where a peer has several times as many
  // copies as primary arcs.
  static constexpr double step_parts = 128;
  // Copies are moved between two peers only if their loads differ by 1/32 of a fair share: the last
  // grains cost more bytes than they level.
  static constexpr double gap_parts = 32;
  // In a ring of this many, by 1/20: a joiner takes little from the fair share of all, and who has
  // given it an arc, of about 1/40, would be so far below others that it fetched another.
  static constexpr double gap_parts_of_many = 20;
  static constexpr double many_peers = 200;
  static constexpr unsigned cuts_max = 4;  // of one arc for one gift

  explicit Balancer(std::uint32_t nodes_per_peer, std::uint32_t replicas = 1)
      : nodes_per_peer_(nodes_per_peer), replicas_(replicas) {}

  // A round of lookups of uniformly random positions begins; what follows belongs to it.
  void begin_round() { round_.clear(); }
  // The owner of a random position, and what it carries.
  void on_sample(Time now, const PeerRef& peer, const PeerLoad& load);
  // A load learnt otherwise. It does not undo pass_over(): only a sample does.
  void on_load(Time now, const PeerRef& peer, const PeerLoad& load);
  // It is about to get a copy: it counts as if it had it, until another load of it is learnt.
  void on_promised(const PeerRef& peer, std::uint64_t bytes, std::uint64_t parts);
  // It has nothing of that to give: not to be asked until it is sampled again. It counts all the
  // same.
  void pass_over(const PeerRef& peer, Measure measure = Measure::copies);
  // It is no part of the ring any more.
  void forget(const PeerRef& peer) { samples_.erase(peer); }

  struct Estimate {
    double peers = 1;
    double arcs = 0;
    PeerLoad fair;  // of a peer of weight 1
  };
  // `self` counts, whatever its load.
  Estimate estimate(const PeerRef& self, const PeerLoad& own) const;

  // The heaviest peer from which a move would help, when `own`, with what is already coming, is
  // below its fair share.
  std::optional<PeerRef> giver(Time now, const PeerLoad& own, const Estimate& estimate,
                               Measure measure = Measure::copies) const;

  // The lightest peers that stay, for one that leaves.
  std::vector<PeerRef> lightest(Time now) const;
  // What is known of a peer, unless it is old.
  const PeerLoad* known(Time now, const PeerRef& peer) const;

  struct Candidate {
    Arc arc;
    std::uint64_t bytes = 0;
    bool may_cut = true;
  };
  struct Gift {
    Position end;
    unsigned cuts = 0;        // cut it so often first, each time the lower half: arcs are scarce
    std::uint64_t bytes = 0;  // of what is given, cut or not
  };
  // What this peer should give to one that sent `want`.
  std::optional<Gift> gift(const PeerLoad& own, std::span<const Candidate> arcs,
                           const WantArc& want) const;

  // Do the remembered loads together cover the whole ring?
  bool covers_ring(const PeerRef& self, const PeerLoad& own) const;

 private:
  struct Sample {
    PeerLoad load;
    Time at;
    bool passed_over[measure_max + 1] = {};
  };
  double step(double fair, Measure measure) const;
  static double gap(double fair, Measure measure, double peers);

  std::uint32_t nodes_per_peer_;
  std::uint32_t replicas_;
  boost::container::flat_map<PeerRef, Sample> samples_;  // walked often, changed seldom
  std::vector<PeerLoad> round_;
};

}  // namespace hopring
