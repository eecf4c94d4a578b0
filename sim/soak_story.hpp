#pragma once

// How one seed of the soak runs (soak.hpp): the ring, its faults, its clients and its judges.
//
// Thread rule: one thread.

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/history_checker.hpp"
#include "sim/losses.hpp"
#include "sim/scanner.hpp"
#include "sim/soak.hpp"
#include "sim/soak_load.hpp"
#include "sim/world.hpp"

namespace hopring::sim {

class Soak {
 public:
  explicit Soak(const SoakOptions& options);

  SoakFigures go();

 private:
  static constexpr Duration fault_lasts_max = std::chrono::seconds(3);  // of all but a few

  // How often each kind of fault comes, beside the others: drawn from the seed.
  enum class Fault : std::uint8_t { crash, leave, join, pause, cut, some_ways, two_sides, around };
  struct Faults {
    std::array<std::uint64_t, 8> weights{};
    std::uint64_t sum = 0;
    std::uint64_t long_one_in = 0;
    std::uint64_t amid_change_one_in = 0;
    std::uint64_t last_leave_one_in = 0;
  };
  struct Client {
    ProcessId process = 0;
    std::uint64_t token = 0;
    std::vector<Operation> operations;  // under way: one, or a batch
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
  Duration applied_within() const;
  bool begin();
  void meet(Client& client);
  void meet_again();
  bool is_whole() const;
  bool becomes_whole(Duration until);
  void tell_what_is_not_whole();
  ProcessId some_peer();

  void look();
  void look_for_repairs();
  void draw_faults();
  Fault draw_fault();
  void fault();
  void crash(ProcessId victim);
  void crash_amid_change(Duration until);
  Duration fault_lasts();
  void leave(ProcessId victim);
  void join();
  void stop_clock(ProcessId victim, Duration lasts);
  void cut(ProcessId victim);
  void silence(Fault kind, ProcessId victim, Duration lasts);
  void come_back(const Endpoint& endpoint);
  void strike();
  void repair();
  void resume();

  void next_operation(Client& client);
  void start_operation(Client& client);
  void on_finish(Client& client, Finished&& finished);
  void on_result(const Client& client, const Operation& operation, const OpResult& result);
  void watch(const Client& client, const Operation& operation, const OpResult* result);
  void judge(const Seen& seen);
  void judge_calm(const Client& client, const Operation& operation, const OpResult& result);

  void end();

  SoakOptions options_;
  World world_;
  Rng rng_;
  Rng scan_rng_;
  SoakFigures figures_;
  Duration fault_interval_{};
  Faults faults_;
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

}  // namespace hopring::sim
