#include "sim/losses.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "routing/position.hpp"
#include "sim/ring_checker.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

// Nobody waits for an arc that is lost: some members and others are asked, and that is it.
constexpr Duration refused_within = 1s;
// Where no copy is left the node before the gap may have come to its peer just now, who looks
// first.
constexpr Duration nowhere_refused_within = 2s;
// For a moment nobody serves an arc that is cut or handed over.
constexpr Duration handed_over_within = 1s;
// Clients find out who has the arc now.
constexpr Duration found_within = 3s;

}  // namespace

Losses::Losses(World& world, Rng rng, const std::vector<std::string>& keys)
    : world_(world), rng_(rng) {
  for (const std::string& each : keys) {
    keys_[each].position = position_of(world.ring_config().hash_key, each);
  }
}

// One that comes or leaves may have copies, and is not waited for.
std::vector<Endpoint> Losses::strike(std::size_t copies) {
  std::vector<ProcessId> ready;
  std::set<ProcessId> victims;
  for (const ProcessId each : world_.alive_peers()) {
    if (world_.is_ready(each)) {
      ready.push_back(each);
    } else {
      victims.insert(each);
    }
  }
  if (ready.size() < 2) return {};
  has_struck_ = true;
  std::size_t count = std::min<std::size_t>(copies / 2 + 1 + rng_.below(3), ready.size() - 1);
  for (; count > 0; --count) {
    const auto at = static_cast<std::ptrdiff_t>(rng_.below(ready.size()));
    victims.insert(ready[static_cast<std::size_t>(at)]);
    ready.erase(ready.begin() + at);
  }
  for (auto& [name, key] : keys_) key.is_kept = false;
  for (const Arc& arc : arcs_that_keep_majorities_without(world_, victims)) {
    for (auto& [name, key] : keys_) {
      if (contains(arc, key.position)) key.is_kept = true;
    }
  }
  std::vector<Endpoint> gone;
  for (const ProcessId each : victims) {
    gone.push_back(world_.endpoint(each));
    world_.crash(each);
  }
  return gone;
}

std::map<std::string, std::uint64_t> Losses::generations() const {
  std::map<std::string, std::uint64_t> found;
  for (const ProcessId id : world_.alive_peers()) {
    for (const Replica* copy : world_.peer(id).copies_now()) {
      if (!copy->leads()) continue;
      for (const auto& [name, key] : keys_) {
        if (!contains(copy->arc(), key.position)) continue;
        std::uint64_t& generation = found[name];
        generation = std::max(generation, copy->view().number.generation);
      }
    }
  }
  return found;
}

bool Losses::has_copy(Position position) const {
  const std::vector<ProcessId> alive = world_.alive_peers();
  return std::any_of(alive.begin(), alive.end(), [&](ProcessId id) {
    const std::vector<const Replica*> copies = world_.peer(id).copies_now();
    return std::any_of(copies.begin(), copies.end(), [&](const Replica* copy) {
      return contains(copy->arc(), position) && copy->raft().is_voter();
    });
  });
}

std::vector<std::string> Losses::on_calm() {
  std::vector<std::string> wrong;
  for (auto& [name, key] : keys_) {
    key.is_lost = key.served_at + handed_over_within < now();
    key.has_copies = has_copy(key.position);
    if (key.is_lost && key.is_kept) {
      wrong.push_back("not served, though a majority of its members lives: " + name);
    }
  }
  return wrong;
}

std::vector<std::string> Losses::look() {
  std::vector<std::string> anew;
  for (const auto& [name, generation] : generations()) {
    Key& key = keys_.at(name);
    key.served_at = now();
    if (key.generation == generation) {
      key.is_lost = false;  // it has come back by itself
      continue;
    }
    key.generation = generation;
    key.anew_at = looked_at_;
    anew.push_back(name);
  }
  looked_at_ = now();
  return anew;
}

std::string Losses::judge(const std::string& name, Duration called,
                          const std::optional<OpError>& error) const {
  const Key& key = keys_.at(name);
  const std::string ends = error ? std::string(hopring::name(*error)) : "a result";
  if (key.anew_at) {
    const bool is_settled = called > *key.anew_at + found_within;
    return error && is_settled ? "an operation on a repaired arc ends with " + ends : "";
  }
  if (!key.is_lost) return error ? "an operation after the faults ends with " + ends : "";
  // Where no copy is left, those know that nobody serves it who serve the arcs before it; and they
  // have looked for so long only if these have not just been repaired.
  const bool has_copies = key.has_copies && has_copy(key.position);  // a useless one is dropped
  const bool is_nowhere = !has_copies && is_repaired_;
  if (is_nowhere && (error == OpError::no_route || error == OpError::timed_out)) return "";
  if (error != OpError::unavailable) {
    return "an operation on " + name + ", whose arc is lost, ends with " + ends;
  }
  const Duration within = has_copies ? refused_within : nowhere_refused_within;
  if (now() <= called + within || is_nowhere) return "";
  return "it takes " + std::to_string((now() - called).count() / 1'000'000) + " ms to say of " +
         name + " that its arc is lost";
}

std::size_t Losses::keys_lost() const {
  return static_cast<std::size_t>(std::count_if(
      keys_.begin(), keys_.end(), [](const auto& each) { return each.second.is_lost; }));
}

}  // namespace hopring::sim
