#pragma once

// The connections that this peer accepts: from clients, who ask, and from other peers, who tell.
// It does what peer/wire/session.hpp says about the hello and about who may say what.
//
// Thread rule: the thread that runs the io_context.

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/time.hpp"
#include "peer/core/effects.hpp"
#include "peer/core/limits.hpp"
#include "peer/net/log.hpp"
#include "peer/wire/session.hpp"

namespace hopring {

class Listener {
 public:
  // Called from handlers of the io_context only.
  class Owner {
   public:
    // Who this peer is, and its ring, at this moment.
    virtual HelloListener hello_listener() const = 0;
    // A peer of another ring has dialled.
    virtual void on_stranger(const PeerRef& from, std::uint64_t ring_id) = 0;
    virtual void on_message(const PeerRef& from, PeerMessage&& message) = 0;
    virtual ClientReplyMessage answer(const ClientRequestMessage& request) = 0;

   protected:
    ~Owner() = default;
  };

  // `acceptor`: listening (listen_on()). `owner`, `limits` and `log` outlive the listener.
  Listener(boost::asio::ip::tcp::acceptor acceptor, Owner& owner, const Limits& limits, Log& log);
  ~Listener();

  void start();

  // Closes what has exceeded its time or its share of memory, and accepts again after the system
  // had no descriptors left. Call it every sweep_interval.
  void sweep(Time now);

  // Accepts no more, and lets what is accepted read its last replies.
  void finish();

  std::size_t connections() const { return visitors_.size(); }

 private:
  class Visitor;

  void accept();
  void on_accepted(boost::asio::ip::tcp::socket socket);
  void close_the_greediest();
  void remove(const Visitor* visitor);

  boost::asio::ip::tcp::acceptor acceptor_;
  Owner& owner_;
  const Limits& limits_;
  Log& log_;
  bool is_accepting_ = false;
  std::unordered_map<const Visitor*, std::unique_ptr<Visitor>> visitors_;
};

}  // namespace hopring
