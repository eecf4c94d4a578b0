#pragma once

// What the desks of a peer's shards (desk.hpp) tell each other and its front about the requests of
// clients. Messages like any other: the order between two ends is kept, nothing is shared.

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "peer/core/effects.hpp"
#include "routing/position.hpp"

namespace hopring {

// Desk -> desk of the shard that serves it: a request, or a part of one.
struct Errand {
  std::uint32_t from = 0;    // the desk that waits
  std::uint64_t number = 0;  // its name for it
  ClientRequestMessage request;
  bool is_alone = true;  // else its values are bounded by those of Desk::beside_others
};
// And its end; of a batch, the end of some of its operations.
struct ErrandDone {
  std::uint64_t number = 0;
  ClientReplyMessage reply;
};
struct ToDesk {
  std::uint32_t desk = 0;
  std::variant<Errand, ErrandDone> message;
};

// Desk -> front: the shard does not serve these positions; put in where the client should go, and
// end the errand. `holes`: index among the reply's answers (0 if it has but one), position.
struct Unserved {
  std::uint32_t desk = 0;
  ErrandDone done;
  std::vector<std::pair<std::uint32_t, Position>> holes;
};
// Desk -> front: end the errand with a report.
struct ReportWanted {
  std::uint32_t desk = 0;
  std::uint64_t number = 0;
};
// Desk -> front: the first write has come; it was refused with `moving`. See TakeWrites.
struct WriteCame {};
// Desk -> front: an arc is to be repaired, unless somebody in the ring serves it; end the errand.
struct RepairWanted {
  std::uint32_t desk = 0;
  std::uint64_t number = 0;
  Repair repair;
};
using FrontNote = std::variant<Unserved, ReportWanted, WriteCame, RepairWanted>;

}  // namespace hopring
