#pragma once

// Every bound of the peer in one place, with its unit, its reason and its consequence. Bounds of
// the rooms below stand beside what they bound (SuccessorList::entries_max and the like).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hopring {

struct Limits {
  // Time.
  std::chrono::milliseconds ask_timeout{1000};         // an answer this late counts as silence
  std::chrono::milliseconds stabilize_interval{1000};  // each node asks its successor once in this
  std::chrono::milliseconds balance_interval{
      2000};                                      // between looks at others' loads; twice at rest
  std::chrono::milliseconds join_timeout{30000};  // --join-timeout; then it fails
  // Between looks whether the arcs served here have all their copies, at living peers.
  std::chrono::milliseconds placement_interval{500};
  std::chrono::milliseconds join_retry_interval{250};  // between rounds over the contacts
  std::chrono::milliseconds fresh_for{1000};           // a creator takes no writes
  std::chrono::milliseconds takeover_after{60000};     // --takeover-after: silence that means death
  // Without a predecessor that makes itself known, the gap before a node is claimed: longer than
  // two rounds, so that whoever has got a dead peer's arc just before has been heard of.
  std::chrono::milliseconds claim_delay{2250};
  std::chrono::milliseconds linger{500};  // after the last arc went, to say where the arcs are
  // Then, for requests under way to be answered, which others execute. Longer than the largest
  // value has time by RESP; clients of whose writes nothing is known by then lose their connection.
  std::chrono::milliseconds last_replies_timeout{10000};
  std::chrono::milliseconds leave_patience{30000};  // without an arc handed over; then it gives up

  // The wire. Bounds of frames themselves stand in peer/wire/frame.hpp.
  std::size_t frame_bytes_max = std::size_t{33} << 20;  // two 16 MiB values, keys, overhead
  std::size_t connections_max = 10000;                  // more are closed at once; file descriptors
  // Of all accepted connections: beyond it those that take most are closed.
  std::size_t connection_bytes_max = std::size_t{1} << 30;
  std::size_t write_queue_bytes_max = std::size_t{72} << 20;  // to a peer; beyond: too slow, closed
  // Above this a client's next requests wait until it has read its replies.
  std::size_t client_replies_bytes_mark = std::size_t{1} << 20;
  // What came over a connection and waits, for another thread or for a majority, counts for its
  // bytes and so many more, by what may be answered (see errand_value_bytes_max). Above the mark
  // the connection is not read: 64 small reads of one client, 1,000 writes, 4 batches, or 2 scans.
  std::size_t waiting_bytes_each = std::size_t{16} << 10;
  std::size_t waiting_bytes_of_write = std::size_t{1} << 10;    // that is answered without a value
  std::size_t waiting_bytes_of_batch = std::size_t{256} << 10;  // at most
  std::size_t waiting_bytes_of_scan = std::size_t{512} << 10;
  std::size_t waiting_bytes_mark = std::size_t{1} << 20;
  std::size_t dialling_messages_max = 256;  // more to one peer are dropped until it answers
  // To others, two to each peer, dialled or being so: strangers may name any number of peers that
  // there are not. What is for one more is dropped, as if it had been lost on the way.
  std::size_t links_max = 4096;
  // What was begun must become a hello, or a first command, within this; else it is closed.
  std::chrono::milliseconds hello_timeout{5000};
  // Connections that have said nothing at all for longer than that: pools of clients open some
  // ahead. Beyond it the oldest are closed, so that they leave room for those who speak.
  std::size_t silent_connections_max = 1000;
  std::chrono::milliseconds connect_timeout{2000};  // to a peer, its hello included
  // What was sent to a peer and is not acknowledged by its system for so long ends the connection;
  // the next message dials anew. Longer than a few packets that are lost in turn, and no longer
  // than a dial may take, whose end decides when peers meet again.
  std::chrono::milliseconds link_silence_max{2000};
  std::chrono::milliseconds frame_timeout{30000};  // a frame that was begun must end within this
  std::chrono::milliseconds write_timeout{30000};  // one that reads nothing for so long is closed
  std::chrono::milliseconds last_words_timeout{1000};  // for the other end to close after us
  std::chrono::milliseconds link_idle_timeout{60000};  // then a connection to a peer is closed
  std::chrono::milliseconds sweep_interval{100};  // between looks at the timeouts of connections
  // How old what a shard has told of its sizes may be while no arc comes or changes, nor the number
  // of connections, and nobody waits for fresh ones.
  std::chrono::milliseconds status_interval{500};
};

// The first thing wrong with `limits`, in words fit for the operator; nullopt when all is well.
constexpr std::optional<std::string_view> problem(const Limits& limits) {
  if (limits.frame_bytes_max < 65536) return "frame_bytes_max must be at least 64 KiB";
  if (limits.write_queue_bytes_max < 2 * limits.frame_bytes_max) {
    return "write_queue_bytes_max must hold two frames";
  }
  if (limits.takeover_after < limits.ask_timeout) {
    return "takeover-after must not be shorter than the time a peer has to answer (1 s)";
  }
  return std::nullopt;
}
static_assert(!problem(Limits{}), "the defaults must be usable");

}  // namespace hopring
