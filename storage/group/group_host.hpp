#pragma once

// All arcs of one shard: those that it serves, those that are coming, and the copies that it keeps.
//
//   served    a Group for each arc that this peer is primary of, found by position
//   moves     a TransferSource for each arc that is leaving; after the commit it owns the group,
//             as a kept copy, until the new primary confirms that it serves
//   learners  a copy for each arc that is coming
//
// Thread rule: belongs to one shard; not movable, since the tables refer to its pool and hash key.
// Sans-IO: time comes in as `now`, effects are left in `out`. A call that answers an operation
// allocates nothing, unless the arc is on the move or it evicts.
//
// Invariants:
//   (1) the served arcs do not overlap.
//   (2) an arc is served here only in a view whose one member is this peer, and which was opened by
//       open(), by Serve, or by a split of such an arc.
//   (3) a move has one owner of its group: served_ before its commit, the move after it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/keyed_hash.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"
#include "storage/group/effects.hpp"
#include "storage/group/group.hpp"
#include "storage/group/group_counters.hpp"
#include "storage/group/learner.hpp"
#include "storage/group/options.hpp"
#include "storage/group/transfer_source.hpp"

namespace hopring {

// What is served here.
struct GroupTotals {
  std::uint64_t arcs = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;  // of keys, values and their overhead
};

class GroupHost {
 public:
  // REQUIRES: !problem(options).
  GroupHost(const PeerRef& self, const HashKey& hash_key, const GroupOptions& options, Rng rng);
  GroupHost(const GroupHost&) = delete;
  GroupHost& operator=(const GroupHost&) = delete;

  // Serves `view`: an arc of a new ring, or a take-over. Starts from the copy of exactly that arc
  // if there is one, else empty: ArcOpened says which.
  // REQUIRES: view.members is this peer alone; the arc is straight; no served arc overlaps it.
  void open(Now now, const View& view, GroupOutbox& out);

  // Is a position of the arc served here?
  bool serves_part_of(const Arc& arc) const;

  // Is there a copy of exactly `arc` that does not serve, and from which open() would start?
  bool has_copy(const Arc& arc) const;
  // ... of an arc that holds the position? For judges.
  bool has_copy_of(Position position) const;

  // The positions of `arc` have been lost to a view that beats those served here. Stops serving
  // them: a served arc that lies partly in `arc` is cut back. Copies of these positions go too, but
  // for one that is prepared and whose primary may still send Serve.
  void drop(Now now, const Arc& arc, GroupOutbox& out);

  // Cuts the served arc that ends at `end` behind `at`. False, and nothing changed, if it is not
  // served, is on the move, or has no such position.
  [[nodiscard]] bool split(Position end, Position at, GroupOutbox& out);

  // Begins to move the served arc that ends at `end` to another peer; MoveEnded tells how that
  // ended. False, and nothing changed, if it is not served, is on the move, or moves_max are.
  [[nodiscard]] bool move(Now now, Position end, const PeerRef& to, GroupOutbox& out);
  bool is_moving(Position end) const;

  // Messages from peers; `from` is who they really come from. Takes any.
  void on_message(Now now, const PeerRef& from, GroupMessage&& message, GroupOutbox& out);

  // That incarnation is dead and will never speak again.
  void on_peer_gone(Now now, const PeerRef& peer, GroupOutbox& out);

  // REQUIRES: now >= next_deadline().
  void on_deadline(Now now, GroupOutbox& out);
  Time next_deadline() const noexcept;

  // Executes an operation, with one call of the sink, and returns the view in which it did; the
  // pointer is good until the next call. nullptr, and nothing happened, if the arc is not served
  // here. REQUIRES: !problem(operation).
  const View* execute(Now now, const Operation& operation, ResultSink& sink, GroupOutbox& out);

  // Operations on these keys come soon: asks for the memory that they need, as far as they are
  // served here. REQUIRES: at most keys_expected_max.
  void expect(std::span<const std::string_view> keys) const;

  // Gets of the first of these keys, as many as can be answered here and now and change nothing, or
  // are passed over: one call of the sink each, while it takes more. Returns how many. REQUIRES: at
  // most keys_expected_max.
  std::size_t try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink);

