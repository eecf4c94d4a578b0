#pragma once

// Structured log lines, one event each:
//
//   2026-11-22T22:00:00.123Z info at=127.0.0.1:7000 event=ready peers=1
//
// docs/operations.md lists the events. What a stranger can cause at will is logged at `debug` only.

#include <cstdio>
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
  // Lines of `lowest` and above go to `file`, which must outlive the log.
  Log(LogLevel lowest, const Endpoint& self, std::FILE* file)
      : lowest_(lowest), self_(to_string(self)), file_(file) {}

  // Ask before a text is put together that would be thrown away.
  bool takes(LogLevel level) const { return level >= lowest_; }

  // `text`: "event=name key=value ...", one line.
  void write(LogLevel level, std::string_view text);

 private:
  LogLevel lowest_;
  std::string self_;
  std::FILE* file_;
};

}  // namespace hopring
