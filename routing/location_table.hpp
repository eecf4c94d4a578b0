#pragma once

// Which peer holds which arc, by all that one peer has heard: the successor lists and fingers of
// all its nodes together, and what passing answers tell. So hops follow the number of peers, not
// that of nodes (docs/design.md). The name is that of the Chord authors' implementation.
//
// A cache: an entry that is out of date costs a hop. Of two that overlap the one with the higher
// view number stands, so that old remarks, which go round for long, do not displace what is newer.
// Thread rule: belongs to the peer's ring core. Cost of a question: O(log size).
//
// Invariants (audit() checks them):
//   (1) Entries are sorted by their arcs' ends, and no two overlap.
//   (2) No arc holds both the last position and the first: those that do are not taken.
//   (3) Each hint is that of one entry, or free.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "routing/messages.hpp"
#include "routing/peer_health.hpp"

namespace hopring {

class LocationTable {
 public:
  // Replaces what overlaps it, unless a part of that is newer.
  void learn(const Hint& hint);

  // Nobody but the own peer holds a part of the arc.
  void forget(const Arc& arc);
  // The peer is gone.
  void forget(const PeerRef& peer);
  // The peer has said that the position is not its own.
  void deny(Position position, const PeerRef& peer);

  // Whom to ask for the position: the peer whose arc is known to hold it, then those whose arcs
  // precede it most closely; distinct, none silent. At most closer_sent_max; of `candidates_max`
  // arcs that are looked at.
  std::vector<Hint> closest(Position target, const PeerHealth& health) const;
  static constexpr std::size_t candidates_max = 128;

  // The end of the first known arc that does not end before the position; else the position.
  Position end_near(Position position) const;

  // Clockwise the first known arc of a peer that is not silent and that does not end before the
  // position; and the last one, of whomever, that does not end after it. nullptr: none is known.
  const Hint* first_from(Position position, const PeerHealth& health) const;
  const Hint* last_until(Position position) const;

  std::size_t size() const noexcept { return entries_.size(); }
  void clear() noexcept;
  void audit() const;

 private:
  // What is searched and moved lies close together, apart from the rest.
  struct Entry {
    Arc arc;
    std::uint32_t hint;  // its index in hints_
  };
  using Entries = std::vector<Entry>;

  const Hint& hint_at(Entries::const_iterator at) const { return hints_[at->hint]; }
  // The first entry that does not end before the position.
  Entries::const_iterator from(Position position) const;
  // The entries that overlap the arc: from this one, so many. REQUIRES: is_straight(arc).
  struct Range {
    Entries::const_iterator begin;
    Entries::const_iterator end;
  };
  Range overlapping(const Arc& arc) const;
  void erase(const Range& range);

  Entries entries_;
  std::vector<Hint> hints_;
  std::vector<std::uint32_t> free_;  // indices in hints_
};

}  // namespace hopring
