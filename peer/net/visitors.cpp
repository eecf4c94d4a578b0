#include "peer/net/visitors.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "peer/net/address.hpp"
#include "peer/net/connection.hpp"
#include "peer/net/socket_queue.hpp"
#include "peer/net/system.hpp"

namespace hopring {

using boost::asio::ip::tcp;
using boost::system::error_code;

namespace {

std::size_t answer_bytes_of(const Operation& operation, const Limits& limits) {
  const bool may_give_a_value =
      std::holds_alternative<Get>(operation) || std::holds_alternative<CompareAndSet>(operation);
  return may_give_a_value ? limits.waiting_bytes_each : limits.waiting_bytes_of_write;
}

// What it counts for, for the sake of its answer, while it waits.
std::size_t answer_bytes_of(const WireMessage& message, const Limits& limits) {
  const auto* const request = std::get_if<ClientRequestMessage>(&message);
  if (request == nullptr) return limits.waiting_bytes_each;
  if (const auto* one = std::get_if<OpRequest>(request)) {
    return answer_bytes_of(one->operation, limits);
  }
  if (const auto* batch = std::get_if<BatchRequest>(request)) {
    std::size_t bytes = 0;
    for (const Operation& each : batch->operations) bytes += answer_bytes_of(each, limits);
    return std::min(bytes, limits.waiting_bytes_of_batch);
  }
  if (std::holds_alternative<ScanRequest>(*request)) return limits.waiting_bytes_of_scan;
  return limits.waiting_bytes_each;
}

}  // namespace

// One accepted connection: a stranger until its hello, then a client or a peer; or a session.
class Visitors::Visitor final : public Connection::Owner {
 public:
  Visitor(Visitors& visitors, std::uint64_t number, tcp::socket socket, const Endpoint& address,
          Spoken spoken)
      : visitors_(visitors),
        number_(number),
        address_(address),
        spoken_(spoken),
        connection_(Connection::create(std::move(socket), *this, visitors.limits_)) {
    connection_->listen_for_bytes();
  }

  ~Visitor() { connection_->abandon(); }

  Connection& connection() { return *connection_; }
  std::size_t memory() const {
    return connection_->memory() + (session_ ? session_->memory() : std::size_t{0});
  }

  void reply(const SendReply& reply) {
    connection_->send(reply.reply, reply.to.request);
    if (reply.is_last) done(reply.to);
  }
  void done(const Ticket& ticket);
  void on_ended(Now now, std::span<resp::RingKeyspace::Ended> ended);
  // Reads on, or not; and where all are to finish, ends it once it has been answered what it has
  // asked.
  void hold_or_finish();

  Taken on_bytes(std::string_view bytes) override;
  void on_frame(const Frame& frame) override;
  void on_wire_error(WireError error) override { refuse(error, 0); }
  void on_closed(std::string_view why) override;

 private:
  void on_hello(const WireMessage& first);
  void on_message(WireMessage&& message, const Ticket& ticket);
  void refuse(WireError error, std::uint64_t request_id);
  void after_session(Now now);
  bool is_owed_a_reply() const;

