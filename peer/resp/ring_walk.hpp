#pragma once

// Walks over all keys of the ring, in slices that go on side by side. A key that is there from
// beginning to end is met exactly once, whatever moves meanwhile; others may be met or not.
//
// A slice begins where an arc of a new ring does: so no arc is walked by two, but for those that
// were taken over from the dead as a whole.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peer/resp/command.hpp"

namespace hopring::resp {

// Side by side; where a ring has fewer arcs for each peer, as many as these.
inline constexpr std::uint32_t slices_max = 16;
// Of one step of a slice.
inline constexpr std::uint32_t walk_records_max = 1000;
// Of a walk that only reads: who asks for all keys of a ring that is too large for it is told to
// use SCAN, and does not occupy the ring for ever.
inline constexpr std::chrono::seconds walk_time_max{60};

class RingWalk : public Task {
 public:
  static void begin(Turn& turn, std::unique_ptr<RingWalk> task);

  void go_on(Turn& turn, std::vector<Finding>&& findings) final;

 protected:
  // Only keys with `prefix` are met. `ends`: is given up then.
  explicit RingWalk(std::string prefix = {}, std::optional<Time> ends = {})
      : prefix_(std::move(prefix)), ends_(ends) {}

  // The next keys: at least one. How many of them it has taken, from the first on: at least one;
  // the others are met again, and none of them is to be changed. It may ask operations. nullopt: it
  // has replied.
  virtual std::optional<std::size_t> on_keys(Turn& turn, std::vector<Record>& records) = 0;
  // Of an operation that on_keys() has asked for.
  virtual void on_result(const OpResult&) {}
  virtual void on_error(Turn& turn, OpError error) { write_error(error, turn.reply); }
  virtual void on_end(Turn& turn) = 0;

 private:
  struct Slice {
    std::optional<ScanCursor> next;  // nullopt: it has been walked to its end
    Position last;                   // that belongs to it
  };
  bool take_page(Turn& turn, Slice& slice, ScanStep& step);
  void ask(Turn& turn);

  std::string prefix_;
  std::optional<Time> ends_;
  std::vector<Slice> slices_;  // that are not at their ends; in the order of asking
};

}  // namespace hopring::resp
