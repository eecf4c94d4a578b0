#pragma once

// A scenario: what once went wrong in a ring, told in prose and played by commands, with the output
// that is expected of them. tests/scenarios holds one file for each.
//
//   # Prose, in lines that begin with a hash.
//
//   seeds 1 2 3
//   replicas 3
//   peers 5
//   whole within 30s
//   ----
//   whole
//
//   crash 2
//   served within 2s
//   ----
//   served
//
// A block ends with an empty line; its commands stand before `----`, their output after it. Where
// there is no `----` no output is expected. The whole text is played once for each seed, which
// decides everything that is left to chance, and must give the same output each time.
//
// sim/scenario_ring.hpp lists the commands. Peers have numbers, from 1 on in the order in which
// they start, and the names that `call` gives them. Times are like 5s or 250ms.
//
// After each command, and every 10 ms while time passes, it is looked whether two peers may serve
// one position. The last command must be `whole within TIME`, with all ways open.
//
// Thread rule: one thread.

#include <string>
#include <string_view>

#include "storage/raft/planted_bug.hpp"

namespace hopring::sim {

struct ScenarioOptions {
  PlantedBug bug = PlantedBug::none;  // in every peer, for tests of the runner
  bool print_log = false;             // the peers' log lines, to stderr
};

// Plays it. What is wrong, for people: with the text, with what the commands print, or with the
// ring. Empty if nothing is. `name` stands before line numbers: `name:12: ...`.
std::string play_scenario(const std::string& name, std::string_view text,
                          const ScenarioOptions& options = {});

}  // namespace hopring::sim
