#pragma once

// What a user of the map may choose: for all calls, and for one.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/core/limits.hpp"
#include "storage/operation/operation.hpp"

namespace hopring {

struct MapOptions {
  // Where the ring can be met: "host:port", "127.0.0.1:7700" or "[::1]:7700"; names are resolved
  // once, when the map is opened, and each address that they have is a contact. One is enough:
  // others are learnt from it.
  std::vector<std::string> contacts{"127.0.0.1:7700"};

  // For each call that names no timeout of its own. A call ends by then, whatever happens.
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);

  ClientLimits limits{};
};

struct CallOptions {
  std::optional<std::chrono::nanoseconds> timeout{};  // nullopt: the map's
};

struct WriteOptions {
  // nullopt: put, insert and replace give a record that stays; compare_and_set keeps the expiry.
  std::optional<Expiry> expiry{};
  std::optional<std::chrono::nanoseconds> timeout{};  // nullopt: the map's
};

// In milliseconds since 1970, on the clock of the peer that holds the record.
using ExpiryTime = std::chrono::sys_time<std::chrono::milliseconds>;

constexpr Expiry expire_never() { return Expiry{}; }
// Of a record that is overwritten: as it had been to expire.
constexpr Expiry keep_expiry() { return Expiry{Expiry::Kind::keep, 0}; }
// REQUIRES of both: later than now; else the call ends as invalid_argument.
constexpr Expiry expire_after(std::chrono::milliseconds time) {
  return Expiry{Expiry::Kind::after, time.count()};
}
constexpr Expiry expire_at(ExpiryTime time) {
  return Expiry{Expiry::Kind::at, time.time_since_epoch().count()};
}

struct ScanOptions {
  std::string prefix{};                   // a filter: the order is the ring's, not that of the keys
  std::optional<ScanCursor> after{};      // go on behind it; nullopt: from the beginning
  bool keys_only = false;                 // values are left out: entries have empty strings instead
  std::uint32_t page_records_max = 1000;  // fetched at a time; 1 to scan_records_max
  std::optional<std::chrono::nanoseconds> timeout{};  // of each page; nullopt: the map's
};

}  // namespace hopring
