// What a peer asks others: questions with a deadline, and the searches that are made of them.

#include <algorithm>
#include <utility>

#include "peer/core/ring_member.hpp"

namespace hopring {

std::uint32_t RingMember::ask(Now now, Ask ask) {
  if (asks_.size() >= asks_max) return 0;
  last_nonce_ = last_nonce_ == ~0u ? 1 : last_nonce_ + 1;
  ask.deadline = now.monotonic + limits_.ask_timeout;
  asks_[last_nonce_] = ask;
  return last_nonce_;
}

std::optional<RingMember::Ask> RingMember::answered(std::uint32_t nonce, const PeerRef& from) {
  const auto at = asks_.find(nonce);
  if (at == asks_.end() || at->second.to.endpoint != from.endpoint) return std::nullopt;
  if (at->second.kind == Ask::Kind::presence) return std::nullopt;  // a Pong answers that
  const Ask ask = at->second;
  asks_.erase(at);
  return ask;
}

void RingMember::fail(Now now, const Ask& ask, Outbox& out, RingEvents& events) {
  if (ask.kind == Ask::Kind::search) step(now, ask.search, out, events);
}

void RingMember::ask_whether_there(Now now, const PeerRef& peer, Outbox& out) {
  if (peer == self_ || peer.incarnation == 0 || !health_.is_routable(peer)) return;
  const bool is_asked = std::any_of(asks_.begin(), asks_.end(), [&](const auto& each) {
    return each.second.kind == Ask::Kind::presence && each.second.to == peer;
  });
  if (is_asked) return;
  const std::uint32_t nonce = ask(now, Ask{Ask::Kind::presence, peer, {}, {}, 0});
  if (nonce != 0) send(peer, Ping{nonce}, out);
}

void RingMember::on(Now, const PeerRef& from, const Pong& message, Outbox&, RingEvents&) {
  const auto at = asks_.find(message.nonce);
  const bool is_ours = at != asks_.end() && at->second.kind == Ask::Kind::presence;
  if (is_ours && at->second.to == from) asks_.erase(at);
}

void RingMember::start_lookup(Now now, Position target, std::uint64_t token, Outbox& out,
                              RingEvents& events) {
  if (const ChordNode* own = node_holding(target)) {
    events.push_back(LookupDone{token, found(now, *own, 0), 0});
    return;
  }
  search(now, Search{Search::Purpose::caller, Lookup(target, closest(target)), {}, 0, token}, out,
         events);
}

void RingMember::search(Now now, Search search, Outbox& out, RingEvents& events) {
  const std::uint64_t id = ++last_search_;
  searches_.emplace(id, std::move(search));
  step(now, id, out, events);
}

void RingMember::step(Now now, std::uint64_t id, Outbox& out, RingEvents& events) {
  const auto at = searches_.find(id);
  if (at == searches_.end()) return;
  auto peer = at->second.lookup.next(health_);
  while (peer && *peer == self_) peer = at->second.lookup.next(health_);  // a stale hint of others
  const std::uint32_t nonce = peer ? ask(now, Ask{Ask::Kind::search, *peer, {}, {}, id}) : 0;
  if (nonce == 0) return finish(now, id, nullptr, out, events);
  send(*peer, FindArc{nonce, at->second.lookup.target()}, out);
}

void RingMember::finish(Now now, std::uint64_t id, const ArcFound* answer, Outbox& out,
                        RingEvents& events) {
  const auto at = searches_.find(id);
  if (at == searches_.end()) return;
  const Search search = std::move(at->second);
  searches_.erase(at);
  if (search.purpose == Search::Purpose::caller) {
    LookupDone done{search.token, std::nullopt, search.lookup.asked()};
    if (answer != nullptr) done.found = *answer;
    events.push_back(std::move(done));
    return;
  }
  ChordNode* node = node_at(search.node_end);
  if (node == nullptr) return;
  if (answer == nullptr) {
    if (search.purpose == Search::Purpose::gap) {
      on_gap_unfound(now, *node, search, out, events);
    } else if (search.purpose == Search::Purpose::successor) {
      on_successor_unfound(now, *node, out, events);
    }
    return;
  }
  if (search.purpose == Search::Purpose::gap) {
    close_gap(now, *node, *answer, out, events);
  } else if (search.purpose == Search::Purpose::finger) {
    node->fingers().set(search.node_end, search.finger, hint_of(answer->view));
  } else if (search.purpose == Search::Purpose::predecessor) {
    tell(primary_of(answer->view), node->view(), out);  // an old answer may name this peer
  } else if (answer->view.arc.begin == node->arc().end) {
    follow(now, *node, answer->view, answer->successors);
  }
}

}  // namespace hopring
