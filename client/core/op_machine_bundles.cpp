// Operations as they usually go: their arcs are known, the peers that hold them are connected, and
// each ends with its result.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "client/core/op_machine.hpp"

namespace hopring {

namespace {

constexpr std::size_t operations_expected = 8;  // in a bundle; it grows beyond

}  // namespace

// The peer that a fresh part for the position would be sent to; nullptr: it would have to wait, or
// nobody is known.
const PeerRef* OpMachine::bundle_route(Now now, Position position) const {
  if (const View* view = cache_.find(position); view != nullptr) {
    // Nearly always. What is connected is neither down nor has it failed.
    const auto link = links_.find(primary_of(*view));
    if (link != links_.end() && link->second.connected) return &link->first;
  }
  const PeerRef* const to = known_route(now, position, {}, false);
  const auto link = to == nullptr ? links_.end() : links_.find(*to);
  return link != links_.end() && link->second.connected ? to : nullptr;
}

// False: it has to go as a part of its own, and is left as it was.
bool OpMachine::join_bundle(Now now, const Target& target, Operation& operation) {
  if (!ring_ || problem(operation, ring_->value_bytes_max)) return false;
  const Position position = position_of(ring_->hash_key, key_of(operation));
  const PeerRef* const to = bundle_route(now, position);
  if (to == nullptr) return false;
  const auto [open, is_new] = open_bundles_.try_emplace(*to);
  Bundle& bundle = open->second;
  if (is_new) {
    bundle.deadline = target.deadline;
    bundle.asked.operations.reserve(operations_expected);
    bundle.asked.known.reserve(operations_expected);
    bundle.targets.reserve(operations_expected);
  }
  const std::size_t bytes = payload_bytes(operation);
  BatchRequest& asked = bundle.asked;
  const bool is_full = asked.operations.size() == batch_operations_max ||
                       bundle.bytes + bytes > limits_.batch_bytes_max;
  if (is_full && !asked.operations.empty()) {
    send_bundle(now, *to, std::exchange(bundle, Bundle{}));
    bundle.deadline = target.deadline;
  }
  const bool is_stamped = ring_->replicas > 1 && !std::holds_alternative<Get>(operation);
  if (is_stamped) {
    if (asked.stamps.empty()) asked.stamps.reserve(operations_expected);
    asked.stamps.resize(asked.operations.size() + 1);
    asked.stamps.back() = fresh_stamp(now, position, {}, bytes);
  }
  asked.known.push_back(cache_.view_mark_at(position));
  bundle.targets.push_back(target);
  asked.operations.push_back(std::move(operation));
  bundle.bytes += bytes;
  bundle.deadline = std::min(bundle.deadline, target.deadline);
  bundled_ += 1;
  return true;
}

void OpMachine::send_bundles(Now now) {
  for (auto& [peer, bundle] : open_bundles_) send_bundle(now, peer, std::move(bundle));
  open_bundles_.clear();
}

void OpMachine::send_bundle(Now now, const PeerRef& to, Bundle&& bundle) {
  const RequestId id{next_request_++};
  bundle.timer = next_part_++;
  BatchRequest& asked = bundle.asked;
  if (!asked.stamps.empty()) asked.stamps.resize(asked.operations.size());
  bundle.open = asked.operations.size();
  bundle.ended.resize(bundle.open);
  expect_reply(now, links_.at(to));
  timers_.emplace(bundle.deadline, bundle.timer);
  bundles_.emplace(bundle.timer, id);
  figures_.requests += 1;
  bundle.sent.emplace(std::move(asked));
  out_.emplace_back(SendRequest{to, id, *bundle.sent});
  const Duration patience = patience_for(bundle.bytes);
  requests_.emplace(
      id, Request{to, true, {}, 0, patience, std::make_unique<Bundle>(std::move(bundle))});
}

// The link is gone before it was sent: nothing has happened.
void OpMachine::start_anew(Now now, Bundle&& bundle) {
  std::vector<Operation>& operations = bundle.asked.operations;
  bundled_ -= operations.size();
  for (std::size_t i = 0; i < operations.size(); ++i) {
    Part part;
    part.token = bundle.targets[i].token;
    part.batch_index = bundle.targets[i].batch_index;
    part.what = std::move(operations[i]);
    part.deadline = bundle.targets[i].deadline;
    begin(now, std::move(part));
  }
}

// As it would be, had it been sent as a part.
OpMachine::PartId OpMachine::unbundle_one(const Request& request, RequestId id, std::size_t i) {
  const Bundle& bundle = *request.bundle;
  const auto& sent = std::get<BatchRequest>(**bundle.sent);
  const PartId part_id = next_part_++;
  Part& part = parts_[part_id];
  part.token = bundle.targets[i].token;
  part.batch_index = bundle.targets[i].batch_index;
  part.position = position_of(ring_->hash_key, key_of(sent.operations[i]));
  part.what = sent.operations[i];
  part.deadline = part.timer = bundle.targets[i].deadline;
  part.state = State::in_flight;
  part.link = request.to;
  part.request = id;
  part.asked.push_back(request.to);
  if (!sent.stamps.empty()) part.stamp = sent.stamps[i];
  timers_.emplace(part.timer, part_id);
  bundled_ -= 1;
  return part_id;
}

void OpMachine::unbundle(Request& request, RequestId id) {
  const Bundle& bundle = *request.bundle;
  for (std::size_t i = 0; i < bundle.ended.size(); ++i) {
    request.parts.push_back(bundle.ended[i] ? PartId{0} : unbundle_one(request, id, i));
  }
  request.open = bundle.open;
  forget_bundle(request);
}

void OpMachine::forget_bundle(Request& request) {
  timers_.erase({request.bundle->deadline, request.bundle->timer});
  bundles_.erase(request.bundle->timer);
  request.bundle.reset();
}

// Of this peer; nullptr: of all.
void OpMachine::unbundle_all(const PeerRef* of) {
  for (auto& [id, request] : requests_) {
    if (request.bundle && (of == nullptr || request.to == *of)) unbundle(request, id);
  }
}

void OpMachine::end_in_bundle(Bundle& bundle, std::size_t i, OpResult&& result) {
  const auto& [token, batch_index, _] = bundle.targets[i];
  if (batch_index) {
    finish_in_batch(token, *batch_index, std::move(result));
  } else {
    out_.emplace_back(Finish{token, std::move(result)});
  }
  bundle.ended[i] = true;
  bundle.open -= 1;
  bundled_ -= 1;
  figures_.by_hops[0] += 1;
}

}  // namespace hopring
