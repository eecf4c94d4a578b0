#include "sim/settling.hpp"

#include <algorithm>
#include <cstdio>

#include "sim/ring_checker.hpp"
#include "sim/world.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

constexpr auto join_pause = 20ms;   // between two joins at the beginning
constexpr auto rest = 10s;          // without a copy or a cut: it has settled
constexpr auto patience = 600s;     // virtual; a ring that takes longer does not settle
constexpr auto fill_timeout = 60s;  // virtual; of one batch
constexpr std::uint64_t batch_keys = 500;
constexpr double level = 1.05;
constexpr std::size_t key_bytes = 24;
constexpr std::size_t value_bytes = 76;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

class Measurement {
 public:
  explicit Measurement(const SettlingOptions& options)
      : options_(options), world_(world_options(options)), rng_(world_.rng().fork()) {}

  SettlingFigures go() {
    world_.start_peer({});
    world_.run_for(1100ms);
    join();
    if (!until_ready()) violation("the second peer was not let in");
    if (!options_.fills_last) fill();
    begin();
    while (world_.alive_peers().size() < options_.peers) {
      join();
      world_.run_for(join_pause);
    }
    if (!until_ready()) violation("some peers were never let in");
    figures_.joins = until_settled("all joins");
    if (options_.fills_last) {
      fill();
      figures_.joins = until_settled("the keys");
    }
    begin();
    const ProcessId joiner = join();
    figures_.join = until_settled("one join");
    hold(figures_.join, held_by(joiner));
    begin();
    const ProcessId leaver = some_peer();
    const std::uint64_t share = held_by(leaver);
    world_.leave(leaver);
    figures_.leave = until_settled("one leave");
    hold(figures_.leave, share);
    judge(leaver);
    figures_.trace_hash = world_.trace_hash();
    figures_.virtual_seconds = seconds(world_.now().monotonic.since_start);
    return std::move(figures_);
  }

 private:
  static WorldOptions world_options(const SettlingOptions& options) {
    WorldOptions world;
    world.seed = options.seed;
    world.ring.replicas = options.replicas;
    world.print_log = options.print_log;
    return world;
  }

  void violation(std::string text) { figures_.violations.push_back(std::move(text)); }
  void progress(const char* what) const;
  ProcessId some_peer() {
    const std::vector<ProcessId> peers = world_.alive_peers();
    return peers[rng_.below(peers.size())];
  }
  ProcessId join() {
    ProcessId contact = some_peer();
    while (!world_.is_ready(contact)) contact = some_peer();
    return world_.start_peer({world_.endpoint(contact)});
  }
  bool until_ready();
  void fill();
  void begin();
  Settling until_settled(const char* what);
  std::uint64_t arcs() const;
  std::uint64_t held_by(ProcessId peer) const;
  void hold(Settling& settling, std::uint64_t share) const;
  void judge(ProcessId leaver);

  SettlingOptions options_;
  World world_;
  Rng rng_;
  SettlingFigures figures_;
  // At the change that is looked at.
  Time began_{};
  CopyTraffic traffic_before_;
  std::uint64_t arcs_before_ = 0;
};

// Virtual seconds and copies, so that somebody who waits sees that it goes on.
void Measurement::progress(const char* what) const {
  if (!options_.print_progress) return;
  std::fprintf(stderr, "\r%-12s %6.0f virtual s, %9llu copies ", what,
               seconds(world_.now().monotonic.since_start),
               static_cast<unsigned long long>(world_.copy_traffic().copies));
}

bool Measurement::until_ready() {
  const Time end = world_.now().monotonic + patience;
  while (!world_.all_ready() && world_.now().monotonic < end) world_.run_for(10ms);
  return world_.all_ready();
}

