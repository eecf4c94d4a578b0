// The life of an operation: how it starts, waits and ends.

#include "client/core/op_machine.hpp"

#include <algorithm>
#include <limits>

#include "base/check.hpp"

namespace hopring {
namespace {

std::optional<OpError> problem(const Scan& scan) {
  if (scan.records_max == 0 || scan.records_max > scan_records_max) {
    return OpError::invalid_argument;
  }
  const std::size_t longest = std::max(scan.prefix.size(), scan.cursor.last_key.size());
  return longest > key_bytes_max ? std::optional(OpError::key_too_long) : std::nullopt;
}

}  // namespace

double ClientFigures::hops_mean() const {
  std::uint64_t operations = 0;
  std::uint64_t hops = 0;
  for (std::size_t i = 0; i < by_hops.size(); ++i) {
    operations += by_hops[i];
    hops += by_hops[i] * i;
  }
  return operations == 0 ? 0 : static_cast<double>(hops) / static_cast<double>(operations);
}

OpMachine::OpMachine(const ClientLimits& limits, const std::vector<Endpoint>& contacts, Rng rng)
    : limits_(limits), rng_(rng), cache_(limits.arcs_max), book_(limits_, contacts) {
  HOPRING_CHECK(!problem(limits_));
  HOPRING_CHECK(!contacts.empty());
}

void OpMachine::start(Now now, Token token, Operation operation, Time deadline) {
  Part part;
  part.token = token;
  part.what = std::move(operation);
  part.deadline = deadline;
  begin(now, std::move(part));
  flush(now);
}

void OpMachine::start_in_turn(Now now, Token token, Operation operation, Time deadline) {
  const bool is_joining =
      has_room(1) && join_bundle(now, {token, std::nullopt, deadline}, operation);
  if (!is_joining) start(now, token, std::move(operation), deadline);
}

void OpMachine::start_batch(Now now, Token token, std::vector<Operation> operations,
                            Time deadline) {
  std::vector<OpResult> results(operations.size());
  if (operations.empty() || !has_room(operations.size())) {
    for (OpResult& result : results) result.error = OpError::overloaded;
    out_.emplace_back(Finish{token, std::move(results)});
    return;
  }
  batches_[token] = Batch{std::move(results), operations.size()};
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (join_bundle(now, {token, i, deadline}, operations[i])) continue;
    Part part;
    part.token = token;
    part.batch_index = i;
    part.what = std::move(operations[i]);
    part.deadline = deadline;
    begin(now, std::move(part));
  }
  flush(now);
}

void OpMachine::start_scan_step(Now now, Token token, Scan scan, Time deadline) {
  Part part;
  part.token = token;
  part.what = std::move(scan);
  part.deadline = deadline;
  begin(now, std::move(part));
  flush(now);
}

void OpMachine::start_report(Now now, Token token, std::optional<PeerRef> of, Time deadline) {
  Part part;
  part.token = token;
  part.what = Report{of};
  part.deadline = deadline;
  begin(now, std::move(part));
  flush(now);
}

void OpMachine::start_repair(Now now, Token token, const PeerRef& at, const Repair& repair,
                             Time deadline) {
  Part part;
  part.token = token;
  part.what = Report{at, repair};
  part.deadline = deadline;
  begin(now, std::move(part));
  flush(now);
}

void OpMachine::begin(Now now, Part&& part) {
  const bool room = has_room(1);
  const PartId id = next_part_++;
  Part& added = parts_.emplace(id, std::move(part)).first->second;
  timers_.emplace(added.deadline, id);
  added.timer = added.deadline;
  if (!room) return finish_with(id, OpError::overloaded);
  if (const auto error = place(added)) return finish_with(id, *error);
  walk(now, id);
}

// Finds the position, as soon as the ring is known, and says what is wrong with the request.
std::optional<OpError> OpMachine::place(Part& part) const {
  if (const auto* scan = std::get_if<Scan>(&part.what)) {
    part.position = scan->cursor.position;
    return problem(*scan);
  }
  const auto* operation = std::get_if<Operation>(&part.what);
  if (operation == nullptr) return std::nullopt;
  if (ring_) part.position = position_of(ring_->hash_key, key_of(*operation));
  return problem(*operation,
                 ring_ ? ring_->value_bytes_max : std::numeric_limits<std::size_t>::max());
}

void OpMachine::set_timer(PartId id, Part& part, Time time) {
  timers_.erase({part.timer, id});
  part.timer = std::min(time, part.deadline);
  timers_.emplace(part.timer, id);
}

Time OpMachine::next_deadline() const {
  const Time next = std::min(next_look_, next_dial_end_);
  return timers_.empty() ? next : std::min(next, timers_.begin()->first);
}

