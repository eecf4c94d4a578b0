#pragma once

// Which peers are closest to a position, by all that the nodes of one peer know: their successor
// lists and fingers together. So hops follow the number of peers, not that of nodes (design D3).

#include <span>
#include <vector>

#include "routing/chord_node.hpp"

namespace hopring {

// The best next peers for a position: one whose arc is known to hold it, then those whose nodes
// precede it most closely; distinct, not `self`, none silent. At most `count`.
class ClosestPeers {
 public:
  ClosestPeers(Position target, const PeerRef& self, const PeerHealth& health)
      : target_(target), self_(self), health_(health) {}

  void consider(const Arc& arc, const PeerRef& peer);
  void consider(const ChordNode& node);

  // The closest first.
  std::vector<Hint> take() const;

 private:
  struct Candidate {
    std::uint64_t gap = ~0ull;  // from the arc's end to the target; 0: the arc holds the target
    Hint hint;
  };

  Position target_;
  const PeerRef& self_;
  const PeerHealth& health_;
  Candidate best_[closer_sent_max];  // ascending gap; those not used have an incarnation of 0
};

}  // namespace hopring
