#pragma once

// A death costs many arcs a copy. From the first of them that gets another to the last one is a
// burst, which the log tells of once when it begins and once when it ends.
//
// Sans-IO. Thread rule: belongs to the front.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>

#include "base/time.hpp"
#include "routing/position.hpp"

namespace hopring {

class CopyBurst {
 public:
  struct Totals {
    std::size_t arcs = 0;
    std::uint64_t bytes = 0;
    Duration took{};
  };

  // Copies of the arc that ends here, of so many bytes, are being made anew.
  void on_begun(Position end, std::uint64_t bytes) {
    under_way_.insert(end);
    begun_.bytes += bytes;
    ++begun_.arcs;
  }
  // A change of members of that arc is over, whatever it was for.
  void on_ended(Position end, bool done) {
    if (under_way_.erase(end) > 0 && done) ++done_;
  }

  // After each look at all arcs, in which all were begun that lack copies.
  // What has been begun, if it is the first time. `bytes_sent`: of copies, ever.
  std::optional<Totals> just_begun(Time now, std::uint64_t bytes_sent) {
    if (began_ || under_way_.empty()) return std::nullopt;
    began_ = now;
    bytes_before_ = bytes_sent;
    return begun_;
  }
  // What has been done, if nothing is left.
  std::optional<Totals> just_ended(Time now, std::uint64_t bytes_sent) {
    if (!began_ || !under_way_.empty()) return std::nullopt;
    const Totals totals{done_, bytes_sent - bytes_before_, now - *began_};
    *this = {};
    return totals;
  }

 private:
  std::set<Position> under_way_;
  std::optional<Time> began_;
  std::uint64_t bytes_before_ = 0;
  Totals begun_;
  std::size_t done_ = 0;
};

}  // namespace hopring
