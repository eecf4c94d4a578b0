#pragma once

// The arcs that follow a node clockwise, with their views: whom to ask next, and who holds what
// should the nearest of them die. Chord, section 4.4 (IEEE/ACM ToN 2003 version: IV.E.3), with
// views in place of addresses; P. Zave, "Reasoning about identifier spaces: How to make Chord
// correct", IEEE TSE 2017, for what a list must never lose.
//
// A cache: it decides nothing. Thread rule: belongs to its node.
//
// Invariants:
//   (1) The entries follow each other without a gap: the first begins at the node's end, each other
//       one at the end of the entry before it.
//   (2) No entry reaches into the node's own arc; no arc stands twice.
//   (3) At most entries_max entries.

#include <cstddef>
#include <span>
#include <vector>

#include "routing/view.hpp"

namespace hopring {

class SuccessorList {
 public:
  // A list ends where it names this many peers beside the own one: all of them would have to die
  // within one round to leave the node without a successor that it knows.
  static constexpr std::size_t other_peers_wanted = 4;
  static constexpr std::size_t entries_max = 64;  // then it ends with fewer peers named

  // Replaces the list by `successor`, which has just answered, and the list that it sent. Keeps of
  // it what continues without a gap, up to and with the first arc of `self` (there another list of
  // this peer goes on) or the last that is wanted. Returns whether anything changed; nothing has if
  // `successor` does not follow `own`.
  bool assign(const Arc& own, const PeerRef& self, const View& successor,
              std::span<const View> rest);

  // Forgets what no longer follows `own`, after a split of the node's own arc.
  void rebase(const Arc& own);

  // A view heard of elsewhere replaces the entry of exactly its arc if it beats it.
  bool adopt(const View& view);

  std::span<const View> entries() const noexcept { return entries_; }
  bool empty() const noexcept { return entries_.empty(); }

  // REQUIRES of the caller: nothing. Checks (1) to (3).
  void check_invariants(const Arc& own) const;

 private:
  std::vector<View> entries_;
};

}  // namespace hopring
