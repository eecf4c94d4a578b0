#pragma once

// One run of hopring-sim: peers join, keys are written, cold lookups are counted, and peers join,
// leave and crash under load. Its figures and what the judges found.

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "routing/ring_config.hpp"

namespace hopring::sim {

struct RunOptions {
  std::uint32_t peers = 16;  // 1 to 100,000
  std::uint64_t seed = 1;
  std::uint64_t operations = 2000;  // of the load; 0 for none
  double churn = 0;                 // joins, leaves and crashes per virtual second
  bool crashes = true;              // false: peers leave gracefully only
  std::uint32_t lookups = 10000;    // cold, after the ring has settled
  std::uint32_t nodes_per_peer = 32;
  std::uint32_t replicas = 1;
  Reads reads = Reads::lease;
  bool print_log = false;
  bool print_progress = false;
};

struct RunFigures {
  std::uint32_t peers = 0;  // alive at the end
  double hops_mean = 0;
  std::uint32_t hops_p99 = 0;
  double messages_per_join = 0;
  std::uint64_t keys = 0;  // at the end
  double skew = 1;         // of the keys, peak by mean: a few keys a peer are never even
  double skew_bytes = 1;   // of what peers hold, copies included
  std::uint64_t operations = 0;
  std::uint64_t writes_acknowledged = 0;
  std::uint64_t writes_during_moves = 0;
  std::uint64_t scans = 0;
  std::uint64_t joins = 0;  // during the churn
  std::uint64_t leaves = 0;
  std::uint64_t crashes = 0;
  std::uint64_t keys_lost = 0;  // held by a crashed peer alone
  Duration put_wait_max{};
  std::uint64_t trace_hash = 0;
  double virtual_seconds = 0;
  std::vector<std::string> violations;
};

RunFigures run(const RunOptions& options);

}  // namespace hopring::sim
