#pragma once

// One group whose members talk over a network that delays, cuts and partitions, each with a clock
// that drifts; peers that crash, pause, leave the group and come back; and a client that writes and
// reads. All from one seed.
//
// What is judged, after every event:
//   - at most one primary in a term;
//   - the same entry at an index wherever it was applied;
//   - what was acknowledged, or read, is seen by every read that begins later: a read tells how far
//     the order has been applied where it was served, and that never falls.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.hpp"
#include "storage/raft/raft.hpp"

namespace hopring {

struct RaftWorldOptions {
  std::uint64_t seed = 1;
  RaftOptions raft;
  std::size_t members = 3;
  std::size_t spares = 2;  // peers that are no members at first
  bool has_faults = true;
  bool changes_members = true;
};

struct RaftWorldFigures {
  std::uint64_t writes = 0;  // acknowledged
  std::uint64_t reads = 0;
  std::uint64_t terms = 0;  // in which somebody was primary
  std::uint64_t faults = 0;
  std::uint64_t changes = 0;  // of members, begun
  std::uint64_t copies = 0;   // given
};

class RaftWorld {
 public:
  explicit RaftWorld(const RaftWorldOptions& options);
  ~RaftWorld();

  void run_for(Duration duration);
  // No more faults, and those that last end.
  void heal();
  // Runs until the group has a primary that serves and has acknowledged a write made from now on.
  bool recovers_within(Duration duration);

  // For tests that lead the events themselves.
  std::optional<std::size_t> serving() const;  // which peer
  void crash(std::size_t peer);
  void isolate(std::size_t peer);
  const Raft* raft(std::size_t peer) const;
  std::string describe() const;  // how each peer is, a line each

  const RaftWorldFigures& figures() const { return figures_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Node;
  struct Event;
  struct Later;
  struct Beat {
    Heartbeat heartbeat;
    Time sent;
  };
  struct BeatAnswer {
    HeartbeatAnswer answer;
    Time sent;  // the heartbeat
  };
  using Payload = std::variant<RaftMessage, Beat, BeatAnswer>;
  // A write that has not been answered.
  struct Asked {
    std::size_t peer = 0;
    std::uint64_t index = 0;
    std::uint64_t term = 0;
  };
  using Way = std::pair<std::size_t, std::size_t>;  // from, to

  Now clock(const Node& node) const;
  std::size_t index_of(const PeerRef& peer) const;
  bool is_running(const Node& node) const;
  std::size_t add_node();
  void post(Duration after, std::function<void()> action);
  template <class Action>
  void every(Duration interval, Action action);
  bool is_cut(std::size_t from, std::size_t to) const;
  void send(std::size_t from, const PeerRef& to, Payload payload);
  void send_all(std::size_t from, RaftOutbox& out);
  void deliver(std::size_t from, std::size_t to, Payload payload);
  void beat(std::size_t index);
  void tick(std::size_t index);
  void after_input(std::size_t index);
  void apply(std::size_t index);
  void write();
  void read();
  bool may_crash(std::size_t index) const;
  void fault();
  void hand_over();
  void give_copies();
  void give_copy(std::size_t from, std::size_t to);
  void change_members();
  void drop_removed();
  void violation(const std::string& text);

  RaftWorldOptions options_;
  Rng rng_;
  Duration now_{};
  std::uint64_t events_added_ = 0;
  std::vector<Event> events_;  // a heap
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<Way, Duration> last_arrival_;
  std::set<Way> cuts_;
  std::uint32_t cut_ = 0;  // raised when all connections break: what is under way is lost
  bool healed_ = false;
  // Drawn from the seed: how bad a world it is.
  Duration fault_interval_;
  Duration fault_lasts_max_;
  Duration change_interval_;
  std::uint64_t slow_one_in_;  // messages
  Duration slow_max_;

  std::uint64_t values_made_ = 0;
  std::vector<Asked> asked_;
  Members next_members_;                             // on their way in
  std::map<std::uint64_t, std::size_t> primary_of_;  // term -> peer
  std::vector<Entry> order_;                         // what was applied, anywhere
  std::uint64_t roster_index_ = 0;                   // of the last roster in order_
  Roster roster_;
  std::uint64_t floor_ = 0;  // index that every later read must reach
  RaftWorldFigures figures_;
  std::vector<std::string> violations_;
};

}  // namespace hopring
