// What goes wrong in a soak, and when.

#include <algorithm>
#include <utility>

#include "sim/ring_checker.hpp"
#include "sim/soak_story.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

// One in so many is long enough for silent members to be replaced (member_silence_max).
constexpr std::uint64_t long_fault_one_in = 48;
constexpr auto long_fault_least = 10500ms;
constexpr auto long_fault_most = 15s;
// One leave in so many may leave fewer peers than an arc should have copies.
constexpr std::uint64_t last_leave_one_in = 6;
// Members change within some round trips, and seldom: one crash in so many waits for that.
constexpr std::uint64_t crash_amid_change_one_in = 2;
constexpr auto change_awaited_max = 500ms;
constexpr auto change_look_interval = 500us;
// Of these one stops its victims, and for those of another one nobody comes.
constexpr std::uint64_t strikes_of_all_kinds = 4;
constexpr std::size_t peers_most = 9;  // alive

}  // namespace

void Soak::fault() {
  if (!has_faults_) return;
  later(rng_.jittered(fault_interval_), [this] { fault(); });
  if (world_.ready_peers().empty()) return;
  const ProcessId victim = some_peer();
  const Duration lasts = fault_lasts();
  const std::uint64_t dice = rng_.below(12);
  if (dice < 2 && rng_.chance(1, crash_amid_change_one_in)) {
    crash_amid_change(now() + change_awaited_max);
  } else if (dice < 2) {
    crash(victim);
  } else if (dice == 2) {
    leave(victim);
  } else if (dice == 3) {
    join();
  } else if (dice < 6) {
    tell("pause " + std::to_string(victim));
    world_.pause(victim, lasts);
    ++figures_.pauses;
  } else if (dice < 8) {
    const auto peers = world_.alive_peers();
    for (const ProcessId other : peers) {
      if (rng_.chance(1, 2)) world_.cut(victim, other);
      if (rng_.chance(1, 2)) world_.cut(other, victim);
    }
    ++figures_.cuts;
  } else {
    stop_clock(victim, lasts);
    silence(dice, victim, lasts);
  }
}

Duration Soak::fault_lasts() {
  if (!rng_.chance(1, long_fault_one_in)) return below(fault_lasts_max);
  const Duration lasts = long_fault_least + below(long_fault_most - long_fault_least);
  return std::min(lasts, faults_end_ + fault_lasts_max - now());
}

// Once majorities have been lost no more peers go: what their copies know is all there is.
void Soak::crash(ProcessId victim) {
  if (losses_ && losses_->has_struck()) return;
  if (!keeps_majorities_without(world_, victim)) return;
  const Endpoint endpoint = world_.endpoint(victim);
  tell("crash " + std::to_string(victim));
  world_.crash(victim);
  ++figures_.crashes;
  come_back(endpoint);
}

void Soak::crash_amid_change(Duration until) {
  const std::vector<ProcessId> amid = peers_amid_changes(world_);
  if (!amid.empty()) {
    tell("members change");
    return crash(amid[rng_.below(amid.size())]);
  }
  if (now() < until) later(change_look_interval, [this, until] { crash_amid_change(until); });
}

void Soak::come_back(const Endpoint& endpoint) {
  const bool comes_back = rng_.chance(1, 2);
  later(below(2s), [this, endpoint, comes_back] {
    if (!comes_back) return join();
    if (world_.ready_peers().empty()) return;
    tell("restart");
    world_.start_peer_at(endpoint, {world_.endpoint(some_peer())});
  });
}

void Soak::leave(ProcessId victim) {
  if (losses_ && losses_->has_struck()) return;
  const std::size_t peers = world_.ready_peers().size();
  if (peers <= copies() && (peers <= 2 || !rng_.chance(1, last_leave_one_in))) return;
  tell("leave " + std::to_string(victim));
  world_.leave(victim);
  ++figures_.leaves;
}

void Soak::join() {
  if (world_.ready_peers().empty() || world_.alive_peers().size() >= peers_most) return;
  tell("join");
  world_.start_peer({world_.endpoint(some_peer()), world_.endpoint(some_peer())});
  ++figures_.joins;
}

// They die, and others come for them, or nobody does; or they are stopped.
void Soak::strike() {
  const std::uint64_t dice = rng_.below(strikes_of_all_kinds);
  const Losses::How how = dice == 0 ? Losses::How::stop : Losses::How::crash;
  for (const Endpoint& each : losses_->strike(copies(), how)) {
    tell((how == Losses::How::stop ? "stop of " : "loss of ") + to_string(each));
    if (how == Losses::How::stop) {
      ++figures_.pauses;
    } else {
      ++figures_.crashes;
      if (dice > 1) come_back(each);
    }
  }
}

// Where clocks are not trusted, some stand still.
void Soak::stop_clock(ProcessId victim, Duration lasts) {
  if (trusts_clocks() || !rng_.chance(1, 2)) return;
  tell("no clock at " + std::to_string(victim));
  world_.stop_clock(victim, lasts);
}

// Some ways, all between two sides, or all to, from, or to and from one peer. Clients count.
void Soak::silence(std::uint64_t dice, ProcessId victim, Duration lasts) {
  std::vector<ProcessId> all = world_.alive_peers();
  for (const auto& client : clients_) all.push_back(client->process);
  const std::uint64_t sides = rng_.next();
  const std::uint64_t which = rng_.below(3);
  std::vector<std::pair<ProcessId, ProcessId>> ways;
  for (std::size_t a = 0; a < all.size(); ++a) {
    for (std::size_t b = 0; b < all.size(); ++b) {
      if (a == b) continue;
      const bool between = (sides >> a & 1) != (sides >> b & 1);
      const bool around = (which != 0 && all[a] == victim) || (which != 1 && all[b] == victim);
      const bool some = rng_.chance(1, 6);
      if (dice == 8 ? some : dice == 9 ? between : around) ways.emplace_back(all[a], all[b]);
    }
  }
  tell((dice == 8   ? "some ways"
        : dice == 9 ? "two sides"
                    : "around " + std::to_string(victim)) +
       " for " + std::to_string(lasts.count() / 1'000'000) + " ms");
  for (const auto& [from, to] : ways) world_.block(from, to);
  ++figures_.blocks;
  later(lasts, [this, ways] {
    for (const auto& [from, to] : ways) world_.open(from, to);
  });
}

}  // namespace hopring::sim
