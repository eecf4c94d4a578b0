#include "routing/location_table.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {
namespace {

Position first_of(const Arc& arc) { return advance(arc.begin, 1); }

bool is_straight(const Arc& arc) { return first_of(arc) <= arc.end; }

}  // namespace

LocationTable::Entries::const_iterator LocationTable::from(Position position) const {
  const auto before = [](const Hint& each, Position p) { return each.arc.end < p; };
  return std::lower_bound(entries_.begin(), entries_.end(), position, before);
}

LocationTable::Range LocationTable::overlapping(const Arc& arc) const {
  Range range{from(first_of(arc)), {}};
  range.end = range.begin;
  while (range.end != entries_.end() && first_of(range.end->arc) <= arc.end) ++range.end;
  return range;
}

void LocationTable::learn(const Hint& hint) {
  if (!is_straight(hint.arc)) return;
  const Range old = overlapping(hint.arc);
  const auto newer = [&](const Hint& each) { return each.number > hint.number; };
  if (std::any_of(old.begin, old.end, newer)) return;
  const auto place = entries_.begin() + (old.begin - entries_.begin());
  if (old.begin == old.end) {
    entries_.insert(place, hint);
  } else {
    *place = hint;
    entries_.erase(old.begin + 1, old.end);
  }
}

void LocationTable::forget(const Arc& arc) {
  if (!is_straight(arc)) return entries_.clear();
  const Range old = overlapping(arc);
  entries_.erase(old.begin, old.end);
}

void LocationTable::forget(const PeerRef& peer) {
  std::erase_if(entries_, [&](const Hint& each) { return each.peer == peer; });
}

void LocationTable::deny(Position position, const PeerRef& peer) {
  const auto at = from(position);
  if (at != entries_.end() && at->peer == peer && contains(at->arc, position)) entries_.erase(at);
}

std::vector<Hint> LocationTable::closest(Position target, const PeerHealth& health) const {
  std::vector<Hint> best;
  const auto consider = [&](const Hint& each) {
    const auto same = [&](const Hint& taken) { return taken.peer == each.peer; };
    if (std::any_of(best.begin(), best.end(), same) || !health.is_routable(each.peer)) return;
    best.push_back(each);
  };
  auto at = from(target);
  if (at != entries_.end() && contains(at->arc, target)) consider(*at);
  std::size_t left = std::min(entries_.size(), candidates_max);
  for (; left > 0 && best.size() < closer_sent_max; --left) {
    if (at == entries_.begin()) at = entries_.end();
    consider(*--at);
  }
  return best;
}

Position LocationTable::end_near(Position position) const {
  const auto at = from(position);
  return at != entries_.end() ? at->arc.end : position;
}

const Hint* LocationTable::first_from(Position position, const PeerHealth& health) const {
  auto at = from(position);
  for (std::size_t left = entries_.size(); left > 0; --left, ++at) {
    if (at == entries_.end()) at = entries_.begin();
    if (health.is_routable(at->peer)) return &*at;
  }
  return nullptr;
}

const Hint* LocationTable::last_until(Position position) const {
  if (entries_.empty()) return nullptr;
  const auto after = [](Position p, const Hint& each) { return p < each.arc.end; };
  const auto at = std::upper_bound(entries_.begin(), entries_.end(), position, after);
  return at != entries_.begin() ? &*(at - 1) : &entries_.back();
}

void LocationTable::audit() const {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    HOPRING_CHECK(is_straight(entries_[i].arc));
    if (i > 0) HOPRING_CHECK(entries_[i - 1].arc.end < first_of(entries_[i].arc));
  }
}

}  // namespace hopring
