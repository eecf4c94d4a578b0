#include "sim/soak.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "sim/repairer.hpp"
#include "sim/ring_checker.hpp"
#include "sim/soak_story.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

constexpr auto first_look = 1100ms;  // when the first peer takes writes
constexpr auto begin_timeout = 60s;  // virtual; for a ring to be whole at first
constexpr auto faults_last = 15s;
constexpr auto growth_lasts = 8s;    // of a ring that is not at its size when the faults begin
constexpr auto calm_within = 10s;    // after the last fault: then operations succeed
constexpr auto whole_within = 30s;   // after the last fault: then all copies are back
constexpr auto repair_within = 60s;  // after the operator has begun: then all copies are back
constexpr auto repair_look = 500ms;  // as `hopring ring repair` looks
constexpr int looks_least = 3;       // also where nothing is to be done: what two agree on is done
constexpr auto lost_for = 5s;        // what is lost is judged for so long: who waits in vain, too
constexpr auto back_within = 10s;  // after the stopped go on: then what was lost by them is served
constexpr auto applied_max = 1s;   // then copies have applied what their primaries had
constexpr auto look_interval = 10ms;
constexpr auto operation_deadline = 3s;
// While there are faults one user in so many waits less: it goes on to what others can still serve.
constexpr std::uint64_t hasty_one_in = 4;
constexpr auto hasty_deadline = 500ms;
constexpr std::size_t batch_most = 8;          // operations
constexpr std::uint64_t drift_ppm_max = 4500;  // two that differ by twice this are within the bound
// Where reads ask a majority, no clock is trusted: one that runs at this speed keeps to no bound.
constexpr std::uint64_t majority_drift_ppm_max = 200'000;
constexpr auto wall_skew_max = 100ms;
constexpr std::uint64_t majority_seeds = 5;  // one in so many reads by majority
// One in so many has values so large that a copy of an arc takes several chunks and, at the least
// rate, as many tenths of a second, while records are written behind its cursor.
constexpr std::uint64_t large_seeds = 8;
constexpr std::size_t large_bytes = 40'000;
constexpr auto scan_pause = 100ms;
constexpr std::uint32_t scan_records_max = 4;  // of a step: an arc holds a few keys
constexpr std::uint64_t done_least = 300;      // with fewer operations the seed proves nothing
// Of these amid faults, unless majorities are lost: then most are refused, as they must be.
constexpr std::uint64_t done_amid_faults_least = 50;
constexpr std::uint64_t faults_least = 5;
constexpr std::size_t violations_kept = 20;

bool has_large_values(const SoakOptions& options) { return options.seed % large_seeds == 0; }

}  // namespace

Soak::Soak(const SoakOptions& options)
    : options_(options),
      world_(world_options(options)),
      rng_(world_.rng().fork()),
      scan_rng_(Rng(options.seed).fork()),
      load_(rng_, has_large_values(options) ? large_bytes : 0),
      history_({wall_skew_max, world_.now().wall.ms_since_epoch}) {}

WorldOptions Soak::world_options(const SoakOptions& options) {
  Rng rng(options.seed);
  WorldOptions world;
  world.seed = options.seed;
  world.ring.nodes_per_peer = 1U << rng.below(4);
  world.ring.replicas = rng.chance(1, 4) ? 5 : 3;
  world.ring.reads = options.seed % majority_seeds == 0 ? Reads::majority : Reads::lease;
  if (has_large_values(options)) world.copy_rate = copy_rate_min;
  const bool by_lease = world.ring.reads == Reads::lease;
  world.clock_drift_ppm_max = by_lease ? drift_ppm_max : majority_drift_ppm_max;
  world.wall_skew_max = wall_skew_max;
  world.print_log = options.print_log;
  world.bug = options.bug;
  return world;
}

void Soak::violation(const std::string& text) {
  if (figures_.violations.size() >= violations_kept) return;
  figures_.violations.push_back("at " + std::to_string(now().count() / 1'000'000) + " ms: " + text);
}

void Soak::tell(const std::string& fault) const {
  if (!options_.print_log) return;
  std::fprintf(stderr, "%.6f fault: %s\n", std::chrono::duration<double>(now()).count(),
               fault.c_str());
}

