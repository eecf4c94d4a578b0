#include "tests/bench/pages.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

namespace hopring::bench {
namespace {

// glibc's malloc asks for huge pages from 2.35 on, if it is told to.
constexpr const char* tunables_name = "GLIBC_TUNABLES";
constexpr const char* tunable = "glibc.malloc.hugetlb=1";

void check(int result, const char* what) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), what);
}

bool malloc_is_told() {
  const char* const tunables = std::getenv(tunables_name);
  return tunables != nullptr && std::strstr(tunables, tunable) != nullptr;
}

}  // namespace

std::string_view name_of(Pages pages) { return pages == Pages::huge ? "huge" : "small"; }

void use_pages(Pages pages, char** arguments) {
  if (pages == Pages::small) return check(::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "prctl");
  if (malloc_is_told()) return;
  const char* const others = std::getenv(tunables_name);
  const std::string tunables = others != nullptr ? std::string(others) + ':' + tunable : tunable;
  check(::setenv(tunables_name, tunables.c_str(), 1), "setenv");
  check(::execv("/proc/self/exe", arguments), "starting anew, for huge pages");
}

}  // namespace hopring::bench
