#include "peer/net/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>

#include "peer/net/system.hpp"

namespace hopring {
namespace {

static_assert(2 * Log::line_bytes_max <= PIPE_BUF);

bool has_room(int file) {
  pollfd look{file, POLLOUT, 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & POLLOUT) != 0;
}

// In one call where the system takes it whole, so that lines of two peers do not mix. What cannot
// be written has nobody who could be told.
void write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

const char* name(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "unlisted";
}

std::string to_string(WallTime time) {
  const std::time_t seconds = time.ms_since_epoch / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03dZ",
                static_cast<int>(time.ms_since_epoch % 1000));
  return text;
}

std::string Log::line(LogLevel level, std::string_view text) const {
  std::string line = to_string(read_clocks().wall);
  line.append(" ").append(name(level)).append(" at=").append(self_).append(" ");
  line.append(text);
  if (line.size() >= line_bytes_max) line.resize(line_bytes_max - 1);
  return line.append("\n");
}

void Log::write(LogLevel level, std::string_view text) {
  if (!takes(level)) return;
  if (!has_room(file_)) {
    ++dropped_;
    return;
  }
  std::string lines;
  if (const std::uint64_t dropped = dropped_.exchange(0); dropped > 0) {
    lines = line(LogLevel::warning, "event=log_lines_dropped lines=" + std::to_string(dropped));
  }
  write_all(file_, lines.append(line(level, text)));
}

}  // namespace hopring
