#pragma once

// Reads of an arc's primary that wait until a majority has confirmed that it was primary when they
// came: the way to read where clocks are not trusted (D. Ongaro, "Consensus: Bridging Theory and
// Practice", 2014, 6.4).
//
// What is read when the read comes is told later, if it is confirmed: whoever became primary
// meanwhile did so after the read had come, and what was acknowledged before that is in what was
// read.
//
// A round is a heartbeat to all members. Its name is when it was sent, and no two have the same
// (ReplicaHost), so that time has no part in what follows: a round confirms the reads that came
// before it was sent. Those that come while others wait for a round share the next one, which is
// sent when that has been confirmed. A round that is lost costs a heartbeat_interval.
//
//   reads  a        b c d              e
//   sent     1 ------------> 2 -----------> 3
//            confirmed: a    confirmed: b c d
//
// Thread rule: as its Replica's.
//
// Invariant: held answers are in the order of the rounds that they wait for.

#include <cstddef>
#include <cstdint>
#include <deque>

#include "storage/group/effects.hpp"
#include "storage/group/options.hpp"
#include "storage/raft/raft.hpp"

namespace hopring {

class HeldReads {
 public:
  // REQUIRES: `options` outlive it.
  explicit HeldReads(const GroupOptions& options) : options_(&options) {}

  // Is there room for one more?
  bool has_room() const noexcept {
    return coming_ + held_.size() < options_->reads_waiting_max &&
           bytes_ < options_->reads_waiting_bytes_max;
  }
  // A read has come, and its answer will. It may be told once this round is confirmed, or a later
  // one.
  Time begin(Raft& raft);
  void on_sent(Time round) noexcept { sent_ = round; }
  // The answer to a read that waits for the round.
  void hold(Time round, Answered&& answer);
  // Tells those that are confirmed, and asks for the next round if there are reads for it.
  void release(Raft& raft, GroupOutbox& out);
  // This peer is not primary any more: the reads have not been answered, for certain.
  void end(GroupOutbox& out);

  std::size_t size() const noexcept { return held_.size(); }

 private:
  struct Held {
    Time round;
    Answered answer;
  };

  const GroupOptions* options_;
  Time sent_{};             // the last round
  Time wanted_{};           // the last one that a read waits for, or has waited for
  std::size_t coming_ = 0;  // answers, of reads that have begun
  std::deque<Held> held_;
  std::size_t bytes_ = 0;  // of the values in held_
};

}  // namespace hopring
