#include "peer/net/listener.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "peer/net/address.hpp"
#include "peer/net/connection.hpp"

namespace hopring {

using boost::asio::ip::tcp;
using boost::system::error_code;

// One accepted connection: a stranger until its hello, then a client or a peer.
class Listener::Visitor final : public Connection::Owner {
 public:
  Visitor(Listener& listener, tcp::socket socket, const Endpoint& address)
      : listener_(listener),
        address_(address),
        connection_(Connection::create(std::move(socket), *this, listener.limits_)) {}

  ~Visitor() { connection_->abandon(); }

  Connection& connection() { return *connection_; }

  void on_frame(const Frame& frame) override;
  void on_wire_error(WireError error) override { refuse(error, 0); }
  void on_closed(std::string_view why) override;

 private:
  void on_hello(const WireMessage& first);
  void on_message(WireMessage&& message, std::uint64_t request_id);
  void refuse(WireError error, std::uint64_t request_id);

  Listener& listener_;
  Endpoint address_;
  std::shared_ptr<Connection> connection_;
  std::optional<Accepted> accepted_;  // nullopt until the hello
};

void Listener::Visitor::on_frame(const Frame& frame) {
  auto message = decode(frame);
  if (!message) return refuse(message.error(), frame.request_id);
  if (!accepted_) return on_hello(*message);
  if (!may_send_to_peer(accepted_->role, *message)) {
    return connection_->close("it said what its role may not say");
  }
  on_message(std::move(*message), frame.request_id);
}

void Listener::Visitor::on_hello(const WireMessage& first) {
  const HelloListener::Reply reply = listener_.owner_.hello_listener().on_first(first);
  connection_->send(reply.answer, 0);
  accepted_ = reply.accepted;
  if (!accepted_) {
    connection_->finish();
  } else {
    connection_->welcome();
    if (accepted_->role == Role::client) {
      connection_->hold_back_above(listener_.limits_.client_replies_bytes_mark);
    }
  }
  if (reply.answer.verdict != HelloAnswer::Verdict::other_ring) return;
  const Hello& hello = std::get<Hello>(std::get<HelloMessage>(first));
  if (hello.role == Role::peer) listener_.owner_.on_stranger(hello.from, hello.ring_id);
}

void Listener::Visitor::on_message(WireMessage&& message, std::uint64_t request_id) {
  if (const auto* request = std::get_if<ClientRequestMessage>(&message)) {
    connection_->send(listener_.owner_.answer(*request), request_id);
  } else if (auto* ring = std::get_if<RingMessage>(&message)) {
    listener_.owner_.on_message(accepted_->from, std::move(*ring));
  } else if (auto* group = std::get_if<GroupMessage>(&message)) {
    listener_.owner_.on_message(accepted_->from, std::move(*group));
  } else {
    connection_->close("it answered what nobody had asked");
  }
}

// After a malformed frame nothing that follows can be trusted. A client is told before it is
// closed, so that who wrote it knows what is wrong.
void Listener::Visitor::refuse(WireError error, std::uint64_t request_id) {
  if (!accepted_ || accepted_->role != Role::client) return connection_->close(name(error));
  const bool too_long = error == WireError::frame_too_long;
  connection_->send(ErrorReply{too_long ? OpError::value_too_long : OpError::invalid_argument},
                    request_id);
  connection_->finish();
}

void Listener::Visitor::on_closed(std::string_view why) {
  if (listener_.log_.takes(LogLevel::debug)) {
    listener_.log_.write(LogLevel::debug, "event=connection_closed from=" + to_string(address_) +
                                              " why=\"" + std::string(why) + "\"");
  }
  listener_.remove(this);
}

Listener::Listener(tcp::acceptor acceptor, Owner& owner, const Limits& limits, Log& log)
    : acceptor_(std::move(acceptor)), owner_(owner), limits_(limits), log_(log) {}

Listener::~Listener() = default;

void Listener::start() { accept(); }

void Listener::accept() {
  is_accepting_ = true;
  acceptor_.async_accept([this](const error_code& ec, tcp::socket socket) {
    if (ec == boost::asio::error::operation_aborted) return;  // `this` may be gone
    is_accepting_ = false;
    if (!acceptor_.is_open()) return;
    if (!ec) {
      on_accepted(std::move(socket));
    } else if (ec != boost::asio::error::connection_aborted) {
      // Most likely no descriptors are left: sweep() tries again.
      return log_.write(LogLevel::warning, "event=accept_failed why=\"" + ec.message() + "\"");
    }
    accept();
  });
}

void Listener::on_accepted(tcp::socket socket) {
  error_code ec;
  const tcp::endpoint address = socket.remote_endpoint(ec);
  if (ec || visitors_.size() >= limits_.connections_max) return;  // closes it
  auto visitor = std::make_unique<Visitor>(*this, std::move(socket), from_asio(address));
  visitor->connection().start();
  visitors_.emplace(visitor.get(), std::move(visitor));
}

void Listener::sweep(Time now) {
  for (auto& [_, visitor] : visitors_) visitor->connection().sweep(now);
  close_the_greediest();
  if (!is_accepting_ && acceptor_.is_open()) accept();
}

// Thousands of frames that are begun and not finished are bounded one by one, but not together.
void Listener::close_the_greediest() {
  const auto less = [](const auto& a, const auto& b) {
    return a.second->connection().memory() < b.second->connection().memory();
  };
  std::size_t memory = 0;
  for (auto& [_, visitor] : visitors_) memory += visitor->connection().memory();
  if (memory <= limits_.connection_bytes_max) return;
  std::max_element(visitors_.begin(), visitors_.end(), less)
      ->second->connection()
      .close("connection_bytes_max: it took the most memory");
}

void Listener::remove(const Visitor* visitor) { visitors_.erase(visitor); }

void Listener::finish() {
  error_code ec;
  acceptor_.close(ec);
  for (auto& [_, visitor] : visitors_) visitor->connection().finish();
}

}  // namespace hopring
