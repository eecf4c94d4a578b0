// How a node's successors are found again when those that it knew are dead: looking for the end of
// the gap from behind, and claiming what nobody serves.

#include <algorithm>

#include "peer/core/ring_member.hpp"

namespace hopring {
namespace {

constexpr std::chrono::milliseconds claim_check_interval{250};
// Each node looks anew once in stabilize_interval; asking others who do not answer takes longer.
constexpr std::chrono::seconds gap_lasts{10};
constexpr double departed_patience = 1.5;  // claim_delays, before a departed peer's arcs go

}  // namespace

// Nobody serves there whom this peer could ask. Where an arc has one copy it is its holder's until
// he is dead; an entry that names this peer itself, which does not serve, is out of date.
bool RingMember::is_gone(const PeerRef& peer) const {
  return has_copies_ ? !health_.is_routable(peer) : health_.is_dead(peer);
}

bool RingMember::is_gone(const View& view) const {
  const bool is_own = has_copies_ && primary_of(view) == self_;
  return is_own ? node_at(view.arc.end) == nullptr : is_gone(primary_of(view));
}

std::span<const View> RingMember::gone_run(const ChordNode& node) const {
  return node.gone_run([this](const View& view) { return is_gone(view); });
}

// If the first successors are gone, the arcs up to the first live one are this node's to claim; but
// first that one is asked what it knows before it, and so on anticlockwise: an arc that had moved
// on before its old primary died is not claimed.
void RingMember::check_successors(Now now, ChordNode& node, Outbox& out, RingEvents& events) {
  const auto run = gone_run(node);
  if (!run.empty()) find_gap_end(now, node, advance(run.back().arc.end, 1), out, events);
}

// Looks for an arc that lives: the nearest that is known not to end before `from`. If its holder
// is not who it was thought to be, the next one.
void RingMember::find_gap_end(Now now, ChordNode& node, Position from, Outbox& out,
                              RingEvents& events) {
  const auto same = [&](const auto& each) {
    return each.second.purpose == Search::Purpose::gap && each.second.node_end == node.arc().end;
  };
  if (std::any_of(searches_.begin(), searches_.end(), same)) return;
  const ChordNode& own = first_node_from(from);
  const Hint* known = locations_.first_from(from, health_);
  // Seen from `from`, an own node that holds it is nearest of all.
  const auto nearer = [&](Position a, Position b) {
    return distance(from, a) <= distance(from, b);
  };
  if (known == nullptr || nearer(own.arc().end, known->arc.end)) {
    return close_gap(now, node, found(now, own, 0), out, events);
  }
  search_gap(now, node, *known, std::nullopt, out, events);
}

void RingMember::search_gap(Now now, const ChordNode& node, const Hint& hint,
                            const std::optional<ArcFound>& beyond, Outbox& out,
                            RingEvents& events) {
  Search gap{Search::Purpose::gap, Lookup(hint.arc.end, {&hint, 1}), node.arc().end, 0, 0, beyond};
  search(now, std::move(gap), out, events);
}

// Nobody can say who follows: those after are asked who comes before them. But an arc that was just
// between two peers is looked for once more first.
void RingMember::on_successor_unfound(Now now, ChordNode& node, Outbox& out, RingEvents& events) {
  if (node.on_successor_unfound()) {
    return find_gap_end(now, node, node.successor_position(), out, events);
  }
  soon(now.monotonic + claim_check_interval, node.arc().end);
}

// Nobody who answers serves what was looked for.
void RingMember::on_gap_unfound(Now now, ChordNode& node, const Search& search, Outbox& out,
                                RingEvents& events) {
  const Position target = search.lookup.target();
  if (search.beyond) {
    walk_gap(now, node, *search.beyond, Position{target.value - 1}, out, events);
  } else if (contains(Arc{node.arc().end, node.arc().begin}, target) &&
             !is_whole_ring(node.arc())) {
    find_gap_end(now, node, advance(target, 1), out, events);
  }
}

// `live` is the nearest arc after the node that is known to be alive.
void RingMember::close_gap(Now now, ChordNode& node, const ArcFound& live, Outbox& out,
                           RingEvents& events) {
  if (live.view.arc.begin == node.arc().end) {
    return follow(now, node, live.view, live.successors);
  }
  if (node.arc() != live.view.arc && overlaps(node.arc(), live.view.arc)) return;  // see hear()
  // Others before the same gap must learn that it begins here.
  tell(primary_of(live.view), node.view(), out);
  if (ChordNode* own = node_at(live.view.arc.end)) {
    own->on_notify(now.monotonic, node.view(), health_);
  }
  walk_gap(now, node, live, live.view.arc.begin, out, events);
}

// Asks, anticlockwise from `until`, whoever is thought to serve a part of the gap. Where nobody
// does, it is claimed, but only if nobody has made itself known to the live node as its predecessor
// for claim_delay: whoever serves there would have.
void RingMember::walk_gap(Now now, ChordNode& node, const ArcFound& live, Position until,
                          Outbox& out, RingEvents& events) {
  const Arc gap{node.arc().end, live.view.arc.begin};
  for (Position from = gap.end; from != gap.begin;) {
    const std::optional<Hint> hint = last_known_in(Arc{gap.begin, from}, live.predecessor);
    if (!hint) break;
    const ChordNode* own = hint->peer == self_ ? node_at(hint->arc.end) : nullptr;
    if (own != nullptr) return close_gap(now, node, found(now, *own, 0), out, events);
    if (!health_.is_routable(hint->peer)) return check_claims_soon(now);
    const bool asked = until == gap.begin || !contains(Arc{gap.begin, until}, hint->arc.end);
    if (!asked) return search_gap(now, node, *hint, live, out, events);
    from = Position{hint->arc.end.value - 1};
  }
  if (std::chrono::milliseconds(live.unnoticed_ms) >= limits_.claim_delay) {
    return claim(now, node, live, events);
  }
  check_claims_soon(now);
}

void RingMember::check_claims_soon(Now now) {
  next_claim_check_ = std::min(next_claim_check_, now.monotonic + claim_check_interval);
}

// The last arc that ends in the stretch, by what the node behind it told and by what this peer
// knows, and whose holder is not gone. Of the arcs at one end, the one that was told.
std::optional<Hint> RingMember::last_known_in(const Arc& stretch,
                                              const std::optional<View>& told) const {
  std::optional<Hint> last;
  const auto consider = [&](const Hint& hint) {
    if (!contains(stretch, hint.arc.end) || is_gone(hint.peer)) return;
    const bool further =
        !last || distance(stretch.begin, last->arc.end) < distance(stretch.begin, hint.arc.end);
    if (further) last = hint;
  };
  const ChordNode& own = last_node_until(stretch.end);
  if (contains(stretch, own.arc().end)) consider(hint_of(own.view()));
  // A predecessor of this peer's own that it does not serve has just gone elsewhere.
  if (told && primary_of(*told) != self_) consider(hint_of(*told));
  if (has_copies_) {
    for_each_view([&](const View& view) {
      if (contains(stretch, view.arc.end) && !is_denied(view)) consider(hint_of(view));
    });
  }
  const Hint* known = locations_.last_until(stretch.end);
  for (std::size_t left = locations_.size(); left > 1 && is_gone(known->peer); --left) {
    known = locations_.last_until(Position{known->arc.end.value - 1});
  }
  if (known != nullptr) consider(*known);
  return last;
}

// Claims the arcs of the gap: those that the list names, and what is unnamed behind them. Where
// arcs have several copies it is for their members to serve them, and they would have by now.
void RingMember::claim(Now now, const ChordNode& node, const ArcFound& live, RingEvents& events) {
  const Position limit = live.view.arc.begin;
  const Arc gap{node.arc().end, limit};
  const std::chrono::milliseconds unnoticed(live.unnoticed_ms);
  // Nobody who was known on either side is dead: whoever serves there has longer to turn up.
  const bool suspected = !gone_run(node).empty() ||
                         (live.predecessor && health_.is_dead(primary_of(*live.predecessor)));
  if (!suspected && unnoticed < limits_.claim_delay * departed_patience) return;
  if (has_copies_) return note_gap(now, node, gap, unnoticed);
  Position claimed = gap.begin;
  std::uint64_t generation = node.view().number.generation;
  for (const View& listed : gone_run(node)) {
    if (claimed == limit) break;
    claimed = contains(gap, listed.arc.end) ? listed.arc.end : limit;
    // Another cache may know a later view of it: of one that lives, or of another dead one.
    const View* known = known_view(claimed);
    const View& last = known != nullptr && known->number > listed.number ? *known : listed;
    const PeerRef& peer = primary_of(last);
    generation = std::max(generation, last.number.generation);
    if (!is_gone(last)) continue;
    // Who has departed gave its arcs to others, who make themselves known unless they died, too.
    if (health_.has_departed(peer) && unnoticed < limits_.claim_delay * departed_patience) continue;
    events.push_back(ClaimArc{claim_of(Arc{listed.arc.begin, claimed}, last, self_)});
  }
  if (claimed == limit) return;
  const ViewNumber number{generation + 1, self_.incarnation, 1};
  events.push_back(ClaimArc{View{Arc{claimed, limit}, number, self_.incarnation, {self_}}});
}

void RingMember::note_gap(Now now, const ChordNode& node, const Arc& gap, Duration unnoticed) {
  const auto run = gone_run(node);
  const bool has_departed = std::any_of(run.begin(), run.end(), [&](const View& view) {
    return health_.has_departed(primary_of(view));
  });
  if (has_departed && unnoticed < limits_.claim_delay * departed_patience) return;
  keep_gap(now, gap);
}

void RingMember::keep_gap(Now now, const Arc& gap) {
  std::erase_if(gaps_, [&](const auto& each) { return each.second.until <= now.monotonic; });
  gaps_.insert_or_assign(gap.begin, Gap{gap, now.monotonic + gap_lasts});
}

// Who leads the node's arc next looks anew, but knows at once what was found.
NodeHints RingMember::hints_of(Now now, const ChordNode& node) const {
  NodeHints hints = node.hints(now.monotonic);
  const auto noted = gaps_.find(node.arc().end);
  if (noted != gaps_.end() && noted->second.until > now.monotonic) {
    hints.gap_end = noted->second.arc.end;
  }
  return hints;
}

void RingMember::take_hints(Now now, ChordNode& node, const NodeHints& hints) {
  node.take_hints(now.monotonic, self_, hints);
  if (has_copies_ && hints.gap_end) keep_gap(now, Arc{node.arc().end, *hints.gap_end});
}

bool RingMember::is_in_gap(Position position) const {
  if (nodes_.empty()) return false;
  const ChordNode& node = last_node_until(Position{position.value - 1});
  const auto noted = gaps_.find(node.arc().end);
  if (noted == gaps_.end() || !contains(noted->second.arc, position)) return false;
  return node.successors().empty() || node.is_successor_unfound() || !gone_run(node).empty();
}

void RingMember::check_all_successors(Now now, Outbox& out, RingEvents& events) {
  for (ChordNode& node : nodes_) check_successors(now, node, out, events);
}

}  // namespace hopring
