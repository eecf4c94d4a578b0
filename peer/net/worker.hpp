#pragma once

// One thread of a peer: a shard, its desk, and the connections that it has accepted. The front and
// the links to other peers belong to the driver's thread, which is the first worker's, too; all
// that crosses from one to the other goes through mailboxes, even where it is the same thread.
//
//    visitors --requests--> desk, shard --news, notes--> driver (front)
//        |                    |    ^                        |
//        |                errands  |                     commands
//        |                    v    |                        v
//        `--what peers say--> driver            another worker
//
// Visitors that speak RESP are sessions of its RespService, which asks other peers by itself.
//
// Thread rule: post_...() from any thread; the rest belongs to the thread that runs the io_context.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/huge_pages.hpp"
#include "base/system_pages.hpp"
#include "peer/core/desk.hpp"
#include "peer/core/options.hpp"
#include "peer/core/shard.hpp"
#include "peer/net/alarm.hpp"
#include "peer/net/log.hpp"
#include "peer/net/mailbox.hpp"
#include "peer/net/resp_service.hpp"
#include "peer/net/visitors.hpp"

namespace hopring {

// What a peer has said over a connection of this worker. Its ticket is to be given back.
struct PeerTold {
  Ticket ticket;
  std::uint32_t worker = 0;
  PeerRef from;
  PeerMessage message;
};
// A peer of another ring has dialled.
struct StrangerCame {
  PeerRef from;
  std::uint64_t ring_id = 0;
};
struct WorkerStatus {
  ShardStatus shard;
  std::size_t connections = 0;
  bool is_wanted = false;   // post_status_wanted() asked for it
  bool is_drained = false;  // post_finish() was told, and no connection is left
};
using WorkerNote = std::variant<ShardNews, FrontNote, PeerTold, StrangerCame, WorkerStatus>;

class Worker final : private Visitors::Owner, private RespService::Owner {
 public:
  class Owner {
   public:
    // From any thread.
    virtual void post_notes(std::vector<WorkerNote>&& notes) = 0;
    // Whose post_...() this worker may call: never changes once one of them runs.
    virtual Worker& worker(std::uint32_t index) = 0;
    // Of all workers' RESP sessions. Never changes.
    virtual const resp::SessionOptions& session_options() const = 0;

   protected:
    ~Owner() = default;
  };

  // One of options.shards. `owner` and `log` outlive the worker.
  Worker(boost::asio::io_context& io, std::uint32_t index, const PeerOptions& options, Owner& owner,
         Log& log);

  // Begins to sweep. By its thread, or before that runs.
  void start() { sweep(); }

  // What a worker is given back once all commands before have been dealt with.
  struct Dealt {
    Worker* worker;
    Ticket ticket;
  };
  void post_commands(std::vector<ShardCommand>&& commands, std::vector<Dealt>&& dealt);
  void post_errands(std::vector<ToDesk>&& errands);
  void post_socket(boost::asio::ip::tcp::socket socket, Spoken spoken);
  void post_done(const Ticket& ticket);
  void post_status_wanted();
  void post_finish();

 private:
  // Visitors::Owner
  HelloListener hello_listener() const override;
  void on_stranger(const PeerRef& from, std::uint64_t ring_id) override;
  void on_message(const Ticket& ticket, const PeerRef& from, PeerMessage&& message) override;
  std::optional<ClientReplyMessage> on_request(const Ticket& asker,
                                               ClientRequestMessage&& request) override;
  std::unique_ptr<resp::Session> open_session(std::uint64_t number,
                                              const Endpoint& address) override;
  void after_sessions(Now now) override;
  // RespService::Owner
  void on_resp() override { flush_soon(); }
  void on_ended(Now now, std::span<resp::RingKeyspace::Ended> ended) override;

  void on_deadline();
  void sweep();
  void tell_status(bool is_wanted);
  void note(WorkerNote&& note);
  bool has_news() const { return !out_.is_empty() || shard_.is_in_turn(); }
  void take();
  void take_replies();
  void serve_sessions();
  void flush_soon();
  void flush();

  boost::asio::io_context& io_;
  std::uint32_t index_;
  std::uint32_t workers_;
  PeerRef self_;
  Limits limits_;  // of this worker: its share of the peer's
  Owner& owner_;
  Mailbox mailbox_;
  HugePages memory_;  // of the shard's tables
  SystemPages pages_;
  Shard shard_;
  Desk desk_;
  std::unique_ptr<RespService> resp_;  // once a visitor has spoken RESP; outlives their sessions
  Visitors visitors_;
  Alarm alarm_;
  boost::asio::steady_timer sweep_timer_;
  bool is_finishing_ = false;
  Time status_told_{};
  bool is_status_due_ = false;  // with the next sweep, see status_interval
  std::size_t connections_told_ = 0;

  // On their way out; sent together, once what lies in a connection's buffer has been dealt with.
  std::vector<WorkerNote> notes_;
  std::vector<std::vector<ToDesk>> errands_;  // to each worker
  bool is_flush_posted_ = false;
  DeskOutbox out_;  // of the inputs since the last flush
};

}  // namespace hopring
