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
  std::chrono::milliseconds balance_interval{2000};    // between looks at the loads of others
  std::chrono::milliseconds join_timeout{30000};       // --join-timeout; then it fails
  std::chrono::milliseconds join_retry_interval{250};  // between rounds over the contacts
  std::chrono::milliseconds fresh_for{1000};           // a creator takes no writes: see design D5
  std::chrono::milliseconds takeover_after{60000};     // --takeover-after: silence that means death
  std::chrono::milliseconds claim_delay{500};          // for what a dead peer had moved on to show
  std::chrono::milliseconds linger{500};  // after the last arc went, to say where the arcs are
  std::chrono::milliseconds leave_patience{10000};  // without an arc handed over; then it gives up

  // The wire.
  std::size_t frame_bytes_max = (std::size_t{17} << 20);  // a 16 MiB value, key, overhead
  std::size_t frame_bytes_max_before_hello = 4096;        // a hello is < 1.2 KiB
  std::size_t connections_max = 10000;  // more are closed at once; file descriptors
  std::size_t write_queue_bytes_max =
      (std::size_t{64} << 20);                    // beyond this the reader is too slow
  std::chrono::milliseconds hello_timeout{5000};  // a connection without a hello is closed
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds frame_timeout{30000};  // a frame that was begun must end within this
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
