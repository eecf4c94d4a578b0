#pragma once

// Hosts of replicated arcs whose messages are delayed, cut and partitioned, each with a clock that
// drifts; peers that crash and pause, arcs that are split and change their members; and clients
// that read and write a few keys. All from one seed.
//
// What is judged: the order of each key's operations (sim/history_checker.hpp), that two hosts
// never may serve one position, and in the end that all copies of an arc are equal.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "sim/history_checker.hpp"
#include "storage/group/replica_host.hpp"
#include "support.hpp"

namespace hopring {

struct ReplicaWorldOptions {
  std::uint64_t seed = 1;
  GroupOptions groups;
  std::size_t hosts = 4;
  std::size_t copies = 3;  // that an arc should have
  std::uint32_t arcs = 2;  // at first
  std::uint32_t arcs_max = 8;
  std::size_t clients = 4;
  std::size_t keys = 16;
  bool has_faults = true;
};

struct ReplicaWorldFigures {
  std::uint64_t done = 0;     // operations
  std::uint64_t refused = 0;  // for certain, in the end
  std::uint64_t unknown = 0;
  std::uint64_t faults = 0;
  std::uint64_t crashes = 0;
  std::uint64_t splits = 0;
  std::uint64_t changes = 0;  // of members, that were done
};

class ReplicaWorld {
 public:
  explicit ReplicaWorld(const ReplicaWorldOptions& options);
  ~ReplicaWorld();

  void run_for(Duration duration);
  // Runs until every position is served by an arc with all its copies; false if `limit` passes.
  bool run_until_whole(Duration limit);
  // No more faults, and those that last end.
  void heal();
  // No new operations; those that are under way end.
  void stop_clients();
  // Compares all copies, and each key's history with every order that is possible.
  void judge();

  const ReplicaWorldFigures& figures() const { return figures_; }
  const std::vector<std::string>& violations() const { return violations_; }
  std::string describe() const;

  // For tests that lead the events themselves.
  ReplicaHost& host(std::size_t index);
  std::optional<std::size_t> serving(Position position) const;
  void crash(std::size_t index);

 private:
  struct Node;
  struct Event;
  struct Later;
  struct Call;
  using Way = std::pair<std::size_t, std::size_t>;  // from, to

  Now clock(const Node& node) const;
  std::size_t index_of(const PeerRef& peer) const { return peer.incarnation - 1; }
  bool is_running(const Node& node) const;
  std::size_t add_node();
  void post(Duration after, std::function<void()> action);
  template <class Action>
  void every(Duration interval, Action action);
  bool is_cut(std::size_t from, std::size_t to) const { return cuts_.contains({from, to}); }
  void send(std::size_t from, const PeerRef& to, GroupMessage message);
  void deliver(std::size_t from, std::size_t to, GroupMessage message);
  void perform(std::size_t index, GroupOutbox& out);
  void tick(std::size_t index);

  void begin_call(std::size_t client);
  void try_call(const std::shared_ptr<Call>& call);
  void try_again(const std::shared_ptr<Call>& call, Duration after);
  void end_call(const std::shared_ptr<Call>& call, const OpResult& result);
  Operation random_operation(const std::string& key);

  std::vector<std::size_t> alive() const;
  bool may_crash(std::size_t index) const;
  void fault();
  void place();
  void look_for_two();
  void violation(const std::string& text);

  ReplicaWorldOptions options_;
  Rng rng_;
  Duration now_{};
  std::uint64_t events_added_ = 0;
  std::vector<Event> events_;  // a heap
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<Way, Duration> last_arrival_;
  std::set<Way> cuts_;
  std::uint32_t cut_ = 0;  // raised when all connections break
  bool healed_ = false;
  bool calls_ = true;
  std::uint64_t slow_one_in_;  // messages
  Duration slow_max_;
  Duration fault_interval_;

  std::uint64_t values_made_ = 0;
  std::uint64_t waiters_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Call>> waiting_;
  std::size_t calls_open_ = 0;
  sim::HistoryChecker history_;
  ReplicaWorldFigures figures_;
  std::vector<std::string> violations_;
};

}  // namespace hopring
