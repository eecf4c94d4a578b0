#include "peer/core/ring_member.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace hopring {
namespace {

constexpr std::size_t early_hints_max = 64;  // transfers that may be coming at once, and some
constexpr std::size_t late_hints_max = 64;   // leads that may be changing hands at once, and some
constexpr int rounds_unnoticed_max = 3;      // without a predecessor that makes itself known
// Whose turn it is at once: what they ask the same peer travels together. Beyond it the rounds of a
// peer with many nodes come more often.
constexpr std::size_t nodes_per_round_max = 64;

PeerHealth::Options health_options(const Limits& limits) {
  PeerHealth::Options options;
  options.dead_after = limits.takeover_after;
  return options;
}

}  // namespace

RingMember::RingMember(const PeerRef& self, const Limits& limits, Rng rng)
    : self_(self), limits_(limits), rng_(rng), health_(health_options(limits)) {}

void RingMember::send(const PeerRef& to, RingMessage message, Outbox& out) {
  HOPRING_CHECK(to.endpoint.port != 0);
  out.push_back(SendPeer{to, std::move(message)});
}

// Nodes.

void RingMember::sync(Now now, std::span<const View> served) {
  std::vector<ChordNode> fresh;
  fresh.reserve(served.size());
  for (const View& view : served) {
    if (ChordNode* old = node_at(view.arc.end)) {
      if (old->view() != view) old->set_view(view);
      fresh.push_back(std::move(*old));
      continue;
    }
    ChordNode node(view, now.monotonic);
    // The half of a split, or an arc beside one of ours, inherits what our node there knows.
    if (ChordNode* sibling = node_holding(view.arc.end)) {
      node.take_hints(now.monotonic, self_, sibling->hints(now.monotonic));
    }
    const auto is_for_it = [&](const NodeHints& each) { return each.arc.end == view.arc.end; };
    const auto hints = std::find_if(early_hints_.rbegin(), early_hints_.rend(), is_for_it);
    if (hints != early_hints_.rend()) take_hints(now, node, *hints);
    std::erase_if(early_hints_, is_for_it);
    for (const ChordNode& each : nodes_) inherit(each, node);
    for (const ChordNode& each : fresh) inherit(each, node);
    locations_.forget(view.arc);
    urgent_.push_back(view.arc.end);
    newcomers_.push_back(view.arc.end);
    fresh.push_back(std::move(node));
  }
  nodes_ = std::move(fresh);
  node_arcs_.clear();
  for (const ChordNode& node : nodes_) node_arcs_.push_back(node.arc());
  for (ChordNode& node : nodes_) {
    if (!is_whole_ring(node.arc())) follow_own(now, node);
  }
  if (!urgent_.empty()) urgent_at_ = now.monotonic;
}

// An arc that was claimed stood in the list of the node before it, and so does what follows it.
void RingMember::inherit(const ChordNode& from, ChordNode& node) const {
  const auto entries = from.successors().entries();
  const auto follows = [&](const View& view) { return view.arc.begin == node.arc().end; };
  const auto at = std::find_if(entries.begin(), entries.end(), follows);
  if (at == entries.end() || !node.successors().empty()) return;
  node.on_successor(self_, *at,
                    entries.subspan(static_cast<std::size_t>(at - entries.begin()) + 1));
}

void RingMember::on_moved(Now now, const View& view, Outbox& out) {
  if (primary_of(view) == self_) return keep_hints(now, view.arc.end);  // for who serves it next
  if (moved_.size() == moved_max) moved_.pop_front();
  moved_.push_back(view);
  locations_.learn(hint_of(view));
  const ChordNode* node = node_at(view.arc.end);
  if (node == nullptr) return;
  send(primary_of(view), hints_of(now, *node), out);
  if (ChordNode* before = node_at(view.arc.begin)) {
    before->on_successor(self_, view, node->successors().entries());
  }
  if (ChordNode* after = node_holding(node->successor_position())) {
    after->on_notify(now.monotonic, view, health_);
  }
  // Those whose lists name the old view: the node before, and the one after for its predecessor.
  if (node->predecessor()) tell(primary_of(*node->predecessor()), view, out);
  if (!node->successors().empty()) tell(primary_of(node->successors().entries()[0]), view, out);
}

void RingMember::keep_hints(Now now, Position end) {
  const ChordNode* node = node_at(end);
  if (node == nullptr) return;
  std::erase_if(late_hints_, [&](const NodeHints& kept) { return kept.arc.end == end; });
  if (late_hints_.size() == late_hints_max) late_hints_.pop_front();
  late_hints_.push_back(hints_of(now, *node));
}

