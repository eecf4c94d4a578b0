// Where an operation goes: walks, redirects, pauses, and how requests are put together.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "client/core/op_machine.hpp"

namespace hopring {
void OpMachine::walk(Now now, PartId id) {
  Part& part = parts_.at(id);
  part.state = State::walking;
  if (const auto peer = choose(now, part)) return ask(now, id, part, *peer);
  pause_part(now, id, part.last_error);
}

// After a redirect: what it names; if that is nothing new, a few others, and then a pause. Two
// peers with stale hints that name each other are thereby left alone for a while.
void OpMachine::follow(Now now, PartId id, const Redirect& redirect) {
  if (redirect.nobody) return settle_error(now, id, *redirect.nobody);
  Part& part = parts_.at(id);
  part.state = State::walking;
  part.candidates.clear();
  const std::size_t hints = std::min(redirect.hints.size(), closer_sent_max);
  for (std::size_t i = hints; i > 0; --i) part.candidates.push_back(redirect.hints[i - 1].peer);
  const View* view = cache_.find(part.position);
  if (view == nullptr && redirect.view) view = &*redirect.view;
  if (view != nullptr) {
    part.candidates.insert(part.candidates.end(), view->members.rbegin(), view->members.rend());
  }
  if (part.asked.size() >= limits_.hops_max) return pause_part(now, id, OpError::no_route);
  std::optional<PeerRef> peer = next_candidate(now, part);
  if (!peer && part.detours < limits_.detours_max) {
    part.detours += 1;
    peer = choose(now, part);
  }
  if (!peer) return pause_part(now, id, OpError::no_route);
  part.hops += 1;
  ask(now, id, part, *peer);
}

std::optional<PeerRef> OpMachine::choose(Now now, Part& part) {
  if (const auto* report = std::get_if<Report>(&part.what); report && report->of) {
    return part.asked.empty() ? report->of : std::nullopt;
  }
  if (part.asked.size() >= limits_.hops_max) return std::nullopt;
  if (const auto peer = next_candidate(now, part)) return peer;
  // Who has not been reached lately is dialled where nobody else answers: others name him if he is
  // there again, and a pause is shorter than a dial in vain.
  auto peer = choose_by_routes(now, part, false);
  const bool tries_failed = may_try_failed(part) && !has_been_answered(part);
  if (!peer && tries_failed) peer = choose_by_routes(now, part, true);
  return peer;
}

// Nobody waits for such a one's second opinion, and nobody for several that do not even refuse.
bool OpMachine::may_try_failed(const Part& part) const {
  return part.denials == 0 && !part.has_tried_failed;
}

// By one of those who were asked since the last pause.
bool OpMachine::has_been_answered(const Part& part) const {
  return std::any_of(part.asked.begin(), part.asked.end(), [&](const PeerRef& peer) {
    const auto link = links_.find(peer);
    return link != links_.end() && link->second.connected;
  });
}

std::optional<PeerRef> OpMachine::choose_by_routes(Now now, const Part& part, bool tries_failed) {
  if (ring_ && !std::holds_alternative<Report>(part.what)) {
    if (const auto* peer = known_route(now, part.position, part.asked, tries_failed)) return *peer;
  }
  const auto peer = book_.contact(now.monotonic, part.asked, tries_failed);
  if (peer) turn_taken_ = peer->endpoint;
  return peer;
}

// Who has not been reached lately comes last here, too: of a view's members another one may know
// that its primary is gone. And of those in turn, whoever is the primary: any may be there again.
std::optional<PeerRef> OpMachine::next_candidate(Now now, Part& part) const {
  auto& candidates = part.candidates;
  std::erase_if(candidates, [&](const PeerRef& peer) {
    const bool may_be_asked = may_try_failed(part) || !book_.has_failed(peer);
    return peer.incarnation == 0 || !may_be_asked || !may_ask(now, part.asked, peer);
  });
  if (candidates.empty()) return std::nullopt;
  const PeerRef peer = *std::min_element(candidates.rbegin(), candidates.rend(),
                                         [&](const PeerRef& a, const PeerRef& b) {
                                           return book_.alone_until(a) < book_.alone_until(b);
                                         });
  std::erase(candidates, peer);
  return peer;
}

// By what the cache knows, but for those that were `asked`. Valid until the cache's next change.
const PeerRef* OpMachine::known_route(Now now, Position position, std::span<const PeerRef> asked,
                                      bool tries_failed) const {
  const auto may_be_asked = [&](const PeerRef& peer) {
    return may_ask(now, asked, peer) && (tries_failed || !book_.has_failed(peer));
  };
  if (const View* view = cache_.find(position)) {
    const PeerRef* best = nullptr;
    for (const PeerRef& member : view->members) {
      if (!may_be_asked(member)) continue;
      if (!tries_failed) return &member;
      const bool is_first = best == nullptr || book_.alone_until(member) < book_.alone_until(*best);
      if (is_first) best = &member;
    }
    if (best != nullptr) return best;
  }
  const View* view = cache_.preceding(position);
  return view != nullptr && may_be_asked(primary_of(*view)) ? &primary_of(*view) : nullptr;
}

bool OpMachine::may_ask(Now now, std::span<const PeerRef> asked, const PeerRef& peer) const {
  if (std::find(asked.begin(), asked.end(), peer) != asked.end()) return false;
  return !book_.is_down(now.monotonic, peer);
}

void OpMachine::ask(Now now, PartId id, Part& part, const PeerRef& peer) {
  part.asked.push_back(peer);
  part.has_tried_failed = part.has_tried_failed || book_.has_failed(peer);
  part.state = State::waiting;
  part.link = peer;
  const auto [link, is_new] = links_.try_emplace(peer);
  if (is_new) {
    out_.emplace_back(Connect{peer});
    link->second.dialled = now.monotonic;
    next_dial_end_ = std::min(next_dial_end_, now.monotonic + limits_.silence_max);
  }
  if (link->second.connected) {
    ready_.push_back(Ready{peer, id});
  } else {
    link->second.waiting.push_back(id);
  }
}

void OpMachine::pause_part(Now now, PartId id, OpError error) {
  Part& part = parts_.at(id);
  const bool knows_nobody = error == OpError::no_route || error == OpError::unavailable;
  const std::uint32_t denials = std::exchange(part.denials, 0);
  const bool is_disputed = std::exchange(part.is_disputed, false);
  // One word alone, of a peer that may just have gone on, is heard twice before it is believed.
  const bool is_believed = denials > 1 || (denials == 1 && part.was_denied);
  if (is_believed && !is_disputed && knows_nobody && !part.doubt) {
    return finish_with(id, OpError::unavailable);
  }
  part.was_denied = denials > 0;
  part.state = State::pausing;
  part.last_error = error;
  part.candidates.clear();
  part.asked.clear();
  part.detours = 0;
  part.has_tried_failed = false;
  part.pauses += 1;
  figures_.pauses += 1;
  set_timer(id, part, now.monotonic + pause(limits_, part.pauses, rng_));
}

void OpMachine::adopt(const View& view) {
  if (!cache_.adopt(view)) return;
  for (const PeerRef& member : view.members) book_.learn(member);
}

// A primary that says "not mine" disproves the view that named it. A member that names another one
// as the primary will take it for lost, and elect a new one, before it says that there is none.
void OpMachine::learn(const PeerRef& from, Part& part, const Redirect& redirect) {
  const View* known = cache_.find(part.position);
  if (known != nullptr && primary_of(*known) == from) cache_.forget(part.position);
  if (redirect.view) {
    const View& view = *redirect.view;
    if (is_member(view, from) && primary_of(view) != from) part.is_disputed = true;
    adopt(view);
  }
  const std::size_t hints = std::min(redirect.hints.size(), closer_sent_max);
  for (std::size_t i = 0; i < hints; ++i) book_.learn(redirect.hints[i].peer);
}

// Sends what this input made ready: operations of batches together, others each by itself.
void OpMachine::flush(Now now) {
  send_bundles(now);
  std::vector<Ready> grouped;
  for (const Ready& ready : std::exchange(ready_, {})) {
    const auto part = parts_.find(ready.part);
    if (part == parts_.end()) continue;
    if (part->second.batch_index) {
      grouped.push_back(ready);
    } else {
      send_alone(now, ready);
    }
  }
  send_batches(now, std::move(grouped));
  if (const auto taken = std::exchange(turn_taken_, std::nullopt)) book_.next_turn(*taken);
}

// What may have happened keeps its stamp; else it is younger than all that is known of the arc.
std::optional<Stamp> OpMachine::stamp(Now now, Part& part) {
  if (is_read(part) || !ring_ || ring_->replicas == 1) return part.stamp = std::nullopt;
  if (part.doubt) {
    part.stamp->is_again = true;
    return part.stamp;
  }
  const std::size_t bytes = payload_bytes(std::get<Operation>(part.what));
  return part.stamp = fresh_stamp(now, part.position, part.told, bytes);
}

// By what is known of the arc, if that is fresh: else it names no order, nobody executes it, and
// the answer tells how far the arc has come. What is sent by an old mark and comes again when its
// primary has died could not be told from what was executed and forgotten.
Stamp OpMachine::fresh_stamp(Now now, Position position, const ArcMark& told, std::size_t bytes) {
  const bool is_long = bytes > limits_.batch_bytes_max;  // twice would be too much
  const Duration age_max = is_long ? Duration::max() : Duration(limits_.mark_age_max);
  ArcMark mark = cache_.mark_at(now.monotonic, position, age_max);
  const bool is_newer = told.order != mark.order || told.index > mark.index;
  if (told.order != 0 && is_newer) mark = told;
  if (client_ == 0) client_ = rng_.next() | 1;
  return Stamp{client_, ++last_sequence_, mark.order, mark.index, false};
}

void OpMachine::send_alone(Now now, const Ready& ready) {
  Part& part = parts_.at(ready.part);
  ClientRequestMessage message = ReportRequest{};
  std::size_t bytes = 0;
  if (const auto* operation = std::get_if<Operation>(&part.what)) {
    bytes = payload_bytes(*operation);
    message = OpRequest{*operation, stamp(now, part), cache_.view_mark_at(part.position)};
  }
  if (const auto* scan = std::get_if<Scan>(&part.what)) message = ScanRequest{*scan};
  const auto* report = std::get_if<Report>(&part.what);
  if (report != nullptr && report->repair) message = RepairRequest{*report->repair};
  send(now, ready.to, {ready.part}, false, bytes, std::move(message));
}

void OpMachine::send_batches(Now now, std::vector<Ready>&& ready) {
  std::stable_sort(ready.begin(), ready.end(),
                   [](const Ready& a, const Ready& b) { return a.to < b.to; });
  for (auto first = ready.begin(); first != ready.end();) {
    const PeerRef to = first->to;
    BatchRequest message;
    std::vector<PartId> parts;
    std::size_t bytes = 0;
    for (; first != ready.end() && first->to == to && parts.size() < batch_operations_max;
         ++first) {
      Part& part = parts_.at(first->part);
      const auto& operation = std::get<Operation>(part.what);
      const std::size_t more = payload_bytes(operation);
      if (bytes + more > limits_.batch_bytes_max && !parts.empty()) break;
      bytes += more;
      message.operations.push_back(operation);
      message.stamps.push_back(stamp(now, part));
      message.known.push_back(cache_.view_mark_at(part.position));
      parts.push_back(first->part);
    }
    const bool has_stamps = std::any_of(message.stamps.begin(), message.stamps.end(),
                                        [](const auto& each) { return each.has_value(); });
    if (!has_stamps) message.stamps.clear();
    send(now, to, std::move(parts), true, bytes, std::move(message));
  }
}

void OpMachine::send(Now now, const PeerRef& to, std::vector<PartId>&& parts, bool batch,
                     std::size_t bytes, ClientRequestMessage&& message) {
  const RequestId id{next_request_++};
  for (const PartId each : parts) {
    Part& part = parts_.at(each);
    part.state = State::in_flight;
    part.request = id;
  }
  expect_reply(now, links_.at(to));
  const std::size_t open = parts.size();
  requests_.emplace(id, Request{to, batch, std::move(parts), open, patience_for(bytes)});
  figures_.requests += 1;
  out_.emplace_back(SendRequest{to, id, std::move(message)});
}

}  // namespace hopring
