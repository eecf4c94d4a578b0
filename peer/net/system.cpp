#include "peer/net/system.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>

#include "base/check.hpp"

namespace hopring {
namespace {

Duration read_clock(clockid_t clock) {
  timespec time{};
  HOPRING_CHECK(clock_gettime(clock, &time) == 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Now read_clocks() {
  const auto wall = std::chrono::floor<std::chrono::milliseconds>(read_clock(CLOCK_REALTIME));
  return Now{Time{read_clock(CLOCK_BOOTTIME)}, WallTime{wall.count()}};
}

std::size_t raise_descriptor_limit(std::size_t wanted) {
  rlimit limit{};
  HOPRING_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  rlimit raised = limit;
  raised.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted);
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  std::size_t resident_pages = 0;
  if (!(statm >> pages >> resident_pages)) return 0;
  return resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace hopring