  Visitors& visitors_;
  std::uint64_t number_;
  Endpoint address_;
  Spoken spoken_;
  std::shared_ptr<Connection> connection_;
  std::optional<Accepted> accepted_;  // nullopt until the hello
  std::unique_ptr<resp::Session> session_;
  std::size_t waiting_bytes_ = 0;  // of what it said and nobody has dealt with
};

void Visitors::Visitor::on_frame(const Frame& frame) {
  if (spoken_ == Spoken::resp) return connection_->close("frames came where RESP is spoken");
  auto message = decode(frame);
  if (!message) return refuse(message.error(), frame.request_id);
  if (!accepted_) return on_hello(*message);
  if (!may_send_to_peer(accepted_->role, *message)) {
    return connection_->close("it said what its role may not say");
  }
  const std::size_t bytes = frame.body.size() + answer_bytes_of(*message, visitors_.limits_);
  on_message(std::move(*message), Ticket{number_, frame.request_id, bytes, waiting_bytes_ == 0});
}

void Visitors::Visitor::on_hello(const WireMessage& first) {
  const HelloListener::Reply reply = visitors_.owner_.hello_listener().on_first(first);
  connection_->send(reply.answer, 0);
  accepted_ = reply.accepted;
  if (!accepted_) {
    connection_->finish();
  } else {
    connection_->welcome();
    if (accepted_->role == Role::client) {
      connection_->hold_back_above(visitors_.limits_.client_replies_bytes_mark);
    }
  }
  if (reply.answer.verdict != HelloAnswer::Verdict::other_ring) return;
  const Hello& hello = std::get<Hello>(std::get<HelloMessage>(first));
  if (hello.role == Role::peer) visitors_.owner_.on_stranger(hello.from, hello.ring_id);
}

void Visitors::Visitor::on_message(WireMessage&& message, const Ticket& ticket) {
  Visitors::Owner& owner = visitors_.owner_;
  waiting_bytes_ += ticket.bytes;
  if (auto* request = std::get_if<ClientRequestMessage>(&message)) {
    if (const auto reply = owner.on_request(ticket, std::move(*request))) {
      connection_->send(*reply, ticket.request);
      waiting_bytes_ -= ticket.bytes;
    }
  } else if (auto* ring = std::get_if<RingMessage>(&message)) {
    owner.on_message(ticket, accepted_->from, std::move(*ring));
  } else if (auto* group = std::get_if<GroupMessage>(&message)) {
    owner.on_message(ticket, accepted_->from, std::move(*group));
  } else {
    return connection_->close("it answered what nobody had asked");
  }
  hold_or_finish();
}

void Visitors::Visitor::done(const Ticket& ticket) {
  waiting_bytes_ -= ticket.bytes;
  hold_or_finish();
}

// The end.

bool Visitors::Visitor::is_owed_a_reply() const {
  if (session_) return session_->is_busy();
  return accepted_ && accepted_->role == Role::client && waiting_bytes_ > 0;
}

void Visitors::Visitor::hold_or_finish() {
  const bool is_finishing = visitors_.finishes_by_.has_value();
  if (is_finishing && !is_owed_a_reply()) return connection_->finish();
  const bool is_held =
      session_ ? session_->is_held() : waiting_bytes_ > visitors_.limits_.waiting_bytes_mark;
  connection_->hold(is_held || is_finishing);
}

// RESP.

Connection::Owner::Taken Visitors::Visitor::on_bytes(std::string_view bytes) {
  const std::size_t mark = visitors_.limits_.client_replies_bytes_mark;
  if (!session_) {
    session_ = visitors_.owner_.open_session(number_, address_);
    connection_->hold_back_above(mark);
  }
  const Now now = read_clocks();
  resp::Session::Taken taken;
  connection_->write([&](std::string& out) { taken = session_->on_bytes(now, bytes, mark, out); });
  after_session(now);
  return {taken.bytes, taken.is_all};
}

void Visitors::Visitor::on_ended(Now now, std::span<resp::RingKeyspace::Ended> ended) {
  if (!session_) return;
  connection_->write([&](std::string& out) {
    for (auto& each : ended) session_->on_finding(now, each.call, std::move(each.finding), out);
  });
  after_session(now);
}

void Visitors::Visitor::after_session(Now now) {
  visitors_.owner_.after_sessions(now);
  if (session_->is_ending()) return connection_->finish();
  hold_or_finish();
}

// After a malformed frame nothing that follows can be trusted. A client is told before it is
// closed, so that who wrote it knows what is wrong.
void Visitors::Visitor::refuse(WireError error, std::uint64_t request_id) {
  if (!accepted_ || accepted_->role != Role::client) return connection_->close(name(error));
  const bool too_long = error == WireError::frame_too_long;
  connection_->send(ErrorReply{too_long ? OpError::value_too_long : OpError::invalid_argument},
                    request_id);
  connection_->finish();
}

void Visitors::Visitor::on_closed(std::string_view why) {
  if (visitors_.log_.takes(LogLevel::debug)) {
    visitors_.log_.write(LogLevel::debug, "event=connection_closed from=" + to_string(address_) +
                                              " why=\"" + std::string(why) + "\"");
  }
  visitors_.remove(number_);
}

Visitors::Visitors(Owner& owner, const Limits& limits, Log& log)
    : owner_(owner), limits_(limits), log_(log) {}

Visitors::~Visitors() = default;

void Visitors::adopt(tcp::socket socket, Spoken spoken) {
  error_code ec;
  const tcp::endpoint address = socket.remote_endpoint(ec);
  if (ec || finishes_by_) return;  // closes it
  probe_when_idle(socket);
  const std::uint64_t number = ++last_number_;
  auto visitor =
      std::make_unique<Visitor>(*this, number, std::move(socket), from_asio(address), spoken);
  visitor->connection().start();
  visitors_.emplace(number, std::move(visitor));
}

Visitors::Visitor* Visitors::find(std::uint64_t number) const {
  const auto found = visitors_.find(number);
  return found == visitors_.end() ? nullptr : found->second.get();
}

void Visitors::reply(const SendReply& reply) {
  if (Visitor* visitor = find(reply.to.connection)) visitor->reply(reply);
}

void Visitors::done(const Ticket& ticket) {
  if (Visitor* visitor = find(ticket.connection)) visitor->done(ticket);
}

void Visitors::on_ended(Now now, std::span<resp::RingKeyspace::Ended> ended) {
  if (Visitor* visitor = find(ended.front().call.connection)) visitor->on_ended(now, ended);
}

void Visitors::sweep(Time now) {
  for (auto& [_, visitor] : visitors_) visitor->connection().sweep(now);
  if (finishes_by_ && *finishes_by_ <= now) {
    for (auto& [_, visitor] : visitors_) visitor->connection().finish();
  }
  close_the_oldest_silent();
  close_the_greediest();
}

// Who says nothing may stay, as a client that opens connections ahead, where it takes no room from
// others. Numbers are given in the order of arrival.
void Visitors::close_the_oldest_silent() {
  std::vector<std::uint64_t> silent;
  for (auto& [number, visitor] : visitors_) {
    if (visitor->connection().is_silent()) silent.push_back(number);
  }
  if (silent.size() <= limits_.silent_connections_max) return;
  const std::size_t over = silent.size() - limits_.silent_connections_max;
  std::nth_element(silent.begin(), silent.begin() + static_cast<std::ptrdiff_t>(over),
                   silent.end());
  silent.resize(over);
  for (const std::uint64_t number : silent) {
    visitors_.at(number)->connection().close("silent_connections_max: it said nothing for longest");
  }
}

// Thousands of frames that are begun and not finished are bounded one by one, but not together.
void Visitors::close_the_greediest() {
  std::size_t memory = 0;
  for (auto& [_, visitor] : visitors_) memory += visitor->memory();
  if (memory <= limits_.connection_bytes_max) return;
  std::vector<std::pair<std::size_t, Connection*>> greediest;
  for (auto& [_, visitor] : visitors_) {
    greediest.emplace_back(visitor->memory(), &visitor->connection());
  }
  std::sort(greediest.begin(), greediest.end(), std::greater<>());
  for (const auto& [bytes, connection] : greediest) {
    if (memory <= limits_.connection_bytes_max) break;
    connection->close("connection_bytes_max: it took the most memory");
    memory -= bytes;
  }
}

void Visitors::remove(std::uint64_t number) { visitors_.erase(number); }

void Visitors::finish() {
  finishes_by_ = read_clocks().monotonic + limits_.last_replies_timeout;
  for (auto& [_, visitor] : visitors_) visitor->hold_or_finish();
}

}  // namespace hopring
