#pragma once

// One shard of a peer: the arcs of its cells, and the operations on them. A peer has `--threads` of
// them and one front (front.hpp), and they tell each other things and share nothing.
//
//            commands                     news
//   front  ------------>  shard  ------------------->  front
//                           ^  (what its groups want done)
//              operations --+--> results
//
// Which shard an arc belongs to follows from its cell alone: the ring's 2^64 positions are cut into
// nodes_per_peer equal cells, and no arc reaches across two.
//
// Sans-IO: time comes in as `now`. Thread rule: belongs to one thread.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/rng.hpp"
#include "peer/core/arc_directory.hpp"
#include "peer/core/options.hpp"
#include "routing/cells.hpp"
#include "routing/ring_config.hpp"
#include "storage/group/group_host.hpp"
#include "storage/group/replica_host.hpp"
#include "storage/operation/operation.hpp"

namespace hopring {

// Commands of the front.

// The peer is in this ring from now on, with no arc. What was served before is dropped.
struct EnterRing {
  RingConfig ring;
};
// It has given its ring up. What was served is dropped.
struct LeaveRing {};
// The ring is not given up any more: writes may be taken.
struct TakeWrites {};
// Serve this arc of a new ring.
struct OpenArc {
  View view;
};
// Serve this arc, whose sole member is dead, unless a part of it is served here. From a copy, where
// there is one, the claim is of a higher generation than an empty one would be.
struct TakeOverArc {
  View claim;
};
// The view `to` has won there.
struct DropArc {
  Arc lost;
  ViewNumber to;
};
// Cut the arc that ends here in the middle, and its first part again, until that ends at `part`;
// then move it to another peer: where there are several copies, the lead, and the copy with it if
// that peer has none. Always followed by MoveEnded of `part`.
struct GiveArc {
  Position end;
  Position part;
  PeerRef to;
  bool is_leaving = false;  // this peer: also if that puts more members on one host
};
// The arc that ends here should be held by these peers. In a ring of several copies alone. Always
// followed by MoveEnded, unless the ring is left.
struct SetMembers {
  Position end;
  std::vector<PeerRef> members;
  bool for_balance = false;  // not while one of them does not answer
};
// The copy of the arc that ends here has heard of no primary; the ring says that it is served so.
struct AskPrimary {
  Position end;
  View served;
};
struct PeerGone {
  PeerRef peer;
};
// A message of a peer to the groups.
struct FromPeer {
  PeerRef from;
  GroupMessage message;
};
using ShardCommand = std::variant<EnterRing, LeaveRing, TakeWrites, OpenArc, TakeOverArc, DropArc,
                                  GiveArc, SetMembers, AskPrimary, PeerGone, FromPeer>;

// What the groups of a shard have to say. `transfers` as in ShardStatus, and never older than the
// news, like `sizes`: of the arcs that came or changed.
struct ShardNews {
  std::uint32_t shard = 0;
  std::uint64_t ring_id = 0;  // 0: none. Whoever has another one by now passes it over.
  std::size_t transfers = 0;
  std::vector<ArcSize> sizes;
  GroupOutbox news;
};

// How a shard is, from time to time.
struct ShardStatus {
  std::uint32_t shard = 0;
  std::uint64_t ring_id = 0;
  std::vector<ArcSize> arcs;        // in ring order; and then the copies
  std::vector<CopyReport> copies;   // at most copies_reported_max
  std::size_t copies_left_out = 0;  // beside those
  std::size_t transfers = 0;        // moves, learners and kept copies: see GroupHost
  GroupCounters counters;
  std::size_t table_bytes = 0;
  std::optional<std::uint64_t> room;  // for a copy; none: whatever there is
};

// What each of the peer's shards is made with.
GroupOptions group_options(const PeerOptions& options);

class Shard {
 public:
  // A gift that must be cut out first, where the members of the arc have to agree to that, is given
  // up after so long.
  static constexpr std::chrono::seconds cutting_patience{3};

  // `rng` seeds the host of each ring that is entered.
  Shard(const PeerRef& self, const GroupOptions& options, Rng rng)
      : self_(self), options_(options), rng_(rng) {}

  void on(Now now, ShardCommand&& command, GroupOutbox& news);

