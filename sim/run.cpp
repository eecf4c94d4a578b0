#include "sim/run.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "sim/ring_checker.hpp"
#include "sim/workload.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

constexpr auto join_pause = 20ms;      // between two joins at the beginning
constexpr auto settle_timeout = 120s;  // virtual; a ring that takes longer does not settle
constexpr auto settle_look = 250ms;    // between looks whether it has
constexpr auto ownership_look = 10ms;  // between looks for a position served twice
constexpr auto load_timeout = 300s;    // virtual; a load that takes longer has stalled
constexpr auto lookups_after = 60s;    // virtual, from the run's beginning
constexpr auto lookup_timeout = 10s;
constexpr auto outage_max = 4s;  // two elections, of which the first one found no winner
constexpr std::uint32_t lookups_at_once = 100;
constexpr std::size_t violations_max = 20;  // what comes after so many is not looked for

class Run {
 public:
  explicit Run(const RunOptions& options)
      : options_(options), world_(world_options(options)), rng_(world_.rng().fork()) {}

  RunFigures go() {
    join_all();
    settle("after the joins");
    if (options_.operations > 0) load();
    if (options_.lookups > 0) look_up();
    finish();
    return std::move(figures_);
  }

 private:
  static WorldOptions world_options(const RunOptions& options) {
    WorldOptions world;
    world.seed = options.seed;
    world.ring.nodes_per_peer = options.nodes_per_peer;
    world.ring.replicas = options.replicas;
    world.ring.reads = options.reads;
    world.print_log = options.print_log;
    return world;
  }

  void progress(const char* what, std::uint64_t done, std::uint64_t of) const {
    if (options_.print_progress) {
      std::fprintf(stderr, "\r%-20s %8llu of %llu ", what, static_cast<unsigned long long>(done),
                   static_cast<unsigned long long>(of));
      if (done >= of) std::fputc('\n', stderr);
    }
  }

  void violation(std::string text) { figures_.violations.push_back(std::move(text)); }
  void violations(const std::vector<std::string>& found, const std::string& when) {
    for (const std::string& each : found) violation(when + ": " + each);
  }

  Endpoint some_contact() {
    const std::vector<ProcessId> ready = world_.ready_peers();
    return world_.endpoint(ready[rng_.below(ready.size())]);
  }

  bool settled() const {
    const auto peers = world_.alive_peers();
    const auto is_settled = [&](ProcessId id) { return world_.peer(id).settled(); };
    return world_.all_ready() && std::all_of(peers.begin(), peers.end(), is_settled) &&
           check_tiling(world_).empty() && (options_.replicas == 1 || check_copies(world_).empty());
  }

  void join_all();
  void settle(const std::string& when);
  void load();
  void churn_once();
  void watch();
  void watch_outages();
  void look_up();
  void finish();

  RunOptions options_;
  World world_;
  Rng rng_;
  RunFigures figures_;
  std::unique_ptr<Workload> workload_;
  bool load_is_over_ = false;
  Time whole_at_{};  // when all arcs had a primary; never: that they have not has been told
  std::vector<ProcessId> leavers_;
};

void Run::join_all() {
  world_.start_peer({});
  world_.run_for(1100ms);
  const std::uint64_t before = world_.messages_between_peers();
  for (std::uint32_t i = 1; i < options_.peers; ++i) {
    world_.start_peer({some_contact()});
    world_.run_for(join_pause);
    if (i % 50 == 0) progress("joining", i, options_.peers);
  }
  if (!world_.run_until_true(settle_timeout, [&] { return world_.all_ready(); })) {
    violation("some peers were never let in");
  }
  if (world_.alive_peers().size() != options_.peers) violation("some peers gave up joining");
  progress("joining", options_.peers, options_.peers);
  if (options_.peers > 1) {
    figures_.messages_per_join =
        static_cast<double>(world_.messages_between_peers() - before) / (options_.peers - 1);
  }
}

void Run::settle(const std::string& when) {
  const Time end = world_.now().monotonic + settle_timeout;
  while (world_.now().monotonic < end) {
    if (settled()) return;
    world_.run_for(settle_look);
  }
  violation(when + ": the ring does not settle");
  violations(check_tiling(world_), when);
  if (options_.replicas == 1) return;
  violations(check_copies(world_), when);
  for (const ProcessId id : leavers_) {
    const auto& left = world_.left(id);
    if (left && !left->not_handed_over.empty()) violation(when + ": a leaver has kept arcs");
  }
  violations(describe_gaps(world_), when);
  for (const ProcessId id : world_.alive_peers()) {
    if (!world_.peer(id).settled()) violation(when + ": not settled: " + std::to_string(id));
  }
}

void Run::watch() {
  violations(check_ownership(world_), "under load");
  if (options_.replicas > 1) watch_outages();
  if (load_is_over_ || figures_.violations.size() > violations_max) return;
  const auto scale = std::max<std::int64_t>(1, options_.peers / 10);  // it looks at every arc
  world_.at(world_.now().monotonic + ownership_look * scale, [this] { watch(); });
}

// Where each arc has a majority of its members, it is never without a primary for long.
void Run::watch_outages() {
  if (check_tiling(world_).empty()) {
    whole_at_ = world_.now().monotonic;
  } else if (world_.now().monotonic - whole_at_ > outage_max) {
    violations(check_tiling(world_), "for too long");
    violations(describe_gaps(world_), "for too long");
    whole_at_ = Time::never();
  }
}

