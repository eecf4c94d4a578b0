#pragma once

// Hosts of replicated arcs in a world of faults: arcs are split and change their members, and
// clients read and write a few keys. A client stamps its writes, and sends those whose fate it does
// not know again, as client/core does; a request that it has given up may arrive later all the
// same.
//
// What is judged:
//   - the order of each key's operations (sim/history_checker.hpp), in which a write stands once,
//     however often it was sent;
//   - that two hosts never may serve one position, where clocks can be trusted;
//   - that complete copies of an arc which have applied the same index are equal, and so are the
//     stamps in their windows, and the members that a view names are those who vote, five times a
//     second;
//   - that no read returns what was due before it began;
//   - that no copy lags behind once it is quiet, and that the host has then told of its arcs what
//     they are.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fault_world.hpp"
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
  // Clocks stop, or run at double speed: then two hosts may take themselves for the one that
  // serves.
  bool has_wrong_clocks = false;
  // A host that has been paused reads what clients have sent before what other hosts have.
  bool clients_come_first = false;
};

struct ReplicaWorldFigures {
  std::uint64_t done = 0;     // operations
  std::uint64_t refused = 0;  // for certain, in the end
  std::uint64_t unknown = 0;
  std::uint64_t sent_again = 0;    // writes, whose fate was not known
  std::uint64_t stale_stamps = 0;  // told so
  std::uint64_t crashes = 0;
  std::uint64_t copies_lost = 0;  // as when a peer has run full
  std::uint64_t splits = 0;
  std::uint64_t changes = 0;  // of members, that were done
};

class ReplicaWorld : public FaultWorld {
 public:
  explicit ReplicaWorld(const ReplicaWorldOptions& options);
  ~ReplicaWorld() override;

  // Runs until every position is served by an arc with all its copies; false if `limit` passes.
  bool run_until_whole(Duration limit);
  // No new operations; those that are under way end.
  void stop_clients();
  // In the end, when it is quiet: what has not been judged on the way.
  void judge();

  const ReplicaWorldFigures& figures() const { return figures_; }
  std::string describe() const;

  // For tests that lead the events themselves.
  std::optional<std::size_t> serving(Position position) const;
  void crash(std::size_t index) override;

 private:
  struct Call;
  // One of the requests that a call leads to. The connection breaks when the next one is sent.
  struct Request {
    std::shared_ptr<Call> call;
    std::uint64_t number = 0;
    std::size_t node = 0;
    std::optional<Stamp> stamp = {};
  };

  // What a host has said of its arcs, by their ends.
  struct Told {
    std::map<Position, View> led;
    std::map<Position, View> copies;

    void hear(const GroupEffect& effect);
  };

  std::size_t add_host();
  void send(std::size_t from, const PeerRef& to, GroupMessage message);
  void perform(std::size_t index, GroupOutbox& out);
  void tick(std::size_t index);

  void begin_call(std::size_t client);
  void try_call(const std::shared_ptr<Call>& call);
  std::optional<Stamp> stamp(Call& call);
  void receive(const Request& request, Now read_before);
  void execute(const Request& request, Now now);
  void on_answer(const Request& request, const OpResult& result,
                 const std::optional<ArcMark>& mark);
  void lose_connection(const Request& request);
  void try_again(const std::shared_ptr<Call>& call, Duration after);
  void end_call(const std::shared_ptr<Call>& call, const OpResult& result);
  Operation random_operation();
  Operation brief_operation();
  void judge_brief(const Call& call, const OpResult& result);

  std::vector<std::size_t> alive() const;
  bool may_crash(std::size_t index) const override;
  void replace(std::size_t) override { add_host(); }
  void lose_copy();
  void place();
  void look_for_two();
  void compare_copies();
  void compare(const Replica& replica);
  void look_for_laggards();
  void compare_told();

  ReplicaWorldOptions options_;
  std::vector<std::unique_ptr<ReplicaHost>> hosts_;  // none: has crashed
  std::vector<Told> told_;                           // by each host
  bool calls_ = true;
  Duration fault_interval_;

  KeyedHash hash_{test_hash_key};
  std::uint64_t values_made_ = 0;
  std::uint64_t sequences_ = 0;
  std::uint64_t waiters_ = 0;
  std::map<std::uint64_t, Request> waiting_;
  std::vector<ArcMark> marks_;  // that clients have been told
  std::size_t calls_open_ = 0;
  sim::HistoryChecker history_;
  std::map<std::string, Duration> brief_until_;  // value -> when nobody may see it any more
  std::map<std::pair<GroupName, std::uint64_t>, std::string> contents_;  // by group and index
  ReplicaWorldFigures figures_;
};

}  // namespace hopring
