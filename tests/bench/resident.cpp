#include "tests/bench/resident.hpp"

#include <sys/resource.h>

#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

namespace hopring::bench {

namespace {

// The line `Name:   123 kB`.
std::size_t bytes_in_rollup(const std::string& wanted) {
  constexpr auto line_bytes_max = std::numeric_limits<std::streamsize>::max();
  std::ifstream rollup("/proc/self/smaps_rollup");
  rollup.ignore(line_bytes_max, '\n');  // the range of addresses
  std::string name;
  std::size_t kibibytes = 0;
  while (rollup >> name >> kibibytes) {
    if (name == wanted) return kibibytes * 1024;
    rollup.ignore(line_bytes_max, '\n');
  }
  throw std::runtime_error("no " + wanted + " in /proc/self/smaps_rollup");
}

}  // namespace

std::size_t resident_bytes() { return bytes_in_rollup("Rss:"); }

ResidentBytes resident_now() {
  return {bytes_in_rollup("Rss:"), bytes_in_rollup("AnonHugePages:")};
}

double huge_share(const ResidentBytes& before, const ResidentBytes& after) {
  if (after.all <= before.all || after.huge <= before.huge) return 0;
  return static_cast<double>(after.huge - before.huge) /
         static_cast<double>(after.all - before.all);
}

std::size_t resident_bytes_peak() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace hopring::bench
