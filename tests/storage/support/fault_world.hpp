#pragma once

// What the worlds of storage's random tests share: events in virtual time, peers whose clocks drift
// and that pause and crash, a network that delays, cuts and partitions, and violations. All from
// one seed.
//
// A derived world keeps what runs on each peer, under the peer's number, and says what crashes.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "routing/peer_ref.hpp"

namespace hopring {

struct FaultWorldOptions {
  std::uint64_t seed = 1;
  Duration delay_max = std::chrono::milliseconds(3);  // of most messages
  Duration slow_max_after_faults = std::chrono::milliseconds(200);
  // The wall clock of a peer is off by so much at most, either way.
  Duration wall_skew_max{};
  // When a pause ends, what other peers have sent is read after so long: clients come first. 0: in
  // the order in which it came.
  Duration resume_delay{};
  // Clocks stop, or run at double speed, for up to so long. 0: none does.
  Duration wrong_clock_lasts_max{};
  std::size_t peers_max = 20;  // dead ones count: then no more of them crash
};

class FaultWorld {
 public:
  explicit FaultWorld(const FaultWorldOptions& options);
  virtual ~FaultWorld() = default;
  FaultWorld(const FaultWorld&) = delete;
  FaultWorld& operator=(const FaultWorld&) = delete;

  void run_for(Duration duration);
  // No more faults, and those that last end.
  void heal();
  void isolate(std::size_t peer);
  void pause(std::size_t peer, Duration lasts);
  virtual void crash(std::size_t peer) = 0;

  const std::vector<std::string>& violations() const { return violations_; }

 protected:
  struct Peer {
    PeerRef self;
    bool alive = true;
    Duration offset{};  // of its clock
    Duration wall_offset{};
    std::int64_t drift_ppm = 0;
    Duration gained{};  // by a clock that went wrong before gains_since
    Duration gains_since{};
    int gains_percent = 0;  // of the time that passes: -100 stands still
    Duration paused_from{};
    Duration paused_until{};
  };

  // Draws the clock of a new peer and returns its number.
  std::size_t add_peer();
  // A new one in the place of one that has crashed.
  virtual void replace(std::size_t crashed) = 0;
  virtual bool may_crash(std::size_t peer) const = 0;

  std::size_t peer_count() const { return peers_.size(); }
  const Peer& peer_at(std::size_t peer) const { return peers_[peer]; }
  std::size_t number_of(const PeerRef& peer) const { return peer.incarnation - 1; }
  bool is_alive(std::size_t peer) const { return peers_[peer].alive; }
  bool is_paused(std::size_t peer) const { return peers_[peer].paused_until > now_; }
  bool is_running(std::size_t peer) const { return is_alive(peer) && !is_paused(peer); }
  void bury(std::size_t peer) { peers_[peer].alive = false; }
  Now clock(std::size_t peer) const { return clock_at(peer, now_); }
  Now clock_at(std::size_t peer, Duration time) const;

  Rng& rng() { return rng_; }
  Duration now() const { return now_; }
  bool is_healed() const { return healed_; }
  Duration below(Duration bound);
  void post(Duration after, std::function<void()> action);
  template <class Action>
  void every(Duration interval, Action action) {
    post(rng_.jittered(interval), [this, interval, action] {
      action();
      every(interval, action);
    });
  }

  // How bad the network is: of the messages one in slow_one_in is delayed by up to slow_max.
  void set_weather(std::uint64_t slow_one_in, Duration slow_max);
  bool is_cut(std::size_t from, std::size_t to) const { return cuts_.contains({from, to}); }
  // deliver() happens at `to`, in order on each way, unless the way is cut before or `to` dies.
  void carry(std::size_t from, std::size_t to, std::function<void()> deliver);
  // One fault, which lasts for `lasts_max` at most. None once the world is healed.
  void fault(Duration lasts_max);

  void violation(const std::string& text);

 private:
  struct Event {
    Duration at;
    std::uint64_t number;
    std::function<void()> run;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };
  using Way = std::pair<std::size_t, std::size_t>;  // from, to

  Duration gained_at(const Peer& peer, Duration time) const;
  void set_clock(std::size_t peer, int gains_percent);
  void disturb_clock();
  void arrive(std::size_t to, std::function<void()> deliver);
  std::set<Way> ways_of(std::size_t peer) const;
  void cut_for(const std::set<Way>& cuts, Duration lasts);
  void cut_some(std::uint64_t dice, std::size_t victim, Duration lasts);

  FaultWorldOptions options_;
  Rng rng_;
  Rng clock_rng_;
  Duration now_{};
  std::uint64_t events_added_ = 0;
  std::vector<Event> events_;  // a heap
  std::vector<Peer> peers_;
  std::map<Way, Duration> last_arrival_;
  std::set<Way> cuts_;
  std::uint32_t cut_ = 0;  // raised when all connections break: what is under way is lost
  bool healed_ = false;
  std::uint64_t slow_one_in_ = 50;
  Duration slow_max_;
  std::vector<std::string> violations_;
};

// Each violation on a line of its own.
std::string text_of(const std::vector<std::string>& violations);
std::uint64_t from_environment(const char* name, std::uint64_t otherwise);

}  // namespace hopring
