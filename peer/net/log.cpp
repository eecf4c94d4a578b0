#include "peer/net/log.hpp"

#include <ctime>

#include "peer/net/system.hpp"

namespace hopring {

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

void Log::write(LogLevel level, std::string_view text) {
  if (!takes(level)) return;
  std::string line = to_string(read_clocks().wall);
  line.append(" ").append(name(level)).append(" at=").append(self_).append(" ");
  line.append(text).append("\n");
  std::fwrite(line.data(), 1, line.size(), file_);  // one call: lines of two peers do not mix
}

}  // namespace hopring
