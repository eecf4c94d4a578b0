// What goes wrong in a soak, and when.

#include <algorithm>
#include <utility>

#include "sim/ring_checker.hpp"
#include "sim/soak_story.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

// Long enough for silent members to be replaced (member_silence_max).
constexpr auto long_fault_least = 10500ms;
constexpr auto long_fault_most = 15s;
// Members change within some round trips, and seldom: some crashes wait for that.
constexpr auto change_awaited_max = 500ms;
constexpr auto change_look_interval = 500us;
// Of these one stops its victims, and for those of another one nobody comes.
constexpr std::uint64_t strikes_of_all_kinds = 4;
constexpr std::size_t peers_most = 9;  // alive

}  // namespace

// Some seeds have hardly any crashes, or hardly anything else.
void Soak::draw_faults() {
  constexpr std::uint64_t usual[] = {2, 1, 1, 2, 2, 1, 1, 2};
  for (std::size_t i = 0; i < faults_.weights.size(); ++i) {
    faults_.weights[i] = usual[i] * (1 + rng_.below(8));
    faults_.sum += faults_.weights[i];
  }
  faults_.long_one_in = 16 + rng_.below(64);
  faults_.amid_change_one_in = 1 + rng_.below(4);
  faults_.last_leave_one_in = 2 + rng_.below(8);
}

Soak::Fault Soak::draw_fault() {
  std::uint64_t dice = rng_.below(faults_.sum);
  std::size_t kind = 0;
  while (dice >= faults_.weights[kind]) dice -= faults_.weights[kind++];
  return static_cast<Fault>(kind);
}

void Soak::fault() {
  if (!has_faults_) return;
  later(rng_.jittered(fault_interval_), [this] { fault(); });
  if (world_.ready_peers().empty()) return;
  const ProcessId victim = some_peer();
  const Duration lasts = fault_lasts();
  const Fault kind = draw_fault();
  switch (kind) {
    case Fault::crash:
      if (!rng_.chance(1, faults_.amid_change_one_in)) return crash(victim);
      return crash_amid_change(now() + change_awaited_max);
    case Fault::leave:
      return leave(victim);
    case Fault::join:
      return join();
    case Fault::pause:
      tell("pause " + std::to_string(victim));
      world_.pause(victim, lasts);
      ++figures_.pauses;
      return;
    case Fault::cut:
      return cut(victim);
    case Fault::some_ways:
    case Fault::two_sides:
    case Fault::around:
      stop_clock(victim, lasts);
      silence(kind, victim, lasts);
  }
}

void Soak::cut(ProcessId victim) {
  for (const ProcessId other : world_.alive_peers()) {
    if (rng_.chance(1, 2)) world_.cut(victim, other);
    if (rng_.chance(1, 2)) world_.cut(other, victim);
  }
  ++figures_.cuts;
}

Duration Soak::fault_lasts() {
  if (!rng_.chance(1, faults_.long_one_in)) return below(fault_lasts_max);
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
  if (peers <= copies() && (peers <= 2 || !rng_.chance(1, faults_.last_leave_one_in))) return;
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
void Soak::silence(Fault kind, ProcessId victim, Duration lasts) {
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
      if (kind == Fault::some_ways ? some : kind == Fault::two_sides ? between : around)
        ways.emplace_back(all[a], all[b]);
    }
  }
  tell((kind == Fault::some_ways   ? "some ways"
        : kind == Fault::two_sides ? "two sides"
                                   : "around " + std::to_string(victim)) +
       " for " + std::to_string(lasts.count() / 1'000'000) + " ms");
  for (const auto& [from, to] : ways) world_.block(from, to);
  ++figures_.blocks;
  later(lasts, [this, ways] {
    for (const auto& [from, to] : ways) world_.open(from, to);
  });
}

}  // namespace hopring::sim
