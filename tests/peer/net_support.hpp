#pragma once

// What the tests of sockets share: a bare other end, and a loop that runs until something holds.

#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/entropy.hpp"
#include "peer/net/address.hpp"
#include "peer/net/listener.hpp"
#include "peer/net/system.hpp"
#include "peer/net/visitors.hpp"
#include "peer/wire/codec.hpp"
#include "tests/peer/resp/map_keyspace.hpp"

namespace hopring::test {

using boost::asio::ip::tcp;

// One thread: what it tests and the test's own sockets take turns.
struct Loop {
  boost::asio::io_context io{1};
  std::function<void(Time)> sweep = [](Time) {};

  // False if `holds` did not come true within `patience`.
  bool until(const std::function<bool()>& holds,
             std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    const Time deadline = read_clocks().monotonic + patience;
    while (!holds()) {
      const Time now = read_clocks().monotonic;
      if (now > deadline) return false;
      sweep(now);
      io.restart();
      io.run_one_for(std::chrono::milliseconds(1));
    }
    return true;
  }
};

// The other end, as bare as it gets: it sends what it is told.
class BareEnd {
 public:
  BareEnd(boost::asio::io_context& io, const Endpoint& to) : socket_(io) {
    socket_.connect(to_asio(to));
    socket_.non_blocking(true);
  }
  explicit BareEnd(tcp::socket socket) : socket_(std::move(socket)) { socket_.non_blocking(true); }

  // As much as the socket takes; the rest follows with the next call of send_rest().
  void send(std::string_view bytes) {
    unsent_.append(bytes);
    send_rest();
  }
  void send_rest() {
    boost::system::error_code ec;
    const std::size_t size = socket_.write_some(boost::asio::buffer(unsent_), ec);
    unsent_.erase(0, size);
  }
  bool has_sent_all() const { return unsent_.empty(); }
  std::size_t unsent() const { return unsent_.size(); }

 protected:
  // Reads what there is, into `room()`, and has `take(size)` look at each part.
  template <class Room, class Take>
  void receive(Room&& room, Take&& take) {
    while (!is_closed_) {
      boost::system::error_code ec;
      const std::size_t size = socket_.read_some(room(), ec);
      if (ec == boost::asio::error::would_block) return;
      is_closed_ = static_cast<bool>(ec);
      take(size);
    }
  }
  bool is_closed() const { return is_closed_; }

 private:
  tcp::socket socket_;
  std::string unsent_;
  bool is_closed_ = false;
};

// One that collects messages.
class RawEnd : public BareEnd {
 public:
  using BareEnd::BareEnd;

  template <class Message>
  void send_message(const Message& message, std::uint64_t request_id = 0) {
    std::string bytes;
    encode(message, request_id, bytes);
    send(bytes);
  }

  void send_hello(Role role = Role::client, std::uint64_t ring_id = 0, PeerRef from = {},
                  std::uint64_t to = 0) {
    Hello hello;
    hello.role = role;
    hello.ring_id = ring_id;
    hello.from = from;
    hello.to = to;
    send_message(hello);
  }

  // Reads what there is. True once the other end has closed.
  bool is_closed() {
    receive();
    return BareEnd::is_closed();
  }

  // All messages that have come so far, with their request ids.
  struct Received {
    WireMessage message;
    std::uint64_t request_id = 0;
  };
  const std::vector<Received>& received() {
    receive();
    return received_;
  }

  template <class Family, class Message>
  const Message* last() {
    if (received().empty()) return nullptr;
    const auto* family = std::get_if<Family>(&received_.back().message);
    return family == nullptr ? nullptr : std::get_if<Message>(family);
  }
  const HelloAnswer* hello_answer() { return last<HelloMessage, HelloAnswer>(); }
  const ErrorReply* error_reply() { return last<ClientReplyMessage, ErrorReply>(); }
  const OpReply* op_reply() { return last<ClientReplyMessage, OpReply>(); }

 private:
  void receive() {
    const auto room = [&] {
      const auto part = reader_.prepare(65536);
      return boost::asio::buffer(part.data(), part.size());
    };
    BareEnd::receive(room, [&](std::size_t size) {
      reader_.commit(size);
      while (const auto frame = reader_.next()) {
        received_.push_back({*decode(*frame), frame->request_id});
      }
    });
  }