// That may be this peer, whose term has not begun: then nobody is to be found there. Who routes to
// itself finds nobody, not even through its contacts.
void RingMember::on_followed(const View& view, Outbox& out) {
  if (primary_of(view) == self_) return;
  locations_.learn(hint_of(view));
  std::erase_if(late_hints_, [&](const NodeHints& kept) {
    if (kept.arc.end != view.arc.end) return false;
    send(primary_of(view), kept, out);
    return true;
  });
}

void RingMember::tell(const PeerRef& peer, const View& view, Outbox& out) {
  if (peer == self_ || peer == primary_of(view) || health_.is_dead(peer)) return;
  send(peer, ArcNews{view}, out);
}

void RingMember::say_farewell(Outbox& out) const {
  std::vector<PeerRef> peers = known_peers();
  peers.insert(peers.end(), acquainted_.begin(), acquainted_.end());
  std::sort(peers.begin(), peers.end());
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
  for (const PeerRef& peer : peers) send(peer, Departed{}, out);
}

void RingMember::add_contact(const PeerRef& contact) {
  if (std::find(contacts_.begin(), contacts_.end(), contact) != contacts_.end()) return;
  if (contacts_.size() == contacts_max) contacts_.erase(contacts_.begin());
  contacts_.push_back(contact);
}

// The index of the first node that does not end before the position.
std::size_t RingMember::index_from(Position position) const {
  const auto before = [](const Arc& arc, Position p) { return arc.end < p; };
  const auto at = std::lower_bound(node_arcs_.begin(), node_arcs_.end(), position, before);
  return static_cast<std::size_t>(at - node_arcs_.begin());
}

const ChordNode* RingMember::node_at(Position end) const {
  const std::size_t i = index_from(end);
  return i < nodes_.size() && node_arcs_[i].end == end ? &nodes_[i] : nullptr;
}

ChordNode* RingMember::node_at(Position end) {
  return const_cast<ChordNode*>(std::as_const(*this).node_at(end));
}

// Clockwise the first node that does not end before the position. REQUIRES: there is a node.
const ChordNode& RingMember::first_node_from(Position position) const {
  const std::size_t i = index_from(position);
  return i < nodes_.size() ? nodes_[i] : nodes_.front();
}

// The last node that does not end after it.
const ChordNode& RingMember::last_node_until(Position position) const {
  const auto after = [](Position p, const ChordNode& node) { return p < node.arc().end; };
  const auto at = std::upper_bound(nodes_.begin(), nodes_.end(), position, after);
  return at != nodes_.begin() ? *(at - 1) : nodes_.back();
}

// No arc holds both 2^64-1 and 0, so the first node whose end is not before the position is the
// one.
ChordNode* RingMember::node_holding(Position position) {
  const std::size_t i = index_from(position);
  return i < nodes_.size() && contains(node_arcs_[i], position) ? &nodes_[i] : nullptr;
}

// Not a view of this peer's own that has gone elsewhere since.
std::optional<View> RingMember::believed_predecessor(const ChordNode& node) const {
  const std::optional<View>& before = node.predecessor();
  if (!before || primary_of(*before) != self_) return before;
  const ChordNode* own = node_at(before->arc.end);
  return own != nullptr ? std::optional(own->view()) : std::nullopt;
}

ArcFound RingMember::found(Now now, const ChordNode& node, std::uint32_t nonce) const {
  const auto successors = node.successors().entries();
  return ArcFound{nonce,
                  node.view(),
                  {successors.begin(), successors.end()},
                  believed_predecessor(node),
                  node.unnoticed_ms(now.monotonic),
                  load_};
}

// Messages.

// Of who was taken for dead nothing is known any more, and it may be all that is known.
void RingMember::on_heard(const PeerRef& from) {
  const bool was_dead = health_.is_dead(from);
  if (!health_.on_heard(from)) return;
  ++returns_;
  if (was_dead) add_contact(from);
}

void RingMember::on_message(Now now, const PeerRef& from, const RingMessage& message, Outbox& out,
                            RingEvents& events) {
  on_heard(from);
  if (!acquainted_.empty() && acquainted_.size() < known_peers_max) acquainted_.push_back(from);
  std::visit(
      [&](const auto& each) {
        if constexpr (requires { on(now, from, each, out, events); }) {
          on(now, from, each, out, events);
        }
      },
      message);
}

