#pragma once

// Load on a ring of processes, by the C++ client: a closed loop. Each client is a map, with
// connections and a thread of its own, and keeps so many operations in flight.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hopring::bench {

struct NetOptions {
  std::vector<std::string> contacts;
  unsigned clients = 1;
  unsigned in_flight = 50;  // of each client
  unsigned percent_of_gets = 100;
  std::uint64_t keys = 100'000;  // of 24 bytes; operations draw them evenly
  std::size_t value_bytes = 32;
  double seconds = 5;
  bool fill = false;  // first put every key
  bool json = false;
};

struct NetFigures {
  std::uint64_t operations = 0;  // that were done
  std::uint64_t errors = 0;
  double seconds = 0;
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double longest_us = 0;

  double per_second() const { return static_cast<double>(operations) / seconds; }
};

// Puts every key. Throws what the map reports.
void fill(const NetOptions& options);

NetFigures load(const NetOptions& options);

}  // namespace hopring::bench
