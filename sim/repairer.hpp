#pragma once

// The operator of a simulated ring that has lost majorities: does what
// `hopring ring repair --accept-loss` does, through a client of the world.
//
// Thread rule: one thread.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "client/core/repair_plan.hpp"
#include "sim/world.hpp"

namespace hopring::sim {

class Repairer {
 public:
  // REQUIRES: `world` outlives it, and a peer is alive.
  explicit Repairer(World& world);
  ~Repairer();
  Repairer(const Repairer&) = delete;
  Repairer& operator=(const Repairer&) = delete;

  // Asks all living peers but those that are silent, and carries out what this look and the one
  // before agree on.
  void look(const std::set<ProcessId>& silent = {});

  // What peers have been asked to do, and have done.
  const std::vector<RepairStep>& done() const noexcept { return done_; }
  std::size_t refused() const noexcept { return refused_; }
  // For people: what the last look left open, and why.
  std::string describe() const;
  const RepairPlan& plan() const noexcept { return plan_; }

 private:
  World& world_;
  ProcessId client_;
  std::uint64_t token_ = 0;
  std::vector<RepairStep> asked_;  // by token, from 1 on
  std::set<std::uint64_t> open_;   // the tokens of those that have not been answered
  std::vector<RepairStep> done_;
  std::size_t refused_ = 0;
  std::string last_refusal_;
  RepairPlan plan_;
};

}  // namespace hopring::sim
