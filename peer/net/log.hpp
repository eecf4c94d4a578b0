#pragma once

// Structured log lines, one event each:
//
//   2026-11-22T22:00:00.123Z info at=127.0.0.1:7000 event=ready peers=1
//
// docs/operations.md lists the events. What a stranger can cause at will is logged at `debug` only.
//
// A peer does not wait for whoever reads its log: lines for which there is no room, as in a pipe
// whose reader has stopped, are dropped, and counted before the next one that is written:
//
//   2026-11-22T22:00:09.456Z warning at=127.0.0.1:7000 event=log_lines_dropped lines=17
//
// Where several processes write to one pipe, another one can take the room between the look and the
// write; then the line waits after all.
//
// Thread rule: any.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "peer/core/effects.hpp"

namespace hopring {

// The enumerator's name, as it stands in a line and in --log-level.
const char* name(LogLevel level) noexcept;

// "2026-11-22T22:00:00.123Z". REQUIRES: a year from 0 to 9999.
std::string to_string(WallTime time);

class Log {
 public:
  // Of a line, with its end; what is longer is cut. So a line and the note of dropped ones before
  // it are at most PIPE_BUF: they fit where poll() has seen room, and do not mix with others'
  // lines.
  static constexpr std::size_t line_bytes_max = 2048;

  // Lines of `lowest` and above go to the descriptor `file`, which must outlive the log.
  Log(LogLevel lowest, const Endpoint& self, int file)
      : lowest_(lowest), self_(to_string(self)), file_(file) {}

  // Ask before a text is put together that would be thrown away.
  bool takes(LogLevel level) const { return level >= lowest_; }

  // `text`: "event=name key=value ...", one line.
  void write(LogLevel level, std::string_view text);

 private:
  std::string line(LogLevel level, std::string_view text) const;

  LogLevel lowest_;
  std::string self_;
  int file_;
  std::atomic<std::uint64_t> dropped_{0};  // since the last line that was written
};

}  // namespace hopring
