#pragma once

// Which peer answers for which arc, as far as a client has been told. A cache of views: an entry
// may be stale, which costs a hop and is mended by the answer; it is never the reason of a wrong
// one. (Design: routing is a hint, the view is the truth.)
//
// Thread rule: none; the owner serializes.
//
// Invariants (audit() checks them):
//   (1) no two arcs of the cache overlap.
//   (2) every entry stands under its arc's end and is well formed.
//   (3) size() <= arcs_max.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "routing/view.hpp"
#include "storage/operation/stamp.hpp"

namespace hopring {

class RouteCache {
 public:
  // REQUIRES: arcs_max > 0.
  explicit RouteCache(std::size_t arcs_max);

  // The view whose arc holds `position`; nullptr if none is known. Valid until the next change.
  const View* find(Position position) const;

  // The mark of the view whose arc holds `position`; 0 if none is known.
  std::uint64_t view_mark_at(Position position) const;

  // The known view whose arc's end precedes `position` most closely: its primary has the nearest
  // fingers. nullptr only if the cache is empty.
  const View* preceding(Position position) const;

  // Takes `view` over and drops the entries that it overlaps. Returns false, and changes nothing,
  // if one of those beats it (routing/view.hpp) or the view is malformed. Among equals the newcomer
  // wins, since its idea of who is primary is fresher.
  bool adopt(const View& view);

  // How far the arc's order has come, as a peer that serves it has just said. Of no effect unless
  // the cache has a view of just this arc and order.
  void note(Time now, const ArcMark& mark);
  // The newest that is known to hold for `position`: of the arc that holds it, or of one that this
  // has come off. All 0 if no view is known, or it is older than `age_max`; what nobody has said is
  // index 0, and older than all but Duration::max().
  ArcMark mark_at(Time now, Position position, Duration age_max = Duration::max()) const;

  // Drops the entry that holds `position`, if there is one.
  void forget(Position position);

  // Drops every entry whose primary is `peer`.
  void forget(const PeerRef& peer);

  void clear() { views_.clear(); }
  std::size_t size() const { return views_.size(); }

  void audit() const;

 private:
  struct Entry {
    View view;
    std::uint64_t index = 0;    // see note()
    std::optional<Time> noted;  // when it was no less than this
  };
  using Views = std::map<Position, Entry>;  // by the arc's end

  Views::const_iterator holder_of(Position position) const;
  std::vector<Position> overlapping(const Arc& arc) const;
  void make_room();

  std::size_t arcs_max_;
  Views views_;
  Position hand_;  // the last entry that made room: they go in turn, round the ring
};

}  // namespace hopring