// One batch after the other.
void Measurement::fill() {
  const ProcessId client = world_.start_client({world_.endpoint(world_.alive_peers().front())});
  bool is_open = false;
  world_.on_finish(client, [&](Finish&& finish) {
    is_open = false;
    for (const OpResult& each : std::get<std::vector<OpResult>>(finish.result)) {
      if (each.error) violation("a put failed: " + std::string(name(*each.error)));
    }
  });
  for (std::uint64_t done = 0; done < options_.keys && figures_.violations.empty();) {
    std::vector<Operation> batch;
    for (std::uint64_t i = 0; i < batch_keys && done < options_.keys; ++i, ++done) {
      std::string key = "key-" + std::to_string(done);
      key.resize(key_bytes, '.');
      batch.push_back(
          Put{std::move(key), Value{ValueType::string, std::string(value_bytes, 'x')}, {}, {}});
    }
    is_open = true;
    world_.client(client).start_batch(world_.now(), Token{1}, std::move(batch),
                                      world_.now().monotonic + fill_timeout);
    world_.perform(client);
    world_.run_until_true(2 * fill_timeout, [&] { return !is_open; });
    if (done % 10000 == 0) progress("filling");
  }
  world_.on_finish(client, nullptr);
}

void Measurement::begin() {
  began_ = world_.now().monotonic;
  traffic_before_ = world_.copy_traffic();
  arcs_before_ = arcs();
}

Settling Measurement::until_settled(const char* what) {
  const auto look = options_.peers > 100 ? 1000ms : 100ms;
  CopyTraffic last = world_.copy_traffic();
  std::uint64_t arcs_last = arcs();
  Time changed = world_.now().monotonic;
  std::optional<Time> level_at;
  while (world_.now().monotonic - changed < rest) {
    if (world_.now().monotonic - began_ > patience) {
      violation(std::string("after ") + what + ": the ring does not settle");
      break;
    }
    if (skew_of_bytes(world_) > level) {
      level_at.reset();
    } else if (!level_at) {
      level_at = world_.now().monotonic;
    }
    world_.run_for(look);
    progress(what);
    const std::uint64_t now = arcs();
    if (world_.copy_traffic() == last && now == arcs_last) continue;
    last = world_.copy_traffic();
    arcs_last = now;
    changed = world_.now().monotonic;
  }
  if (options_.print_progress) std::fputc('\n', stderr);
  Settling settling;
  settling.skew = skew_of_bytes(world_);
  settling.level_seconds = seconds(level_at.value_or(world_.now().monotonic) - began_);
  settling.seconds = seconds(changed - began_);
  settling.copies = last.copies - traffic_before_.copies;
  settling.bytes = last.bytes - traffic_before_.bytes;
  settling.arcs = arcs_last;
  settling.arcs_new = arcs_last - std::min(arcs_before_, arcs_last);
  return settling;
}

std::uint64_t Measurement::arcs() const {
  std::uint64_t count = 0;
  for (const ProcessId id : world_.alive_peers()) count += world_.peer(id).served_now().size();
  return count;
}

// Bytes of keys and values: all are of one size.
std::uint64_t Measurement::held_by(ProcessId peer) const {
  std::uint64_t keys = 0;
  for (const Replica* copy : world_.peer(peer).copies_now()) keys += copy->size();
  if (options_.replicas == 1) {
    for (const ArcReport& arc : world_.peer(peer).report(world_.now()).arcs) keys += arc.keys;
  }
  return keys * (key_bytes + value_bytes);
}

// Of the one more that there was, or is.
void Measurement::hold(Settling& settling, std::uint64_t share) const {
  const double copies = std::min(options_.replicas, options_.peers);
  const double all = static_cast<double>(options_.keys * (key_bytes + value_bytes)) * copies;
  settling.share = share;
  if (all > 0) settling.share_by_mean = static_cast<double>(share) * (options_.peers + 1) / all;
}

void Measurement::judge(ProcessId leaver) {
  if (world_.is_alive(leaver)) violation("the leaver has not gone");
  for (std::string& each : check_tiling(world_)) violation(std::move(each));
  if (options_.replicas > 1) {
    for (std::string& each : check_copies(world_)) violation(std::move(each));
  }
  const std::uint64_t keys = spread_of_keys(world_).keys;
  if (keys == options_.keys) return;
  violation("of " + std::to_string(options_.keys) + " keys " + std::to_string(keys) + " are there");
}

}  // namespace

double Settling::bytes_by_share() const {
  return share > 0 ? static_cast<double>(bytes) / static_cast<double>(share) : 0;
}

SettlingFigures measure_settling(const SettlingOptions& options) {
  return Measurement(options).go();
}

}  // namespace hopring::sim
