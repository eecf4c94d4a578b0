#pragma once

// The sending side of a move: brings a copy of a group's arc to a learner, and then the arc itself.
//
//   offering --> copying --> switching --> awaiting_serving --> done
//       |           |            |
//       +-----------+------------+------> given_up
//
//   offering           OfferArc is sent until it is answered.
//   copying            Chunks read from the live table, in ring order; beside them the entries.
//   switching          The change of view is appended, writes are refused. See Group.
//   awaiting_serving   The learner has acknowledged it: committed. Serve is sent until Serving
//   comes.
//
// Chunks and entries may overtake each other, be lost when a connection is cut, and come twice. The
// learner takes nothing that does not fit (learner.hpp), so that everything may be sent again, and
// what is not acknowledged is, from the last acknowledged place on. To make progress certain, no
// entry is sent that is newer than a chunk in flight: the chunk would come too late.
//
// A transfer belongs to one group, which is handed in: the source appends the group's change of
// view, commits it or takes it back. Whoever owns the source looks at phase() after every input.
//
// Not thread-safe. Sans-IO.
//
// Invariants:
//   (1) missing_ and matched_ only advance: what was acknowledged stays so.
//   (2) chunks_ holds at most chunks_inflight_max chunks, adjoining, the first begins at missing_.
//   (3) the group's tail is kept, and goes back to matched_, while phase() is copying or switching.

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.hpp"
#include "storage/group/effects.hpp"
#include "storage/group/group.hpp"
#include "storage/group/options.hpp"

namespace hopring {

class TransferSource {
 public:
  enum class Phase : std::uint8_t {
    offering,
    copying,
    switching,
    awaiting_serving,
    done,
    given_up,
  };

  // Sends the offer. REQUIRES: group.phase() == serving and its tail is not kept; `options` outlive
  // the source.
  TransferSource(const GroupOptions& options, TransferId transfer, const PeerRef& to, Now now,
                 Group& group, GroupOutbox& out);

  TransferId transfer() const noexcept { return transfer_; }
  const PeerRef& to() const noexcept { return to_; }
  Phase phase() const noexcept { return phase_; }
  bool is_over() const noexcept { return phase_ == Phase::done || phase_ == Phase::given_up; }

  // REQUIRES of the inputs: !is_over(); the message's transfer is this one and it comes from to();
  // `group` is the one that the source was made for.
  void on_message(Now now, const OfferAnswer& message, Group& group, GroupOutbox& out);
  void on_message(Now now, const ChunkAnswer& message, Group& group, GroupOutbox& out);
  void on_message(Now now, const AppendAnswer& message, Group& group, GroupOutbox& out);
  void on_message(const Serving& message);
  void on_message(const Abandon& message, Group& group);

  // The group has appended entries.
  void on_appended(Now now, Group& group, GroupOutbox& out);

  // REQUIRES: now >= next_deadline().
  void on_deadline(Now now, Group& group, GroupOutbox& out);
  Time next_deadline() const noexcept;

  // Ends the transfer, which must not be committed: the group serves on, and the learner is told.
  // REQUIRES: phase() is none of awaiting_serving and done.
  void give_up(Group& group, GroupOutbox& out);

 private:
  struct ChunkInFlight {
    Position first;
    std::optional<Position> next;  // the position after it; nullopt after the arc's last
    std::uint64_t index = 0;
  };

  void send(GroupMessage message, GroupOutbox& out) const;
  void pump(Now now, Group& group, GroupOutbox& out);
  void send_chunks(const Group& group, GroupOutbox& out);
  void send_entries(Group& group, GroupOutbox& out);
  bool is_nearly_caught_up(Group& group) const;
  void begin_switch(Now now, Group& group);
  void send_again(Now now, Group& group, GroupOutbox& out);
  void end_without_change(Group& group);
  void on_progress(Now now);

  const GroupOptions* options_;
  TransferId transfer_;
  PeerRef to_;
  OfferArc offer_;
  Phase phase_ = Phase::offering;

  std::optional<Position> missing_;    // the first position that the learner lacks
  std::optional<Position> next_read_;  // the first position of the next chunk
  std::deque<ChunkInFlight> chunks_;
  std::uint64_t matched_ = 0;  // the learner has the entries up to here ...
  std::uint64_t sent_ = 0;     // ... and those up to here are on their way
  std::uint64_t switch_index_ = 0;

  Time progress_at_;  // when something was last acknowledged
  Time resend_at_;
  Time switch_ends_at_ = Time::never();
};

}  // namespace hopring
