#pragma once

// The connections of a client to peers: dialled when the core says so, one to each peer. It
// performs Connect, Disconnect and SendRequest (client/core/effects.hpp), and decides nothing. A
// client's engine has them, and a peer that asks others for its RESP clients.
//
// Thread rule: the thread that runs the io_context.

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>

#include "base/time.hpp"
#include "client/core/effects.hpp"
#include "client/core/op_machine.hpp"
#include "peer/core/limits.hpp"
#include "peer/wire/session.hpp"

namespace hopring {

class ClientLinks {
 public:
  // Called from handlers of the io_context only, never from inside a call that the owner makes. The
  // arguments are those of OpMachine's inputs.
  class Owner {
   public:
    virtual void on_connected(const PeerRef& contacted, const Connected& actual) = 0;
    virtual void on_link_down(const PeerRef& peer, LinkDown reason) = 0;
    virtual void on_reply(const PeerRef& from, RequestId id, ClientReplyMessage&& reply) = 0;
    virtual void on_progress(const PeerRef& peer) = 0;

   protected:
    ~Owner() = default;
  };

  // `io`, `owner` and `limits` outlive the links.
  ClientLinks(boost::asio::io_context& io, Owner& owner, const Limits& limits);
  ~ClientLinks();

  // A dial of `to` may be under way: another one has reached it meanwhile, under an address without
  // an incarnation, and its connection is gone again. Then that dial's end is this one's.
  void connect(const PeerRef& to);
  // A dial of it ends, too; the owner is not told.
  void disconnect(const PeerRef& to);

  // False: too much waits to be written to `to` already, and nothing of this has been sent. What
  // is sent to a peer whose connection has just broken is lost, which on_link_down() will tell.
  [[nodiscard]] bool send(const PeerRef& to, RequestId id, const ClientRequestMessage& message);

  // Gives up what has exceeded its time. Call it every sweep_interval while something is under way.
  void sweep(Time now);

  // Closes everything at once; the owner is called no more.
  void close();

 private:
  class Link;
  struct Standing {
    std::shared_ptr<Link> link;
    RingConfig ring;
  };

  void on_welcome(const PeerRef& contacted, const Connected& actual);
  void on_dial_failed(const PeerRef& contacted, LinkDown reason);
  void on_lost(const PeerRef& peer);

  boost::asio::io_context& io_;
  Owner& owner_;
  const Limits& limits_;
  std::map<PeerRef, std::shared_ptr<Link>> dialling_;  // by whom the core wants to reach
  std::map<PeerRef, Standing> standing_;               // by who answered
};

}  // namespace hopring