SoakFigures Soak::go() {
  if (!begin()) return std::move(figures_);
  Weather weather;
  weather.slow_one_in = 20 + rng_.below(200);
  weather.slow_max = below(400ms) + 1ms;
  weather.stall_one_in = 50 + rng_.below(500);
  weather.stall_max = below(60ms) + 1ms;
  weather.break_one_in = 5 + rng_.below(100);
  world_.set_weather(weather);
  fault_interval_ = 150ms + below(900ms);
  draw_faults();
  has_faults_ = true;
  faults_end_ = now() + faults_last;
  later(below(fault_interval_), [this] { fault(); });
  for (; peers_to_come_ > 0; --peers_to_come_) {
    later(below(growth_lasts), [this] { join(); });
  }
  if (options_.loses_majorities) {
    losses_.emplace(world_, rng_.fork(), SoakLoad::keys());
    losses_->resume_at(Time{faults_end_ + fault_lasts_max + calm_within + lost_for});
    for (std::uint64_t strikes = 1 + rng_.below(2); strikes > 0; --strikes) {
      later(2s + below(faults_last - 4s), [this] { strike(); });
    }
  }
  world_.run_for(faults_last);
  has_faults_ = false;
  world_.run_for(fault_lasts_max);  // what has begun ends
  world_.heal();
  meet_again();
  tell("no more");
  calm_at_ = now() + calm_within;
  if (losses_ && losses_->has_struck()) repair();
  end();
  return std::move(figures_);
}

// The ring.

bool Soak::begin() {
  // Every other ring grows, and its arcs are split, under load and faults.
  const std::size_t most = copies() + 1 + rng_.below(3);
  const std::size_t peers = rng_.chance(1, 2) ? 1 + rng_.below(copies()) : most;
  peers_to_come_ = most - peers;
  contacts_ = {world_.endpoint(world_.start_peer({}))};
  world_.run_for(first_look);
  while (contacts_.size() < peers) {
    contacts_.push_back(world_.endpoint(world_.start_peer({contacts_.front()})));
    world_.run_for(20ms);
  }
  if (!becomes_whole(now() + begin_timeout)) {
    violation("the ring does not become whole at first");
    tell_what_is_not_whole();
    return false;
  }
  const std::size_t clients = 2 + rng_.below(4);
  for (std::size_t i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<Client>());
    Client& client = *clients_.back();
    meet(client);
    next_operation(client);
  }
  Scanner::Options scans{scan_pause, operation_deadline, scan_records_max};
  scans.on_begun = [this] { scan_began_ = now(); };
  scans.on_ended = [this](const Seen& seen) { judge(seen); };
  scanner_ = std::make_unique<Scanner>(world_, scan_rng_, std::move(scans), contacts_);
  scanner_->start();
  look();
  return true;
}

void Soak::meet(Client& client) {
  client.process = world_.start_client(contacts_);
  world_.on_finish(client.process, [this, &client](Finish&& finish) {
    on_finish(client, std::move(finish.result));
  });
}

// Where all peers have gone that a client was given, or are stopped, and those that it has heard of
// since, its user must name others.
void Soak::meet_again() {
  contacts_.clear();
  for (const ProcessId id : world_.ready_peers()) {
    const bool is_stopped = losses_ && losses_->stopped().contains(id);
    if (!is_stopped) contacts_.push_back(world_.endpoint(id));
  }
  for (const auto& each : clients_) {
    const PeerBook& known = world_.client(each->process).peers();
    const auto is_known = [&](const Endpoint& peer) { return known.knows(peer); };
    if (std::none_of(contacts_.begin(), contacts_.end(), is_known)) meet(*each);
  }
}

bool Soak::is_whole() const {
  return world_.all_ready() && check_tiling(world_).empty() && check_copies(world_).empty();
}

// REQUIRES: there is one that is ready.
ProcessId Soak::some_peer() {
  const auto ready = world_.ready_peers();
  return ready[rng_.below(ready.size())];
}

void Soak::look() {
  if (trusts_clocks()) {
    for (const std::string& each : check_service(world_)) violation(each);
  }
  look_for_repairs();
  later(look_interval, [this] { look(); });
}

// Keys that are served anew from now on.
void Soak::look_for_repairs() {
  if (!losses_ || !losses_->has_struck()) return;
  for (const std::string& key : losses_->look()) {
    if (calm_at_ > now()) violation("repaired by nobody: " + key);
    history_.begins_anew(key, *losses_->anew_at(key));
    watched_[key].on_lost();
  }
}