  FrameReader reader_{std::size_t{64} << 20};
  std::vector<Received> received_;
};

// One that collects text.
class TextEnd : public BareEnd {
 public:
  using BareEnd::BareEnd;

  const std::string& received() {
    receive([&] { return boost::asio::buffer(part_); },
            [&](std::size_t size) { received_.append(part_.data(), size); });
    return received_;
  }
  bool is_closed() {
    received();
    return BareEnd::is_closed();
  }

 private:
  std::array<char, 65536> part_;
  std::string received_;
};

inline RingConfig some_ring() {
  RingConfig ring;
  ring.ring_id = 77;
  return ring;
}

// A peer without a core: it answers a Get with the key, or with a value as long as it is told.
class FakePeer : public Visitors::Owner, public Listener::Owner {
 public:
  HelloListener hello_listener() const override { return {self, ring}; }
  void on_stranger(const PeerRef& from, std::uint64_t ring_id) override {
    strangers.push_back(from);
    stranger_ring_id = ring_id;
  }
  void on_accepted(tcp::socket socket, Spoken spoken) override {
    visitors->adopt(std::move(socket), speaks_resp_only ? Spoken::resp : spoken);
  }
  void on_message(const Ticket& ticket, const PeerRef& from, PeerMessage&& message) override {
    is_slow ? tickets.push_back(ticket) : visitors->done(ticket);
    senders.push_back(from);
    messages.push_back(std::move(message));
  }
  std::optional<ClientReplyMessage> on_request(const Ticket& asker,
                                               ClientRequestMessage&& request) override {
    ++answered;
    if (is_slow) {
      tickets.push_back(asker);
      if (on_wait) on_wait(asker);
      return std::nullopt;
    }
    OpResult result;
    result.value = Value{ValueType::string, std::string(value_bytes, 'v')};
    if (const auto* op = std::get_if<OpRequest>(&request); value_bytes == 0 && op != nullptr) {
      result.value->bytes = key_of(op->operation);
    }
    return OpReply{result, std::nullopt};
  }

  std::unique_ptr<resp::Session> open_session(std::uint64_t number,
                                              const Endpoint& address) override {
    resp::Client client{.id = number, .address = address};
    return std::make_unique<resp::Session>(number, std::move(client), self, keyspace);
  }
  void after_sessions(Now) override {}

  Visitors* visitors = nullptr;
  MapKeyspace keyspace;
  PeerRef self{ipv4_endpoint(0x7f000001, 1), 0x5e1f};
  std::optional<RingConfig> ring = some_ring();
  std::size_t value_bytes = 0;
  std::size_t answered = 0;
  std::function<void(const Ticket&)> on_wait;
  bool speaks_resp_only = false;
  bool is_slow = false;         // replies to no request by itself
  std::vector<Ticket> tickets;  // of what waits for it
  std::vector<PeerMessage> messages;
  std::vector<PeerRef> senders;
  std::vector<PeerRef> strangers;
  std::uint64_t stranger_ring_id = 0;
};

inline std::string get_frame(const std::string& key, std::uint64_t request_id) {
  std::string bytes;
  encode(OpRequest{Get{key}}, request_id, bytes);
  return bytes;
}

// A listener at a port that the system picked, in front of a fake peer.
struct ListeningPeer {
  ListeningPeer(Loop& loop, const Limits& limits)
      : limits_(limits), visitors(peer, limits_, log), listener(listen(loop, peer), peer, log) {
    peer.visitors = &visitors;
    listener.start();
  }

  static tcp::acceptor listen(Loop& loop, FakePeer& peer) {
    auto acceptor = listen_on(loop.io, ipv4_endpoint(0x7f000001, 0)).value();
    peer.self.endpoint = from_asio(acceptor.local_endpoint());
    return acceptor;
  }

  const Endpoint& endpoint() const { return peer.self.endpoint; }

  // Closes what it has accepted, and its port.
  void finish() {
    listener.close();
    visitors.finish();
  }

  Limits limits_;
  FakePeer peer;
  Log log{LogLevel::error, Endpoint{}, STDERR_FILENO};
  Visitors visitors;
  Listener listener;
};

}  // namespace hopring::test