void OpMachine::on_deadline(Now now) {
  while (!timers_.empty() && timers_.begin()->first <= now.monotonic) {
    const PartId id = timers_.begin()->second;
    if (const auto bundle = bundles_.find(id); bundle != bundles_.end()) {
      unbundle(requests_.at(bundle->second), bundle->second);
      continue;
    }
    Part& part = parts_.at(id);
    if (part.deadline <= now.monotonic) {
      expire(now, id, part);
    } else {
      set_timer(id, part, part.deadline);
      if (part.state == State::pausing) {
        walk(now, id);
      } else if (has_waited(part)) {
        finish_with(id, OpError::unavailable);
      }
    }
  }
  if (next_look_ <= now.monotonic) look_for_silence(now);
  if (next_dial_end_ <= now.monotonic) end_dials(now);
  flush(now);
}

void OpMachine::expire(Now now, PartId id, const Part& part) {
  if (part.state != State::in_flight) {
    // There is a ring that answers: only whoever serves this key could not be reached.
    const bool is_alone = part.last_error == OpError::no_route && answers_anybody();
    const OpError error = is_alone ? OpError::unavailable : part.last_error;
    return finish_with(id, part.doubt.value_or(error));
  }
  const PeerRef asked = requests_.at(part.request).to;
  finish_with(id, OpError::timed_out);
  give_up_if_silent(now, asked);
}

bool OpMachine::answers_anybody() const {
  return std::any_of(links_.begin(), links_.end(), [](const auto& each) {
    return each.second.connected && !each.second.silent_since;
  });
}

// A peer that hangs, or a path that swallows packets, is not noticed by its connection for long.
void OpMachine::give_up_if_silent(Now now, const PeerRef& peer) {
  const auto link = links_.find(peer);
  if (link == links_.end() || !link->second.silent_since) return;
  const bool is_silent = now.monotonic - *link->second.silent_since >= limits_.silence_max;
  if (is_silent && !waits_for_long(peer)) give_up(now, peer);
}

// What waited for it must not turn to it once more. What is tried elsewhere from now on, and comes
// to nothing until its deadline, was waited for in vain: its connection was not lost, but closed
// here.
void OpMachine::give_up(Now now, const PeerRef& peer) {
  cache_.forget(peer);
  book_.on_unreachable(now.monotonic, peer, rng_);
  book_.leave_alone(peer, now.monotonic + limits_.silence_max);
  out_.emplace_back(Disconnect{peer});
  drop_link(now, peer, LinkDown::lost,
            arcs_have_copies() ? OpError::timed_out : OpError::connection_lost);
}

void OpMachine::expect_reply(Now now, Link& link) {
  if (!link.silent_since) link.silent_since = now.monotonic;
  if (arcs_have_copies()) next_look_ = std::min(next_look_, now.monotonic + limits_.silence_max);
}

Duration OpMachine::patience_for(std::size_t bytes) const {
  return limits_.silence_max + passing_time(limits_, bytes);
}

bool OpMachine::waits_for_long(const PeerRef& peer) const {
  return std::any_of(requests_.begin(), requests_.end(), [&](const auto& each) {
    return each.second.to == peer && each.second.patience > limits_.silence_max;
  });
}

// The peers by which operations wait, and for how long nothing need be heard of them. Who is asked
// for a report or a repair may have to ask others.
std::map<PeerRef, Duration> OpMachine::awaited() const {
  std::map<PeerRef, Duration> peers;
  std::set<PeerRef> busy;
  for (const auto& [id, request] : requests_) {
    Duration& patience = peers[request.to];
    patience = std::max(patience, request.patience);
    const auto part = request.batch ? parts_.end() : parts_.find(request.parts.front());
    const bool is_report =
        part != parts_.end() && std::holds_alternative<Report>(part->second.what);
    if (is_report) busy.insert(request.to);
  }
  for (const PeerRef& each : busy) peers.erase(each);
  return peers;
}

// A request that was sent before the last reply waits since that.
void OpMachine::look_for_silence(Now now) {
  const bool is_late = now.monotonic - next_look_ > limits_.silence_max / 4;
  next_look_ = Time::never();
  std::vector<PeerRef> silent;
  for (const auto& [peer, patience] : awaited()) {
    Link& link = links_.at(peer);
    if (is_late) link.silent_since = now.monotonic;
    const Time ends = link.silent_since.value_or(link.heard_at) + patience;
    if (ends <= now.monotonic) {
      silent.push_back(peer);
    } else {
      next_look_ = std::min(next_look_, ends);
    }
  }
  for (const PeerRef& peer : silent) give_up(now, peer);
}

// When the next dial ends to which nobody has answered.
Time OpMachine::next_dial_end() const {
  Time next = Time::never();
  for (const auto& [peer, link] : links_) {
    if (!link.connected) next = std::min(next, link.dialled + limits_.silence_max);
  }
  return next;
}

