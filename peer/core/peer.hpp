#pragma once

// One peer of the ring in one thread: a front, its shards and their desks. What a simulation and
// tests drive; in a process peer/net runs the same parts on threads of their own.
//
// Sans-IO: inputs are calls that carry `Now`, effects are left in `out` in the order in which they
// must be performed, and replies in replies(). Thread rule: one thread.
//
// Invariants (docs/invariants.md has the whole list):
//   (1) A node exists for every arc that a shard has said to serve, and has that arc's view.
//   (2) next_deadline() is later than the last `now` seen, once on_deadline() has been called.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "peer/core/effects.hpp"
#include "peer/core/options.hpp"
#include "storage/group/replica.hpp"

namespace hopring {

class Peer {
 public:
  using Options = PeerOptions;

  // REQUIRES: problem(options.limits) and problem(options.ring) are empty.
  Peer(Options options, Rng rng, Now now);
  ~Peer();

  // Begins: creates the ring, or dials the contacts.
  void start(Now now, Outbox& out);

  // A connection that this peer dialled has been welcomed; `asked` as in SendPeer.
  void on_connected(Now now, const PeerRef& asked, const PeerRef& actual, const RingConfig& ring,
                    Outbox& out);
  // A message on a connection of role peer whose hello named `from`.
  void on_message(Now now, const PeerRef& from, PeerMessage&& message, Outbox& out);
  // `peer` as in SendPeer. Everything sent to it that was not answered may be lost.
  void on_unreachable(Now now, const PeerRef& peer, Unreachable why, Outbox& out);
  // A peer of another ring has dialled this one. A fresh ring of one that has taken no write gives
  // itself up and joins the caller's.
  void on_stranger(Now now, const PeerRef& from, std::uint64_t ring_id, Outbox& out);

  // A client's request. SendReply{asker} follows: at once, or soon where shards take their time.
  // The caller takes the replies away after every input.
  std::vector<SendReply>& replies();
  void on_request(Now now, const Ticket& asker, ClientRequestMessage&& request, Outbox& out);

  // REQUIRES: now >= next_deadline().
  void on_deadline(Now now, Outbox& out);
  Time next_deadline() const;

  // Hands all arcs over, then leaves Left in an outbox. More calls change nothing.
  void leave(Now now, Outbox& out);

  const PeerRef& self() const;
  // The ring that a HelloAnswer names; nullptr while it has none (a joiner that has not been let
  // in).
  const RingConfig* ring() const;

  // For judges: the views of the arcs that it serves, in ring order; and the same without copies,
  // in no order.
  std::vector<View> served() const;
  std::vector<const View*> served_now() const;
  // Its copies of arcs, in no order. Empty in a ring of one copy each.
  std::vector<const Replica*> copies_now() const;
  ReportReply report(Now now) const;
  // Does it serve the arc that holds the position, and is that arc on its way to another peer?
  bool is_moving(Position position) const;
  // Does it have a copy from which the arc could be taken over, should its primary die?
  bool has_copy_of(Position position) const;
  // Its last look at the loads of others found nothing to ask for.
  bool settled() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hopring
