#pragma once

// The figures of the table. Each function measures in processes of its own and takes seconds.
// They throw std::runtime_error if one of these ends early.

#include <vector>

#include "tests/bench/contender.hpp"
#include "tests/bench/figure.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

struct Trial {
  Contender contender;
  Measured measured;
};

// Measures every contender once.
std::vector<Trial> try_all(const Workload& workload);

// overhead_bytes, overhead_bytes_worst, overhead_bytes_expiry, insert, insert_longest_us.
std::vector<Figure> growth_figures(const Workload& workload, const std::vector<Trial>& trials);
// get_hit, get_miss, scan. Measures nothing further.
std::vector<Figure> read_figures(const Workload& workload, const std::vector<Trial>& trials);
// get_batch16: batches against single gets of our own.
std::vector<Figure> batch_figures(const Workload& workload);
// split, drop.
std::vector<Figure> halves_figures(const Workload& workload);
// mixed_2_threads.
std::vector<Figure> mixed_figures(const Workload& workload);

}  // namespace hopring::bench
