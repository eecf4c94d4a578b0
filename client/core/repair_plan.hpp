#pragma once

// What to do about arcs that have lost the majority of their members, by what the peers of a ring
// say of themselves: which peer should go on with which arc, from which copy.
//
// Reports are not taken at one moment: a hole between two of them may be an arc that moves. So a
// plan names only what nobody serves, and of which no copy has heard of a primary lately.

#include <optional>
#include <string_view>
#include <vector>

#include "peer/wire/messages.hpp"

namespace hopring {

struct RepairStep {
  PeerRef at;
  Repair repair;
  // Of the copy that is taken; nullopt: nobody has one, and the arc begins empty.
  std::optional<CopyReport> copy = {};
  // Its members of whom there is no report: what only they have is lost.
  std::vector<PeerRef> absent = {};

  friend bool operator==(const RepairStep&, const RepairStep&) = default;
};

// Why nothing is to be done about a part of the ring that nobody serves.
enum class NoRepair : std::uint8_t {
  not_given_up,   // a copy has heard of a primary lately, or is on its way
  has_majority,   // copies at peers that answer are a majority of the members
  left_out,       // a peer has more copies than it could report: one of them may be of this part
  no_generation,  // there is none after those of the copies (base/count.hpp)
};

struct RepairPlan {
  struct Left {
    Arc arc;
    NoRepair why = NoRepair::not_given_up;
    friend bool operator==(const Left&, const Left&) = default;
  };
  std::vector<RepairStep> steps;  // in ring order
  std::vector<Left> left;         // likewise
};

// REQUIRES: the reports are of one ring, and there is one.
RepairPlan plan_repair(const std::vector<ReportReply>& reports);

// In words, for the operator.
std::string_view text_of(RepairRefusal refusal);
std::string_view text_of(NoRepair why);

}  // namespace hopring
