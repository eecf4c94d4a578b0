#pragma once

// A client that scans the whole ring again and again, and what a scan must have returned: a key
// that stayed from its start to its end once, one that was absent throughout never, and no key
// twice.
//
// Thread rule: one thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/world.hpp"

namespace hopring::sim {

enum class Presence : std::uint8_t { stayed, absent, unknown };  // while a scan lasted

using Seen = std::unordered_map<std::string, int>;  // how often a scan has returned each key

struct ScanFault {
  std::string key;
  std::string what;
};
// What is wrong with a scan. Of a key that nobody has ever written `presence` says
// absent, and so of the `keys` that must be looked at beside those that were seen.
std::vector<ScanFault> judge_scan(const Seen& seen, const std::vector<std::string>& keys,
                                  const std::function<Presence(const std::string&)>& presence);

class Scanner {
 public:
  struct Options {
    Duration pause;                                  // between two scans
    Duration deadline;                               // of a step
    std::uint32_t records_max = 50;                  // of a step, at most
    std::function<void()> on_begun = {};             // a scan begins
    std::function<void(const Seen&)> on_ended = {};  // it has come to the ring's end
  };
  // Starts the client. REQUIRES: the world and the generator outlive this.
  Scanner(World& world, Rng& rng, Options options, const std::vector<Endpoint>& contacts);

  void start();
  // A scan that is under way is given up: in a large ring it would last for long.
  void stop() { is_running_ = false; }
  bool is_idle() const { return !is_busy_; }
  ProcessId process() const { return process_; }

 private:
  void begin();
  void on_step(const ScanResult& result);
  void ask();

  World& world_;
  Rng& rng_;
  Options options_;
  ProcessId process_;
  bool is_running_ = false;
  bool is_busy_ = false;
  std::uint64_t token_ = 0;
  ScanCursor cursor_;
  Seen seen_;
};

// What is known of a key that several clients write at a time: is it there for certain, or absent,
// and since when? By when calls began and ended, whatever order they took effect in.
class KeyWatch {
 public:
  enum class Effect : std::uint8_t { makes_present, makes_absent, either };
  // A call that may have this effect begins.
  void on_called(Effect effect);
  // It has ended. `happened`: it has had the effect, or the key was in that state already.
  // `is_over`: it will have no effect any more; what ends as unknown may have one at any time.
  void on_ended(Effect effect, Duration called, Duration now, bool happened, bool is_over);
  // What it was may have been lost.
  void on_lost() {
    present_since_.reset();
    absent_since_.reset();
  }
  // While something lasted that began then and ends now.
  Presence since(Duration begin) const;

 private:
  struct Calls {
    std::uint64_t open = 0;  // that may have an effect yet
    Duration last_end{};
  };
  Calls creating_;
  Calls erasing_;
  std::optional<Duration> present_since_;
  std::optional<Duration> absent_since_ = Duration::zero();
};

}  // namespace hopring::sim
