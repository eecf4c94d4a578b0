#pragma once

// Every bound in the client's core, in one place, with its unit and its reason.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace hopring {

struct ClientLimits {
  // Operations in flight, those of a batch counted singly; the next one ends as `overloaded`. At
  // 1 KiB each the default holds 64 MiB.
  std::size_t operations_max = 65536;

  // Of keys and values in one batch request. Large enough that a round trip is small against the
  // copying, small enough that the batch of one caller does not hold up another's for long. A
  // larger operation travels alone.
  std::size_t batch_bytes_max = std::size_t{1} << 20;

  // Arcs in the route cache: a ring of 1,000 peers has 32 each, at most twice as many after splits.
  // Beyond it the oldest ones are forgotten and cost a lookup.
  std::size_t arcs_max = 65536;

  // Peers remembered as contacts, beside those that the user gave. As many as a large ring has;
  // beyond it a new one takes the place of one that does not answer, or is not remembered.
  std::size_t contacts_max = 1024;

  // Peers asked in one walk, from its start to an answer or a pause. More than 2 * log2(peers): a
  // longer path is a routing loop, and is broken by a pause.
  std::size_t hops_max = 64;

  // An arc to which this client has not written for so long is asked before it is written again.
  // Peers keep the results of writes for window_age_max (30 s): what is sent again within the rest
  // of that is then told from what was executed. Longer values (batch_bytes_max) go at once.
  Duration mark_age_max = std::chrono::seconds(10);

  // Other peers asked in one walk after one that knew nothing new. Two opinions mend most stale
  // hints; more would flood a ring in which an arc has just died.
  std::uint32_t detours_max = 2;

  // Others asked in one walk after a member of an arc has called it unavailable: the other members
  // of a group of three, and one that may know newer ones. More would delay the answer where it is
  // right.
  std::uint32_t denials_max = 3;

  // How long one of these may take, most of all to be dialled. A round trip is far shorter, and one
  // that is paused or cut off, as members of such an arc may be, does not answer at all.
  Duration opinion_max = std::chrono::milliseconds(250);

  // The pause before a retry: doubled from the first to the last, each jittered by a quarter.
  Duration pause_first = std::chrono::milliseconds(5);
  Duration pause_last = std::chrono::milliseconds(200);

  // A link on which operations wait, and nothing at all has passed for so long, is given up, so
  // that others are asked who has the arc by now: where arcs have several copies it has another
  // primary by then. Where they have one there is nobody else, and who answers late still knows
  // what has become of a write: it is given up only when a request on it passes its deadline. So is
  // a dial, everywhere. A look that comes later than its time by a quarter of this looks again:
  // this process, or its thread, has been away itself.
  Duration silence_max = std::chrono::seconds(1);

  // A request of more than batch_bytes_max may be silent for longer: as long as so much takes to
  // reach the other members of its arc, of which nothing is heard. 16 MiB have five seconds in all.
  // Over a network that passes fewer such requests are sent again and again until their deadlines.
  std::size_t long_bytes_per_second = std::size_t{4} << 20;
};

// The first thing wrong with `limits`, in words fit for the operator; nullopt when all is well.
constexpr std::optional<std::string_view> problem(const ClientLimits& limits) {
  if (limits.operations_max == 0) return "operations_max must be at least 1";
  if (limits.long_bytes_per_second == 0) return "long_bytes_per_second must be at least 1";
  if (limits.arcs_max == 0) return "arcs_max must be at least 1";
  if (limits.hops_max < 2) return "hops_max must be at least 2";
  if (limits.pause_first < std::chrono::milliseconds(1)) return "pause_first must be at least 1 ms";
  if (limits.pause_last < limits.pause_first) return "pause_last must not be below pause_first";
  return std::nullopt;
}
static_assert(!problem(ClientLimits{}), "the defaults must be usable");

// What a request of so many bytes may take longer than others: they pass on from who gets them, and
// nothing is heard meanwhile.
constexpr Duration passing_time(const ClientLimits& limits, std::size_t bytes) {
  if (bytes <= limits.batch_bytes_max) return Duration(0);
  const std::chrono::duration<double> passing(static_cast<double>(bytes) /
                                              static_cast<double>(limits.long_bytes_per_second));
  return std::chrono::duration_cast<Duration>(passing);
}

}  // namespace hopring
