#include "sim/soak.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "sim/history_checker.hpp"
#include "sim/losses.hpp"
#include "sim/repairer.hpp"
#include "sim/ring_checker.hpp"
#include "sim/scanner.hpp"
#include "sim/soak_load.hpp"
#include "sim/world.hpp"

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
constexpr auto lost_for = 2s;        // what is lost is judged for so long before it is repaired
constexpr auto applied_max = 1s;     // then copies have applied what their primaries had
constexpr auto look_interval = 10ms;
constexpr auto fault_lasts_max = 3s;
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
constexpr auto operation_deadline = 3s;
// While there are faults one user in so many waits less: it goes on to what others can still serve.
constexpr std::uint64_t hasty_one_in = 4;
constexpr auto hasty_deadline = 500ms;
constexpr std::uint64_t drift_ppm_max = 4500;  // two that differ by twice this are within the bound
// Where reads ask a majority, no clock is trusted: one that runs at this speed keeps to no bound.
constexpr std::uint64_t majority_drift_ppm_max = 200'000;
constexpr auto wall_skew_max = 100ms;
constexpr std::uint64_t majority_seeds = 5;  // one in so many reads by majority
// One in so many has values so large that a copy of an arc takes several chunks and, at the least
// rate, as many tenths of a second, while records are written behind its cursor.
constexpr std::uint64_t large_seeds = 8;
constexpr std::size_t large_bytes = 40'000;
constexpr std::size_t peers_most = 9;  // alive
constexpr auto scan_pause = 100ms;
constexpr std::uint32_t scan_records_max = 4;  // of a step: an arc holds a few keys
constexpr std::uint64_t done_least = 300;      // with fewer operations the seed proves nothing
// Of these amid faults, unless majorities are lost: then most are refused, as they must be.
constexpr std::uint64_t done_amid_faults_least = 50;
constexpr std::uint64_t faults_least = 5;
constexpr std::size_t violations_kept = 20;

bool has_large_values(const SoakOptions& options) { return options.seed % large_seeds == 0; }

class Soak {
 public:
  explicit Soak(const SoakOptions& options)
      : options_(options),
        world_(world_options(options)),
        rng_(world_.rng().fork()),
        scan_rng_(Rng(options.seed).fork()),
        load_(rng_, has_large_values(options) ? large_bytes : 0),
        history_({wall_skew_max, world_.now().wall.ms_since_epoch}) {}

  SoakFigures go();

 private:
  struct Client {
    ProcessId process = 0;
    std::uint64_t token = 0;
    Operation operation;
    Duration called{};
    std::vector<ProcessId> peers;  // that were alive then
    bool busy = false;
  };

  static WorldOptions world_options(const SoakOptions& options);

  Duration now() const { return world_.now().monotonic.since_start; }
  Duration below(Duration bound) {
    return Duration(
        static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(bound.count()))));
  }
  void later(Duration after, std::function<void()> action) {
    world_.at(world_.now().monotonic + after, std::move(action));
  }
  void violation(const std::string& text);
  void tell(const std::string& fault) const;

  std::size_t copies() const { return world_.ring_config().replicas; }
  bool trusts_clocks() const { return world_.ring_config().reads == Reads::lease; }
  // By a slow clock it takes longer.
  Duration applied_within() const { return applied_max * (trusts_clocks() ? 1 : 2); }
  bool begin();
  void meet(Client& client);
  void meet_again();
  bool is_whole() const;
  bool becomes_whole(Duration until);
  void tell_what_is_not_whole();
  ProcessId some_peer();

  void look();
  void look_for_repairs();
  void fault();
  void crash(ProcessId victim);
  void crash_amid_change(Duration until);
  Duration fault_lasts();
  void leave(ProcessId victim);
  void join();
  void stop_clock(ProcessId victim, Duration lasts);
  void silence(std::uint64_t dice, ProcessId victim, Duration lasts);
  void come_back(const Endpoint& endpoint);
  void strike();
  void repair();

  void next_operation(Client& client);
  void start_operation(Client& client);
  void on_finish(Client& client, const OpResult& result);
  void watch(const Client& client, const OpResult* result);
  void judge(const Seen& seen);
  void judge_calm(const Client& client, const OpResult& result);

  void end();

  SoakOptions options_;
  World world_;
  Rng rng_;
  Rng scan_rng_;
  SoakFigures figures_;
  Duration fault_interval_{};
  std::size_t peers_to_come_ = 0;
  bool has_faults_ = false;
  Duration faults_end_{};  // then none begins any more
  bool calls_ = true;
  Duration calm_at_ = Duration::max();
  std::vector<Endpoint> contacts_;  // that clients are given
  std::vector<std::unique_ptr<Client>> clients_;
  SoakLoad load_;
  std::unique_ptr<Scanner> scanner_;
  Duration scan_began_{};
  std::map<std::string, KeyWatch> watched_;
  HistoryChecker history_;
  std::optional<Losses> losses_;
};

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
  has_faults_ = true;
  faults_end_ = now() + faults_last;
  later(below(fault_interval_), [this] { fault(); });
  for (; peers_to_come_ > 0; --peers_to_come_) {
    later(below(growth_lasts), [this] { join(); });
  }
  if (options_.loses_majorities) {
    losses_.emplace(world_, rng_.fork(), SoakLoad::keys());
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
    on_finish(client, std::get<OpResult>(finish.result));
  });
}

