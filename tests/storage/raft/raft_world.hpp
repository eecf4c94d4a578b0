#pragma once

// One group in a world of faults: its members leave it and come back, and a client writes and
// reads.
//
// What is judged, after every event:
//   - at most one primary in a term;
//   - the same entry at an index wherever it was applied;
//   - what was acknowledged, or read, is seen by every read that begins later: a read tells how far
//     the order has been applied where it was served, and that never falls.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "fault_world.hpp"
#include "storage/raft/raft.hpp"

namespace hopring {

struct RaftWorldOptions {
  std::uint64_t seed = 1;
  RaftOptions raft;
  std::size_t members = 3;
  std::size_t spares = 2;  // peers that are no members at first
  bool has_faults = true;
  bool changes_members = true;
  Duration resume_delay{};  // after a pause: timers come before what others have sent
};

struct RaftWorldFigures {
  std::uint64_t writes = 0;  // acknowledged
  std::uint64_t reads = 0;
  std::uint64_t terms = 0;    // in which somebody was primary
  std::uint64_t changes = 0;  // of members, begun
  std::uint64_t copies = 0;   // given
};

class RaftWorld : public FaultWorld {
 public:
  explicit RaftWorld(const RaftWorldOptions& options);
  ~RaftWorld() override;

  // Runs until the group has a primary that serves and has acknowledged a write made from now on.
  bool recovers_within(Duration duration);

  // For tests that lead the events themselves.
  std::optional<std::size_t> serving() const;  // which peer
  void crash(std::size_t peer) override;
  const Raft* raft(std::size_t peer) const;
  std::string describe() const;  // how each peer is, a line each

  const RaftWorldFigures& figures() const { return figures_; }

 private:
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

  bool has_member(std::size_t peer) const { return is_running(peer) && rafts_[peer] != nullptr; }
  std::size_t add_member();
  void send(std::size_t from, const PeerRef& to, Payload payload);
  void send_all(std::size_t from, RaftOutbox& out);
  void deliver(std::size_t from, std::size_t to, Payload payload);
  void beat(std::size_t index);
  void tick(std::size_t index);
  void after_input(std::size_t index);
  void apply(std::size_t index);
  void write();
  void read();
  // Until a roster of this index or a later one is decided, the one that was proposed last may
  // still be on its way to somebody.
  bool is_proposed() const { return proposed_index_ > roster_index_; }
  bool may_crash(std::size_t index) const override;
  void replace(std::size_t) override { add_member(); }
  void hand_over();
  void give_copies();
  void give_copy(std::size_t from, std::size_t to);
  void change_members();
  void drop_removed();

  RaftWorldOptions options_;
  std::vector<std::unique_ptr<Raft>> rafts_;  // none: no member and no learner
  // Drawn from the seed: how bad a world it is.
  Duration fault_interval_;
  Duration fault_lasts_max_;
  Duration change_interval_;

  std::uint64_t values_made_ = 0;
  std::vector<Asked> asked_;
  Members next_members_;                             // on their way in
  std::map<std::uint64_t, std::size_t> primary_of_;  // term -> peer
  std::vector<Entry> order_;                         // what was applied, anywhere
  std::uint64_t roster_index_ = 0;                   // of the last roster in order_
  Roster roster_;
  Roster proposed_;  // the last one; nobody may have it yet
  std::uint64_t proposed_index_ = 0;
  std::uint64_t floor_ = 0;  // index that every later read must reach
  RaftWorldFigures figures_;
};

}  // namespace hopring
