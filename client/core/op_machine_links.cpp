// What links bring: connections, replies, and their ends.

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.hpp"
#include "client/core/op_machine.hpp"

namespace hopring {

void OpMachine::on_connected(Now now, const PeerRef& contacted, const PeerRef& actual,
                             const RingConfig& ring) {
  HOPRING_CHECK(actual.incarnation != 0 && contacted.endpoint.port != 0);
  HOPRING_CHECK(contacted.incarnation == 0 || contacted == actual);
  meet(now, ring);
  std::vector<PartId> waiting = take_waiting(contacted);
  if (contacted != actual) {
    links_.erase(contacted);
    for (const PartId id : take_waiting(actual)) waiting.push_back(id);
  }
  links_[actual].connected = true;
  next_dial_end_ = next_dial_end();
  book_.on_up(actual);
  for (const PartId id : waiting) {
    const auto part = parts_.find(id);
    if (part == parts_.end()) continue;
    part->second.link = actual;
    part->second.asked.back() = actual;
    ready_.push_back(Ready{actual, id});
  }
  flush(now);
}

std::vector<OpMachine::PartId> OpMachine::take_waiting(const PeerRef& peer) {
  const auto link = links_.find(peer);
  return link == links_.end() ? std::vector<PartId>{} : std::exchange(link->second.waiting, {});
}

// The first ring, or another one than before: then nothing that was known of routes holds.
void OpMachine::meet(Now now, const RingConfig& ring) {
  if (ring_ == ring) return;
  const bool is_first = !ring_.has_value();
  ring_ = ring;
  cache_.clear();
  std::vector<PeerRef> old_links;
  for (const auto& [peer, link] : links_) {
    if (link.connected) old_links.push_back(peer);
  }
  for (const PeerRef& peer : old_links) {
    out_.emplace_back(Disconnect{peer});
    drop_link(now, peer, LinkDown::lost);
  }
  std::vector<std::pair<PartId, OpError>> refused;
  for (auto& [id, part] : parts_) {
    // Nobody there knows what has become of it in the other ring.
    std::optional<OpError> error = is_first ? std::nullopt : part.doubt;
    if (!error) error = place(part);
    if (error) refused.emplace_back(id, *error);
    part.told = {};
  }
  for (const auto& [id, error] : refused) finish_with(id, error);
}

void OpMachine::on_link_down(Now now, const PeerRef& peer, LinkDown reason) {
  drop_link(now, peer, reason);
  flush(now);
}

void OpMachine::drop_link(Now now, const PeerRef& peer, LinkDown reason, OpError doubt) {
  const auto found = links_.find(peer);
  if (found == links_.end()) return;
  const Link link = std::move(found->second);
  links_.erase(found);
  if (!link.connected) next_dial_end_ = next_dial_end();
  auto unsent_bundle = open_bundles_.extract(peer);
  std::vector<PartId> unsent = link.waiting;
  for (const Ready& ready : ready_) {
    if (ready.to == peer) unsent.push_back(ready.part);
  }
  std::erase_if(ready_, [&](const Ready& ready) { return ready.to == peer; });
  if (link.connected) {
    book_.on_lost(peer);
    fail_requests(now, peer, doubt);
  } else {
    cache_.forget(peer);
    book_.on_unreachable(now.monotonic, peer, rng_);
    const bool was_silent = now.monotonic - link.dialled >= limits_.silence_max;
    if (was_silent) book_.leave_alone(peer, now.monotonic + limits_.silence_max);
    for (const PartId id : unsent) {
      const auto part = parts_.find(id);
      if (part != parts_.end() && !was_silent) part->second.has_tried_failed = false;
    }
  }
  fail_waiting(now, unsent, reason == LinkDown::stranger ? OpError::stranger : OpError::no_route);
  if (unsent_bundle) start_anew(now, std::move(unsent_bundle.mapped()));
}

// Nothing of these was sent: others are asked at once, since the arc may have moved.
void OpMachine::fail_waiting(Now now, const std::vector<PartId>& waiting, OpError error) {
  for (const PartId id : waiting) {
    const auto found = parts_.find(id);
    if (found == parts_.end()) continue;
    Part& part = found->second;
    part.last_error = error;
    const auto* report = std::get_if<Report>(&part.what);
    if (report != nullptr && report->of) {
      finish_with(id, error);
    } else {
      walk(now, id);
    }
  }
}

// These were sent: a write may have happened, and goes on only under its stamp; a read is harmless.
void OpMachine::fail_requests(Now now, const PeerRef& peer, OpError doubt) {
  unbundle_all(&peer);
  std::vector<Request> lost;
  for (auto& [id, request] : requests_) {
    if (request.to == peer) lost.push_back(std::move(request));
  }
  std::erase_if(requests_, [&](const auto& entry) { return entry.second.to == peer; });
  for (const Request& request : lost) {
    for (const PartId id : request.parts) {
      const auto part = parts_.find(id);
      if (part == parts_.end()) continue;
      if (changes_nothing(part->second)) {
        pause_part(now, id, OpError::no_route);
      } else {
        on_doubt(now, id, doubt);
      }
    }
  }
}

void OpMachine::on_reply(Now now, const PeerRef& from, RequestId id, ClientReplyMessage&& reply) {
  const auto link = links_.find(from);
  if (link == links_.end()) return;
  link->second.silent_since.reset();
  link->second.heard_at = now.monotonic;
  const auto found = requests_.find(id);
  if (found == requests_.end() || found->second.to != from) return;
  auto* const batch = std::get_if<BatchReply>(&reply);
  if (!has_shape(found->second, reply)) {
    out_.emplace_back(Disconnect{from});
    drop_link(now, from, LinkDown::lost);
  } else if (batch != nullptr && (found->second.bundle || !batch->places.empty())) {
    if (batch->places.empty()) {  // of all of them
      batch->places.resize(batch->answers.size());
      std::iota(batch->places.begin(), batch->places.end(), std::uint16_t{0});
    }
    on_some(now, id, std::move(*batch));
  } else {
    Request request = std::move(found->second);
    requests_.erase(found);
    if (request.bundle) unbundle(request, id);
    std::visit([&](auto& each) { on_answer(now, request, std::move(each)); }, reply);
  }
  flush(now);
}

void OpMachine::on_progress(Now now, const PeerRef& peer) {
  const auto link = links_.find(peer);
  if (link == links_.end()) return;
  if (link->second.silent_since) link->second.silent_since = now.monotonic;
  link->second.heard_at = now.monotonic;
}

bool OpMachine::has_shape(const Request& request, const ClientReplyMessage& reply) const {
  if (std::holds_alternative<ErrorReply>(reply)) return true;
  if (const auto* batch = std::get_if<BatchReply>(&reply)) {
    const std::size_t asked = request.bundle ? request.bundle->ended.size() : request.parts.size();
    if (!request.batch || batch->answers.size() > asked) return false;
    if (batch->places.empty()) {
      return batch->answers.size() == asked && (!request.bundle || request.bundle->open == asked);
    }
    return std::all_of(batch->places.begin(), batch->places.end(),
                       [&](std::uint16_t place) { return place < asked; });
  }
  if (request.batch) return false;
  const Part& part = parts_.at(request.parts.front());
  if (std::holds_alternative<OpReply>(reply)) return std::holds_alternative<Operation>(part.what);
  if (std::holds_alternative<ScanReply>(reply)) return std::holds_alternative<Scan>(part.what);
  const auto* report = std::get_if<Report>(&part.what);
  return report != nullptr &&
         report->repair.has_value() == std::holds_alternative<RepairReply>(reply);
}

// Answers to some of a batch. What needs more than its result makes parts of all that are open.
void OpMachine::on_some(Now now, RequestId id, BatchReply&& reply) {
  Request& request = requests_.at(id);
  const auto is_result = [](const OpAnswer& answer) {
    const auto* const result = std::get_if<OpResult>(&answer);
    return result != nullptr && !result->error;
  };
  const bool are_results = std::all_of(reply.answers.begin(), reply.answers.end(), is_result);
  if (request.bundle && !are_results) unbundle(request, id);
  Request some{request.to, true, {}, 0};
  if (request.bundle) {
    Bundle& bundle = *request.bundle;
    for (std::size_t i = 0; i < reply.places.size(); ++i) {
      if (bundle.ended[reply.places[i]]) continue;  // nobody of ours says it twice
      end_in_bundle(bundle, reply.places[i], std::get<OpResult>(std::move(reply.answers[i])));
    }
    reply.answers.clear();
    if (bundle.open == 0) {
      forget_bundle(request);
      requests_.erase(id);
    }
  } else {
    for (const std::uint16_t place : reply.places) {
      some.parts.push_back(std::exchange(request.parts[place], 0));
      const auto part = parts_.find(some.parts.back());
      if (part == parts_.end()) continue;
      part->second.state = State::walking;  // it is in flight no more
      request.open -= 1;
    }
    if (request.open == 0) requests_.erase(id);
  }
  on_answer(now, some, std::move(reply));
}

void OpMachine::on_answer(Now now, const Request& request, OpReply&& reply) {
  const PartId id = request.parts.front();
  if (reply.view) adopt(*reply.view);
  if (reply.mark) note(now, *reply.mark, parts_.at(id));
  if (const auto* redirect = std::get_if<Redirect>(&reply.answer)) {
    learn(request.to, parts_.at(id), *redirect);
  }
  settle(now, id, std::move(reply.answer));
}

// All that the reply tells of arcs is learnt before any operation is sent on by it.
void OpMachine::on_answer(Now now, const Request& request, BatchReply&& reply) {
  for (const View& view : reply.views) adopt(view);
  for (const ArcMark& mark : reply.marks) cache_.note(now.monotonic, mark);
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    const auto* redirect = std::get_if<Redirect>(&reply.answers[i]);
    const auto part = parts_.find(request.parts[i]);
    const auto* result = std::get_if<OpResult>(&reply.answers[i]);
    if (result != nullptr && result->error == OpError::stale_stamp && part != parts_.end()) {
      for (const ArcMark& mark : reply.marks) note(now, mark, part->second);
    }
    if (redirect != nullptr && part != parts_.end()) {
      learn(request.to, part->second, *redirect);
    }
  }
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    if (!parts_.contains(request.parts[i])) continue;
    settle(now, request.parts[i], std::move(reply.answers[i]));
  }
}

