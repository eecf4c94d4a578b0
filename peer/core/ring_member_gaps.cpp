// How a node's successors are found again when those that it knew are dead: looking for the end of
// the gap from behind, and claiming what nobody serves.

#include <algorithm>

#include "peer/core/ring_member.hpp"

namespace hopring {
namespace {

constexpr std::chrono::milliseconds claim_check_interval{250};
constexpr int departed_patience = 4;  // claim_delays before a departed peer's arcs are claimed

}  // namespace

// If the first successors are dead, the arcs up to the first live one are this node's to claim; but
// first that one is asked what it knows before it, and so on anticlockwise: an arc that had moved
// on before its old primary died is not claimed.
void RingMember::check_successors(Now now, ChordNode& node, Outbox& out, RingEvents& events) {
  const auto run = node.dead_run(health_);
  if (run.empty()) return;
  const auto entries = node.successors().entries();
  const Position beyond = advance(run.back().arc.end, 1);
  if (const ChordNode* own = node_holding(beyond)) {
    return close_gap(now, node, found(now, *own, 0), out, events);
  }
  const auto same = [&](const auto& each) {
    return each.second.purpose == Search::Purpose::gap && each.second.node_end == node.arc().end;
  };
  if (std::any_of(searches_.begin(), searches_.end(), same)) return;
  std::vector<Hint> hints = closest(beyond);
  if (run.size() < entries.size()) {
    hints.insert(hints.begin(), hint_of(entries[run.size()]));
  }
  search_gap(now, node, beyond, hints, false, out, events);
}

// Nobody can say who follows the node: the one after that is asked who comes before it.
void RingMember::look_from_beyond(Now now, ChordNode& node, Outbox& out, RingEvents& events) {
  const auto entries = node.successors().entries();
  for (const View& view : entries.subspan(std::min<std::size_t>(entries.size(), 1))) {
    const PeerRef& primary = primary_of(view);
    if (primary == self_ || !health_.is_routable(primary)) continue;
    const Hint hint = hint_of(view);
    return search_gap(now, node, view.arc.end, {&hint, 1}, false, out, events);
  }
  close_gap(now, node, found(now, node_after(node), 0), out, events);
}

void RingMember::search_gap(Now now, const ChordNode& node, Position position,
                            std::span<const Hint> hints, bool walking, Outbox& out,
                            RingEvents& events) {
  Search gap{Search::Purpose::gap, Lookup(position, hints), node.arc().end, 0, 0};
  gap.walking = walking;
  search(now, std::move(gap), out, events);
}

// `live` is the nearest arc after the node that is known to be alive. The gap before it is claimed
// only if nobody has made itself known to its node as its predecessor for claim_delay: whoever
// serves there would have.
void RingMember::close_gap(Now now, ChordNode& node, const ArcFound& live, Outbox& out,
                           RingEvents& events) {
  const Position limit = live.view.arc.begin;
  if (limit == node.arc().end) return follow(now, node, live.view, live.successors);
  const std::optional<View>& before = live.predecessor;
  // Others before the same gap must learn that it begins here.
  tell(primary_of(live.view), node.view(), out);
  if (ChordNode* own = node_at(live.view.arc.end)) {
    own->on_notify(now.monotonic, node.view(), health_);
  }
  const Arc gap{node.arc().end, limit};
  const bool nearer = before && covers(gap, before->arc) && !health_.is_dead(primary_of(*before));
  if (nearer && primary_of(*before) != self_) {
    const Hint hint = hint_of(*before);
    return search_gap(now, node, before->arc.end, {&hint, 1}, true, out, events);
  }
  if (const ChordNode* own = nearer ? node_holding(before->arc.end) : nullptr) {
    return close_gap(now, node, found(now, *own, 0), out, events);
  }
  if (std::chrono::milliseconds(live.unnoticed_ms) >= limits_.claim_delay) {
    return claim(node, limit, std::chrono::milliseconds(live.unnoticed_ms), events);
  }
  next_claim_check_ = std::min(next_claim_check_, now.monotonic + claim_check_interval);
}

// Claims the arcs of the gap: those that the list names, and what is unnamed behind them.
void RingMember::claim(const ChordNode& node, Position limit, Duration unnoticed,
                       RingEvents& events) {
  const Arc gap{node.arc().end, limit};
  // Nobody that the list names there is known to be dead: whoever it is has longer to turn up.
  const bool suspected = !node.dead_run(health_).empty();
  if (!suspected && unnoticed < limits_.claim_delay * departed_patience) return;
  Position claimed = gap.begin;
  std::uint64_t generation = node.view().number.generation;
  for (const View& listed : node.dead_run(health_)) {
    if (claimed == limit) break;
    // Another cache may know a later view of it: of one that lives, or of another dead one.
    const View* known = known_view(listed.arc.end);
    const View& last = known != nullptr && known->number > listed.number ? *known : listed;
    const PeerRef& peer = primary_of(last);
    claimed = contains(gap, listed.arc.end) ? listed.arc.end : limit;
    generation = std::max(generation, last.number.generation);
    if (!health_.is_dead(peer)) continue;
    // Who has departed gave its arcs to others, who make themselves known unless they died, too.
    if (health_.has_departed(peer) && unnoticed < limits_.claim_delay * departed_patience) continue;
    push_claim(claim_of(Arc{listed.arc.begin, claimed}, last, self_), events);
  }
  if (claimed == limit) return;
  const ViewNumber number{generation + 1, self_.incarnation, 1};
  push_claim(View{Arc{claimed, limit}, number, self_.incarnation, {self_}}, events);
}

void RingMember::push_claim(View claim, RingEvents& events) const {
  // No arc holds both the last position and the first.
  constexpr Position last{~0ull};
  if (can_cut(claim.arc, last)) {
    View first = claim;
    first.arc.end = last;
    claim.arc.begin = last;
    events.push_back(ClaimArc{std::move(first)});
  }
  events.push_back(ClaimArc{std::move(claim)});
}

void RingMember::check_all_successors(Now now, Outbox& out, RingEvents& events) {
  for (ChordNode& node : nodes_) check_successors(now, node, out, events);
}

}  // namespace hopring
