#include "peer/resp/ring_keyspace.hpp"

#include <limits>

#include "base/check.hpp"

namespace hopring::resp {
namespace {

constexpr ClientLimits limits;

// No connection of a driver has these numbers.
constexpr std::uint64_t machine_tickets = 0;
constexpr std::uint64_t local_tickets = std::numeric_limits<std::uint64_t>::max();

bool is_read(const Operation& operation) { return std::holds_alternative<Get>(operation); }

// Certain not to have happened, and perhaps otherwise in a moment, or elsewhere.
bool is_worth_another_try(std::optional<OpError> error) {
  return error == OpError::moving || error == OpError::overloaded || error == OpError::unavailable;
}

// Of a read it is certain that nothing has happened.
void make_definite(std::optional<OpError>& error) {
  if (error && !is_definite(*error)) error = OpError::no_route;
}

// REQUIRES: it is there.
template <class Value>
Value take(boost::unordered_flat_map<std::uint64_t, Value>& map, std::uint64_t number) {
  const auto found = map.find(number);
  HOPRING_CHECK(found != map.end());
  Value value = std::move(found->second);
  map.erase(found);
  return value;
}

// Passes all on, but for an error that is worth another try.
class AttemptSink final : public ResultSink {
 public:
  AttemptSink(ResultSink& sink, bool is_read) : sink_(sink), is_read_(is_read) {}

  void on_outcome(Outcome outcome) override { sink_.on_outcome(outcome); }
  void on_value(Outcome outcome, ValueType type, std::string_view bytes,
                std::int64_t expiry_ms) override {
    sink_.on_value(outcome, type, bytes, expiry_ms);
  }
  void on_error(OpError error) override {
    has_failed_ = is_worth_another_try(error);
    if (has_failed_) return;
    std::optional<OpError> told = error;
    if (is_read_) make_definite(told);
    sink_.on_error(*told);
  }

  bool has_failed() const { return has_failed_; }

