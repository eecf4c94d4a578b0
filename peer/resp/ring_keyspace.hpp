#pragma once

// Executes the operations of RESP sessions: in the shard of this thread where that serves the key,
// else as a client of the ring does, with a client's core (OpMachine): it finds the key's peer,
// follows redirects, tries again, stamps what is sent twice. Its only contact is this peer, and
// this peer is reached without a socket: what the core sends it goes to the desk, which has the
// other shards of this peer and what the front knows of the ring.
//
//   execute() --> Desk::try_execute() -- answered, or later on_reply() --------------> result
//                      | not served here, or worth another try
//                      v
//                  OpMachine -- to this peer --> Desk::on_request() --> on_reply()
//                            -- to others -----> effects(), for a driver
//
// Operations that were handed to others may overtake each other: sessions keep those of one key
// apart.
//
// Sans-IO. Thread rule: belongs to its shard's thread.
//
// Invariants:
//   (1) every execute() that gave no result, every scan() and every report() ends in exactly one
//       Ended, within its timeout if it left this shard.
//   (2) effects() name other peers only.

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.hpp"
#include "client/core/op_machine.hpp"
#include "peer/core/desk.hpp"
#include "peer/resp/keyspace.hpp"

namespace hopring::resp {

// For an operation that this shard does not execute: then it is UNAVAILABLE, or UNKNOWN. Longer
// than an election, shorter than the patience of most clients. A long value has as much longer as
// it takes to reach the members of its arc (passing_time()).
inline constexpr std::chrono::seconds operation_timeout{5};

class RingKeyspace final : public Keyspace {
 public:
  // `self`, `shard`, `desk` and `out` outlive it. What the desk wants done is left in `out`, as by
  // its other inputs.
  RingKeyspace(const PeerRef& self, Shard& shard, Desk& desk, DeskOutbox& out, Rng rng);

  bool execute(Now now, const Call& call, Operation& operation, ResultSink& sink) override;
  bool execute_elsewhere(Now now, const Call& call, Operation& operation,
                         ResultSink& sink) override;
  void expect(std::span<const std::string_view> keys) override { shard_.expect(keys); }
  std::size_t try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink) override {
    return shard_.try_read(now, keys, sink);
  }
  void scan(Now now, const Call& call, Scan&& scan) override;
  void report(Now now, const Call& call, const std::optional<PeerRef>& of) override;
  const RingConfig* ring() const override { return shard_.ring(); }
  std::uint64_t random() override { return rng_.next(); }

  // After the requests that sessions took in one go: those that go to one peer go together. Until
  // then effects() lack them.
  void end_turn(Now now);
  bool is_in_turn() const { return machine_.is_in_turn(); }

  // Is this a reply to what was asked here? Then it belongs to on_reply().
  static bool is_own(const Ticket& ticket);
  void on_reply(Now now, SendReply&& reply);

  // Of the links to other peers; as OpMachine's inputs.
  void on_connected(Now now, const PeerRef& contacted, const PeerRef& actual,
                    const RingConfig& ring);
  void on_link_down(Now now, const PeerRef& peer, LinkDown reason);
  void on_reply(Now now, const PeerRef& from, RequestId id, ClientReplyMessage&& reply);
  void on_progress(Now now, const PeerRef& peer) { machine_.on_progress(now, peer); }

  void on_deadline(Now now);
  Time next_deadline() const { return machine_.next_deadline(); }

  struct Ended {
    Call call;
    Finding finding;
  };
  // To be performed, and told, in order; whoever takes them clears them.
  std::vector<ClientEffect>& effects() { return effects_; }
  std::vector<Ended>& ended() { return ended_; }

 private:
  struct Local {
    Call call;
    Operation operation;  // for another try
  };
  struct Started {
    Call call;
    bool is_read = false;
  };

  std::optional<OpResult> start(Now now, const Call& call, Operation&& operation);
  Token started(const Call& call, bool is_read);
  void settle(Now now);
  void perform(Now now, const Connect& effect);
  void perform(Now now, const Disconnect& effect);
  void perform(Now now, SendRequest& effect);
  void perform(Now now, Finish& effect);
  bool is_self(const PeerRef& peer) const { return peer.endpoint == self_.endpoint; }

  const PeerRef& self_;
  Shard& shard_;
  Desk& desk_;
  DeskOutbox& out_;
  Rng rng_;
  OpMachine machine_;
  RingConfig met_;  // what the core was told of this peer's ring
  std::uint64_t last_number_ = 0;
  boost::unordered_flat_map<std::uint64_t, Local> locals_;     // by request
  std::unordered_map<std::uint64_t, Call> reports_;            // by request
  boost::unordered_flat_map<std::uint64_t, Started> started_;  // by token
  ClientOutbox turn_;                                          // empty between inputs
  ClientOutbox effects_;
  std::vector<Ended> ended_;
};

}  // namespace hopring::resp
