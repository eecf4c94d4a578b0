#pragma once

// What a World keeps of its processes and their connections. Private to sim.

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/world.hpp"

namespace hopring::sim {

struct LinkKey {
  PeerRef to;
  Lane lane = Lane::control;

  friend bool operator==(const LinkKey&, const LinkKey&) = default;
};

struct LinkKeyHash {
  std::size_t operator()(const LinkKey& key) const noexcept {
    return std::hash<PeerRef>{}(key.to) ^ static_cast<std::size_t>(key.lane);
  }
};

struct World::Process {
  ProcessId id = 0;
  PeerRef self;  // all zero incarnation for a client
  bool alive = true;
  bool ready = false;
  std::string failure;
  std::optional<Left> left;
  std::unique_ptr<Peer> peer;
  std::unique_ptr<OpMachine> client;
  std::function<void(Finish&&)> on_finish;
  Time timer = Time::never();  // the earliest Timer event that is queued
  std::int64_t drift_ppm = 0;  // of its clock
  Duration wall_offset{};
  Time clock_stands_until{};
  Duration clock_lag{};      // for how long its clock has stood still by then
  Time paused_until{};       // what reaches it is dealt with then
  Now read_at{};             // its clock when it fell asleep
  std::deque<Event> unread;  // that
  Time stalled_until{};      // what it sends leaves then
  boost::unordered_flat_map<LinkKey, LinkId, LinkKeyHash> dialled;
  std::vector<LinkId> accepted;
};

// One direction of a connection.
struct World::Flow {
  Time silent_since = Time::never();  // what was sent then has not been acknowledged
  Time resumes{};                     // what is sent before reaches the other end then
};

// What every message needs stands in the first cache line.
struct alignas(64) World::Link {
  LinkId id = 0;
  ProcessId from = 0;
  ProcessId to = 0;
  Time last_there{};  // arrivals in order, each way
  Time last_back{};
  Lane lane = Lane::control;
  bool open = false;                 // the target has accepted it
  bool established = false;          // the dialler knows
  bool left = false;                 // the dialler has ended it
  std::vector<PeerMessage> waiting;  // for the hello
  PeerRef asked;                     // as it was dialled
  PeerRef actual;                    // who answered
  Flow there;
  Flow back;
};

}  // namespace hopring::sim