  enum class Executed : std::uint8_t { answered, pending, unserved };
  struct Told {
    const View** view = nullptr;             // if wanted; good until the next input
    std::optional<ArcMark>* mark = nullptr;  // if wanted; see ReplicaHost::Execution
  };
  // Executes an operation in the arc that holds its key's position; `view` is then that arc's.
  // Answered: with one call of the sink. Pending: Answered is or will be among the news. Unserved:
  // nothing happened, the arc is not served here.
  Executed execute(Now now, const Operation& operation, const Replica::Asked& asked,
                   ResultSink& sink, Told told, GroupOutbox& news);
  // Asks for the memory that operations on these keys need, as far as this shard serves them.
  // REQUIRES: at most keys_expected_max.
  void expect(std::span<const std::string_view> keys) const;
  // Gets of the first of these keys, as many as can be answered here and now and change nothing, or
  // are passed over: one call of the sink each, while it takes more. Returns how many. REQUIRES: as
  // above.
  std::size_t try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink);
  // One step of a scan, and the view of its arc; none, and nothing happened, if that is not served
  // here. Pending: as ReplicaHost::scan() says.
  ReplicaHost::Execution scan(Now now, const Scan& scan, std::uint64_t waiter, ScanStep& step,
                              GroupOutbox& news);

  // See ReplicaHost. Takes any.
  Repaired repair(Now now, const Repair& repair, GroupOutbox& news);

  // REQUIRES: now >= next_deadline().
  void on_deadline(Now now, GroupOutbox& news);
  Time next_deadline() const;

  // As ReplicaHost: after all that has come so far, and before the news are told.
  void end_turn(Now now, GroupOutbox& news) {
    if (replicas_) replicas_->end_turn(now, news);
  }
  bool is_in_turn() const noexcept { return replicas_ && replicas_->is_in_turn(); }

  // As the shard of this index.
  ShardStatus status(Now now, std::uint32_t index) const;
  ShardNews news(Now now, std::uint32_t index, GroupOutbox&& news) const;

  // nullptr: no ring has been entered.
  const RingConfig* ring() const noexcept { return is_in_ring() ? &ring_ : nullptr; }
  bool takes_writes() const noexcept { return takes_writes_; }
  // Of a ring with one copy of each arc, and of one with several; at most one of them is there.
  const GroupHost* host() const noexcept { return host_ ? &*host_ : nullptr; }
  const ReplicaHost* replicas() const noexcept { return replicas_ ? &*replicas_ : nullptr; }

  // visit(const View&, std::uint64_t keys, std::uint64_t bytes) for the served arcs, in the order
  // of their ends. The visitor must not change the shard.
  template <class Visit>
  void for_each_arc(Visit&& visit) const {
    if (host_) host_->for_each_arc(visit);
    if (!replicas_) return;
    for (const auto& each : replicas_->replicas()) {
      if (each->leads()) visit(each->view(), each->size(), each->bytes());
    }
  }
  // The same for the complete copies of arcs that others serve.
  template <class Visit>
  void for_each_copy(Visit&& visit) const {
    if (!replicas_) return;
    for (const auto& each : replicas_->replicas()) {
      if (!each->leads() && each->is_complete()) visit(each->view(), each->size(), each->bytes());
    }
  }

 private:
  void on_each(Now now, EnterRing&& command, GroupOutbox& news);
  void on_each(Now now, LeaveRing&& command, GroupOutbox& news);
  void on_each(Now now, TakeWrites&& command, GroupOutbox& news);
  void on_each(Now now, OpenArc&& command, GroupOutbox& news);
  void on_each(Now now, TakeOverArc&& command, GroupOutbox& news);
  void on_each(Now now, DropArc&& command, GroupOutbox& news);
  void on_each(Now now, GiveArc&& command, GroupOutbox& news);
  void on_each(Now now, SetMembers&& command, GroupOutbox& news);
  void on_each(Now now, AskPrimary&& command, GroupOutbox& news);
  void on_each(Now now, PeerGone&& command, GroupOutbox& news);
  void on_each(Now now, FromPeer&& command, GroupOutbox& news);

  std::size_t transfers() const;
  void add_copies(Now now, ShardStatus& status) const;
  ArcSize size_of(Now now, Position end) const;
  bool is_in_ring() const noexcept { return host_ || replicas_; }
  struct Cutting {
    GiveArc gift;
    Time until;
  };
  bool give(Now now, const GiveArc& command, GroupOutbox& news);
  bool give_copied(Now now, const GiveArc& gift, GroupOutbox& news);
  void go_on_cutting(Now now, GroupOutbox& news);

  PeerRef self_;
  GroupOptions options_;
  Rng rng_;
  RingConfig ring_;
  std::optional<GroupHost> host_;
  std::optional<ReplicaHost> replicas_;
  std::vector<Cutting> cuttings_;  // at most Membership::giving_max
  bool takes_writes_ = false;
};

}  // namespace hopring