// Where all peers have gone that a client was given, and those that it has heard of since, its user
// must name others.
void Soak::meet_again() {
  contacts_.clear();
  for (const ProcessId id : world_.alive_peers()) contacts_.push_back(world_.endpoint(id));
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

// Faults.

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

void Soak::strike() {
  for (const Endpoint& each : losses_->strike(copies())) {
    tell("loss of " + to_string(each));
    ++figures_.crashes;
    come_back(each);
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

// Clients: one operation at a time each, on keys that all share.

void Soak::next_operation(Client& client) {
  if (!calls_) return;
  later(below(30ms), [this, &client] { start_operation(client); });
}

void Soak::start_operation(Client& client) {
  if (!calls_) return;
  client.operation = load_.draw(world_.now().wall);
  client.called = now();
  client.peers = world_.alive_peers();
  client.busy = true;
  watch(client, nullptr);
  const bool is_hasty = has_faults_ && rng_.chance(1, hasty_one_in);
  const Duration deadline = is_hasty ? Duration(hasty_deadline) : Duration(operation_deadline);
  const Now read = world_.clock(client.process);
  world_.client(client.process)
      .start(read, Token{++client.token}, client.operation, read.monotonic + deadline);
  world_.perform(client.process);
}

void Soak::on_finish(Client& client, const OpResult& result) {
  client.busy = false;
  watch(client, &result);
  if (client.called > calm_at_) judge_calm(client, result);
  HistoryEntry entry{client.operation, client.called, now(), result};
  if (result.error) {
    const bool is_refused = is_definite(*result.error);
    ++(is_refused ? figures_.refused : figures_.unknown);
    entry.returned = Duration::max();
    entry.result = {};
    if (!is_refused) history_.add(std::move(entry));
  } else {
    ++figures_.done;
    if (has_faults_) ++figures_.done_amid_faults;
    load_.learn(client.operation, result);
    history_.add(std::move(entry));
  }
  next_operation(client);
}

void Soak::judge_calm(const Client& client, const OpResult& result) {
  if (losses_ && losses_->has_struck()) {
    look_for_repairs();
    const std::string key(key_of(client.operation));
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
void Soak::watch(const Client& client, const OpResult* result) {
  using Effect = KeyWatch::Effect;
  if (std::holds_alternative<Get>(client.operation)) return;
  const std::string key(key_of(client.operation));
  const bool is_brief = SoakLoad::is_brief(key);
  const bool is_erase = std::holds_alternative<Erase>(client.operation);
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
  const bool is_lost = !check_tiling(world_).empty();
  figures_.keys_lost = losses_->keys_lost();
  world_.run_for(lost_for);
  losses_->on_repair();
  Repairer repairer(world_);
  const Duration until = now() + repair_within;
  do {
    repairer.look();
    world_.run_for(repair_look);
  } while (!is_whole() && now() < until);
  if (!is_whole()) violation("not repaired: " + repairer.describe());
  if (!is_lost && !repairer.done().empty()) violation("repaired what was not lost");
  for (const RepairStep& each : repairer.done())
    ++(each.copy ? figures_.repairs : figures_.repairs_empty);
  figures_.repairs_refused = repairer.refused();
  if (figures_.repairs + figures_.repairs_empty == 0) figures_.is_void_because = "nothing was lost";
  world_.run_for(4s);
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

}  // namespace

SoakFigures soak(const SoakOptions& options) { return Soak(options).go(); }

}  // namespace hopring::sim
