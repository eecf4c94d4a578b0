#pragma once

// The figures of the table. Each function measures in processes of its own, says on standard error
// what it is at, and takes seconds to minutes. They throw std::runtime_error if a process ends
// early.

#include <iosfwd>
#include <vector>

#include "tests/bench/contender.hpp"
#include "tests/bench/figure.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

struct Trial {
  Contender contender;
  Footprint footprint;
  InsertLatency latency;
  Speed speed;
};

// What is measured of a contender; the rest is zero.
struct TrialParts {
  bool footprint;
  bool latency;
  bool speed;
};

// Measures each of the contenders once.
std::vector<Trial> try_all(const Workload& workload, const std::vector<Contender>& contenders,
                           TrialParts parts);

// overhead_bytes, overhead_bytes_worst, overhead_bytes_expiry, overhead_bytes_4_shards, load_mean,
// load_at_growth, insert_moved_max. Of trials with a footprint. Writes to `curve` a row
// "entries,overhead_bytes,load" for each look at ours.
std::vector<Figure> footprint_figures(const Workload& workload, const std::vector<Trial>& trials,
                                      std::ostream& curve);
// insert, insert_best, insert_longest_us, insert_p9999_us, insert_longest_wall_us,
// insert_longest_max_us. Of trials with all but a footprint.
std::vector<Figure> insert_figures(const Workload& workload, const std::vector<Trial>& trials);
// get_hit, get_hit_best, get_miss, get_miss_cuckoo, scan. Measures nothing beyond the trials'
// speeds.
std::vector<Figure> read_figures(const Workload& workload, const std::vector<Trial>& trials);
// get_batch16: batches against single gets of our own.
std::vector<Figure> batch_figures(const Workload& workload);
// split, drop.
std::vector<Figure> halves_figures(const Workload& workload);
// mixed_2_threads; nothing if threads may share none of the contenders.
std::vector<Figure> mixed_figures(const Workload& workload,
                                  const std::vector<Contender>& contenders);
// rewrite_resident, rewrite_copied: half of the entries, with values of 16 to 512 bytes.
std::vector<Figure> rewrite_figures(const Workload& workload);
// overhead_bytes_copied, overhead_bytes_copied_worst, spilled_copied: records that come in the
// order of the ring, twice as many as entries. get_miss_copied: as many as entries.
std::vector<Figure> copied_figures(const Workload& workload);
// empty_arcs_mib.
std::vector<Figure> empty_arcs_figures(const Workload& workload);
// flood, equal_positions_us: keys chosen by somebody who means harm.
std::vector<Figure> hostile_figures(const Workload& workload);

}  // namespace hopring::bench
