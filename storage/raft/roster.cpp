#include "storage/raft/roster.hpp"

#include "base/count.hpp"

namespace hopring {
namespace {

bool is_well_formed(const Voters& voters) {
  const auto is_sound = [&](const Voter& each) {
    return each.peer.incarnation != 0 && each.peer.endpoint.port != 0 && each.admitted != 0 &&
           is_count(each.admitted) && find(voters, each.peer) == &each;
  };
  return voters.size() <= members_max && std::all_of(voters.begin(), voters.end(), is_sound);
}

}  // namespace

bool is_well_formed(const Roster& roster) {
  return !roster.voters.empty() && is_well_formed(roster.voters) && is_well_formed(roster.incoming);
}

}  // namespace hopring
