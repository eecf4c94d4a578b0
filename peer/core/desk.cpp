#include "peer/core/desk.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.hpp"

namespace hopring {
namespace {

bool is_write(const Operation& operation) { return !std::holds_alternative<Get>(operation); }

std::size_t value_bytes(const OpAnswer& answer) {
  const auto* result = std::get_if<OpResult>(&answer);
  return result != nullptr && result->value ? result->value->bytes.size() : 0;
}

void add_view(std::vector<View>& views, View&& view) {
  if (view.members.empty()) return;
  if (std::find(views.begin(), views.end(), view) == views.end()) views.push_back(std::move(view));
}

}  // namespace

// Requests.

std::optional<ClientReplyMessage> Desk::on_request(Now now, const Ticket& asker,
                                                   ClientRequestMessage&& request,
                                                   DeskOutbox& out) {
  if (std::holds_alternative<ReportRequest>(request)) {
    const std::uint64_t gather = open_gather(asker);
    out.notes.push_back(ReportWanted{index_, open_part(gather, {})});
    return std::nullopt;
  }
  if (shards_ > 1 && shard_.ring() != nullptr) {
    const std::vector<std::uint32_t> to = shards_of(request);
    if (std::adjacent_find(to.begin(), to.end(), std::not_equal_to<>()) != to.end()) {
      cut(asker, std::get<BatchRequest>(std::move(request)), to, out);
      return std::nullopt;
    }
    if (!to.empty() && to.front() != index_) {
      send(to.front(), open_part(open_gather(asker), {}), std::move(request), asker.is_alone, out);
      return std::nullopt;
    }
  }
  Holes holes;
  ClientReplyMessage reply = perform(now, request, {}, holes, out);
  if (holes.empty()) return reply;
  const std::uint64_t number = open_part(open_gather(asker), {});
  out.notes.push_back(Unserved{index_, {number, std::move(reply)}, std::move(holes)});
  return std::nullopt;
}

// One errand for each shard that has a part in it, this one included.
void Desk::cut(const Ticket& asker, BatchRequest&& request, const std::vector<std::uint32_t>& to,
               DeskOutbox& out) {
  BatchReply reply;
  reply.answers.resize(request.operations.size());
  const std::uint64_t gather = open_gather(asker, std::move(reply));
  std::vector<BatchRequest> requests(shards_);
  std::vector<std::vector<std::uint32_t>> slots(shards_);
  for (std::uint32_t i = 0; i < request.operations.size(); ++i) {
    gathers_.at(gather).is_read.push_back(!is_write(request.operations[i]));
    requests[to[i]].operations.push_back(std::move(request.operations[i]));
    slots[to[i]].push_back(i);
  }
  for (std::uint32_t desk = 0; desk < shards_; ++desk) {
    if (slots[desk].empty()) continue;
    send(desk, open_part(gather, std::move(slots[desk])), std::move(requests[desk]), asker.is_alone,
         out);
  }
}

std::uint64_t Desk::open_gather(const Ticket& asker, ClientReplyMessage&& reply) {
  gathers_.emplace(++last_number_, Gather{asker, std::move(reply)});
  return last_number_;
}

std::uint64_t Desk::open_part(std::uint64_t gather, std::vector<std::uint32_t>&& slots) {
  gathers_.at(gather).missing += 1;
  parts_.emplace(++last_number_, Part{gather, std::move(slots)});
  return last_number_;
}

// Of each of its operations; of a scan, the one where it goes on.
std::vector<std::uint32_t> Desk::shards_of(const ClientRequestMessage& request) const {
  const RingConfig& ring = *shard_.ring();
  std::vector<std::uint32_t> shards;
  const auto add = [&](Position position) {
    shards.push_back(shard_of(position, ring.nodes_per_peer, shards_));
  };
  const auto add_operation = [&](const Operation& each) {
    add(position_of(ring.hash_key, key_of(each)));
  };
  if (const auto* op = std::get_if<OpRequest>(&request)) {
    add_operation(op->operation);
  } else if (const auto* scan = std::get_if<ScanRequest>(&request)) {
    add(scan->scan.cursor.position);
  } else if (const auto* batch = std::get_if<BatchRequest>(&request)) {
    shards.reserve(batch->operations.size());
    for (const Operation& each : batch->operations) add_operation(each);
  }
  return shards;
}

void Desk::send(std::uint32_t to, std::uint64_t number, ClientRequestMessage&& request,
                bool is_alone, DeskOutbox& out) {
  out.errands.push_back(ToDesk{to, Errand{index_, number, std::move(request), is_alone}});
}

// Errands.

void Desk::on(Now now, Errand&& errand, DeskOutbox& out) {
  Holes holes;
  const Bounds bounds = errand.is_alone ? Bounds{} : beside_others;
  ErrandDone done{errand.number, perform(now, errand.request, bounds, holes, out)};
  if (holes.empty()) {
    out.errands.push_back(ToDesk{errand.from, std::move(done)});
  } else {
    out.notes.push_back(Unserved{errand.from, std::move(done), std::move(holes)});
  }
}

void Desk::on(Now, ErrandDone&& done, DeskOutbox& out) {
  const auto part = parts_.find(done.number);
  HOPRING_CHECK(part != parts_.end());
  const auto found = gathers_.find(part->second.gather);
  Gather& gather = found->second;
  if (part->second.slots.empty()) {
    gather.reply = std::move(done.reply);
  } else {
    put_in(gather, part->second, std::get<BatchReply>(std::move(done.reply)));
  }
  parts_.erase(part);
  if (--gather.missing > 0) return;
  out.replies.push_back(SendReply{gather.asker, std::move(gather.reply)});
  gathers_.erase(found);
}

// Each part keeps to the bound; together they may exceed it. What was only read can be read again.
void Desk::put_in(Gather& gather, const Part& part, BatchReply&& given) {
  auto& whole = std::get<BatchReply>(gather.reply);
  for (std::size_t i = 0; i < given.answers.size(); ++i) {
    const std::uint32_t slot = part.slots[i];
    const std::size_t bytes = value_bytes(given.answers[i]);
    if (bytes > 0 && gather.is_read[slot] && gather.bytes > batch_reply_bytes_max) {
      whole.answers[slot] = error_result(OpError::overloaded);
    } else {
      whole.answers[slot] = std::move(given.answers[i]);
      gather.bytes += bytes;
    }
  }
  for (View& view : given.views) add_view(whole.views, std::move(view));
}

// What this shard serves.

ClientReplyMessage Desk::perform(Now now, const ClientRequestMessage& request, const Bounds& bounds,
                                 Holes& holes, DeskOutbox& out) {
  return std::visit([&](const auto& each) { return perform_each(now, each, bounds, holes, out); },
                    request);
}

std::optional<OpResult> Desk::execute(Now now, const Operation& operation, View* executed_in,
                                      DeskOutbox& out) {
  if (shard_.ring() == nullptr) return error_result(OpError::unavailable);
  if (const auto error = problem(operation, shard_.ring()->value_bytes_max))
    return error_result(*error);
  if (is_write(operation) && !shard_.takes_writes()) {
    tell_of_write(now, out);
    return error_result(OpError::moving);
  }
  OpResult result;
  if (!shard_.execute(now, operation, result, executed_in, out.news)) return std::nullopt;
  return result;
}

// A result with a long value has changed nothing: a get's, or that of a compare-and-set which found
// another value. So it may be refused as if it had not been executed.
ClientReplyMessage Desk::perform_each(Now now, const OpRequest& request, const Bounds& bounds,
                                      Holes& holes, DeskOutbox& out) {
  OpReply reply;
  View view;
  if (auto result = execute(now, request.operation, &view, out)) {
    reply.answer = std::move(*result);
    if (value_bytes(reply.answer) > bounds.value) reply.answer = error_result(OpError::overloaded);
    if (!view.members.empty()) reply.view = std::move(view);
  } else {
    const HashKey& hash_key = shard_.ring()->hash_key;
    holes.emplace_back(0, position_of(hash_key, key_of(request.operation)));
  }
  return reply;
}

ClientReplyMessage Desk::perform_each(Now now, const BatchRequest& request, const Bounds& bounds,
                                      Holes& holes, DeskOutbox& out) {
  BatchReply reply;
  reply.answers.reserve(request.operations.size());
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < request.operations.size(); ++i) {
    const Operation& operation = request.operations[i];
    if (bytes > bounds.batch) {
      reply.answers.emplace_back(error_result(OpError::overloaded));
      continue;
    }
    View view;
    auto result = execute(now, operation, &view, out);
    if (!result) {
      holes.emplace_back(i, position_of(shard_.ring()->hash_key, key_of(operation)));
      reply.answers.emplace_back(OpResult{});
      continue;
    }
    OpAnswer& answer = reply.answers.emplace_back(std::move(*result));
    if (value_bytes(answer) > bounds.value) answer = error_result(OpError::overloaded);
    bytes += value_bytes(answer);
    add_view(reply.views, std::move(view));
  }
  return reply;
}

