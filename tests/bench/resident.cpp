#include "tests/bench/resident.hpp"

#include <sys/resource.h>

#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

namespace hopring::bench {

std::size_t resident_bytes() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  rollup.ignore(std::numeric_limits<std::streamsize>::max(), '\n');  // the range of addresses
  std::string name;
  std::size_t kibibytes = 0;
  if (!(rollup >> name >> kibibytes) || name != "Rss:") {
    throw std::runtime_error("no resident memory in /proc/self/smaps_rollup");
  }
  return kibibytes * 1024;
}

std::size_t resident_bytes_peak() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace hopring::bench
