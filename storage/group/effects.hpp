#pragma once

// What the groups of a shard want done, in the order in which it must be done.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "routing/view.hpp"
#include "storage/group/messages.hpp"

namespace hopring {

struct SendGroup {
  PeerRef to;
  GroupMessage message;
  friend bool operator==(const SendGroup&, const SendGroup&) = default;
};

// This peer serves `view` from now on: an arc it had no part in, or the lower half of a split.
struct ArcOpened {
  View view;
  // Records of the copy that a take-over starts from. After a repair: with how many it begins.
  std::optional<std::uint64_t> copied = {};
  friend bool operator==(const ArcOpened&, const ArcOpened&) = default;
};

// The arc that ends where view.arc ends, and which this peer serves, has this view now: it was
// split (the lower half follows as ArcOpened) or has a new number.
struct ArcChanged {
  View view;
  friend bool operator==(const ArcChanged&, const ArcChanged&) = default;
};

// This peer has stopped serving the arc: its next view names another peer, or it has lost its
// majority.
struct ArcMoved {
  View view;
  bool keeps_copy = false;  // a complete one, as a member: ArcFollowed or ArcLost comes later
  friend bool operator==(const ArcMoved&, const ArcMoved&) = default;
};

// This peer has stopped serving the arc, or following it, and dropped its records, so many of which
// it had served: see GroupHost::drop() and ReplicaHost::drop().
struct ArcLost {
  View view;
  std::uint64_t records = 0;
  friend bool operator==(const ArcLost&, const ArcLost&) = default;
};

// A move that GroupHost::move() began is over. Done: `to` has confirmed that it serves, no copy is
// left here. Otherwise this peer serves on, or keeps a copy (CopyKept).
struct MoveEnded {
  Position end;
  PeerRef to;
  bool done = false;
  friend bool operator==(const MoveEnded&, const MoveEnded&) = default;
};

// The only member of `view` is gone, or was about to take over from one that is gone, and this peer
// has a copy of the arc: a take-over should start from here.
struct CopyKept {
  View view;
  friend bool operator==(const CopyKept&, const CopyKept&) = default;
};

// This peer is a member and holds a complete copy of the arc, and has heard who is primary:
// view.members.front().
struct ArcFollowed {
  View view;
  friend bool operator==(const ArcFollowed&, const ArcFollowed&) = default;
};

// A complete copy that this peer did not serve from at the end was dropped, since the arc goes on
// in a later generation that was begun by hand without it. What its primary had acknowledged is
// lost if only copies like this one knew of it.
struct CopySuperseded {
  View view;                  // of the copy
  std::uint64_t records = 0;  // at most: see Replica::size_at_most()
  friend bool operator==(const CopySuperseded&, const CopySuperseded&) = default;
};

// To whoever was told that its operation is pending.
struct Answered {
  std::uint64_t waiter = 0;
  OpResult result;
  std::optional<ArcMark> mark = {};  // of a write
  friend bool operator==(const Answered&, const Answered&) = default;
};

using GroupEffect = std::variant<SendGroup, ArcOpened, ArcChanged, ArcMoved, ArcLost, MoveEnded,
                                 CopyKept, ArcFollowed, CopySuperseded, Answered>;
using GroupOutbox = std::vector<GroupEffect>;

}  // namespace hopring
