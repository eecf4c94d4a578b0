#pragma once

// Runs one peer: hands the core what the sockets, the clocks and the signals bring, performs the
// effects that it leaves, in order, and decides nothing. The only owner of the core.
//
// Thread rule: one thread, which runs the io_context.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "peer/core/peer.hpp"
#include "peer/net/links.hpp"
#include "peer/net/listener.hpp"
#include "peer/net/log.hpp"

namespace hopring {

class Driver final : private Listener::Owner, private Links::Owner {
 public:
  struct Options {
    Peer::Options peer;
    LogLevel log_level = LogLevel::info;
    std::FILE* log = stderr;
    std::FILE* announcements = stdout;  // the `ready` line
  };

  // How it ended. `line` is for the operator; empty if all went as asked.
  struct Ending {
    int exit_code = 0;
    std::string line;
  };

  // `acceptor`: listening at options.peer.self.endpoint, or at what is reached through it.
  Driver(boost::asio::io_context& io, boost::asio::ip::tcp::acceptor acceptor, Options options);

  // Begins. The io_context is stopped once the peer has left (SIGTERM, SIGINT, leave()) or cannot
  // go on, and has said its last words. A second signal ends the process at once.
  void start();

  // Set once the peer has left or cannot go on.
  const std::optional<Ending>& ending() const { return ending_; }

  // What the first signal does.
  void leave();

 private:
  // Listener::Owner
  HelloListener hello_listener() const override;
  void on_stranger(const PeerRef& from, std::uint64_t ring_id) override;
  void on_message(const PeerRef& from, PeerMessage&& message) override;
  ClientReplyMessage answer(const ClientRequestMessage& request) override;
  // Links::Owner
  HelloDialer hello_dialer(const PeerRef& to) const override;
  void on_connected(const PeerRef& asked, const Connected& actual) override;
  void on_unreachable(const PeerRef& peer, Unreachable why) override;

  // Calls `input(now, outbox)` of the core, then performs its effects.
  template <class Input>
  void feed(Input input);

  void perform(SendPeer& effect) { links_.send(effect.to, std::move(effect.message)); }
  void perform(const LogLine& effect) { log_.write(effect.level, effect.text); }
  void perform(const BecameReady& effect);
  void perform(const Left& effect);
  void perform(const Failed& effect);

  void arm(Time now);
  void on_deadline();
  void sweep();
  void await_signal();
  void end(Ending ending);

  boost::asio::io_context& io_;
  Limits limits_;
  Log log_;
  std::FILE* announcements_;
  Listener listener_;
  Links links_;
  Peer peer_;
  Outbox out_;  // empty between inputs; kept for its memory
  boost::asio::steady_timer deadline_timer_;
  Time armed_for_ = Time::never();
  boost::asio::steady_timer sweep_timer_;
  boost::asio::signal_set signals_;
  bool is_announced_ = false;
  bool is_leaving_ = false;
  std::optional<Ending> ending_;
};

}  // namespace hopring