 private:
  ResultSink& sink_;
  bool is_read_;
  bool has_failed_ = false;
};

}  // namespace

RingKeyspace::RingKeyspace(const PeerRef& self, Shard& shard, Desk& desk, DeskOutbox& out, Rng rng)
    : self_(self),
      shard_(shard),
      desk_(desk),
      out_(out),
      rng_(rng.fork()),
      machine_(limits, {self.endpoint}, rng) {}

bool RingKeyspace::is_own(const Ticket& ticket) {
  return ticket.connection == machine_tickets || ticket.connection == local_tickets;
}

bool RingKeyspace::execute(Now now, const Call& call, Operation& operation, ResultSink& sink) {
  AttemptSink attempt(sink, is_read(operation));
  const Ticket ticket{local_tickets, last_number_ + 1, 0, true};
  switch (desk_.try_execute(now, ticket, operation, attempt, out_)) {
    case Shard::Executed::answered:
      if (attempt.has_failed()) break;
      return true;
    case Shard::Executed::pending:
      locals_.emplace(++last_number_, Local{call, std::move(operation)});
      return false;
    case Shard::Executed::unserved:
      break;
  }
  return execute_elsewhere(now, call, operation, sink);
}

bool RingKeyspace::execute_elsewhere(Now now, const Call& call, Operation& operation,
                                     ResultSink& sink) {
  const auto result = start(now, call, std::move(operation));
  if (result) tell(*result, sink);
  return result.has_value();
}

void RingKeyspace::scan(Now now, const Call& call, Scan&& scan) {
  const Token token = started(call, true);
  machine_.start_scan_step(now, token, std::move(scan), now.monotonic + operation_timeout);
  settle(now);
}

void RingKeyspace::report(Now now, const Call& call, const std::optional<PeerRef>& of) {
  if (of && !(*of == self_)) {
    const Token token = started(call, true);
    machine_.start_report(now, token, of, now.monotonic + operation_timeout);
    return settle(now);
  }
  reports_.emplace(++last_number_, call);
  // It always answers later.
  desk_.on_request(now, Ticket{local_tickets, last_number_, 0, true}, ReportRequest{}, out_);
}

void RingKeyspace::on_reply(Now now, SendReply&& reply) {
  if (reply.to.connection == machine_tickets) {
    return on_reply(now, self_, RequestId{reply.to.request}, std::move(reply.reply));
  }
  if (const auto report = reports_.extract(reply.to.request)) {
    auto told = std::make_unique<ReportReply>(std::get<ReportReply>(std::move(reply.reply)));
    ended_.push_back({report.mapped(), ReportFound{{}, std::move(told)}});
    return;
  }
  Local local = take(locals_, reply.to.request);
  OpResult result = std::get<OpResult>(std::get<OpReply>(std::move(reply.reply)).answer);
  if (is_worth_another_try(result.error)) {
    auto ended = start(now, local.call, std::move(local.operation));
    if (ended) ended_.push_back({local.call, std::move(*ended)});
    return;
  }
  if (is_read(local.operation)) make_definite(result.error);
  ended_.push_back({local.call, std::move(result)});
}

// The client's core.

Token RingKeyspace::started(const Call& call, bool is_read) {
  const Token token{++last_number_};
  started_.emplace(token.value, Started{call, is_read});
  return token;
}

std::optional<OpResult> RingKeyspace::start(Now now, const Call& call, Operation&& operation) {
  const Token token = started(call, is_read(operation));
  const Duration timeout = operation_timeout + passing_time(limits, payload_bytes(operation));
  machine_.start_in_turn(now, token, std::move(operation), now.monotonic + timeout);
  settle(now);
  if (started_.contains(token.value) || ended_.empty() || ended_.back().call != call) {
    return std::nullopt;
  }
  OpResult result = std::get<OpResult>(std::move(ended_.back().finding));
  ended_.pop_back();
  return result;
}

void RingKeyspace::end_turn(Now now) {
  machine_.end_turn(now);
  settle(now);
}

void RingKeyspace::on_connected(Now now, const PeerRef& contacted, const PeerRef& actual,
                                const RingConfig& ring) {
  machine_.on_connected(now, contacted, actual, ring);
  settle(now);
}

void RingKeyspace::on_link_down(Now now, const PeerRef& peer, LinkDown reason) {
  machine_.on_link_down(now, peer, reason);
  settle(now);
}

void RingKeyspace::on_reply(Now now, const PeerRef& from, RequestId id,
                            ClientReplyMessage&& reply) {
  machine_.on_reply(now, from, id, std::move(reply));
  settle(now);
}

void RingKeyspace::on_deadline(Now now) {
  machine_.on_deadline(now);
  settle(now);
}

// What it wants of this peer is done at once, and may lead to more.
void RingKeyspace::settle(Now now) {
  for (;;) {
    machine_.swap_outbox(turn_);
    if (turn_.empty()) return;
    ClientOutbox turn;
    turn.swap(turn_);
    for (ClientEffect& effect : turn) {
      std::visit([&](auto& each) { perform(now, each); }, effect);
    }
    turn.clear();
    turn.swap(turn_);
  }
}

void RingKeyspace::perform(Now now, const Connect& effect) {
  if (!is_self(effect.to)) {
    effects_.emplace_back(effect);
    return;
  }
  const bool is_me = effect.to.incarnation == 0 || effect.to == self_;
  if (!is_me || shard_.ring() == nullptr) {
    return machine_.on_link_down(now, effect.to, LinkDown::unreachable);
  }
  met_ = *shard_.ring();
  machine_.on_connected(now, effect.to, self_, met_);
}

void RingKeyspace::perform(Now, const Disconnect& effect) {
  if (!is_self(effect.to)) effects_.emplace_back(effect);
}

void RingKeyspace::perform(Now now, SendRequest& effect) {
  if (!is_self(effect.to)) return effects_.push_back(std::move(effect));
  if (shard_.ring() == nullptr || *shard_.ring() != met_) {  // it has left, or found another
    return machine_.on_link_down(now, self_, LinkDown::lost);
  }
  const Ticket ticket{machine_tickets, effect.id.value, 0, true};
  auto reply = desk_.on_request(now, ticket, ClientRequestMessage(*effect.message), out_);
  if (reply) machine_.on_reply(now, self_, effect.id, std::move(*reply));
}

void RingKeyspace::perform(Now, Finish& effect) {
  const Started started = take(started_, effect.token.value);
  if (auto* result = std::get_if<OpResult>(&effect.result)) {
    if (started.is_read) make_definite(result->error);
    ended_.push_back({started.call, std::move(*result)});
  } else if (auto* page = std::get_if<ScanResult>(&effect.result)) {
    make_definite(page->error);
    ended_.push_back({started.call, std::move(*page)});
  } else {
    auto& report = std::get<ReportResult>(effect.result);
    make_definite(report.error);
    auto told = std::make_unique<ReportReply>(std::move(report.report));
    ended_.push_back({started.call, ReportFound{report.error, std::move(told)}});
  }
}

}  // namespace hopring::resp
