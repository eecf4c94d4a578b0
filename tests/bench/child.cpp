#include "tests/bench/child.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <stdexcept>
#include <system_error>

namespace hopring::bench {

Child::Child() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  read_end_ = ends[0];
  write_end_ = ends[1];
  process_ = ::fork();
  if (process_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  ::close(is_child() ? read_end_ : write_end_);
}

void Child::finish(const void* result, std::size_t bytes) noexcept {
  const bool sent = ::write(write_end_, result, bytes) == static_cast<ssize_t>(bytes);
  ::_exit(sent ? 0 : 1);  // takes the maps down with it
}

void Child::receive(void* result, std::size_t bytes) {
  // A result is smaller than PIPE_BUF, so it comes whole or not at all.
  const bool received = ::read(read_end_, result, bytes) == static_cast<ssize_t>(bytes);
  ::close(read_end_);
  int status = 0;
  ::waitpid(process_, &status, 0);
  if (received && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw std::runtime_error("a measuring process ended early; is there enough memory?");
}

}  // namespace hopring::bench
