#include "routing/successor_list.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {
namespace {

// Does `view` follow `end` without reaching into `own`?
bool continues(const View& view, Position end, const Arc& own) {
  return view.arc.begin == end && !overlaps(view.arc, own);
}

}  // namespace

bool SuccessorList::assign(const Arc& own, const PeerRef& self, const View& successor,
                           std::span<const View> rest) {
  if (!continues(successor, own.end, own)) return false;
  std::vector<PeerRef> others;
  Position end = own.end;
  const auto take = [&](const View& view) {
    end = view.arc.end;
    const PeerRef& primary = primary_of(view);
    if (primary == self) return false;
    if (std::find(others.begin(), others.end(), primary) == others.end()) others.push_back(primary);
    return others.size() < other_peers_wanted;
  };
  std::size_t wanted = 0;  // of `rest`
  if (take(successor)) {
    while (wanted < rest.size() && wanted + 1 < entries_max && continues(rest[wanted], end, own)) {
      if (!take(rest[wanted++])) break;
    }
  }
  rest = rest.first(wanted);
  // Mostly nothing is new.
  if (!entries_.empty() && entries_.front() == successor &&
      std::equal(entries_.begin() + 1, entries_.end(), rest.begin(), rest.end())) {
    return false;
  }
  std::vector<View> fresh{successor};  // which may be an entry itself
  fresh.insert(fresh.end(), rest.begin(), rest.end());
  entries_ = std::move(fresh);
  return true;
}

void SuccessorList::rebase(const Arc& own) {
  std::erase_if(entries_, [&](const View& view) { return overlaps(view.arc, own); });
  const auto gap = [end = own.end](const View& view) mutable {
    const bool broken = view.arc.begin != end;
    end = view.arc.end;
    return broken;
  };
  entries_.erase(std::find_if(entries_.begin(), entries_.end(), gap), entries_.end());
}

bool SuccessorList::adopt(const View& view) {
  for (View& entry : entries_) {
    if (entry.arc != view.arc || !beats(view, entry)) continue;
    entry = view;
    return true;
  }
  return false;
}

void SuccessorList::check_invariants(const Arc& own) const {
  HOPRING_CHECK(entries_.size() <= entries_max);
  Position end = own.end;
  std::uint64_t reached = 0;
  for (const View& view : entries_) {
    HOPRING_CHECK(view.arc.begin == end);
    HOPRING_CHECK(!overlaps(view.arc, own));
    HOPRING_CHECK(distance(own.end, view.arc.end) > reached);
    reached = distance(own.end, view.arc.end);
    end = view.arc.end;
  }
}

}  // namespace hopring