void Run::churn_once() {
  const auto peers = world_.alive_peers();
  const std::uint64_t dice = rng_.below(options_.crashes ? 3 : 2);
  const auto ready =
      std::count_if(peers.begin(), peers.end(), [&](ProcessId id) { return world_.is_ready(id); });
  const ProcessId victim = peers[rng_.below(peers.size())];
  if (dice == 0 || ready < 3) {
    world_.start_peer({some_contact()});
    ++figures_.joins;
  } else if (!world_.is_ready(victim)) {
    return;
  } else if (dice == 1) {
    world_.leave(victim);
    leavers_.push_back(victim);
    ++figures_.leaves;
  } else if (options_.replicas == 1) {
    workload_->on_crash(victim);
    world_.crash(victim);
    ++figures_.crashes;
  } else if (keeps_majorities_without(world_, victim)) {
    world_.crash(victim);
    ++figures_.crashes;
  }
}

void Run::load() {
  std::vector<Endpoint> contacts;
  contacts.reserve(3);
  for (int i = 0; i < 3; ++i) contacts.push_back(some_contact());
  WorkloadOptions load;
  // A dead peer's arcs are not served until they have been claimed.
  if (options_.crashes && options_.churn > 0) load.put_wait_max = load.deadline;
  workload_ = std::make_unique<Workload>(world_, load, contacts);
  workload_->start();
  whole_at_ = world_.now().monotonic;
  watch();
  const bool churns = options_.churn > 0;
  const auto pause = Duration(churns ? static_cast<std::int64_t>(1e9 / options_.churn) : 0);
  Time next = churns ? world_.now().monotonic + pause : Time::never();
  const Time end = world_.now().monotonic + load_timeout;
  while (workload_->figures().operations < options_.operations && world_.now().monotonic < end) {
    world_.run_for(5ms);
    if (world_.now().monotonic < next) continue;
    churn_once();
    next = world_.now().monotonic + rng_.jittered(pause);
    progress("load", workload_->figures().operations, options_.operations);
  }
  workload_->stop();
  progress("load", options_.operations, options_.operations);
  if (!world_.run_until_true(30s, [&] { return workload_->is_idle(); })) {
    violation("operations that never end");
  }
  settle("after the load");
  workload_->verify_all(some_contact());
  load_is_over_ = true;
}

void Run::look_up() {
  // Fingers are learnt in turn, a few in each round: the ring is given time for that.
  world_.run_until(Time{lookups_after});
  std::vector<std::uint32_t> hops;
  std::uint32_t ended = 0;
  const auto one = [&] {
    const ProcessId id = world_.start_client({some_contact()});
    world_.on_finish(id, [&, id](Finish&& finish) {
      ++ended;
      if (std::get<OpResult>(finish.result).error) return violation("a cold lookup failed");
      const auto& by_hops = world_.client(id).figures().by_hops;
      const auto at = std::find_if(by_hops.begin(), by_hops.end(), [](auto n) { return n > 0; });
      hops.push_back(static_cast<std::uint32_t>(at - by_hops.begin()));
    });
    world_.client(id).start(world_.now(), Token{1}, Get{"lookup-" + std::to_string(rng_.next())},
                            world_.now().monotonic + lookup_timeout);
    world_.perform(id);
  };
  for (std::uint32_t begun = 0; begun < options_.lookups;) {
    for (std::uint32_t i = 0; i < lookups_at_once && begun < options_.lookups; ++i, ++begun) one();
    world_.run_until_true(30s, [&] { return ended == begun; });
    progress("cold lookups", begun, options_.lookups);
  }
  if (ended != options_.lookups) violation("lookups that never end");
  if (hops.empty()) return;
  std::sort(hops.begin(), hops.end());
  double sum = 0;
  for (const std::uint32_t each : hops) sum += each;
  figures_.hops_mean = sum / static_cast<double>(hops.size());
  figures_.hops_p99 = hops[hops.size() * 99 / 100];
}

void Run::finish() {
  if (workload_) {
    const WorkloadFigures& load = workload_->figures();
    violations(workload_->violations(), "answers");
    figures_.operations = load.operations;
    figures_.writes_acknowledged = load.writes_acknowledged;
    figures_.writes_during_moves = load.writes_during_moves;
    figures_.scans = load.scans;
    figures_.keys_lost = load.keys_lost;
    figures_.put_wait_max = load.put_wait_max;
  }
  // A move that is under way leaves a gap for a moment.
  world_.run_until_true(settle_timeout, [&] { return check_tiling(world_).empty(); });
  violations(check_tiling(world_), "at the end");
  figures_.peers = static_cast<std::uint32_t>(world_.alive_peers().size());
  const KeySpread spread = spread_of_keys(world_);
  figures_.keys = spread.keys;
  figures_.skew = spread.skew;
  figures_.skew_bytes = skew_of_bytes(world_);
  figures_.trace_hash = world_.trace_hash();
  figures_.virtual_seconds =
      std::chrono::duration<double>(world_.now().monotonic.since_start).count();
}

}  // namespace

RunFigures run(const RunOptions& options) { return Run(options).go(); }

}  // namespace hopring::sim
