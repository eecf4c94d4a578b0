#pragma once

// Every bound of storage/raft, with its unit, its reason and what happens beyond it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "storage/raft/planted_bug.hpp"

namespace hopring {

struct RaftOptions {
  // A primary that hears nothing asks for promises so often.
  Duration heartbeat_interval = std::chrono::milliseconds(150);
  // A member that has answered a heartbeat votes for nobody else for so long; a primary with the
  // promises of a majority answers reads alone. A pause longer than this, of primary or network,
  // costs the arc its availability for as long again.
  Duration promise_duration = std::chrono::milliseconds(700);
  // Clocks of two peers drift apart by at most this part of the time that passes, in percent.
  std::int64_t clock_drift_percent_max = 1;
  // A member that has not heard of its primary for so long, and up to as much again as
  // election_spread, asks whether it would be voted for. Not less than the promise: it would be
  // refused.
  Duration silence_max = std::chrono::milliseconds(750);
  Duration election_spread = std::chrono::milliseconds(300);
  // A vote that has not ended by then is lost, and begun again after as long at most.
  Duration vote_timeout = std::chrono::milliseconds(150);
  // Whoever looks later than this whether it should ask was stopped meanwhile, or has little of a
  // core: it reads first what others have sent, which takes less than vote_timeout, and costs the
  // arc as much.
  Duration election_late_max = std::chrono::milliseconds(50);
  // A primary without the promises of a majority for so long is one no more: whoever waits for it
  // should hear so.
  Duration quorum_timeout = std::chrono::milliseconds(1500);
  // What has not been acknowledged is sent again.
  Duration resend_interval = std::chrono::milliseconds(200);

  // Entries of one AppendEntries; one that is larger travels alone.
  std::size_t append_bytes_max = std::size_t{256} << 10;
  // AppendEntries sent to one member and not acknowledged; the rest waits, and travels together.
  std::size_t appends_inflight_max = 4;
  // Entries kept for members that lack them. Beyond it the oldest applied ones go, and who lacks
  // them must be given a copy of the arc.
  std::size_t kept_bytes_max = std::size_t{4} << 20;
  // The same while a copy is on its way: what is written meanwhile must still be there when it has
  // come.
  std::size_t kept_for_copies_bytes_max = std::size_t{32} << 20;
  // Entries that are not committed: beyond it writes are refused as `overloaded`.
  std::size_t uncommitted_bytes_max = std::size_t{4} << 20;

  PlantedBug bug = PlantedBug::none;  // for tests of the judges
};

constexpr std::optional<std::string_view> problem(const RaftOptions& options) {
  if (options.silence_max < options.promise_duration) {
    return "silence_max must not be below promise_duration";
  }
  if (options.promise_duration < 3 * options.heartbeat_interval) {
    return "promise_duration must outlast a lost heartbeat or two";
  }
  if (options.quorum_timeout < options.promise_duration) {
    return "quorum_timeout must not be below promise_duration";
  }
  if (options.appends_inflight_max == 0) return "appends_inflight_max must be positive";
  return std::nullopt;
}
static_assert(!problem(RaftOptions{}), "the defaults must be usable");

}  // namespace hopring
