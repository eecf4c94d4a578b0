#pragma once

// Arcs that lose the majority of their members at one moment, in a soak: which keys must be served
// all the same, which are lost until an operator has their arcs repaired, and what clients may be
// told of either.
//
// Thread rule: one thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "sim/world.hpp"

namespace hopring::sim {

class Losses {
 public:
  // Of these keys. REQUIRES: `world` outlives this; the ring is in its first generation.
  Losses(World& world, Rng rng, const std::vector<std::string>& keys);

  // Crashes a majority of `copies` peers or a few more, as far as one stays that is ready; and
  // those that are coming or leaving. Returns the addresses of all of them. May be repeated.
  std::vector<Endpoint> strike(std::size_t copies);
  bool has_struck() const noexcept { return has_struck_; }

  // What could heal by itself should have. Keys that have not been served for a second are lost
  // from now on. What is wrong: arcs that had kept their majority, and are not served. REQUIRES:
  // look() has just been called.
  std::vector<std::string> on_calm();

  // From now on arcs are repaired.
  void on_repair() { is_repaired_ = true; }

  // To be called often: keys that are served under another generation since the last look, or a
  // moment before this one.
  std::vector<std::string> look();

  // An operation on the key has ended. `called`: after on_calm(). What is wrong with that; empty if
  // nothing is.
  std::string judge(const std::string& key, Duration called,
                    const std::optional<OpError>& error) const;

  std::size_t keys_lost() const;
  // When the key was not yet served under its new generation, but a moment later; nullopt if it is
  // served under its first one, or not at all.
  std::optional<Duration> anew_at(const std::string& key) const { return keys_.at(key).anew_at; }

 private:
  struct Key {
    Position position;
    bool is_kept = false;  // of those who crashed last its arc has not lost its majority
    bool is_lost = false;
    bool has_copies = true;  // a voter that lives has one
    std::uint64_t generation = 1;
    Duration served_at{};  // the last time, as far as has been looked
    std::optional<Duration> anew_at = {};
  };

  Duration now() const { return world_.now().monotonic.since_start; }
  std::map<std::string, std::uint64_t> generations() const;  // of the keys that are served
  bool has_copy(Position position) const;                    // a voter that lives

  World& world_;
  Rng rng_;
  std::map<std::string, Key> keys_;
  bool has_struck_ = false;
  bool is_repaired_ = false;
  Duration looked_at_{};
};

}  // namespace hopring::sim
