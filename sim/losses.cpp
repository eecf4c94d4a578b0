#include "sim/losses.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

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
// Who has just lost the last peer that answered it dials the silent, a second for each; but nobody
// waits until its deadline.
constexpr Duration refused_amid_silence_within = 2500ms;
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

std::vector<Endpoint> Losses::strike(std::size_t copies, How how) {
  std::vector<ProcessId> ready;
  std::set<ProcessId> crashed;
  for (const ProcessId each : peers_that_answer()) {
    if (world_.is_ready(each)) {
      ready.push_back(each);
    } else {
      crashed.insert(each);
    }
  }
  if (ready.size() < 2) return {};
  has_struck_ = true;
  std::set<ProcessId>& victims = how == How::crash ? crashed : stopped_;
  std::size_t count = std::min<std::size_t>(copies / 2 + 1 + rng_.below(3), ready.size() - 1);
  std::vector<Endpoint> struck;
  for (; count > 0; --count) {
    const auto at = static_cast<std::ptrdiff_t>(rng_.below(ready.size()));
    const ProcessId victim = ready[static_cast<std::size_t>(at)];
    victims.insert(victim);
    struck.push_back(world_.endpoint(victim));
    ready.erase(ready.begin() + at);
    if (how == How::stop) world_.pause(victim, resume_at_ - world_.now().monotonic);
  }
  std::set<ProcessId> gone = stopped_;
  gone.insert(crashed.begin(), crashed.end());
  note_kept(gone, &Key::is_kept);
  if (!crashed.empty()) note_kept(crashed, &Key::is_only_silent);
  for (const ProcessId each : crashed) world_.crash(each);
  return struck;
}

void Losses::note_kept(const std::set<ProcessId>& gone, bool Key::*is_kept) {
  const std::vector<Arc> kept = arcs_that_keep_majorities_without(world_, gone);
  for (auto& [name, key] : keys_) {
    const auto has_it = [at = key.position](const Arc& arc) { return contains(arc, at); };
    key.*is_kept = std::any_of(kept.begin(), kept.end(), has_it);
  }
}

std::vector<ProcessId> Losses::peers_that_answer() const {
  std::vector<ProcessId> peers = world_.alive_peers();
  std::erase_if(peers, [this](ProcessId each) { return stopped_.contains(each); });
  return peers;
}

std::map<std::string, std::uint64_t> Losses::generations() const {
  std::map<std::string, std::uint64_t> found;
  for (const ProcessId id : peers_that_answer()) {
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
  const std::vector<ProcessId> peers = peers_that_answer();
  return std::any_of(peers.begin(), peers.end(), [&](ProcessId id) {
    const std::vector<const Replica*> copies = world_.peer(id).copies_now();
    return std::any_of(copies.begin(), copies.end(), [&](const Replica* copy) {
      return contains(copy->arc(), position) && copy->raft().is_voter();
    });
  });
}

std::vector<std::string> Losses::on_calm() {
  std::vector<std::string> wrong;
  for (auto& [name, key] : keys_) {
    key.is_lost = !is_served(key);
    key.has_copies = has_copy(key.position);
    if (key.is_lost && key.is_kept) {
      wrong.push_back("not served, though a majority of its members lives: " + name);
    }
  }
  return wrong;
}

std::vector<std::string> Losses::on_back() {
  is_resuming_ = false;
  std::vector<std::string> wrong;
  for (const auto& [name, key] : keys_) {
    if (key.is_only_silent && !is_served(key)) {
      wrong.push_back("not served, though those who were stopped go on: " + name);
    }
  }
  return wrong;
}

bool Losses::is_served(const Key& key) const { return key.served_at + handed_over_within >= now(); }

std::vector<std::string> Losses::look() {
  std::vector<std::string> anew;
  for (const auto& [name, generation] : generations()) {
    Key& key = keys_.at(name);
    key.served_at = now();
    if (key.generation == generation) {
      if (std::exchange(key.is_lost, false)) key.back_at = now();  // by itself
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
  if (!key.is_lost) {
    const bool is_settled = called > key.back_at + found_within || key.back_at == Duration{};
    return error && is_settled ? "an operation on " + name + " ends with " + ends : "";
  }
  if (is_resuming_) return "";
  // Where no copy is left, those know that nobody serves it who serve the arcs before it; and they
  // have looked for so long only if these have not just been repaired.
  const bool has_copies = key.has_copies && has_copy(key.position);  // a useless one is dropped
  const bool is_nowhere = !has_copies && is_repaired_;
  if (is_nowhere && (error == OpError::no_route || error == OpError::timed_out)) return "";
  if (error != OpError::unavailable) {
    return "an operation on " + name + ", whose arc is lost, ends with " + ends;
  }
  Duration within = has_copies ? refused_within : nowhere_refused_within;
  if (!stopped_.empty()) within = refused_amid_silence_within;
  if (now() <= called + within || is_nowhere) return "";
  return "it takes " + std::to_string((now() - called).count() / 1'000'000) + " ms to say of " +
         name + " that its arc is lost";
}

std::size_t Losses::keys_lost() const {
  return static_cast<std::size_t>(std::count_if(
      keys_.begin(), keys_.end(), [](const auto& each) { return each.second.is_lost; }));
}

}  // namespace hopring::sim