  // One step of a scan, within the arc that holds its cursor's position; see Group::scan().
  const View* scan(Now now, const Scan& scan, ScanStep& step, GroupOutbox& out);

  // The view of the served arc that holds `position`; nullptr if there is none.
  const View* find(Position position) const noexcept;

  // visit(const View&, std::uint64_t keys, std::uint64_t bytes) for the served arcs, in the order
  // of their ends. The visitor must not change the host.
  template <class Visit>
  void for_each_arc(Visit&& visit) const {
    for (const Served& each : served_) {
      visit(each.group->view(), each.group->size(), each.group->bytes());
    }
  }

  // What the served arc that ends at `end` holds; nothing if it is not served.
  GroupTotals totals_of(Position end) const;
  GroupTotals totals() const;
  GroupCounters counters() const;
  std::size_t resident_bytes() const noexcept { return pool_.resident_bytes(); }
  // Moves, learners and kept copies. 0: nothing here depends on another peer any more.
  std::size_t transfers() const noexcept { return moves_.size() + learners_.size(); }

  // Aborts unless the invariants hold. Cost: all records.
  void audit() const;

 private:
  struct Copy {
    Group::Progress progress;
    ArcRecords records;
  };
  struct Served {
    Position end;
    std::unique_ptr<Group> group;
  };
  struct Move {
    TransferSource source;
    Group* group;
    ViewNumber begun_in;          // the group's view number before
    std::unique_ptr<Group> kept;  // owns `group` after the commit
    bool is_orphan = false;       // the new primary is gone: kept for a take-over
  };

  Group* served_at(Position position) const noexcept;
  Group* served_ending_at(Position end) const noexcept;
  void serve(std::unique_ptr<Group> group, GroupOutbox& out);
  std::unique_ptr<Group> stop_serving(Position end);
  void cut(Group& group, Position at, GroupOutbox& out);
  void cut_back(Position at, const Arc& lost, GroupOutbox& out);
  void lose(Position end, GroupOutbox& out);
  void sweep(Now now, GroupOutbox& out);

  struct Write {
    Now now;
    Group& group;
    Position position;
    const Operation& operation;
    ResultSink& sink;
  };
  struct Place {
    Group* group;
    Position near;
  };
  Change execute_evicting(const Write& write, GroupOutbox& out);
  Change execute_over_holes(const Write& write, std::size_t evictions, GroupOutbox& out);
  Change evict_at(const Place& place, const Write& write, std::size_t& evictions);
  bool has_its_share(const Group& group) const;
  std::optional<Place> draw_place();

  Move* move_of(TransferId transfer, const PeerRef& to) const;
  Move* move_of(const Group& group) const;
  std::size_t moves_under_way() const;
  void settle(Move& move, GroupOutbox& out);
  void give_up(Move& move, GroupOutbox& out);
  void forget_move(const Move& move);
  void appended(Now now, Group& group, GroupOutbox& out);

  Learner* learner_of(TransferId transfer, const PeerRef& from) const;
  void forget_learner(const Learner& learner);
  void give_up_learner(const Learner& learner, GroupOutbox& out);
  bool accepts(const PeerRef& from, const OfferArc& offer) const;

  void on_each(Now now, const PeerRef& from, OfferArc&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, Serve&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, Serving&& message, GroupOutbox& out);
  void on_each(Now now, const PeerRef& from, Abandon&& message, GroupOutbox& out);
  template <class ToLearner>
  void to_learner(Now now, const PeerRef& from, const ToLearner& message, GroupOutbox& out);
  template <class ToSource>
  void to_source(Now now, const PeerRef& from, const ToSource& message, GroupOutbox& out);

  template <class Matches>
  bool has_copy_that(Matches&& matches) const;
  std::optional<Copy> take_copy(const Arc& arc, GroupOutbox& out);
  void drop_copies(const Arc& arc, GroupOutbox& out);

  PeerRef self_;
  KeyedHash hash_;
  GroupOptions options_;
  Rng rng_;
  BlockPool pool_;
  std::vector<Served> served_;  // sorted by end
  std::vector<std::unique_ptr<Move>> moves_;
  std::vector<std::unique_ptr<Learner>> learners_;
  std::size_t next_swept_ = 0;  // of served_
  Time sweep_at_{};
  GroupCounters counters_;
};

}  // namespace hopring
