#pragma once

// The whole ring, as its peers tell of themselves: whoever is known by somebody is asked.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/map.hpp"

namespace hopring::cli {

struct Survey {
  std::vector<PeerReport> reports;                        // by address
  std::vector<std::pair<PeerRef, Failure>> silent_peers;  // known by somebody, did not answer
};

// Whom to ask beside those that a peer knows by itself: all members of the arcs that it names, also
// those of which it may know that they are dead.
enum class Ask : std::uint8_t { known, members };

// Runs that have ended for certain are not silent: another run answers at their address.
void leave_out_replaced(Survey& survey);

// Fails only if nobody answers. Asks all peers that one round has named at the same time.
Result<Survey> survey(Map& map, Ask whom = Ask::known);

// What is wrong with the tiling, one line each; empty if the arcs tile the ring. Reports are not
// taken at one moment: an arc that moves meanwhile may look like a fault.
std::vector<std::string> tiling_faults(const std::vector<PeerReport>& reports);

// As it stands in texts.
std::string name_of(const Arc& arc);

// Of one peer.
std::uint64_t keys_of(const PeerReport& report);
std::uint64_t bytes_of(const PeerReport& report);  // copies of arcs that others serve included
double share_of(const PeerReport& report);         // of the ring, in [0, 1]

// Copies of arcs that the peer is named for.
std::size_t copies_at(const std::vector<PeerReport>& reports, const PeerRef& peer);

// Arcs of which fewer than `wanted` complete copies are at peers that answer, or fewer than the arc
// has members; the bytes of the copies that they lack; and those arcs of which no peer that is not
// a member has the memory for one.
struct Lack {
  std::size_t arcs = 0;
  std::uint64_t bytes = 0;
  std::size_t arcs_without_room = 0;
};
Lack lack_of_copies(const std::vector<PeerReport>& reports, std::size_t wanted);

// Copies that have heard of no primary for long. Of arcs that are served: their peers were cut off,
// have been left out, and have not met the others again.
std::size_t copies_without_primary(const std::vector<PeerReport>& reports);

// Addresses, without ports, at which peers answer.
std::size_t hosts_of(const std::vector<PeerReport>& reports);
// Arcs of which two members live on one host.
std::size_t arcs_sharing_a_host(const std::vector<PeerReport>& reports);

// Is the ring whole, has each arc all the copies that there are peers for, and do all peers know
// it? Who was cut off and has not met the others yet would call arcs unavailable that are served.
struct Health {
  std::vector<std::string> faults;  // of the tiling
  std::size_t copies_wanted = 1;    // of each arc: by the ring's rule, and by the peers there are
  Lack lack;
  std::size_t copies_without_primary = 0;

  bool is_whole() const { return faults.empty(); }
  bool is_healthy() const { return is_whole() && lack.arcs == 0 && copies_without_primary == 0; }
};
Health health_of(const std::vector<PeerReport>& reports);

// How much of the ring, in [0, 1], has ever been taken over from peers that had died, as the views
// say: at one copy, what was stored there at that time is lost.
double share_taken_over(const std::vector<PeerReport>& reports);

// The sum over all peers of a counter.
std::uint64_t counter_sum(const std::vector<PeerReport>& reports, std::string_view counter);

// The largest of `loads` in proportion to their mean; 1 if all are equal, or zero.
double peak_over_mean(const std::vector<std::uint64_t>& loads);

}  // namespace hopring::cli
