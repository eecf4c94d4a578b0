#include "peer/core/desk.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <tuple>
#include <utility>

#include "base/check.hpp"

namespace hopring {
namespace {

bool is_write(const Operation& operation) { return !std::holds_alternative<Get>(operation); }

std::size_t value_bytes(const OpAnswer& answer) {
  const auto* result = std::get_if<OpResult>(&answer);
  return result != nullptr && result->value ? result->value->bytes.size() : 0;
}

// A value of more bytes than an `add` gives comes from an operation that has changed nothing.
constexpr std::size_t sum_bytes_max = 20;

// Each once.
void add_view(std::vector<View>& views, const View& view) {
  if (std::find(views.begin(), views.end(), view) == views.end()) views.push_back(view);
}

// Of an arc only the newest one is kept.
void add_mark(std::vector<ArcMark>& marks, const ArcMark& mark) {
  const auto known = std::find_if(marks.begin(), marks.end(), [&](const ArcMark& each) {
    return each.arc == mark.arc && each.order == mark.order;
  });
  if (known == marks.end()) {
    marks.push_back(mark);
  } else {
    known->index = std::max(known->index, mark.index);
  }
}

std::size_t answers_of(const ClientReplyMessage& reply) {
  const auto* const batch = std::get_if<BatchReply>(&reply);
  return batch == nullptr ? 1 : batch->answers.size();
}
std::size_t operations_of(const ClientRequestMessage& request) {
  const auto* const batch = std::get_if<BatchRequest>(&request);
  return batch == nullptr ? 1 : batch->operations.size();
}

// Of a batch what is not pending, and of that, where the holes are now. Both lists rise.
void keep_answered(BatchReply& batch, std::vector<std::pair<std::uint32_t, Position>>& holes,
                   const std::vector<std::pair<std::uint64_t, std::uint32_t>>& pending) {
  std::vector<OpAnswer> answers;
  auto waits = pending.begin();
  auto hole = holes.begin();
  for (std::uint32_t i = 0; i < batch.answers.size(); ++i) {
    const bool is_pending = waits != pending.end() && waits->second == i;
    if (is_pending) ++waits;
    if (is_pending) continue;
    if (hole != holes.end() && hole->first == i) {
      hole->first = static_cast<std::uint32_t>(answers.size());
      ++hole;
    }
    batch.places.push_back(static_cast<std::uint16_t>(i));
    answers.push_back(std::move(batch.answers[i]));
  }
  batch.answers = std::move(answers);
}

}  // namespace

// Requests.

std::optional<ClientReplyMessage> Desk::on_request(Now now, const Ticket& asker,
                                                   ClientRequestMessage&& request,
                                                   DeskOutbox& out) {
  if (std::holds_alternative<ReportRequest>(request)) {
    const std::uint64_t gather = open_gather(asker);
    out.notes.push_back(ReportWanted{index_, open_part(gather)});
    return std::nullopt;
  }
  const RingConfig* const ring = shard_.ring();
  const auto* const repair = std::get_if<RepairRequest>(&request);
  if (repair != nullptr && ring != nullptr && ring->replicas > 1) {
    out.notes.push_back(RepairWanted{index_, open_part(open_gather(asker)), repair->repair});
    return std::nullopt;
  }
  if (shards_ > 1 && ring != nullptr) {
    const std::vector<std::uint32_t> to = shards_of(request);
    if (std::adjacent_find(to.begin(), to.end(), std::not_equal_to<>()) != to.end()) {
      cut(asker, std::get<BatchRequest>(std::move(request)), to, out);
      return std::nullopt;
    }
    if (!to.empty() && to.front() != index_) {
      const std::uint64_t part = open_part(open_gather(asker), {}, operations_of(request));
      send(to.front(), part, std::move(request), asker.is_alone, out);
      return std::nullopt;
    }
  }
  Performance performance{{}};
  ClientReplyMessage reply = perform(now, request, performance, out);
  if (performance.holes.empty() && performance.pending.empty()) return reply;
  tell(asker, std::move(reply), std::move(performance), out);
  return std::nullopt;
}

Shard::Executed Desk::try_execute(Now now, const Ticket& asker, const Operation& operation,
                                  ResultSink& sink, DeskOutbox& out) {
  const RingConfig* const ring = shard_.ring();
  if (ring == nullptr) return Shard::Executed::unserved;
  const bool is_elsewhere = shards_ > 1 && shard_of(position_of(ring->hash_key, key_of(operation)),
                                                    ring->nodes_per_peer, shards_) != index_;
  if (is_elsewhere) return Shard::Executed::unserved;
  Performance performance{{}, false};
  const Shard::Executed executed = execute(now, {operation, std::nullopt}, sink, performance, out);
  if (executed == Shard::Executed::pending) {
    await(Await{asker, OpReply{}, {}, performance.bounds}, performance);
  }
  return executed;
}

// One errand for each shard that has a part in it, this one included.
void Desk::cut(const Ticket& asker, BatchRequest&& request, const std::vector<std::uint32_t>& to,
               DeskOutbox& out) {
  const std::uint64_t gather = open_gather(asker);
  std::vector<BatchRequest> requests(shards_);
  std::vector<std::vector<std::uint16_t>> places(shards_);
  for (std::size_t i = 0; i < request.operations.size(); ++i) {
    gathers_.at(gather).is_read.push_back(!is_write(request.operations[i]));
    requests[to[i]].operations.push_back(std::move(request.operations[i]));
    if (!request.stamps.empty()) requests[to[i]].stamps.push_back(request.stamps[i]);
    if (!request.known.empty()) requests[to[i]].known.push_back(request.known[i]);
    places[to[i]].push_back(static_cast<std::uint16_t>(i));
  }
  for (std::uint32_t desk = 0; desk < shards_; ++desk) {
    if (places[desk].empty()) continue;
    const std::size_t count = places[desk].size();
    const std::uint64_t part = open_part(gather, std::move(places[desk]), count);
    send(desk, part, std::move(requests[desk]), asker.is_alone, out);
  }
}

std::uint64_t Desk::open_gather(const Ticket& asker) {
  gathers_.emplace(++last_number_, Gather{asker});
  return last_number_;
}

std::uint64_t Desk::open_part(std::uint64_t gather, std::vector<std::uint16_t>&& places,
                              std::size_t open) {
  gathers_.at(gather).missing += 1;
  parts_.emplace(++last_number_, Part{gather, std::move(places), open});
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
  Performance performance{errand.is_alone ? Bounds{} : beside_others};
  ClientReplyMessage reply = perform(now, errand.request, performance, out);
  tell(std::pair(errand.from, errand.number), std::move(reply), std::move(performance), out);
}

// What is known of the reply, now; what is pending, later. A single operation is one or the other.
void Desk::tell(Asker asker, ClientReplyMessage&& reply, Performance&& performance,
                DeskOutbox& out) {
  const Ticket* const ticket = std::get_if<Ticket>(&asker);
  if (ticket != nullptr && !performance.holes.empty()) {
    asker = std::pair(index_, open_part(open_gather(*ticket), {}, answers_of(reply)));
  }
  Await whole{asker, std::move(reply), std::move(performance.holes), performance.bounds,
              performance.bytes};
  if (performance.pending.empty()) return finish(std::move(whole), true, out);
  auto* const batch = std::get_if<BatchReply>(&whole.reply);
  if (batch == nullptr) return await(std::move(whole), performance);
  Await rest{asker, BatchReply{}, {}, performance.bounds, performance.bytes};
  keep_answered(*batch, whole.holes, performance.pending);
  if (batch->answers.empty()) {
    rest.reply = std::move(*batch);  // it may tell of views
  } else {
    finish(std::move(whole), false, out);
  }
  await(std::move(rest), performance);
}

// Operations that wait for a majority.

void Desk::await(Await&& waiting, const Performance& performance) {
  const std::uint64_t number = ++last_number_;
  waiting.missing = performance.pending.size();
  for (const auto& [waiter, index] : performance.pending)
    slots_.emplace(waiter, Slot{number, index});
  awaits_.emplace(number, std::move(waiting));
}

void Desk::take_answers(DeskOutbox& out) {
  auto kept = out.news.begin();
  for (auto each = kept; each != out.news.end(); ++each) {
    if (auto* answered = std::get_if<Answered>(&*each)) {
      on_answer(std::move(*answered), out);
    } else {
      if (kept != each) *kept = std::move(*each);
      ++kept;
    }
  }
  out.news.erase(kept, out.news.end());
  for (const std::uint64_t number : answered_) {
    const auto found = awaits_.find(number);
    Await& whole = found->second;
    if (whole.missing == 0) {
      Await last = std::move(whole);
      awaits_.erase(found);
      finish(std::move(last), true, out);
    } else {
      finish({whole.asker, std::exchange(whole.reply, BatchReply{}), {}, {}}, false, out);
    }
  }
  answered_.clear();
}

void Desk::on_answer(Answered&& answered, DeskOutbox& out) {
  const auto slot = slots_.find(answered.waiter);
  HOPRING_CHECK(slot != slots_.end());
  const auto found = awaits_.find(slot->second.await);
  Await& whole = found->second;
  const std::size_t bytes = answered.result.value ? answered.result.value->bytes.size() : 0;
  const bool is_long =
      bytes > sum_bytes_max && (bytes > whole.bounds.value || whole.bytes > whole.bounds.batch);
  if (is_long) answered.result = error_result(OpError::overloaded);
  if (!is_long) whole.bytes += bytes;
  if (auto* op = std::get_if<OpReply>(&whole.reply)) {
    op->answer = std::move(answered.result);
    op->mark = answered.mark;
  } else if (std::holds_alternative<ScanReply>(whole.reply)) {
    if (answered.result.error) whole.reply = ErrorReply{*answered.result.error};
  } else {
    auto& batch = std::get<BatchReply>(whole.reply);
    if (batch.answers.empty()) answered_.push_back(slot->second.await);
    batch.places.push_back(static_cast<std::uint16_t>(slot->second.index));
    batch.answers.push_back(std::move(answered.result));
    if (answered.mark) add_mark(batch.marks, *answered.mark);
  }
  const bool is_batch = std::holds_alternative<BatchReply>(whole.reply);
  slots_.erase(slot);
  if (--whole.missing > 0 || is_batch) return;
  Await done = std::move(whole);
  awaits_.erase(found);
  finish(std::move(done), true, out);
}

// Where nobody here serves, the front has the last word. `is_last`: nothing of it is pending.
void Desk::finish(Await&& await, bool is_last, DeskOutbox& out) {
  if (const auto* ticket = std::get_if<Ticket>(&await.asker)) {
    out.replies.push_back(SendReply{*ticket, std::move(await.reply), is_last});
    return;
  }
  const auto& [desk, number] = std::get<1>(await.asker);
  ErrandDone done{number, std::move(await.reply)};
  if (await.holes.empty()) {
    out.errands.push_back(ToDesk{desk, std::move(done)});
  } else {
    out.notes.push_back(Unserved{desk, std::move(done), std::move(await.holes)});
  }
}

void Desk::on(Now, ErrandDone&& done, DeskOutbox& out) {
  const auto part = parts_.find(done.number);
  HOPRING_CHECK(part != parts_.end());
  const auto found = gathers_.find(part->second.gather);
  Gather& gather = found->second;
  const bool was_cut = !part->second.places.empty();
  if (was_cut) put_in_place(gather, part->second, std::get<BatchReply>(done.reply));
  part->second.open -= answers_of(done.reply);
  if (part->second.open == 0) {
    parts_.erase(part);
    gather.missing -= 1;
  }
  const bool is_last = gather.missing == 0;
  out.replies.push_back(SendReply{gather.asker, std::move(done.reply), is_last});
  if (is_last) gathers_.erase(found);
}

// Each part keeps to the bound; together they may exceed it. What was only read can be read again.
void Desk::put_in_place(Gather& gather, const Part& part, BatchReply& given) {
  if (given.places.empty()) {
    given.places = part.places;
  } else {
    for (std::uint16_t& place : given.places) place = part.places[place];
  }
  for (std::size_t i = 0; i < given.answers.size(); ++i) {
    const std::size_t bytes = value_bytes(given.answers[i]);
    const bool was_read = gather.is_read[given.places[i]];
    if (bytes > 0 && was_read && gather.bytes > batch_reply_bytes_max) {
      given.answers[i] = error_result(OpError::overloaded);
    } else {
      gather.bytes += bytes;
    }
  }
}

// What this shard serves.

ClientReplyMessage Desk::perform(Now now, const ClientRequestMessage& request,
                                 Performance& performance, DeskOutbox& out) {
  return std::visit([&](const auto& each) { return perform_each(now, each, performance, out); },
                    request);
}

Shard::Executed Desk::execute(Now now, const Asked& asked, ResultSink& sink,
                              Performance& performance, DeskOutbox& out) {
  const Operation& operation = asked.operation;
  auto error = shard_.ring() == nullptr ? std::optional(OpError::unavailable)
                                        : problem(operation, shard_.ring()->value_bytes_max);
  if (!error && is_write(operation) && !shard_.takes_writes()) {
    tell_of_write(now, out);
    error = OpError::moving;
  }
  if (error) {
    sink.on_error(*error);
    return Shard::Executed::answered;
  }
  // What stands earlier in a batch and waits comes first.
  const Replica::Asked waiting{++last_number_, !performance.pending.empty(),
                               is_write(operation) ? asked.stamp : std::nullopt};
  const bool tells = asked.executed_in != nullptr;
  const Shard::Told told{tells ? &asked.executed_in->view : nullptr,
                         tells ? &asked.executed_in->mark : nullptr};
  const Shard::Executed executed = shard_.execute(now, operation, waiting, sink, told, out.news);
  if (executed == Shard::Executed::pending) {
    performance.pending.emplace_back(waiting.waiter, asked.index);
  } else if (executed == Shard::Executed::unserved && performance.notes_holes) {
    performance.holes.emplace_back(asked.index,
                                   position_of(shard_.ring()->hash_key, key_of(operation)));
  }
  return executed;
}

// A result with a long value has changed nothing: a get's, or that of a compare-and-set which found
// another value. So it may be refused as if it had not been executed.
ClientReplyMessage Desk::perform_each(Now now, const OpRequest& request, Performance& performance,
                                      DeskOutbox& out) {
  OpReply reply;
  ExecutedIn in;
  OpResultSink sink;
  const Asked asked{request.operation, request.stamp, 0, &in};
  if (execute(now, asked, sink, performance, out) == Shard::Executed::answered) {
    reply.answer = std::move(sink.result);
    const bool is_long = value_bytes(reply.answer) > performance.bounds.value;
    if (is_long) reply.answer = error_result(OpError::overloaded);
  }
  if (in.view != nullptr && mark_of(*in.view) != request.known) reply.view = *in.view;
  reply.mark = in.mark;
  return reply;
}

// The first of them come next.
void Desk::expect(std::span<const Operation> operations) const {
  std::array<std::string_view, keys_expected_max> keys;
  const std::size_t count = std::min(operations.size(), keys.size());
  for (std::size_t i = 0; i < count; ++i) keys[i] = key_of(operations[i]);
  shard_.expect(std::span(keys).first(count));
}

// Of the gets of a batch, in their order.
class Desk::BatchSink final : public ReadSink {
 public:
  BatchSink(const BatchRequest& request, std::size_t& bytes, const Bounds& bounds,
            BatchReply& reply)
      : request_(request), bytes_(bytes), bounds_(bounds), reply_(reply) {}

