#pragma once

// The connections that this peer dials to others, to tell them something.
//
// Of two peers that talk each dials the other: a peer sends on the connection that it dialled and
// receives on the one that it accepted. So it needs no rule for two that dial at the same moment,
// each direction is cut and noticed by itself, and the hello of the dialler names for good who
// speaks on a connection. To each peer there is one for each lane (peer/core/effects.hpp).
//
// Thread rule: the thread that runs the io_context.

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <unordered_map>

#include "base/time.hpp"
#include "peer/core/effects.hpp"
#include "peer/core/limits.hpp"
#include "peer/net/log.hpp"
#include "peer/wire/session.hpp"

namespace hopring {

class Links {
 public:
  // Called from handlers of the io_context only, never from inside send().
  class Owner {
   public:
    // What a connection to `to` is opened with, at this moment.
    virtual HelloDialer hello_dialer(const PeerRef& to) const = 0;
    // `asked` as it was handed to send().
    virtual void on_connected(const PeerRef& asked, const Connected& actual) = 0;
    // The same, or a connection that was open is no longer: of either lane, each for itself. The
    // next send() dials again.
    virtual void on_unreachable(const PeerRef& peer, Unreachable why) = 0;

   protected:
    ~Owner() = default;
  };

  // `owner`, `limits` and `log` outlive the links.
  Links(boost::asio::io_context& io, Owner& owner, const Limits& limits, Log& log);
  ~Links();

  // Dials if its lane has no connection. What is sent while it is dialled waits, at most
  // dialling_messages_max of it; more is dropped, as if it had been lost on the way. So is what
  // would need one connection more than links_max.
  // Incarnation 0: whoever listens there.
  void send(const PeerRef& to, PeerMessage&& message);

  // Gives up what has exceeded its time and closes what is not used. Call it every sweep_interval.
  void sweep(Time now);

  // Dials no more, and writes what is queued.
  void finish();

  std::size_t connections() const { return links_.size(); }

 private:
  class Link;
  struct Key {
    PeerRef peer;
    Lane lane = Lane::control;

    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<PeerRef>{}(key.peer) ^ static_cast<std::size_t>(key.lane);
    }
  };

  void remove(const Key& key) { links_.erase(key); }

  boost::asio::io_context& io_;
  Owner& owner_;
  const Limits& limits_;
  Log& log_;
  bool is_finishing_ = false;
  std::unordered_map<Key, std::shared_ptr<Link>, KeyHash> links_;
};

}  // namespace hopring
