#pragma once

// The sending side of a copy: brings the records of a replicated arc to a peer that has none, or
// lacks entries that have been dropped. The entries themselves go to it as to any member.
//
//   offering --> copying --> done        and from either: given_up
//
// First the window of results travels, one part at a time. Then chunks are read from the live table
// in ring order, each with the index that had been applied. The receiver takes nothing that does
// not fit (replica.hpp), so what is not acknowledged is sent again from the last acknowledged place
// on.
//
// All copies that leave a shard share a budget of bytes. Where it has none left a copy waits, and
// nobody counts as silent meanwhile of whom no answer is awaited.
//
// Not thread-safe. Sans-IO.
//
// Invariant: chunks_ is empty until the window has been taken; it holds at most chunks_inflight_max
// chunks, adjoining, the first begins at missing_.

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.hpp"
#include "storage/group/byte_bucket.hpp"
#include "storage/group/replica.hpp"

namespace hopring {

class CopySource {
 public:
  enum class Phase : std::uint8_t { offering, copying, done, given_up };

  // Sends the offer. REQUIRES: the replica is primary; `options` and `budget` outlive the source.
  CopySource(const GroupOptions& options, ByteBucket& budget, TransferId transfer,
             const PeerRef& to, Now now, Replica& replica, GroupOutbox& out);

  TransferId transfer() const noexcept { return transfer_; }
  const PeerRef& to() const noexcept { return to_; }
  Phase phase() const noexcept { return phase_; }
  bool is_over() const noexcept { return phase_ == Phase::done || phase_ == Phase::given_up; }

  // REQUIRES of the inputs: !is_over(); `replica` is the one that the source was made for, and
  // is primary; a message's transfer is this one and it comes from to().
  void on_message(Now now, const OfferAnswer& message, Replica& replica, GroupOutbox& out);
  void on_message(Now now, const CopyResultsAnswer& message, Replica& replica, GroupOutbox& out);
  void on_message(Now now, const ChunkAnswer& message, Replica& replica, GroupOutbox& out);
  void on_deadline(Now now, const Replica& replica, GroupOutbox& out);
  Time next_deadline() const noexcept;
  // Nothing has been heard of it for long.
  bool is_stale(Now now) const noexcept {
    return !idle_since_ && now.monotonic >= progress_at_ + options_->transfer_timeout;
  }
  void give_up() { phase_ = Phase::given_up; }

 private:
  struct ChunkInFlight {
    Position first;
    std::optional<Position> next;  // the position after it; nullopt after the arc's last
  };

  void send(GroupMessage message, GroupOutbox& out) const;
  void go_on(Now now, const Replica& replica, GroupOutbox& out);
  void send_results(Now now, const Replica& replica, GroupOutbox& out);
  void send_chunks(Now now, const Replica& replica, GroupOutbox& out);
  bool may_send(Now now);
  void on_progress(Now now);

  const GroupOptions* options_;
  ByteBucket* budget_;
  TransferId transfer_;
  PeerRef to_;
  OfferCopy offer_;
  Phase phase_ = Phase::offering;
  std::uint64_t results_upto_ = 0;     // the copy has the window up to the result of this entry
  bool has_results_ = false;           // ... and has it all
  std::optional<Position> missing_;    // the first position that the copy lacks
  std::optional<Position> next_read_;  // the first position of the next chunk
  std::deque<ChunkInFlight> chunks_;
  bool waits_ = false;              // for the budget
  std::optional<Time> idle_since_;  // ... and nothing is on its way: time stands still
  Time progress_at_;                // when something was last acknowledged
  Time resend_at_;
};

}  // namespace hopring
