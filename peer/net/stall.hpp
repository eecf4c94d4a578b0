#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace hopring {

// Tells from looks now and then that something has been waiting for too long without progress, so
// that the path of every byte needs neither a timer nor a clock. A stall is noticed late by at most
// two intervals between looks.
class Stall {
 public:
  // `waiting`: something is under way. `progress`: any number that changes whenever it moves.
  bool is_over(Time now, bool waiting, std::uint64_t progress, Duration timeout) {
    if (!waiting || !is_watching_ || progress != progress_) {
      is_watching_ = waiting;
      progress_ = progress;
      since_ = now;
      return false;
    }
    return now - since_ > timeout;
  }

 private:
  bool is_watching_ = false;
  std::uint64_t progress_ = 0;
  Time since_{};
};

}  // namespace hopring