void RingMember::on(Now now, const PeerRef& from, const FindArc& message, Outbox& out,
                    RingEvents&) {
  answer_position(now, from, message.nonce, message.position, out);
}

void RingMember::on(Now now, const PeerRef& from, const Stabilize& message, Outbox& out,
                    RingEvents& events) {
  learn(message.node);
  if (primary_of(message.node) == from) hear(message.node, out, events);
  const Position position = advance(message.node.arc.end, 1);
  if (ChordNode* node = node_holding(position)) {
    node->on_notify(now.monotonic, message.node, health_);
  }
  // What went elsewhere from here, perhaps to one that is dead by now.
  const View* gone = node_holding(position) == nullptr ? known_view(position) : nullptr;
  if (gone != nullptr && primary_of(*gone) != from) send(from, ArcNews{*gone}, out);
  answer_position(now, from, message.nonce, position, out);
}

void RingMember::answer_position(Now now, const PeerRef& from, std::uint32_t nonce,
                                 Position position, Outbox& out) {
  if (const ChordNode* node = node_holding(position)) {
    send(from, found(now, *node, nonce), out);
  } else {
    send(from, Closer{nonce, closest(position)}, out);
  }
}

void RingMember::on(Now now, const PeerRef& from, const ArcFound& message, Outbox& out,
                    RingEvents& events) {
  learn(message.view);
  if (primary_of(message.view) == from) hear(message.view, out, events);
  if (message.predecessor) hear_of(*message.predecessor, out);
  const std::optional<Ask> ask = answered(message.nonce, from);
  if (!ask) return;
  if (ask->kind == Ask::Kind::search) return finish(now, ask->search, &message, out, events);
  ChordNode* node = node_at(ask->node_end);
  if (node == nullptr) return;
  if (message.view.arc.begin == node->arc().end) {
    take_list(*node, message.view, message.successors);
  } else {
    check_successors(now, *node, out, events);
  }
}

void RingMember::on(Now now, const PeerRef& from, const Closer& message, Outbox& out,
                    RingEvents& events) {
  for (const Hint& hint : message.hints) learn(hint);
  const std::optional<Ask> ask = answered(message.nonce, from);
  if (!ask) return;
  if (ask->kind == Ask::Kind::search) {
    const auto at = searches_.find(ask->search);
    if (at == searches_.end()) return;
    deny(at->second.lookup.target(), from);
    at->second.lookup.on_closer(message.hints);
    return step(now, ask->search, out, events);
  }
  // The peer that was asked no longer holds the arc: find out who does.
  if (const ChordNode* node = node_at(ask->node_end)) {
    search(now,
           Search{Search::Purpose::successor, Lookup(node->successor_position(), message.hints),
                  ask->node_end, 0, 0},
           out, events);
  }
}

void RingMember::on(Now now, const PeerRef&, const NodeHints& message, Outbox&, RingEvents&) {
  for (const Hint& hint : message.fingers) learn(hint);
  for (const View& view : message.successors) learn(view);
  if (ChordNode* node = node_at(message.arc.end)) {
    take_hints(now, *node, message);
  } else {  // of arcs that never came the oldest go
    if (early_hints_.size() == early_hints_max) early_hints_.pop_front();
    early_hints_.push_back(message);
  }
}

void RingMember::on(Now now, const PeerRef& from, const ArcNews& message, Outbox& out,
                    RingEvents& events) {
  const View& view = message.view;
  if (primary_of(view) == from) hear(view, out, events);
  const bool dead = health_.is_dead(primary_of(view));
  if (!dead) learn(view);
  for (ChordNode& node : nodes_) {
    if (!dead) node.on_notify(now.monotonic, view, health_);
    const auto known = node.successors().entries();
    if (view.arc.begin != node.arc().end) {
      node.adopt(view);
    } else if (known.empty() || beats(view, known.front())) {
      follow(now, node, view, {});
    }
  }
}

void RingMember::on(Now now, const PeerRef& from, const Departed&, Outbox& out,
                    RingEvents& events) {
  declare_dead(now, from, "left", out, events);
  health_.on_departed(now.monotonic, from);
}

void RingMember::on(Now, const PeerRef& from, const Ping& message, Outbox& out, RingEvents&) {
  send(from, Pong{message.nonce}, out);
}

