#pragma once

// Runs one peer: hands the cores what the sockets, the clocks and the signals bring, performs the
// effects that they leave, in order, and decides nothing. Owns the front, the connections that this
// peer dials, and the workers, which own the rest and of which all but the first have threads of
// their own.
//
// Thread rule: the thread that runs the io_context; but for post_notes().

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "peer/core/front.hpp"
#include "peer/net/alarm.hpp"
#include "peer/net/links.hpp"
#include "peer/net/listener.hpp"
#include "peer/net/log.hpp"
#include "peer/net/mailbox.hpp"
#include "peer/net/memory_guard.hpp"
#include "peer/net/worker.hpp"

namespace hopring {

class Driver final : private Listener::Owner, private Links::Owner, private Worker::Owner {
 public:
  struct Options {
    PeerOptions peer;  // shards: so many threads, that of the io_context among them
    std::uint64_t resident_bytes_max = 0;  // of the process, tables and all; 0: no limit
    // Called near that limit, to give what is free inside the heap back to the system.
    void (*give_free_memory_back)() = [] {};
    bool may_flush = false;  // --allow-flush: RESP clients may erase all keys of the ring
    LogLevel log_level = LogLevel::info;
    int log = STDERR_FILENO;            // a descriptor
    std::FILE* announcements = stdout;  // the `ready` line
  };

  // How it ended. `line` is for the operator; empty if all went as asked.
  struct Ending {
    int exit_code = 0;
    std::string line;
  };

  // `acceptor`: listening at options.peer.self.endpoint, or at what is reached through it.
  // `resp_acceptor`: of a port where RESP alone is spoken.
  Driver(boost::asio::io_context& io, boost::asio::ip::tcp::acceptor acceptor,
         const Options& options,
         std::optional<boost::asio::ip::tcp::acceptor> resp_acceptor = std::nullopt);
  ~Driver();

  // Begins. The io_context is stopped once the peer has left (SIGTERM, SIGINT, leave()) or cannot
  // go on, and has said its last words. A second signal ends the process at once.
  void start();

  // Set once the peer has left or cannot go on.
  const std::optional<Ending>& ending() const { return ending_; }

  // What the first signal does.
  void leave();

 private:
  // A worker that has a thread: the io_context outlives whatever belongs to it.
  struct Thread {
    std::unique_ptr<boost::asio::io_context> io;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
    std::thread thread = {};
  };

  // Listener::Owner
  void on_accepted(boost::asio::ip::tcp::socket socket, Spoken spoken) override;
  // Links::Owner
  HelloDialer hello_dialer(const PeerRef& to) const override;
  void on_connected(const PeerRef& asked, const Connected& actual) override;
  void on_unreachable(const PeerRef& peer, Unreachable why) override;
  // Worker::Owner
  void post_notes(std::vector<WorkerNote>&& notes) override;
  Worker& worker(std::uint32_t index) override { return *workers_[index]; }
  const resp::SessionOptions& session_options() const override { return session_options_; }

  void on_note(ShardNews&& news);
  void on_note(FrontNote&& note);
  void on_note(PeerTold&& told);
  void on_note(StrangerCame&& stranger);
  void on_note(WorkerStatus&& status);

  // Calls `input(now, outbox)` of the front, then performs its effects and sends its commands;
  // those of notes that come together are sent together.
  template <class Input>
  void feed(Input input);
  void send_commands();
  void post(ToDesk&& errand);

  void perform(SendPeer& effect) { links_.send(effect.to, std::move(effect.message)); }
  void perform(const LogLine& effect) { log_.write(effect.level, effect.text); }
  void perform(const BecameReady& effect);
  void perform(const Left& effect);
  void perform(const Failed& effect);

  // Calls `then` once every worker has said how its shard is, from now on.
  void with_fresh_sizes(std::function<void()> then);
  void want_statuses();

  void sweep();
  void guard_memory(Time now);
  void await_signal();
  void end(Ending ending);
  void stop();

  boost::asio::io_context& io_;
  Limits limits_;
  Log log_;
  std::FILE* announcements_;
  Mailbox mailbox_;
  Front front_;
  Links links_;
  Listener listener_;
  std::optional<Listener> resp_listener_;
  resp::ClientList clients_;  // that speak RESP, of all workers
  const resp::SessionOptions session_options_;
  std::vector<Thread> threads_;  // of the workers but for the first
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::size_t> connections_;  // of each worker, about
  std::vector<bool> is_drained_;
  Outbox out_;                                       // empty between inputs; kept for its memory
  std::vector<std::vector<ShardCommand>> commands_;  // as well
  std::vector<std::vector<Worker::Dealt>> dealt_;    // by each worker, behind its commands
  std::optional<Now> reading_since_;  // while it reads notes: as of when, for all of them
  Alarm alarm_;
  boost::asio::steady_timer sweep_timer_;
  MemoryGuard memory_guard_;
  void (*give_free_memory_back_)();
  boost::asio::signal_set signals_;
  std::vector<std::function<void()>> waiting_;      // for fresh sizes, the next time
  std::vector<std::function<void()>> waiting_now_;  // for those that have been asked for
  std::size_t statuses_missing_ = 0;
  bool is_announced_ = false;
  bool is_leaving_ = false;
  std::optional<Ending> ending_;
};

}  // namespace hopring
