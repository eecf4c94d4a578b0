#pragma once

// What the RESP sessions of one worker need of the world: the connections over which their
// operations reach other peers, and time. It runs a RingKeyspace and decides nothing. A worker
// makes one for the first session; until then RESP costs nothing.
//
// Thread rule: the thread that runs the io_context.

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <span>

#include "peer/core/limits.hpp"
#include "peer/net/alarm.hpp"
#include "peer/net/client_links.hpp"
#include "peer/resp/ring_keyspace.hpp"
#include "peer/resp/session.hpp"

namespace hopring {

class RespService final : private ClientLinks::Owner {
 public:
  class Owner {
   public:
    // From handlers of the io_context only: something has come that flush() and the desk's outbox
    // have to be looked at for.
    virtual void on_resp() = 0;
    // From flush(). Of one session.
    virtual void on_ended(Now now, std::span<resp::RingKeyspace::Ended> ended) = 0;

   protected:
    ~Owner() = default;
  };

  // All but `limits` and `rng` outlive it.
  RespService(boost::asio::io_context& io, Owner& owner, const PeerRef& self, Shard& shard,
              Desk& desk, DeskOutbox& out, const Limits& limits, Rng rng);

  std::unique_ptr<resp::Session> open(std::uint64_t number, resp::Client client,
                                      const resp::SessionOptions& options);
  void on_reply(Now now, SendReply&& reply) { keyspace_.on_reply(now, std::move(reply)); }

  // Performs what the keyspace wants and tells what has ended, of what has come so far.
  void flush();
  bool has_work() {
    return keyspace_.is_in_turn() || !keyspace_.effects().empty() || !keyspace_.ended().empty();
  }
  // After every input of the keyspace, sessions' included.
  void arm(Time now) { alarm_.arm(now); }

  // Call it every sweep_interval.
  void sweep(Time now);

 private:
  // ClientLinks::Owner
  void on_connected(const PeerRef& contacted, const Connected& actual) override;
  void on_link_down(const PeerRef& peer, LinkDown reason) override;
  void on_reply(const PeerRef& from, RequestId id, ClientReplyMessage&& reply) override;
  void on_progress(const PeerRef& peer) override;

  void perform(const Connect& effect) { links_.connect(effect.to); }
  void perform(const Disconnect& effect) { links_.disconnect(effect.to); }
  void perform(const SendRequest& effect);
  void perform(const Finish&) {}  // the keyspace keeps them

  boost::asio::io_context& io_;
  Owner& owner_;
  const PeerRef& self_;
  const Limits limits_;
  resp::RingKeyspace keyspace_;
  ClientLinks links_;
  Alarm alarm_;
  ClientOutbox effects_;                          // empty between flushes; kept for its memory
  std::vector<resp::RingKeyspace::Ended> ended_;  // as well
  std::shared_ptr<RespService*> alive_;           // what is posted may outlive it
};

}  // namespace hopring
