#pragma once

// An iterative lookup: asks one peer after the other, each closer to the position, until the owner
// answers. Chord, section 4.3, figure 5 (find_successor), driven from the asking side, with
// alternatives for peers that are silent.
//
// Sans-IO, without messages of its own: the caller sends FindArc to next() and reports the answer.
// Bounded: every peer is asked at most once, and no more than hops_max in all. It is given up when
// stuck_max answers in turn have brought it no closer: then the arc is most likely between two
// peers, or all around it is out of date, and asking half the ring would not help.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "routing/messages.hpp"
#include "routing/peer_health.hpp"

namespace hopring {

class Lookup {
 public:
  static constexpr std::uint32_t hops_max = 64;      // > 2 * log2(peers); longer is a loop
  static constexpr std::uint32_t stuck_max = 6;      // a chain of peers that have passed an arc on
  static constexpr std::size_t candidates_max = 16;  // the closest; more are not kept

  Lookup(Position target, std::span<const Hint> first_hints);

  // Whom to ask now: of all that have been named the closest that has not been asked and is not
  // silent. nullopt: the lookup has failed.
  std::optional<PeerRef> next(const PeerHealth& health);

  // The peer asked last knows these.
  void on_closer(std::span<const Hint> hints);

  Position target() const noexcept { return target_; }
  std::uint32_t asked() const noexcept { return static_cast<std::uint32_t>(asked_.size()); }

 private:
  struct Candidate {
    std::uint64_t gap = 0;  // from its arc's end to the target; 0: it is said to hold the target
    PeerRef peer;
  };

  Position target_;
  std::vector<Candidate> candidates_;  // descending gap: the closest last
  std::vector<PeerRef> asked_;
  std::uint64_t closest_ = ~0ull;  // gap of the closest that precedes the target, of all named
  std::uint32_t stuck_ = 0;        // answers since it came closer
};

}  // namespace hopring
