#pragma once

// Arcs that lose the majority of their members at one moment, in a soak: which keys must be served
// all the same, which are lost until an operator has their arcs repaired or those who were silent
// are heard again, and what clients may be told of either.
//
// Thread rule: one thread.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "sim/world.hpp"

namespace hopring::sim {

class Losses {
 public:
  // Of these keys. REQUIRES: `world` outlives this; the ring is in its first generation.
  Losses(World& world, Rng rng, const std::vector<std::string>& keys);

  // Crashes a majority of `copies` peers or a few more, as far as one stays that is ready; or stops
  // them, so that they hear nothing until resume_at(). Those that are coming or leaving crash in
  // either case: they may have copies, and would not wait for so long. Returns the addresses of the
  // others. May be repeated.
  enum class How : std::uint8_t { crash, stop };
  std::vector<Endpoint> strike(std::size_t copies, How how);
  bool has_struck() const noexcept { return has_struck_; }
  // When those who are stopped go on. REQUIRES: before the first strike.
  void resume_at(Time time) { resume_at_ = time; }
  const std::set<ProcessId>& stopped() const noexcept { return stopped_; }
  // They go on: what they had taken with them comes back, and until on_back() operations on that
  // may end in any way.
  void on_resumed() {
    stopped_.clear();
    is_resuming_ = true;
  }
  // It should have. What is wrong. REQUIRES: as on_calm().
  std::vector<std::string> on_back();

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
    bool is_kept = false;        // by the last strike its arc has not lost its majority
    bool is_only_silent = true;  // nor would it have, had nobody been stopped
    bool is_lost = false;
    bool has_copies = true;  // a voter that lives has one
    std::uint64_t generation = 1;
    Duration served_at{};  // the last time, as far as has been looked
    Duration back_at{};    // when it was last seen again that had been lost
    std::optional<Duration> anew_at = {};
  };

  Duration now() const { return world_.now().monotonic.since_start; }
  bool is_served(const Key& key) const;
  void note_kept(const std::set<ProcessId>& gone, bool Key::*is_kept);
  std::map<std::string, std::uint64_t> generations() const;  // of the keys that are served
  bool has_copy(Position position) const;                    // a voter that answers
  std::vector<ProcessId> peers_that_answer() const;

  World& world_;
  Rng rng_;
  std::map<std::string, Key> keys_;
  bool has_struck_ = false;
  Time resume_at_{};
  std::set<ProcessId> stopped_;
  bool is_repaired_ = false;
  bool is_resuming_ = false;
  Duration looked_at_{};
};

}  // namespace hopring::sim
