#pragma once

// Is what clients saw of one key linearizable: could the operations have happened one at a time,
// each at a moment between its call and its return, in an order that explains every result?
//
// J. Wing, C. Gong, "Testing and Verifying Concurrent Objects" (1993), with the memory of visited
// states of G. Lowe, "Testing for linearizability" (2017). Keys are independent of each other, so
// each has a history of its own (linearizability is local).
//
// An operation whose outcome is not known may have happened at any time after its call, or never.
//
// A record that expires goes once, at some moment of the order, as if by an operation of nobody's:
// who finds it due has its removal ordered before he tells so (storage/raft/entry.hpp), so what has
// been seen to be absent is not seen again. It goes by the clock of whoever is primary, which is
// read between call and return: for a write when it is put in order behind other writes, though
// reads come before it until others have it, too. So:
//   - an operation's clock is read neither before its own call and the latest of those that stand
//     before it (before a write: of the writes), nor after its own return and the earliest of those
//     that stand behind it;
//   - an expiry `after` so long ends so much later than that, by a clock that is wrong by at most
//     `skew_max`; `at` is when it says; `keep` is what stood there, or never;
//   - a record may have gone if it may have ended by the time of the operation that finds it gone,
//     by another clock of such skew; and must have if it must have ended by then.
// What a result tells of the expiry counts, too: it is exact. Expiries are of less than 70 years.
//
// Not thread-safe.

#include <chrono>
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

// How the primaries' wall clocks go, by the time in which calls and returns are told.
struct HistoryClocks {
  std::chrono::milliseconds skew_max{0};  // each of them is wrong by this at most, either way
  std::int64_t zero_ms = 0;               // what a right one shows at zero, in ms since the epoch
};

class HistoryChecker {
 public:
  explicit HistoryChecker(HistoryClocks clocks = {}) : clocks_(clocks) {}

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
  HistoryClocks clocks_;
  std::map<std::string, std::vector<HistoryEntry>> histories_;
  std::map<std::string, Duration> anew_;
};

}  // namespace hopring::sim