// Clients: one call at a time each, on keys that all share.

void Soak::next_operation(Client& client) {
  if (!calls_) return;
  later(below(30ms), [this, &client] { start_operation(client); });
}

void Soak::start_operation(Client& client) {
  if (!calls_) return;
  const std::uint64_t way = rng_.below(4);  // by which it is called
  const bool is_batch = way == 0 && has_faults_;
  client.operations.clear();
  do {
    client.operations.push_back(load_.draw(world_.now().wall));
  } while (is_batch && client.operations.size() < batch_most && rng_.chance(3, 4));
  client.called = now();
  client.peers = world_.alive_peers();
  client.busy = true;
  for (const Operation& each : client.operations) watch(client, each, nullptr);
  const bool is_hasty = has_faults_ && rng_.chance(1, hasty_one_in);
  const Duration deadline = is_hasty ? Duration(hasty_deadline) : Duration(operation_deadline);
  const Now read = world_.clock(client.process);
  const Time until = read.monotonic + deadline;
  const Token token{++client.token};
  OpMachine& machine = world_.client(client.process);
  if (is_batch) {
    machine.start_batch(read, token, client.operations, until);
  } else if (way == 1) {
    machine.start_in_turn(read, token, client.operations.front(), until);
    machine.end_turn(read);
  } else {
    machine.start(read, token, client.operations.front(), until);
  }
  world_.perform(client.process);
}

void Soak::on_finish(Client& client, Finished&& finished) {
  client.busy = false;
  if (const auto* one = std::get_if<OpResult>(&finished)) {
    on_result(client, client.operations.front(), *one);
  } else {
    const auto& results = std::get<std::vector<OpResult>>(finished);
    for (std::size_t i = 0; i < results.size(); ++i) {
      on_result(client, client.operations[i], results[i]);
    }
  }
  next_operation(client);
}

void Soak::on_result(const Client& client, const Operation& operation, const OpResult& result) {
  watch(client, operation, &result);
  if (client.called > calm_at_) judge_calm(client, operation, result);
  HistoryEntry entry{operation, client.called, now(), result};
  if (result.error) {
    const bool is_refused = is_definite(*result.error);
    ++(is_refused ? figures_.refused : figures_.unknown);
    entry.returned = Duration::max();
    entry.result = {};
    if (!is_refused) history_.add(std::move(entry));
  } else {
    ++figures_.done;
    if (has_faults_) ++figures_.done_amid_faults;
    load_.learn(operation, result);
    history_.add(std::move(entry));
  }
}

void Soak::judge_calm(const Client& client, const Operation& operation, const OpResult& result) {
  if (losses_ && losses_->has_struck()) {
    look_for_repairs();
    const std::string key(key_of(operation));
    // Who was asked may not have found a ring to join, and have ended.
    const bool is_cut_off =
        (result.error == OpError::connection_lost || result.error == OpError::timed_out) &&
        std::any_of(client.peers.begin(), client.peers.end(),
                    [this](ProcessId each) { return !world_.is_alive(each); });
    const std::string wrong = losses_->judge(key, client.called, result.error);
    if (!wrong.empty() && !is_cut_off) violation(wrong);
  } else if (result.error) {
    violation("an operation after the faults ends with " + std::string(name(*result.error)));
  }
}

// Scans. A call begins, or ends with a result. What expires may go at any time.
void Soak::watch(const Client& client, const Operation& operation, const OpResult* result) {
  using Effect = KeyWatch::Effect;
  if (std::holds_alternative<Get>(operation)) return;
  const std::string key(key_of(operation));
  const bool is_brief = SoakLoad::is_brief(key);
  const bool is_erase = std::holds_alternative<Erase>(operation);
  const Effect effect = is_brief   ? Effect::either
                        : is_erase ? Effect::makes_absent
                                   : Effect::makes_present;
  if (result == nullptr) return watched_[key].on_called(effect);
  const bool happened = !result->error && (result->outcome == Outcome::done ||
                                           (is_erase && result->outcome == Outcome::not_found));
  const bool is_over = !is_brief && (!result->error || is_definite(*result->error));
  watched_[key].on_ended(effect, client.called, now(), happened, is_over);
}

