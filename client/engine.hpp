#pragma once

// Runs one client: hands the core (OpMachine) what callers, sockets and clocks bring, performs the
// effects that it leaves, in order, and decides nothing. The only owner of the core.
//
//   callers' threads --post--> the engine's thread: OpMachine, ClientLinks --> sockets
//          ^                             |
//          +------- Completion ----------+
//
// Thread rule: start() and run() from any thread, any number at a time. The rest happens in one
// background thread, whatever the number of callers.
//
// Invariants:
//   (1) every Completion is called exactly once, within its timeout, in the engine's thread.
//   (2) the destructor ends what is under way, as `cancelled`, or `connection_lost` for a write
//       that was sent, and returns when all completions have been called.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "base/endpoint.hpp"
#include "client/core/op_machine.hpp"
#include "client/options.hpp"
#include "peer/net/client_links.hpp"

namespace hopring {

// What a peer says of itself: this one, or any contact.
struct ReportOf {
  std::optional<PeerRef> peer;
};

// An arc goes on at this peer, although its majority is lost.
struct RepairAt {
  PeerRef peer;
  Repair repair;
};

using Request = std::variant<Operation, std::vector<Operation>, Scan, ReportOf, RepairAt>;

struct Answer {
  Finished result;   // of the alternative that belongs to the request's
  HashKey hash_key;  // of the ring that was asked; all zero as long as none has answered
};

// Who waits for an answer.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void complete(Answer&& answer) = 0;
};

class Engine final : private ClientLinks::Owner {
 public:
  using Executor = boost::asio::io_context::executor_type;

  // `options.contacts` are not looked at, `contacts` are where they have been resolved to.
  // REQUIRES: at least one contact; !problem(options.limits).
  Engine(const std::vector<Endpoint>& contacts, const MapOptions& options);
  // REQUIRES: not from the engine's thread; no call is being made.
  ~Engine();

  void start(Request&& request, std::optional<Duration> timeout,
             std::unique_ptr<Completion> completion);

  // The same, and waits. In the engine's own thread it would wait for itself, and ends as
  // `invalid_argument` instead.
  Answer run(Request&& request, std::optional<Duration> timeout);

  // What has been asked of peers so far.
  ClientFigures figures();

  // Where completion handlers run that have no executor of their own.
  Executor executor() { return io_.get_executor(); }

 private:
  // ClientLinks::Owner
  void on_connected(const PeerRef& contacted, const Connected& actual) override;
  void on_link_down(const PeerRef& peer, LinkDown reason) override;
  void on_reply(const PeerRef& from, RequestId id, ClientReplyMessage&& reply) override;
  void on_progress(const PeerRef& peer) override;

  // Calls `input(now)` of the core, then performs its effects.
  template <class Input>
  void feed(Input input);

  void launch(Request&& request, Duration timeout, std::unique_ptr<Completion> completion);
  void perform(const Connect& effect) { links_.connect(effect.to); }
  void perform(const Disconnect& effect) { links_.disconnect(effect.to); }
  void perform(const SendRequest& effect);
  void perform(Finish& effect);
  Duration bounded(std::optional<Duration> timeout) const;
  HashKey hash_key() const;

  void arm(Time now);
  void on_deadline();
  void sweep_while_busy();
  void stop();

  const Duration timeout_;
  const Limits limits_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<Executor> work_;
  OpMachine machine_;
  ClientLinks links_;
  ClientOutbox out_;  // empty between inputs; kept for its memory
  std::map<Token, std::unique_ptr<Completion>> waiting_;
  std::uint64_t next_token_ = 1;
  boost::asio::steady_timer deadline_timer_;
  Time armed_for_ = Time::never();
  boost::asio::steady_timer sweep_timer_;
  bool is_sweeping_ = false;
  bool is_stopped_ = false;
  std::thread thread_;
};

}  // namespace hopring
