#pragma once

// A node's fingers: who holds the position 2^i after its arc's end. Chord, section 4.3. Fingers
// only shorten the way: with none of them right, successors still lead everywhere.
//
// A cache. Thread rule: belongs to its node.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "routing/messages.hpp"

namespace hopring {

class FingerTable {
 public:
  static constexpr unsigned bits = 64;

  // The position that finger i looks at.
  static constexpr Position target(Position end, unsigned i) {
    return advance(end, std::uint64_t{1} << i);
  }

  // Is it time to refresh one? To be asked once a round. Fingers that turn out unchanged are looked
  // at ever more rarely, up to every pause_rounds_max rounds; one that has changed brings the next
  // one forward, since the ring is changing.
  bool is_due() noexcept { return ++rounds_waited_ >= pause_rounds_ && (rounds_waited_ = 0, true); }
  static constexpr unsigned pause_rounds_min = 2;
  static constexpr unsigned pause_rounds_max = 16;

  // The finger to refresh next, in turn, among those that look beyond `reach` (what the successor
  // list covers); nullopt if none does. Fingers that are not known come first.
  std::optional<unsigned> next_to_refresh(Position end, Position reach);

  // Finger i's position lies in `found.arc`. So does that of every higher finger
  // whose position the arc holds.
  void set(Position end, unsigned i, const Hint& found);

  // The peer is dead: its fingers are unknown again.
  void forget(const PeerRef& peer);

  // In ascending order of i, without repetition.
  std::span<const Hint> known() const noexcept { return known_; }

 private:
  std::vector<Hint> known_;  // ascending distance of arc.end from the node's end
  unsigned turn_ = 0;
  unsigned pause_rounds_ = 1;  // the first comes at once
  unsigned rounds_waited_ = 0;
};

}  // namespace hopring