// A page has no bounds of its own here: the driver lets few of them wait at a time.
ClientReplyMessage Desk::perform_each(Now now, const ScanRequest& request, const Bounds&,
                                      Holes& holes, DeskOutbox& out) {
  const Scan& scan = request.scan;
  const bool sound = scan.records_max >= 1 && scan.records_max <= scan_records_max &&
                     scan.cursor.last_key.size() <= key_bytes_max &&
                     scan.prefix.size() <= key_bytes_max;
  if (!sound) return ErrorReply{OpError::invalid_argument};
  if (shard_.ring() == nullptr) return ErrorReply{OpError::unavailable};
  ScanReply reply;
  ScanStep step;
  GroupHost* host = shard_.host();
  const View* view = host != nullptr ? host->scan(now, scan, step, out.news) : nullptr;
  if (view != nullptr) {
    reply.answer = std::move(step);
    reply.view = *view;
  } else {
    holes.emplace_back(0, scan.cursor.position);
  }
  return reply;
}

void Desk::tell_of_write(Now now, DeskOutbox& out) {
  if (now.monotonic < next_write_note_) return;
  next_write_note_ = now.monotonic + write_note_interval;
  out.notes.push_back(WriteCame{});
}

// Never an errand: the front has what it takes.
ClientReplyMessage Desk::perform_each(Now, const ReportRequest&, const Bounds&, Holes&,
                                      DeskOutbox&) {
  return ErrorReply{OpError::invalid_argument};
}

}  // namespace hopring