// A view of others that beats one of ours takes what they share; and one that is beaten is told.
void RingMember::hear(const View& view, Outbox& out, RingEvents& events) {
  if (!denied_.empty()) std::erase(denied_, view);
  if (primary_of(view) == self_ || health_.is_dead(primary_of(view))) return;
  for (const ChordNode& node : nodes_) {
    if (!overlaps(view.arc, node.arc())) continue;
    if (beats(view, node.view())) {
      events.push_back(LoseArc{common(node.arc(), view.arc), view});
    } else {
      tell(primary_of(view), node.view(), out);
    }
  }
}

// Hearsay may be out of date: its primary is asked, whose answer is then heard.
void RingMember::hear_of(const View& view, Outbox& out) {
  const PeerRef& primary = primary_of(view);
  if (primary == self_ || !health_.is_routable(primary)) return;
  for (const ChordNode& node : nodes_) {
    if (!overlaps(view.arc, node.arc()) || !beats(view, node.view())) continue;
    return send(primary, FindArc{0, common(node.arc(), view.arc).end}, out);
  }
}

// Is this peer its own successor there? Then nobody needs to be asked or told.
bool RingMember::follow_own(Now now, ChordNode& node) {
  ChordNode* successor = node_holding(node.successor_position());
  if (successor == nullptr || successor == &node) return false;
  take_list(node, successor->view(), {});
  successor->on_notify(now.monotonic, node.view(), health_);
  return true;
}

void RingMember::take_list(ChordNode& node, const View& successor, std::span<const View> rest) {
  gaps_.erase(node.arc().end);
  if (!node.on_successor(self_, successor, rest)) return;
  for (const View& view : rest) learn(view);
}

// A successor that was found otherwise than by Stabilize must learn of the node, too.
void RingMember::follow(Now now, ChordNode& node, const View& successor,
                        std::span<const View> rest) {
  const auto old = node.successors().entries();
  const bool same = !old.empty() && primary_of(old.front()) == primary_of(successor) &&
                    old.front().arc == successor.arc;
  take_list(node, successor, rest);
  if (!same) soon(now.monotonic, node.arc().end);
}

// Not in its turn, but by then.
void RingMember::soon(Time by, Position end) {
  if (std::find(urgent_.begin(), urgent_.end(), end) == urgent_.end()) urgent_.push_back(end);
  urgent_at_ = std::min(urgent_at_, by);
}

// Rounds.

void RingMember::round(Now now, ChordNode& node, Outbox& out, RingEvents& events) {
  node.expire_predecessor(now.monotonic, limits_.claim_delay);
  stabilize(now, node, out, events);
  refresh_finger(now, node, out, events);
  const auto patience = Duration(limits_.stabilize_interval) * rounds_unnoticed_max;
  if (node.unnoticed_for(now.monotonic) >= patience) announce(now, node, out, events);
}

// A new node makes itself known to the one before, whose list may name another peer there.
void RingMember::introduce(Now now, const ChordNode& node, Outbox& out, RingEvents& events) {
  const std::optional<View>& before = node.predecessor();
  if (!before || !health_.is_routable(primary_of(*before))) {
    return announce(now, node, out, events);
  }
  tell(primary_of(*before), node.view(), out);
}

// The node before does not know this one: it is looked for and told.
void RingMember::announce(Now now, const ChordNode& node, Outbox& out, RingEvents& events) {
  const Position before = node.arc().begin;
  if (is_whole_ring(node.arc()) || node_holding(before) != nullptr) return;
  search(
      now,
      Search{Search::Purpose::predecessor, Lookup(before, closest(before)), node.arc().end, 0, 0},
      out, events);
}

void RingMember::stabilize(Now now, ChordNode& node, Outbox& out, RingEvents& events) {
  if (is_whole_ring(node.arc())) return;
  if (follow_own(now, node)) return;
  check_successors(now, node, out, events);
  // An entry that names this peer itself is out of date: the arc has gone elsewhere since.
  const auto peer = node.successor_to_ask(health_);
  if (peer && *peer != self_) {
    const std::uint32_t nonce = ask(now, Ask{Ask::Kind::stabilize, *peer, {}, node.arc().end, 0});
    if (nonce != 0) send(*peer, Stabilize{nonce, node.view()}, out);
    return;
  }
  if (peer || node.successors().empty()) {
    search(now,
           Search{Search::Purpose::successor,
                  Lookup(node.successor_position(), closest(node.successor_position())),
                  node.arc().end, 0, 0},
           out, events);
  }
}