  void on_outcome(Outcome outcome) override { result().outcome = outcome; }
  void on_value(Outcome outcome, ValueType type, std::string_view bytes,
                std::int64_t expiry_ms) override {
    if (bytes.size() > bounds_.value) return on_error(OpError::overloaded);
    OpResult& told = result();
    told.outcome = outcome;
    told.value.emplace(Value{type, std::string(bytes)});
    told.expiry_ms = expiry_ms;
    bytes_ += bytes.size();
  }
  void on_error(OpError error) override { result().error = error; }
  bool takes_more() const override { return bytes_ <= bounds_.batch; }
  void on_view(const View& view) override {
    const std::size_t place = reply_.answers.size() - 1;
    if (request_.known.empty() || mark_of(view) != request_.known[place]) {
      add_view(reply_.views, view);
    }
  }

 private:
  OpResult& result() {
    return std::get<OpResult>(reply_.answers.emplace_back(std::in_place_type<OpResult>));
  }

  const BatchRequest& request_;
  std::size_t& bytes_;
  const Bounds& bounds_;
  BatchReply& reply_;
};

// Those from `first` on that are gets and are answered here and now. How many.
std::size_t Desk::read_some(Now now, const BatchRequest& request, std::size_t first,
                            Performance& performance, BatchReply& reply) {
  if (shard_.ring() == nullptr || !performance.pending.empty()) return 0;
  std::array<std::string_view, keys_expected_max> keys;
  std::size_t count = 0;
  for (std::size_t i = first; i < request.operations.size() && count < keys.size(); ++i) {
    const auto* const get = std::get_if<Get>(&request.operations[i]);
    if (get == nullptr) break;
    keys[count++] = get->key;
  }
  BatchSink sink(request, performance.bytes, performance.bounds, reply);
  return shard_.try_read(now, std::span(keys).first(count), sink);
}

ClientReplyMessage Desk::perform_each(Now now, const BatchRequest& request,
                                      Performance& performance, DeskOutbox& out) {
  BatchReply reply;
  reply.answers.reserve(request.operations.size());
  if (shard_.ring() != nullptr && shard_.ring()->replicas > 1) {
    performance.pending.reserve(request.operations.size());
  }
  std::size_t& bytes = performance.bytes;
  std::uint32_t expected = 0;  // before it all keys have been announced, or read
  for (std::uint32_t next = 0; next < request.operations.size();) {
    if (next >= expected) {
      const std::size_t read = read_some(now, request, next, performance, reply);
      next += static_cast<std::uint32_t>(read);
      if (read > 0) continue;
      expect(std::span(request.operations).subspan(next));
      expected = next + keys_expected_max;
    }
    const std::uint32_t i = next++;
    if (bytes > performance.bounds.batch) {
      reply.answers.emplace_back(error_result(OpError::overloaded));
      continue;
    }
    ExecutedIn in;
    OpResultSink sink;
    const std::optional<Stamp> stamp = request.stamps.empty() ? std::nullopt : request.stamps[i];
    const Asked asked{request.operations[i], stamp, i, &in};
    const Shard::Executed executed = execute(now, asked, sink, performance, out);
    const bool is_known =
        in.view == nullptr || (!request.known.empty() && mark_of(*in.view) == request.known[i]);
    if (!is_known) add_view(reply.views, *in.view);
    if (in.mark) add_mark(reply.marks, *in.mark);
    OpAnswer& answer = reply.answers.emplace_back(std::move(sink.result));
    if (executed != Shard::Executed::answered) continue;
    if (value_bytes(answer) > performance.bounds.value) answer = error_result(OpError::overloaded);
    bytes += value_bytes(answer);
  }
  return reply;
}

// A page has no bounds of its own here: the driver lets few of them wait at a time.
ClientReplyMessage Desk::perform_each(Now now, const ScanRequest& request, Performance& performance,
                                      DeskOutbox& out) {
  const Scan& scan = request.scan;
  const bool sound = scan.records_max >= 1 && scan.records_max <= scan_records_max &&
                     scan.cursor.last_key.size() <= key_bytes_max &&
                     scan.prefix.size() <= key_bytes_max;
  if (!sound) return ErrorReply{OpError::invalid_argument};
  if (shard_.ring() == nullptr) return ErrorReply{OpError::unavailable};
  ScanReply reply;
  ScanStep step;
  const std::uint64_t waiter = ++last_number_;
  const ReplicaHost::Execution scanned = shard_.scan(now, scan, waiter, step, out.news);
  if (scanned.view == nullptr) {
    performance.holes.emplace_back(0, scan.cursor.position);
    return reply;
  }
  if (scanned.is_pending) performance.pending.emplace_back(waiter, 0);
  reply.answer = std::move(step);
  reply.view = *scanned.view;
  return reply;
}

void Desk::tell_of_write(Now now, DeskOutbox& out) {
  if (now.monotonic < next_write_note_) return;
  next_write_note_ = now.monotonic + write_note_interval;
  out.notes.push_back(WriteCame{});
}

// Where arcs have several copies, as an errand of the front.
ClientReplyMessage Desk::perform_each(Now now, const RepairRequest& request, Performance&,
                                      DeskOutbox& out) {
  if (shard_.ring() == nullptr) return ErrorReply{OpError::unavailable};
  return RepairReply{shard_.repair(now, request.repair, out.news)};
}

// Never an errand: the front has what it takes.
ClientReplyMessage Desk::perform_each(Now, const ReportRequest&, Performance&, DeskOutbox&) {
  return ErrorReply{OpError::invalid_argument};
}

}  // namespace hopring