void OpMachine::on_answer(Now now, const Request& request, ScanReply&& reply) {
  const PartId id = request.parts.front();
  if (reply.view) adopt(*reply.view);
  if (const auto* redirect = std::get_if<Redirect>(&reply.answer)) {
    learn(request.to, parts_.at(id), *redirect);
    return follow(now, id, *redirect);
  }
  count_hops(parts_.at(id));
  finish(id, ScanResult{std::nullopt, std::get<ScanStep>(std::move(reply.answer))});
}

void OpMachine::on_answer(Now, const Request& request, ReportReply&& reply) {
  book_.learn(reply.self);
  for (const PeerRef& peer : reply.known) book_.learn(peer);
  for (const ArcReport& arc : reply.arcs) adopt(arc.view);
  finish(request.parts.front(), ReportResult{std::nullopt, std::move(reply)});
}

void OpMachine::on_answer(Now, const Request& request, RepairReply&& reply) {
  finish(request.parts.front(), RepairResult{std::nullopt, reply.repaired});
}

void OpMachine::on_answer(Now now, const Request& request, ErrorReply&& reply) {
  for (const PartId id : request.parts) {
    if (parts_.contains(id)) settle_error(now, id, reply.error);
  }
}

void OpMachine::settle(Now now, PartId id, OpAnswer&& answer) {
  if (const auto* redirect = std::get_if<Redirect>(&answer)) return follow(now, id, *redirect);
  auto& result = std::get<OpResult>(answer);
  if (result.error) return settle_error(now, id, *result.error);
  count_hops(parts_.at(id));
  finish(id, std::move(result));
}

