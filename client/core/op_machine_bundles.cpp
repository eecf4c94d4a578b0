// Batches as they usually go: the arcs are known, their primaries are connected, and each operation
// ends with its result.

#include <utility>

#include "base/check.hpp"
#include "client/core/op_machine.hpp"

namespace hopring {

// The peer that a fresh part for the position would be sent to; nullptr: it would have to wait, or
// nobody is known.
const PeerRef* OpMachine::bundle_route(Now now, Position position) const {
  const PeerRef* const to = known_route(now, position, {});
  const auto link = to == nullptr ? links_.end() : links_.find(*to);
  return link != links_.end() && link->second.connected ? to : nullptr;
}

// False: it has to go as a part of its own, and is left as it was.
bool OpMachine::join_bundle(Now now, const Bundle& like, std::size_t index, Operation& operation,
                            Bundles& bundles) {
  if (!ring_ || problem(operation, ring_->value_bytes_max)) return false;
  const Position position = position_of(ring_->hash_key, key_of(operation));
  const PeerRef* const to = bundle_route(now, position);
  if (to == nullptr) return false;
  Bundle& bundle = bundles.try_emplace(*to, like).first->second;
  const std::size_t bytes = payload_bytes(operation);
  const bool is_full = bundle.operations.size() == batch_operations_max ||
                       bundle.bytes + bytes > limits_.batch_bytes_max;
  if (is_full && !bundle.operations.empty()) {
    send_bundle(now, *to, std::exchange(bundle, like));
  }
  const bool is_stamped = ring_->replicas > 1 && !std::holds_alternative<Get>(operation);
  if (is_stamped) {
    bundle.stamps.resize(bundle.operations.size() + 1);
    bundle.stamps.back() = fresh_stamp(position, {});
  }
  bundle.indexes.push_back(index);
  bundle.operations.push_back(std::move(operation));
  bundle.bytes += bytes;
  return true;
}

void OpMachine::send_bundle(Now now, const PeerRef& to, Bundle&& bundle) {
  const RequestId id{next_request_++};
  bundle.timer = next_part_++;
  if (!bundle.stamps.empty()) bundle.stamps.resize(bundle.operations.size());
  Link& link = links_.at(to);
  if (!link.silent_since) link.silent_since = now.monotonic;
  timers_.emplace(bundle.deadline, bundle.timer);
  bundles_.emplace(bundle.timer, id);
  bundled_ += bundle.operations.size();
  figures_.requests += 1;
  out_.emplace_back(SendRequest{to, id, BatchRequest{bundle.operations, bundle.stamps}});
  requests_.emplace(id, Request{to, true, {}, 0, std::make_unique<Bundle>(std::move(bundle))});
}

// As it would be, had it been sent as a part.
OpMachine::PartId OpMachine::unbundle_one(const Request& request, RequestId id, std::size_t i) {
  Bundle& bundle = *request.bundle;
  const PartId part_id = next_part_++;
  Part& part = parts_[part_id];
  part.token = bundle.token;
  part.batch_index = bundle.indexes[i];
  part.position = position_of(ring_->hash_key, key_of(bundle.operations[i]));
  part.what = std::move(bundle.operations[i]);
  part.deadline = part.timer = bundle.deadline;
  part.state = State::in_flight;
  part.link = request.to;
  part.request = id;
  part.asked.push_back(request.to);
  if (!bundle.stamps.empty()) part.stamp = bundle.stamps[i];
  timers_.emplace(part.timer, part_id);
  bundled_ -= 1;
  return part_id;
}

void OpMachine::unbundle(Request& request, RequestId id) {
  const std::size_t count = request.bundle->operations.size();
  for (std::size_t i = 0; i < count; ++i) request.parts.push_back(unbundle_one(request, id, i));
  request.open = count;
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

// Results go to the batch; the others, and their answers, are left as those of a request of parts.
void OpMachine::on_bundle(Request& request, RequestId id, BatchReply& reply) {
  Bundle& bundle = *request.bundle;
  Batch& batch = batches_.at(bundle.token);
  std::vector<OpAnswer> others;
  for (std::size_t i = 0; i < reply.answers.size(); ++i) {
    auto* const result = std::get_if<OpResult>(&reply.answers[i]);
    if (result != nullptr && !result->error) {
      batch.results[bundle.indexes[i]] = std::move(*result);
      continue;
    }
    request.parts.push_back(unbundle_one(request, id, i));
    others.push_back(std::move(reply.answers[i]));
  }
  const std::size_t done = reply.answers.size() - others.size();
  figures_.by_hops[0] += done;
  bundled_ -= done;
  batch.open -= done;
  if (batch.open == 0) {
    out_.emplace_back(Finish{bundle.token, std::move(batch.results)});
    batches_.erase(bundle.token);
  }
  timers_.erase({bundle.deadline, bundle.timer});
  bundles_.erase(bundle.timer);
  request.open = request.parts.size();
  request.bundle.reset();
  reply.answers = std::move(others);
}

}  // namespace hopring
