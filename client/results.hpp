#pragma once

// What calls on the map give.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/failure.hpp"
#include "client/options.hpp"
#include "peer/wire/messages.hpp"

namespace hopring {

template <class T>
struct WithExpiry {
  T value;
  std::optional<ExpiryTime> expires_at;  // nullopt: it stays
};

struct CompareAndSetResult {
  // done, mismatch, or not_found: there is no such key.
  Outcome outcome = Outcome::done;
  // With mismatch: the value that is there. Not if it is longer than 20 bytes and the operation had
  // to be sent again.
  std::optional<Value> actual;

  explicit operator bool() const { return outcome == Outcome::done; }
};

struct ScanEntry {
  std::string key;
  Value value;                           // an empty string if keys_only
  std::optional<ExpiryTime> expires_at;  // nullopt: it stays
  Position position;                     // where the key lies on the ring

  // A scan after this cursor goes on with the next entry.
  ScanCursor cursor() const { return {position, key}; }

  template <class T>
  Result<T> as() const {
    auto read = from_value<T>(value);
    if (!read) return failure_of(read.error());
    return std::move(*read);
  }
};

struct ScanPage {
  std::vector<ScanEntry> entries;  // may be empty before the end: a prefix is a filter
  std::optional<ScanCursor> next;  // nullopt: that was all
};

// A cursor as text of hexadecimal digits, "position-key", and back. nullopt: that was none.
std::string to_string(const ScanCursor& cursor);
std::optional<ScanCursor> parse_cursor(std::string_view text);

// What a peer says of itself: its arcs with their keys and bytes, the peers it knows, its counters
// (docs/operations.md says what each counts).
using PeerReport = ReportReply;

}  // namespace hopring
