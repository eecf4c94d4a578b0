#include "peer/net/log.hpp"

#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>

using namespace hopring;

namespace {

constexpr std::size_t pipe_bytes = 64 * 1024;  // of a new pipe, pipe(7)

// The log's pipe. A write that waits for its reader, who is the same thread, never ends.
struct Pipe {
  Pipe() { BOOST_REQUIRE_EQUAL(::pipe(ends.data()), 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }

  // What is there. REQUIRES: something is.
  std::string read() const {
    std::string bytes(pipe_bytes, '\0');
    const ssize_t count = ::read(ends[0], bytes.data(), bytes.size());
    BOOST_REQUIRE_GT(count, 0);
    bytes.resize(static_cast<std::size_t>(count));
    return bytes;
  }

  std::array<int, 2> ends{};
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

const Endpoint self = ipv4_endpoint(0x7f000001, 7000);

}  // namespace

BOOST_AUTO_TEST_SUITE(log_lines)

// Goal: a peer does not stop because the reader of its log has. Method: ten times as many lines as
// a pipe holds that nobody reads, then a reader.
BOOST_AUTO_TEST_CASE(lines_without_room_are_dropped_and_counted_before_the_next_one) {
  const Pipe pipe;
  Log log(LogLevel::info, self, pipe.ends[1]);
  const std::string text = "event=test filler=" + std::string(100, 'x');
  constexpr std::size_t lines = 10 * pipe_bytes / 100;
  for (std::size_t i = 0; i < lines; ++i) log.write(LogLevel::info, text);
  const std::size_t written = count_of(pipe.read(), "event=test");
  BOOST_TEST(written > 0U);
  BOOST_TEST(written < lines);
  log.write(LogLevel::info, "event=again");
  log.write(LogLevel::info, "event=more");
  const std::string later = pipe.read();
  BOOST_TEST(count_of(later, "warning at=127.0.0.1:7000 event=log_lines_dropped lines=" +
                                 std::to_string(lines - written) + "\n") == 1U,
             later);
  BOOST_TEST(count_of(later, "event=log_lines_dropped") == 1U);
  BOOST_TEST(count_of(later, "event=again\n") == 1U);
  BOOST_TEST(count_of(later, "event=more\n") == 1U);
}

BOOST_AUTO_TEST_CASE(a_line_is_cut_at_its_bound_and_still_ends) {
  const Pipe pipe;
  Log log(LogLevel::info, self, pipe.ends[1]);
  log.write(LogLevel::info, "event=long text=" + std::string(2 * Log::line_bytes_max, 'x'));
  const std::string line = pipe.read();
  BOOST_TEST(line.size() == Log::line_bytes_max);
  BOOST_TEST(line.back() == '\n');
}

BOOST_AUTO_TEST_CASE(a_line_below_the_level_is_not_written) {
  const Pipe pipe;
  Log log(LogLevel::warning, self, pipe.ends[1]);
  log.write(LogLevel::info, "event=unwanted");
  log.write(LogLevel::warning, "event=wanted");
  BOOST_TEST(count_of(pipe.read(), "event=") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
