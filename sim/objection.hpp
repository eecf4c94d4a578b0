#pragma once

// What the judges of the soak say of one seed in which every peer has a planted bug.
//
// Thread rule: one thread. Forks: the process must not have others.

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/raft/planted_bug.hpp"

namespace hopring::sim {

// The first thing that a judge objects to, at most 1,000 bytes of its first line; empty if none
// does. `rule`: of those with a bug only what has these words. It is found in a process of its own:
// a bug may break a promise of the code, which then aborts. Such a seed proves nothing of the
// judges, and counts as none that objects; nor does one that is void without the bug. Without a bug
// a seed that aborts, or is void, is objected to as well.
std::string objection_to(std::uint64_t seed, PlantedBug bug, bool loses_majorities = false,
                         std::string_view rule = {});

}  // namespace hopring::sim
