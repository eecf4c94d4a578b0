#pragma once

// Who votes in a group, as its order says: the members of the view and, while the view changes,
// those of the next one too (joint consensus).
//
// D. Ongaro, "Consensus: Bridging Theory and Practice" (2014), 4.3: while both sets stand in the
// roster, whatever needs a majority needs one of each.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "routing/view.hpp"

namespace hopring {

// A peer that was removed has dropped its copy, and forgotten how it voted. Admitted again it is
// another voter: what is asked of a member names the admission, and a member answers for those
// alone that came after its copy began.
struct Voter {
  PeerRef peer;
  // Index of the entry that made it a voter; for the first members of an order the first index.
  std::uint64_t admitted = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& peer& admitted;
  }
  friend bool operator==(const Voter&, const Voter&) = default;
};

using Voters = std::vector<Voter>;

struct Roster {
  Voters voters;    // 1 to members_max
  Voters incoming;  // those of the next view; empty unless the view is about to change

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& voters& incoming;
  }
  bool is_joint() const noexcept { return !incoming.empty(); }
  friend bool operator==(const Roster&, const Roster&) = default;
};

// nullptr: none of them.
inline const Voter* find(const Voters& voters, const PeerRef& peer) {
  const auto found = std::find_if(voters.begin(), voters.end(),
                                  [&](const Voter& each) { return each.peer == peer; });
  return found == voters.end() ? nullptr : &*found;
}
inline const Voter* find(const Roster& roster, const PeerRef& peer) {
  const Voter* incoming = find(roster.incoming, peer);
  return incoming != nullptr ? incoming : find(roster.voters, peer);
}

// Do those for whom agrees(const Voter&) holds decide?
template <class Agrees>
bool is_majority(const Voters& voters, Agrees&& agrees) {
  std::size_t missing = voters.size() / 2 + 1;
  return std::any_of(voters.begin(), voters.end(),
                     [&](const Voter& each) { return agrees(each) && --missing == 0; });
}
template <class Agrees>
bool decides(const Roster& roster, Agrees&& agrees) {
  return is_majority(roster.voters, agrees) &&
         (!roster.is_joint() || is_majority(roster.incoming, agrees));
}

// Does a roster that came from elsewhere keep the rules above?
bool is_well_formed(const Roster& roster);

// visit(const Voter&) for each that votes, once.
template <class Visit>
void for_each_voter(const Roster& roster, Visit&& visit) {
  for (const Voter& each : roster.incoming) visit(each);
  for (const Voter& each : roster.voters) {
    if (find(roster.incoming, each.peer) == nullptr) visit(each);
  }
}

}  // namespace hopring