void OpMachine::end_dials(Now now) {
  const bool is_late = now.monotonic - next_dial_end_ > limits_.silence_max / 4;
  std::vector<PeerRef> unanswered;
  for (auto& [peer, link] : links_) {
    if (link.connected) continue;
    if (is_late) link.dialled = now.monotonic;
    if (link.dialled + limits_.silence_max <= now.monotonic) unanswered.push_back(peer);
  }
  next_dial_end_ = next_dial_end();
  for (const PeerRef& peer : unanswered) {
    out_.emplace_back(Disconnect{peer});
    drop_link(now, peer, LinkDown::unreachable);
  }
}

void OpMachine::on_stop(Now now) {
  send_bundles(now);
  unbundle_all(nullptr);
  std::vector<PartId> ids;
  for (const auto& [id, part] : parts_) ids.push_back(id);
  for (const PartId id : ids) {
    const Part& part = parts_.at(id);
    const bool is_sent = part.state == State::in_flight && !changes_nothing(part);
    finish_with(id, is_sent || part.doubt ? OpError::connection_lost : OpError::cancelled);
  }
  flush(now);
}

bool OpMachine::is_read(const Part& part) {
  const auto* operation = std::get_if<Operation>(&part.what);
  return operation == nullptr || std::holds_alternative<Get>(*operation);
}

// What was sent of it last: a write whose stamp names no order of the arc is executed by nobody.
bool OpMachine::changes_nothing(const Part& part) {
  return is_read(part) || (part.stamp && part.stamp->order == 0);
}

void OpMachine::finish_with(PartId id, OpError error) {
  const Part& part = parts_.at(id);
  if (std::holds_alternative<Scan>(part.what)) return finish(id, ScanResult{error, {}});
  if (const auto* report = std::get_if<Report>(&part.what)) {
    if (report->repair) return finish(id, RepairResult{error, {}});
    return finish(id, ReportResult{error, {}});
  }
  finish(id, error_result(error));
}

void OpMachine::finish(PartId id, Finished&& result) {
  const auto found = parts_.find(id);
  HOPRING_CHECK(found != parts_.end());
  const Part& part = found->second;
  if (part.state == State::in_flight) release_request(part);
  timers_.erase({part.timer, id});
  if (part.batch_index) {
    finish_in_batch(part.token, *part.batch_index, std::get<OpResult>(std::move(result)));
  } else {
    out_.emplace_back(Finish{part.token, std::move(result)});
  }
  parts_.erase(found);
}

void OpMachine::finish_in_batch(Token token, std::size_t index, OpResult&& result) {
  const auto batch = batches_.find(token);
  batch->second.results[index] = std::move(result);
  if (--batch->second.open > 0) return;
  out_.emplace_back(Finish{token, std::move(batch->second.results)});
  batches_.erase(batch);
}

// A request of which every part has ended is forgotten: its reply, if it still comes, is late.
void OpMachine::release_request(const Part& part) {
  const auto request = requests_.find(part.request);
  if (request != requests_.end() && --request->second.open == 0) requests_.erase(request);
}

void OpMachine::audit() const {
  HOPRING_CHECK(in_flight() <= limits_.operations_max);
  HOPRING_CHECK(timers_.size() == parts_.size() + bundles_.size());
  HOPRING_CHECK(ready_.empty());
  std::size_t bundled = 0;
  for (const auto& [peer, bundle] : open_bundles_) {
    HOPRING_CHECK(links_.at(peer).connected && !bundle.asked.operations.empty());
    bundled += bundle.asked.operations.size();
  }
  std::size_t in_flight = 0;
  for (const auto& [id, part] : parts_) {
    HOPRING_CHECK(timers_.contains({part.timer, id}));
    HOPRING_CHECK(part.state != State::walking);
    HOPRING_CHECK(part.asked.size() <= limits_.hops_max + 1);
    if (part.state == State::in_flight) in_flight += 1;
    if (part.state == State::waiting) HOPRING_CHECK(links_.contains(part.link));
  }
  for (const auto& [id, request] : requests_) {
    HOPRING_CHECK(request.bundle != nullptr || request.open > 0);
    if (request.bundle) {
      HOPRING_CHECK(bundles_.at(request.bundle->timer) == id && request.open == 0);
      HOPRING_CHECK(request.bundle->open > 0);
      bundled += request.bundle->open;
    }
    HOPRING_CHECK(links_.at(request.to).connected);
    in_flight -= request.open;
  }
  HOPRING_CHECK(in_flight == 0 && bundled == bundled_);
  cache_.audit();
  book_.audit();
}

}  // namespace hopring
