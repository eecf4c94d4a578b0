#pragma once

// Which peers do not answer. A silent peer is skipped in routing, no more; a dead one is a peer
// that cannot come back: its port refuses, a newer incarnation listens there, or it has been silent
// for `dead_after`. Only at one copy does death allow a take-over (docs/design.md). Where there are
// several, who was taken for dead for its silence alone may come back: it had been cut off.
//
// Sans-IO. Thread rule: belongs to the peer's ring core.
//
// Invariants:
//   (1) A dead peer stays dead: nothing that arrives in its name revives it, unless it was silent
//       and silence is forgiven.
//   (2) At most peers_max peers are remembered; the dead that have been so longest go first.

#include <cstddef>
#include <map>
#include <vector>

#include "base/time.hpp"
#include "routing/peer_ref.hpp"

namespace hopring {

class PeerHealth {
 public:
  struct Options {
    std::chrono::milliseconds probe_interval{
        250};  // while silent, and for the first probes of a lost address
    std::chrono::seconds slow_probe_interval{5};  // afterwards
    std::chrono::seconds fast_probes_for{15};     // a supervisor restarts a process within this
    std::chrono::milliseconds dead_after{60000};  // of silence; --takeover-after
    // A lost address is probed this long; for ever, if who was there may come back.
    std::chrono::minutes remembered_for{60};
  };
  static constexpr std::size_t peers_max = 1024;  // as many partitions of a large ring may show

  explicit PeerHealth(Options options) : options_(options) {}

  // From now on who was silent for `dead_after` may come back.
  void forgive_silence() noexcept { forgives_silence_ = true; }
  // It has said something. Returns whether it was silent until now.
  bool on_heard(const PeerRef& peer);
  // It has not answered in time.
  void on_unanswered(Time now, const PeerRef& peer);
  // It is known to be gone. Returns whether that is new.
  bool on_dead(Time now, const PeerRef& peer);
  // It has handed everything over: dead, and nothing is left of it to claim.
  void on_departed(Time now, const PeerRef& peer);

  bool is_dead(const PeerRef& peer) const;
  bool has_departed(const PeerRef& peer) const;
  // Neither silent nor dead, as far as is known.
  bool is_routable(const PeerRef& peer) const;

  struct Due {
    std::vector<PeerRef> probes;  // incarnation 0: whoever listens at a lost address now
    std::vector<PeerRef> dead;    // have just been silent for dead_after
  };
  // REQUIRES: now >= next_deadline().
  Due on_deadline(Time now);
  Time next_deadline() const;

 private:
  struct Trouble {
    Time since;
    Time next_probe;
    bool dead = false;
    bool departed = false;    // implies dead
    bool was_silent = false;  // it is dead for that alone
  };
  void make_room();

  Options options_;
  bool forgives_silence_ = false;
  std::map<PeerRef, Trouble> troubled_;
};

}  // namespace hopring
