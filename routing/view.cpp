#include "routing/view.hpp"

#include <cinttypes>
#include <cstdio>

#include "base/count.hpp"

namespace hopring {

std::string to_string(const PeerRef& peer) {
  char incarnation[20];
  std::snprintf(incarnation, sizeof incarnation, "#%016" PRIx64, peer.incarnation);
  return to_string(peer.endpoint) + incarnation;
}

std::size_t crowding(std::span<const PeerRef> members) {
  std::size_t crowded = 0;
  for (std::size_t i = 1; i < members.size(); ++i) {
    const auto before = members.first(i);
    const auto is_near = [&](const PeerRef& each) { return share_host(each, members[i]); };
    crowded += std::any_of(before.begin(), before.end(), is_near) ? 1 : 0;
  }
  return crowded;
}

bool crowds(std::span<const PeerRef> members, const PeerRef& from, const PeerRef& to) {
  Members after(members.begin(), members.end());
  std::replace(after.begin(), after.end(), from, to);
  return crowding(after) > crowding(members);
}

bool is_well_formed(const View& view) {
  if (view.members.empty() || view.members.size() > members_max) return false;
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    if (view.members[i].incarnation == 0 || view.members[i].endpoint.port == 0) return false;
    if (std::count(view.members.begin(), view.members.end(), view.members[i]) != 1) return false;
  }
  return view.number.generation > 0 && is_well_formed(view.number) &&
         is_well_formed(view.taken_at) && is_count(view.term);
}

bool is_well_formed(const ViewNumber& number) {
  return is_count(number.generation) && is_count(number.number);
}

namespace {

// Had the arc moved on, in `older`, from what the claimant knew of it?
bool had_moved_on(const View& older, const View& claim) {
  if (claim.taken_from == 0 || older.number.generation >= claim.number.generation) return false;
  if (older.number <= claim.taken_at) return false;
  return older.members.size() != 1 || older.members.front().incarnation != claim.taken_from;
}

}  // namespace

bool beats(const View& challenger, const View& holder) {
  if (had_moved_on(challenger, holder)) return true;
  if (had_moved_on(holder, challenger)) return false;
  if (challenger.number != holder.number) return challenger.number > holder.number;
  return challenger.term > holder.term;
}

View claim_of(const Arc& arc, const View& last, const PeerRef& claimant) {
  const ViewNumber number{last.number.generation + 1, claimant.incarnation, 1};
  return View{arc, number, primary_of(last).incarnation, {claimant}, last.number};
}

std::string to_string(const View& view) {
  char head[120];
  std::snprintf(head, sizeof head,
                "(%016" PRIx64 ", %016" PRIx64 "] %" PRIu64 ".%" PRIx64 ".%" PRIu64 " {",
                view.arc.begin.value, view.arc.end.value, view.number.generation,
                view.number.claimant, view.number.number);
  std::string text = head;
  for (const PeerRef& member : view.members) {
    if (text.back() != '{') text += ", ";
    text += to_string(member);
  }
  return text + "}";
}

}  // namespace hopring