void Soak::judge(const Seen& seen) {
  ++figures_.scans;
  look_for_repairs();
  std::vector<std::string> keys;
  for (const auto& [key, watch] : watched_) keys.push_back(key);
  const auto presence = [this](const std::string& key) {
    const auto watch = watched_.find(key);
    return watch == watched_.end() ? Presence::absent : watch->second.since(scan_began_);
  };
  for (const std::string& key : keys) {
    if (presence(key) == Presence::stayed) ++figures_.scanned;
  }
  for (const ScanFault& each : judge_scan(seen, keys, presence)) {
    violation(each.what + ": " + each.key);
  }
}

// The end.

// By a slow clock it takes longer.
Duration Soak::applied_within() const { return applied_max * (trusts_clocks() ? 1 : 2); }

// Looks now and then: it costs more than an event.
bool Soak::becomes_whole(Duration until) {
  while (!is_whole()) {
    if (now() >= until) return false;
    world_.run_for(50ms);
  }
  return true;
}

void Soak::repair() {
  world_.run_for(calm_within);
  look_for_repairs();
  for (const std::string& each : losses_->on_calm()) violation(each);
  figures_.keys_lost = losses_->keys_lost();
  world_.run_for(lost_for);
  if (!losses_->stopped().empty()) resume();
  const bool is_lost = !check_tiling(world_).empty();
  losses_->on_repair();
  Repairer repairer(world_);
  const Duration until = now() + repair_within;
  for (int looks = 0; looks < looks_least || (!is_whole() && now() < until); ++looks) {
    repairer.look();
    world_.run_for(repair_look);
  }
  if (!is_whole()) violation("not repaired: " + repairer.describe());
  world_.run_for(4s);
  if (!is_lost && !repairer.done().empty()) violation("repaired what was not lost");
  for (const RepairStep& each : repairer.done())
    ++(each.copy ? figures_.repairs : figures_.repairs_empty);
  figures_.repairs_refused = repairer.refused();
  if (figures_.repairs + figures_.repairs_empty + figures_.keys_lost == 0) {
    figures_.is_void_because = "nothing was lost";
  }
}

// Those who were stopped go on: nothing of theirs is lost, and nobody repairs anything.
void Soak::resume() {
  tell("go on");
  losses_->on_resumed();
  world_.run_for(back_within);
  look_for_repairs();
  const std::vector<std::string> missing = losses_->on_back();
  for (const std::string& each : missing) violation(each);
  if (!missing.empty()) tell_what_is_not_whole();
}

void Soak::tell_what_is_not_whole() {
  for (const std::string& each : check_tiling(world_)) violation("not whole: " + each);
  for (const std::string& each : check_copies(world_)) violation("not whole: " + each);
  for (const std::string& each : describe_gaps(world_)) violation("not whole: " + each);
}

void Soak::end() {
  const Duration healed_at = now();
  if (!becomes_whole(healed_at + whole_within)) tell_what_is_not_whole();
  const Duration watched_until = calm_at_ + 2s;
  if (now() < watched_until) world_.run_for(watched_until - now());
  calls_ = false;
  scanner_->stop();
  const auto is_idle = [this] {
    return scanner_->is_idle() && std::none_of(clients_.begin(), clients_.end(),
                                               [](const auto& each) { return each->busy; });
  };
  if (!world_.run_until_true(2 * operation_deadline, is_idle)) violation("operations never end");
  const Applied applied = applied_by_primaries(world_);
  world_.run_for(applied_within());
  for (const std::string& each : check_applied(world_, applied)) violation(each);
  for (const std::string& each : check_equality(world_)) violation(each);
  const HistoryChecker::Verdict verdict = history_.check();
  for (const std::string& each : verdict.violations) violation(each);
  const std::uint64_t faults = figures_.crashes + figures_.pauses + figures_.cuts +
                               figures_.blocks + figures_.joins + figures_.leaves;
  const bool is_idle_amid_faults =
      !options_.loses_majorities && figures_.done_amid_faults < done_amid_faults_least;
  if (figures_.done < done_least || is_idle_amid_faults) {
    figures_.is_void_because = "too few operations";
  }
  if (faults < faults_least) figures_.is_void_because = "too few faults";
  if (verdict.undecided > 0) figures_.is_void_because = "an order was not found in time";
  figures_.trace_hash = world_.trace_hash();
  figures_.virtual_seconds = std::chrono::duration<double>(now()).count();
}

SoakFigures soak(const SoakOptions& options) { return Soak(options).go(); }

}  // namespace hopring::sim
