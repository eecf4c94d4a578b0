#pragma once

// The arcs that a peer serves, and those that it holds a copy of and another peer serves, as its
// front knows them: told by the shards, which are the ones that serve. It may lag behind them by
// what is still on its way. Sizes are as of the last look.
//
// Sans-IO. Thread rule: belongs to the front. Invariant: both are sorted by end; of the arcs that
// are served no two overlap, and none is among the copies.

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "routing/messages.hpp"
#include "routing/view.hpp"

namespace hopring {

// Of an arc that is served, or of a copy.
struct ArcSize {
  Position end;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;   // of keys, values and their overhead
  std::uint32_t copies = 1;  // of an arc that is served: complete ones, at peers that answer
  std::vector<PeerRef> silent = {};  // ... and members that should be replaced for their silence
  bool is_orphan = false;            // a copy that has heard of no primary for long
};

struct ArcEntry {
  View view;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;           // of keys, values and their overhead
  std::uint32_t copies = 1;          // complete ones, at peers that answer
  std::vector<PeerRef> silent = {};  // members that should be replaced for their silence
  bool is_orphan = false;            // as ArcSize's
};

class ArcDirectory {
 public:
  // An arc is served, or what is served up to this end has this view now.
  void set(const View& view);
  // The arc that ends here is served no more.
  void erase(Position end);
  // There is a complete copy of an arc here that another peer serves: the first of the members.
  void set_copy(const View& view);
  void erase_copy(Position end);
  // How much the arc holds. Unknown ends are passed over. Cheapest if called in ring order.
  void set_size(const ArcSize& size);

  // On their way to another peer, from the command until a shard has said how that ended.
  void begin_move(Position end) { moving_.insert(end); }
  void end_move(Position end) { moving_.erase(end); }
  bool is_moving(Position end) const { return moving_.contains(end); }
  // Of this arc, what is on its way: all of it, or the lower part that it is to be cut into before.
  std::optional<Arc> moving_part(const Arc& arc) const;
  std::size_t moves() const noexcept { return moving_.size(); }

  const std::vector<ArcEntry>& entries() const noexcept { return entries_; }
  // The arc that ends here, or that holds the position; nullptr if there is none.
  const ArcEntry* at(Position end) const;
  const ArcEntry* holding(Position position) const;

  const std::vector<ArcEntry>& copies() const noexcept { return copies_; }
  const ArcEntry* copy_holding(Position position) const;

  // Of arcs that are served here and of which nobody else has a copy.
  std::uint64_t keys_of_sole_copies() const;
  // Moves, learners and kept copies of all shards. 0: nothing here depends on another peer.
  std::size_t transfers() const;
  void set_transfers(std::uint32_t shard, std::size_t count);

  // What the peer carries; without its weight.
  PeerLoad load() const;

 private:
  std::vector<ArcEntry> entries_;
  std::vector<ArcEntry> copies_;
  std::set<Position> moving_;
  std::vector<std::size_t> transfers_;  // of each shard
  std::size_t next_sized_ = 0;          // where the next size is likely to go
};

// An arc's part of the ring, in 2^-32.
std::uint64_t ring_parts(const Arc& arc);

}  // namespace hopring
