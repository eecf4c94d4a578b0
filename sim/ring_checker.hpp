#pragma once

// Judges of the ring as a whole. They see what no peer sees: all peers at one moment.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/world.hpp"

namespace hopring::sim {

// No two living peers serve one position in the same generation. Holds at every moment.
std::vector<std::string> check_ownership(const World& world);

// The same of a ring of several copies, by the leases: of no position may two answer for now.
std::vector<std::string> check_service(const World& world);

// Complete copies of one arc that have applied the same entries hold the same records, and each
// copy's audit holds.
std::vector<std::string> check_equality(const World& world);

// What the primaries have applied.
using Applied = std::map<GroupName, std::uint64_t>;
Applied applied_by_primaries(const World& world);
// Copies at members of these arcs that have not applied as much.
std::vector<std::string> check_applied(const World& world, const Applied& least);

// The arcs that living peers serve tile the ring: no gap, no overlap. Holds once things are
// settled.
std::vector<std::string> check_tiling(const World& world);

// The same for a list of views, in any order.
std::vector<std::string> check_tiling(const std::vector<View>& views);

// In a ring of several copies: could the peer crash now, and each arc still have a majority of its
// members, with complete copies, by all rosters that any copy goes by? Not if some arc has no
// primary at the moment.
bool keeps_majorities_without(const World& world, ProcessId peer);

// Peers that vote for arcs whose members are being changed just now.
std::vector<ProcessId> peers_amid_changes(const World& world);

// Arcs that would keep a majority, with complete copies, if all these peers crashed now. Of arcs
// whose members are being changed, or which have no primary at the moment, nothing is said.
std::vector<Arc> arcs_that_keep_majorities_without(const World& world,
                                                   const std::set<ProcessId>& peers);

// Members of arcs, as their primaries know them, that are dead or have no complete copy; and
// members that are missing, if there are peers for them.
std::vector<std::string> check_copies(const World& world);

// Copies at living peers that have heard of no primary for long. Where the arc is served, the peer
// was cut off and has not met the others again. As `hopring ring --wait-healthy` asks.
std::vector<std::string> check_met(const World& world);

// For people: the copies of arcs that nobody serves, and what each believes.
std::vector<std::string> describe_gaps(const World& world);

// Bytes that each peer holds, copies included: peak by mean.
double skew_of_bytes(const World& world);

// What the living peers hold: all keys, and the most that one has by the mean; 1 if there are none.
struct KeySpread {
  std::uint64_t keys = 0;
  double skew = 1;
};
KeySpread spread_of_keys(const World& world);

}  // namespace hopring::sim