void OpMachine::note(Now now, const ArcMark& mark, Part& part) {
  cache_.note(now.monotonic, mark);
  if (contains(mark.arc, part.position)) part.told = mark;
}

void OpMachine::on_doubt(Now now, PartId id, OpError error) {
  Part& part = parts_.at(id);
  if (changes_nothing(part)) return pause_part(now, id, OpError::moving);
  if (!part.stamp) return finish_with(id, error);
  if (!part.doubt) part.doubt = error;
  pause_part(now, id, error);
}

// This request was not executed. If there was none before, nothing has happened: once more at once,
// by what the peer has told of the arc.
void OpMachine::on_stale_stamp(Now now, PartId id) {
  Part& part = parts_.at(id);
  if (part.doubt || !part.stamp) return finish_with(id, OpError::unknown);
  if (++part.refusals > 1) return pause_part(now, id, OpError::overloaded);
  part.candidates.clear();
  part.asked.clear();
  walk(now, id);
}

// Three errors pass: the queue empties, the arc arrives, the peer finds its ring. What is in doubt
// may have been executed before a peer refused it; only an operation's own errors are its outcome.
void OpMachine::settle_error(Now now, PartId id, OpError error) {
  if (error == OpError::stale_stamp) return on_stale_stamp(now, id);
  if (error == OpError::unknown) return on_doubt(now, id, error);
  if (error == OpError::unavailable && asks_others(now, id)) return walk(now, id);
  const bool passes =
      error == OpError::overloaded || error == OpError::moving || error == OpError::no_route;
  const bool is_own = error == OpError::wrong_type || error == OpError::overflow;
  const bool in_doubt = parts_.at(id).doubt && is_definite(error) && !is_own;
  if (passes || in_doubt) return pause_part(now, id, error);
  finish_with(id, error);
}

// A member that has heard of no primary for long may be the one that is cut off, or that has been
// left out: a few others are asked before it is believed.
bool OpMachine::asks_others(Now now, PartId id) {
  Part& part = parts_.at(id);
  if (!ring_ || ring_->replicas == 1 || part.denials == limits_.denials_max) return false;
  part.denials += 1;
  part.last_error = OpError::unavailable;
  set_timer(id, part, now.monotonic + limits_.opinion_max);
  return true;
}

// For a second opinion: what was sent and may be executed goes on waiting.
bool OpMachine::has_waited(const Part& part) {
  const bool is_harmless = part.state == State::waiting || changes_nothing(part);
  const bool is_denied = part.denials > 0 && !part.is_disputed;
  return part.state != State::pausing && is_denied && is_harmless && !part.doubt;
}

void OpMachine::count_hops(const Part& part) {
  figures_.by_hops[std::min<std::size_t>(part.hops, hops_counted_max)] += 1;
}

}  // namespace hopring
