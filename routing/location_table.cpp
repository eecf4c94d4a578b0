#include "routing/location_table.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {
namespace {

Position first_of(const Arc& arc) { return advance(arc.begin, 1); }

bool is_straight(const Arc& arc) { return first_of(arc) <= arc.end; }

}  // namespace

LocationTable::Entries::const_iterator LocationTable::from(Position position) const {
  const auto before = [](const Entry& each, Position p) { return each.arc.end < p; };
  return std::lower_bound(entries_.begin(), entries_.end(), position, before);
}

LocationTable::Range LocationTable::overlapping(const Arc& arc) const {
  Range range{from(first_of(arc)), {}};
  range.end = range.begin;
  while (range.end != entries_.end() && first_of(range.end->arc) <= arc.end) ++range.end;
  return range;
}

void LocationTable::erase(const Range& range) {
  for (auto at = range.begin; at != range.end; ++at) free_.push_back(at->hint);
  entries_.erase(range.begin, range.end);
}

void LocationTable::clear() noexcept {
  entries_.clear();
  hints_.clear();
  free_.clear();
}

void LocationTable::learn(const Hint& hint) {
  if (!is_straight(hint.arc)) return;
  const Range old = overlapping(hint.arc);
  const auto newer = [&](const Entry& each) { return hints_[each.hint].number > hint.number; };
  if (std::any_of(old.begin, old.end, newer)) return;
  if (old.begin != old.end) {
    hints_[old.begin->hint] = hint;
    entries_[static_cast<std::size_t>(old.begin - entries_.cbegin())].arc = hint.arc;
    if (old.end - old.begin > 1) erase({old.begin + 1, old.end});
    return;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(hints_.size()));
    hints_.emplace_back();
  }
  hints_[free_.back()] = hint;
  entries_.insert(old.begin, Entry{hint.arc, free_.back()});
  free_.pop_back();
}

void LocationTable::forget(const Arc& arc) {
  if (!is_straight(arc)) return clear();
  erase(overlapping(arc));
}

void LocationTable::forget(const PeerRef& peer) {
  std::erase_if(entries_, [&](const Entry& each) {
    if (hints_[each.hint].peer != peer) return false;
    free_.push_back(each.hint);
    return true;
  });
}

void LocationTable::deny(Position position, const PeerRef& peer) {
  const auto at = from(position);
  if (at == entries_.end() || hint_at(at).peer != peer || !contains(at->arc, position)) return;
  erase({at, at + 1});
}

std::vector<Hint> LocationTable::closest(Position target, const PeerHealth& health) const {
  std::vector<Hint> best;
  const auto consider = [&](const Hint& each) {
    const auto same = [&](const Hint& taken) { return taken.peer == each.peer; };
    if (std::any_of(best.begin(), best.end(), same) || !health.is_routable(each.peer)) return;
    best.push_back(each);
  };
  auto at = from(target);
  if (at != entries_.end() && contains(at->arc, target)) consider(hint_at(at));
  std::size_t left = std::min(entries_.size(), candidates_max);
  for (; left > 0 && best.size() < closer_sent_max; --left) {
    if (at == entries_.begin()) at = entries_.end();
    consider(hint_at(--at));
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
    if (health.is_routable(hint_at(at).peer)) return &hint_at(at);
  }
  return nullptr;
}

const Hint* LocationTable::last_until(Position position) const {
  if (entries_.empty()) return nullptr;
  const auto after = [](Position p, const Entry& each) { return p < each.arc.end; };
  const auto at = std::upper_bound(entries_.begin(), entries_.end(), position, after);
  return &hint_at((at != entries_.begin() ? at : entries_.end()) - 1);
}

void LocationTable::audit() const {
  std::vector<bool> seen(hints_.size());
  const auto see = [&](std::uint32_t hint) {
    HOPRING_CHECK(!seen[hint]);
    seen[hint] = true;
  };
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    HOPRING_CHECK(is_straight(entries_[i].arc));
    HOPRING_CHECK(entries_[i].arc == hints_[entries_[i].hint].arc);
    if (i > 0) HOPRING_CHECK(entries_[i - 1].arc.end < first_of(entries_[i].arc));
    see(entries_[i].hint);
  }
  for (const std::uint32_t hint : free_) see(hint);
  HOPRING_CHECK(entries_.size() + free_.size() == hints_.size());
}

}  // namespace hopring
