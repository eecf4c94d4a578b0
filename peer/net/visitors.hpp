#pragma once

// The connections that one thread of this peer has accepted: from clients, who ask, and from other
// peers, who tell. It does what peer/wire/session.hpp says about the hello and about who may say
// what. Clients that speak RESP have no hello but a session (peer/resp/session.hpp).
//
// Of what a visitor has said and nobody has dealt with yet (it waits for another thread) only so
// much is taken in: beyond waiting_bytes_mark it is not read.
//
// Thread rule: the thread that runs the io_context.

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

#include "base/time.hpp"
#include "peer/core/effects.hpp"
#include "peer/core/limits.hpp"
#include "peer/net/listener.hpp"
#include "peer/net/log.hpp"
#include "peer/resp/ring_keyspace.hpp"
#include "peer/resp/session.hpp"
#include "peer/wire/session.hpp"

namespace hopring {

class Visitors {
 public:
  // Called from handlers of the io_context only, never from inside a call that it makes.
  class Owner {
   public:
    // Who this peer is, and its ring, at this moment.
    virtual HelloListener hello_listener() const = 0;
    // A peer of another ring has dialled.
    virtual void on_stranger(const PeerRef& from, std::uint64_t ring_id) = 0;
    // Visitors::done(ticket) follows.
    virtual void on_message(const Ticket& ticket, const PeerRef& from, PeerMessage&& message) = 0;
    // The reply, or nullopt: Visitors::reply() follows.
    virtual std::optional<ClientReplyMessage> on_request(const Ticket& asker,
                                                         ClientRequestMessage&& request) = 0;
    // For the first request of a visitor at `address` that speaks RESP. It lives as long as that.
    virtual std::unique_ptr<resp::Session> open_session(std::uint64_t number,
                                                        const Endpoint& address) = 0;
    // Sessions have been shown bytes or results.
    virtual void after_sessions(Now now) = 0;

   protected:
    ~Owner() = default;
  };

  // `owner`, `limits` and `log` outlive the visitors.
  Visitors(Owner& owner, const Limits& limits, Log& log);
  Visitors(const Visitors&) = delete;
  ~Visitors();

  // `socket`: connected, and of this thread's io_context.
  void adopt(boost::asio::ip::tcp::socket socket, Spoken spoken);

  // What a ticket was for is done. Those of visitors that are gone are passed over.
  void reply(const SendReply& reply);
  void done(const Ticket& ticket);

  // Of one session's operations. They are taken.
  void on_ended(Now now, std::span<resp::RingKeyspace::Ended> ended);

  // Closes what has exceeded its time or its share of memory. Call it every sweep_interval.
  void sweep(Time now);

  // Adopts no more, takes no more requests, and closes each once it has read the replies to those
  // that it has sent, or last_replies_timeout is over.
  void finish();

  std::size_t connections() const { return visitors_.size(); }

 private:
  class Visitor;

  Visitor* find(std::uint64_t number) const;
  void close_the_oldest_silent();
  void close_the_greediest();
  void remove(std::uint64_t number);

  Owner& owner_;
  const Limits& limits_;
  Log& log_;
  std::optional<Time> finishes_by_;  // once all are to finish
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Visitor>> visitors_;
};

}  // namespace hopring
