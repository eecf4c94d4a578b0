#pragma once

// A death costs many arcs a copy. From the first of them that gets another to the last one is a
// burst, which the log tells of once when it begins and once when it ends. Not all arcs are found
// to lack copies at one moment: those for which a primary has to be elected first are later. So it
// has ended when nothing has been under way for quiet_for.
//
// Sans-IO. Thread rule: belongs to the front.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>

#include "base/time.hpp"
#include "routing/position.hpp"

namespace hopring {

class CopyBurst {
 public:
  // Elections take less, and so do the looks at all arcs, a second apart.
  static constexpr Duration quiet_for = std::chrono::seconds(3);

  struct Totals {
    std::size_t arcs = 0;
    std::uint64_t bytes = 0;
    Duration took{};
  };

  // Copies of the arc that ends here, of so many bytes, are being made anew.
  void on_begun(Position end, std::uint64_t bytes) {
    under_way_.insert(end);
    ended_.reset();
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
  // What has been done, if nothing is left, and nothing has been for quiet_for.
  std::optional<Totals> just_ended(Time now, std::uint64_t bytes_sent) {
    if (!began_ || !under_way_.empty()) return std::nullopt;
    if (!ended_) ended_ = Ended{now, bytes_sent};
    if (now - ended_->at < quiet_for) return std::nullopt;
    const Totals totals{done_, ended_->bytes_sent - bytes_before_, ended_->at - *began_};
    *this = {};
    return totals;
  }

 private:
  struct Ended {
    Time at;
    std::uint64_t bytes_sent = 0;
  };

  std::set<Position> under_way_;
  std::optional<Time> began_;
  std::optional<Ended> ended_;  // as it seemed at the last look
  std::uint64_t bytes_before_ = 0;
  Totals begun_;
  std::size_t done_ = 0;
};

}  // namespace hopring
