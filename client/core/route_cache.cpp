#include "client/core/route_cache.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {

RouteCache::RouteCache(std::size_t arcs_max) : arcs_max_(arcs_max) { HOPRING_CHECK(arcs_max > 0); }

// The only entry that can hold `position` is the first one whose end is not before it.
RouteCache::Views::const_iterator RouteCache::holder_of(Position position) const {
  auto entry = views_.lower_bound(position);
  if (entry == views_.end()) entry = views_.begin();
  if (entry == views_.end() || !contains(entry->second.view.arc, position)) {
    return views_.end();
  }
  return entry;
}

const View* RouteCache::find(Position position) const {
  const auto entry = holder_of(position);
  return entry == views_.end() ? nullptr : &entry->second.view;
}

std::uint64_t RouteCache::view_mark_at(Position position) const {
  const View* const view = find(position);
  return view == nullptr ? 0 : mark_of(*view);
}

const View* RouteCache::preceding(Position position) const {
  if (views_.empty()) return nullptr;
  auto entry = views_.lower_bound(position);
  if (entry == views_.begin()) entry = views_.end();
  return &std::prev(entry)->second.view;
}

// Clockwise from the arc's begin, the entries that overlap it stand in one row: those that end in
// it, and the one that its end lies in.
std::vector<Position> RouteCache::overlapping(const Arc& arc) const {
  std::vector<Position> ends;
  auto entry = views_.upper_bound(arc.begin);
  for (std::size_t seen = 0; seen < views_.size(); ++seen, ++entry) {
    if (entry == views_.end()) entry = views_.begin();
    if (!overlaps(entry->second.view.arc, arc)) break;
    ends.push_back(entry->first);
  }
  return ends;
}

bool RouteCache::adopt(const View& view) {
  // Nearly all that is told of a ring at rest is known.
  const auto known = views_.find(view.arc.end);
  if (known != views_.end() && known->second.view == view) return true;
  if (!is_well_formed(view)) return false;
  const std::vector<Position> ends = overlapping(view.arc);
  for (const Position end : ends) {
    if (beats(views_.at(end).view, view)) return false;
  }
  // The order of an arc that has come off another goes on where that was.
  Entry entry{view, 0, std::nullopt};
  for (const Position end : ends) {
    const Entry& before = views_.at(end);
    const bool goes_on =
        order_of(before.view.number) == order_of(view.number) && covers(before.view.arc, view.arc);
    if (!goes_on) continue;
    entry.index = before.index;
    entry.noted = before.noted;
  }
  for (const Position end : ends) views_.erase(end);
  if (views_.size() == arcs_max_) make_room();
  views_.emplace(view.arc.end, std::move(entry));
  return true;
}

void RouteCache::note(Time now, const ArcMark& mark) {
  const auto entry = views_.find(mark.arc.end);
  if (entry == views_.end()) return;
  const View& view = entry->second.view;
  if (view.arc != mark.arc || order_of(view.number) != mark.order) return;
  if (mark.index < entry->second.index) return;  // it was under way for longer than a later one
  entry->second.index = mark.index;
  entry->second.noted = now;
}

ArcMark RouteCache::mark_at(Time now, Position position, Duration age_max) const {
  const auto entry = holder_of(position);
  if (entry == views_.end()) return {};
  const std::optional<Time>& noted = entry->second.noted;
  const bool is_young = noted && now - *noted <= age_max;
  if (!is_young && age_max != Duration::max()) return {};
  const View& view = entry->second.view;
  return {view.arc, order_of(view.number), entry->second.index};
}

void RouteCache::make_room() {
  auto entry = views_.upper_bound(hand_);
  if (entry == views_.end()) entry = views_.begin();
  hand_ = entry->first;
  views_.erase(entry);
}

void RouteCache::forget(Position position) {
  const auto entry = holder_of(position);
  if (entry != views_.end()) views_.erase(entry);
}

void RouteCache::forget(const PeerRef& peer) {
  std::erase_if(views_, [&](const auto& entry) { return primary_of(entry.second.view) == peer; });
}

void RouteCache::audit() const {
  HOPRING_CHECK(views_.size() <= arcs_max_);
  for (const auto& [end, entry] : views_) {
    const View& view = entry.view;
    HOPRING_CHECK(view.arc.end == end);
    HOPRING_CHECK(is_well_formed(view));
    HOPRING_CHECK(overlapping(view.arc).size() == 1);
  }
}

}  // namespace hopring
