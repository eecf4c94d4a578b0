#pragma once

// One seed of the soak: a whole ring of several copies in which everything goes wrong that
// docs/testing.md names, while clients work on a few keys that they share; then all is mended, and
// it must come right by itself. In every other seed the ring is small at first and grows, and its
// arcs are split, amidst the faults. Connections of clients break, so that writes come again; what
// has been sent before is executed later all the same, at times. Where reads ask a majority clocks
// run at wrong speeds and stand still.
//
// What is judged:
//   - the order of each key's operations (history_checker.hpp), of which those whose fate is not
//     known may have happened; some keys' records expire soon (soak_load.hpp), by wall clocks that
//     differ;
//   - that no two peers may serve one position at one moment, where clocks are trusted;
//   - that a scan of the whole ring returns once what stayed while it lasted, and nothing twice or
//     that was not there (scanner.hpp);
//   - once the faults are over: after calm_within every operation succeeds, after whole_within each
//     arc has all its copies at living peers, and the copies are equal.
//
// Crashes leave every arc its majority, unless majorities are to be lost: then so many peers crash
// at one moment, amidst the faults, that arcs lose theirs, and others come for them or nobody does;
// or so many are stopped. An operator has what is lost repaired some time after the faults, when
// those who were stopped have gone on (repairer.hpp, losses.hpp). What is judged beside the above:
//   - arcs that kept their majority are served as if nothing had happened;
//   - what is asked of the others after calm_within ends as unavailable, within a second or two;
//   - what the stopped had taken with them is served within back_within of their going on;
//   - the operator's tool makes the ring whole within repair_within, and does nothing where nothing
//     is lost; three seconds after an arc is served again all its operations succeed;
//   - of keys in repaired arcs what was acknowledged before may be lost, and what was not may be
//     there; but nothing that nobody has written. Before and after that all rules hold.
//
// Thread rule: one thread.

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "storage/raft/planted_bug.hpp"

namespace hopring::sim {

struct SoakOptions {
  std::uint64_t seed = 1;
  bool print_log = false;             // the peers' log lines and the faults, to stderr
  PlantedBug bug = PlantedBug::none;  // that every peer has, for tests of the judges
  bool loses_majorities = false;
};

struct SoakFigures {
  std::uint64_t done = 0;  // operations
  std::uint64_t done_amid_faults = 0;
  std::uint64_t refused = 0;  // for certain
  std::uint64_t unknown = 0;
  std::uint64_t scans = 0;    // of the whole ring, ended
  std::uint64_t scanned = 0;  // keys that stayed, of all scans
  std::uint64_t crashes = 0;  // of these some come back as new peers at the old address
  std::uint64_t pauses = 0;
  std::uint64_t cuts = 0;    // connections broken
  std::uint64_t blocks = 0;  // silence: one way, around one peer, or between two sides
  std::uint64_t joins = 0;
  std::uint64_t leaves = 0;
  std::uint64_t keys_lost = 0;        // whose arcs lost their majority
  std::uint64_t repairs = 0;          // of arcs, from a copy
  std::uint64_t repairs_empty = 0;    // from nothing
  std::uint64_t repairs_refused = 0;  // by peers
  double virtual_seconds = 0;
  std::uint64_t trace_hash = 0;
  // Nothing is proved where too little has happened, or where the order of some key's operations
  // was not found in time.
  std::string is_void_because;  // empty: it counts
  std::vector<std::string> violations;
};

SoakFigures soak(const SoakOptions& options);

}  // namespace hopring::sim