void RingMember::refresh_finger(Now now, ChordNode& node, Outbox& out, RingEvents& events) {
  const Position end = node.arc().end;
  const auto successors = node.successors().entries();
  const Position reach = successors.empty() ? end : successors.back().arc.end;
  if (is_whole_ring(node.arc()) || reach == node.arc().begin) return;
  if (!node.fingers().is_due()) return;
  const auto i = node.fingers().next_to_refresh(end, reach);
  if (!i) return;
  const Position target = FingerTable::target(end, *i);
  if (const ChordNode* own = node_holding(target)) {
    return node.fingers().set(end, *i, hint_of(own->view()));
  }
  search(now, Search{Search::Purpose::finger, Lookup(target, closest(target)), end, *i, 0}, out,
         events);
}

void RingMember::declare_dead(Now now, const PeerRef& peer, std::string_view why, Outbox& out,
                              RingEvents& events) {
  HOPRING_CHECK(peer.endpoint != self_.endpoint || peer.incarnation != self_.incarnation);
  if (peer.incarnation == 0 || !health_.on_dead(now.monotonic, peer)) return;
  events.push_back(PeerDied{peer, why});
  std::erase(contacts_, peer);
  forget(peer);
  check_all_successors(now, out, events);
}

void RingMember::on_unreachable(Now now, const PeerRef& peer, Unreachable why, Outbox& out,
                                RingEvents& events) {
  const bool here = peer.endpoint == self_.endpoint;  // an address that has become our own
  if (here && (peer.incarnation == 0 || peer == self_)) return;
  const bool dead = here || why == Unreachable::refused || why == Unreachable::other_incarnation ||
                    why == Unreachable::other_ring;
  if (dead) {
    declare_dead(now, peer, name(why), out, events);
  } else if (peer.incarnation != 0) {
    health_.on_unanswered(now.monotonic, peer);
  }
  std::vector<Ask> failed;
  std::erase_if(asks_, [&](const auto& each) {
    if (each.second.to != peer) return false;
    failed.push_back(each.second);
    return true;
  });
  for (const Ask& each : failed) fail(now, each, out, events);
}

// Time.

void RingMember::on_deadline(Now now, Outbox& out, RingEvents& events) {
  while (!asks_.empty() && asks_.begin()->second.deadline <= now.monotonic) {
    const Ask late = asks_.begin()->second;
    asks_.erase(asks_.begin());
    if (late.to.incarnation != 0) health_.on_unanswered(now.monotonic, late.to);
    fail(now, late, out, events);
  }
  if (health_.next_deadline() <= now.monotonic) {
    const PeerHealth::Due due = health_.on_deadline(now.monotonic);
    for (const PeerRef& peer : due.probes) {
      if (peer.endpoint != self_.endpoint) send(peer, Ping{0}, out);
    }
    for (const PeerRef& peer : due.dead) {
      events.push_back(PeerDied{peer, "silent"});
      forget(peer);
    }
    if (!due.dead.empty()) check_all_successors(now, out, events);
  }
  if (next_claim_check_ <= now.monotonic) {
    next_claim_check_ = Time::never();
    check_all_successors(now, out, events);
  }
  if (urgent_at_ <= now.monotonic) serve_urgent(now, out, events);
  if (next_round_ <= now.monotonic) serve_some(now, out, events);
}

void RingMember::serve_urgent(Now now, Outbox& out, RingEvents& events) {
  urgent_at_ = Time::never();
  for (const Position end : std::exchange(urgent_, {})) {
    if (ChordNode* node = node_at(end)) round(now, *node, out, events);
  }
  for (const Position end : std::exchange(newcomers_, {})) {
    if (const ChordNode* node = node_at(end)) introduce(now, *node, out, events);
  }
}

void RingMember::serve_some(Now now, Outbox& out, RingEvents& events) {
  const std::size_t nodes = std::max<std::size_t>(nodes_.size(), 1);
  const std::size_t served = std::min(nodes_.size(), nodes_per_round_max);
  for (std::size_t i = 0; i < served; ++i) round(now, nodes_[turn_++ % nodes], out, events);
  const auto whole = Duration(limits_.stabilize_interval).count();
  const auto share = static_cast<std::int64_t>(static_cast<std::uint64_t>(whole) *
                                               std::max<std::size_t>(served, 1) / nodes);
  // A little jitter alone: claim_delay is to outlast two rounds of any node.
  const auto varied = Duration(share / 8);
  next_round_ = now.monotonic + (Duration(share) - varied + rng_.jittered(varied));
}

Time RingMember::next_deadline() const {
  Time next = std::min({next_round_, urgent_at_, next_claim_check_, health_.next_deadline()});
  if (!asks_.empty()) next = std::min(next, asks_.begin()->second.deadline);
  return next;
}

}  // namespace hopring
