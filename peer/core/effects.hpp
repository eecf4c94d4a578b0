#pragma once

// What a peer's core asks of the world. A driver (peer/net, sim) performs the effects in the order
// in which they stand and decides nothing.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "peer/wire/messages.hpp"

namespace hopring {

using PeerMessage = std::variant<RingMessage, GroupMessage>;

// Two connections lead to each peer, so that an arc on its way does not keep waiting what must come
// in time. Messages keep their order within a lane only.
enum class Lane : std::uint8_t {
  control,  // of the ring, heartbeats and votes: small
  bulk,     // of groups: chunks and entries of arcs on the move
};

inline Lane lane_of(const PeerMessage& message) {
  const auto* group = std::get_if<GroupMessage>(&message);
  const bool is_bulk = group != nullptr && !std::holds_alternative<Heartbeats>(*group) &&
                       !std::holds_alternative<HeartbeatAnswers>(*group) &&
                       !std::holds_alternative<RequestVote>(*group) &&
                       !std::holds_alternative<VoteAnswer>(*group);
  return is_bulk ? Lane::bulk : Lane::control;
}

// Send it over its lane's connection to this peer, opening one if there is none (Hello with our
// ring id, `to.incarnation`). If that fails, or the connection is lost: Peer::on_unreachable().
// What was sent is then lost or not; the cores send again.
struct SendPeer {
  PeerRef to;  // incarnation 0: whoever listens there (a contact, or a lost address)
  PeerMessage message;
};

// Names a client's request until its reply.
struct Ticket {
  std::uint64_t connection = 0;  // of the driver's choosing
  std::uint64_t request = 0;     // the frame's request id
  std::size_t bytes = 0;         // that it counts for while it waits
  bool is_alone = true;          // when it came, nothing of its connection waited

  friend bool operator==(const Ticket&, const Ticket&) = default;
};

// The reply to a client's request. The driver drops it if the client is gone.
struct SendReply {
  Ticket to;
  ClientReplyMessage reply;
  bool is_last = true;  // else more answers to the same batch come
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };

// One structured line: an event and key=value pairs, without time and peer, which the driver adds.
struct LogLine {
  LogLevel level = LogLevel::info;
  std::string text;
};

// The peer serves: print the `ready` line. `peers` is what it knows of the ring's size.
struct BecameReady {
  std::size_t peers = 1;
};

// leave() is done: exit. `not_handed_over` is empty if every arc has found another peer.
struct Left {
  std::vector<View> not_handed_over;
  std::uint64_t records_lost = 0;  // of those whose only copy is here
  // Of copies that go with it, and whose arcs have no majority then: these may be the last ones.
  std::uint64_t records_orphaned = 0;
};

// The peer cannot go on (nobody at --join in time, a stranger ring): say why and exit.
struct Failed {
  std::string reason;
};

using Effect = std::variant<SendPeer, LogLine, BecameReady, Left, Failed>;
using Outbox = std::vector<Effect>;

// Why a peer could not be reached, or is no longer.
enum class Unreachable : std::uint8_t {
  refused,            // nobody listens at its port: it is dead
  other_incarnation,  // another process listens there: it is dead
  other_ring,         // a peer of another ring listens there (that incarnation is dead)
  lost,               // an open connection was cut; it may live
  timed_out,          // no connection within connect_timeout; it may live
};

// The enumerator's name.
constexpr std::string_view name(Unreachable why) {
  switch (why) {
    case Unreachable::refused:
      return "refused";
    case Unreachable::other_incarnation:
      return "other_incarnation";
    case Unreachable::other_ring:
      return "other_ring";
    case Unreachable::lost:
      return "lost";
    case Unreachable::timed_out:
      return "timed_out";
  }
  return "";
}

}  // namespace hopring
