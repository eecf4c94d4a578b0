#pragma once

// Is what clients saw of one key linearizable: could the operations have happened one at a time,
// each at a moment between its call and its return, in an order that explains every result?
//
// J. Wing, C. Gong, "Testing and Verifying Concurrent Objects" (1993), with the memory of visited
// states of G. Lowe, "Testing for linearizability" (2017). Keys are independent of each other, so
// each has a history of its own (linearizability is local).
//
// An operation whose outcome is not known may have happened at any time after its call, or never.
// Not thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "storage/operation/operation.hpp"

namespace hopring::sim {

struct HistoryEntry {
  Operation operation;
  Duration called{};
  Duration returned = Duration::max();  // max: not known whether and when
  OpResult result;                      // of one that has returned
};

class HistoryChecker {
 public:
  // Of one key, in any order. Operations that were refused for certain do not belong here.
  void add(HistoryEntry entry);
  // What had been done to the key by then may have been lost, all or in part: it goes on from
  // absence, or from any value that somebody has wanted it to have. The rules hold before that, and
  // after it. At most once for a key.
  void begins_anew(const std::string& key, Duration at) { anew_[key] = at; }

  // The keys whose histories no order explains, each with its history as text. `undecided` counts
  // those that would have taken more than steps_max steps: of them nothing is known.
  struct Verdict {
    std::vector<std::string> violations;
    std::size_t keys = 0;
    std::size_t undecided = 0;
  };
  Verdict check(std::uint64_t steps_max = 2'000'000) const;

 private:
  std::map<std::string, std::vector<HistoryEntry>> histories_;
  std::map<std::string, Duration> anew_;
};

}  // namespace hopring::sim
