#pragma once

// The data operations: what a client asks of one key, and what it is told.
//
// An operation is decided where its key's arc is ordered (storage/group): what depends on the time
// (a relative expiry) is made absolute by the primary before it enters the order.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "routing/position.hpp"
#include "storage/operation/value.hpp"

namespace hopring {

struct View;

// When a record ends.
struct Expiry {
  enum class Kind : std::uint8_t { never, keep, at, after };
  Kind kind = Kind::never;
  std::int64_t ms = 0;  // `at`: since the epoch; `after`: from the primary's now; else 0

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& kind& ms;
  }
  friend bool operator==(const Expiry&, const Expiry&) = default;
};
inline constexpr std::uint8_t expiry_kind_max = static_cast<std::uint8_t>(Expiry::Kind::after);

enum class PutCondition : std::uint8_t { always, if_absent, if_present };
inline constexpr std::uint8_t put_condition_max =
    static_cast<std::uint8_t>(PutCondition::if_present);

struct Get {
  std::string key;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& key;
  }
  friend bool operator==(const Get&, const Get&) = default;
};

struct Put {
  std::string key;
  Value value;
  Expiry expiry;
  PutCondition condition = PutCondition::always;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& key& value& expiry& condition;
  }
  friend bool operator==(const Put&, const Put&) = default;
};

struct Erase {
  std::string key;
  std::optional<Value> expected = {};  // if set, only a value that is the same, as below

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& key& expected;
  }
  friend bool operator==(const Erase&, const Erase&) = default;
};

// Sets `desired` if the value is byte for byte and in type `expected`. By value: a value that
// changed and changed back in between is not noticed (ABA).
struct CompareAndSet {
  std::string key;
  Value expected;
  Value desired;
  Expiry expiry{Expiry::Kind::keep, 0};
  // If set, only if the record ends then, too: absolute, 0 = never.
  std::optional<std::int64_t> expected_expiry_ms = {};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& key& expected& desired& expiry& expected_expiry_ms;
  }
  friend bool operator==(const CompareAndSet&, const CompareAndSet&) = default;
};

// Adds to an integer, or to a string that is a canonical decimal integer; the tag stays. An absent
// key counts as integer 0.
struct Add {
  std::string key;
  std::int64_t delta = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& key& delta;
  }
  friend bool operator==(const Add&, const Add&) = default;
};

// Keys that may be announced before operations on them come: as many lines of memory as a processor
// has on order at once.
inline constexpr std::size_t keys_expected_max = 16;

using Operation = std::variant<Get, Put, Erase, CompareAndSet, Add>;

const std::string& key_of(const Operation& operation);

// Bytes of its key and values.
std::size_t payload_bytes(const Operation& operation);

// The first thing wrong with an operation that came from outside; nullopt when it may be executed.
std::optional<OpError> problem(const Operation& operation, std::size_t value_bytes_max);

enum class Outcome : std::uint8_t {
  done,       // Get: found; Erase: was there; else written
  not_found,  // Get, Erase, CompareAndSet, Put if_present: no such key; nothing was changed
  exists,     // Put if_absent: the key is there; nothing was changed
  mismatch,   // CompareAndSet, Erase: another value or expiry, which is told; nothing was changed
};
inline constexpr std::uint8_t outcome_max = static_cast<std::uint8_t>(Outcome::mismatch);

struct OpResult {
  std::optional<OpError> error;  // if set, the rest is empty
  Outcome outcome = Outcome::done;
  std::optional<Value> value;  // Get: the value; Add: the new one; mismatch: the one that is there
  std::int64_t expiry_ms = 0;  // with `value`: absolute, 0 = never

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& error& outcome& value& expiry_ms;
  }
  friend bool operator==(const OpResult&, const OpResult&) = default;
};

inline OpResult error_result(OpError error) {
  OpResult result;
  result.error = error;
  return result;
}

// Where the result of an operation goes. The value's bytes are copied once, by the sink: into the
// connection's buffer (the encoders) or into an OpResult (below). Exactly one call per operation.
class ResultSink {
 public:
  virtual void on_outcome(Outcome outcome) = 0;
  virtual void on_value(Outcome outcome, ValueType type, std::string_view bytes,
                        std::int64_t expiry_ms) = 0;
  virtual void on_error(OpError error) = 0;

 protected:
  ~ResultSink() = default;
};

// Where the results of several reads go, in their order.
class ReadSink : public ResultSink {
 public:
  // Asked before each read.
  virtual bool takes_more() const = 0;
  // After each: the view of the arc that holds its key.
  virtual void on_view(const View&) {}

  // May reads be passed over that cannot be done here and now? Else the first of them is the end.
  virtual bool passes_over() const { return false; }
  // One was. `is_elsewhere`: this host does not serve its key.
  virtual void on_passed_over([[maybe_unused]] bool is_elsewhere) {}

 protected:
  ~ReadSink() = default;
};

// As whoever made the result would have told it.
inline void tell(const OpResult& result, ResultSink& sink) {
  if (result.error) {
    sink.on_error(*result.error);
  } else if (result.value) {
    sink.on_value(result.outcome, result.value->type, result.value->bytes, result.expiry_ms);
  } else {
    sink.on_outcome(result.outcome);
  }
}

class OpResultSink final : public ResultSink {
 public:
  void on_outcome(Outcome outcome) override { result.outcome = outcome; }
  void on_value(Outcome outcome, ValueType type, std::string_view bytes,
                std::int64_t expiry_ms) override {
    result = OpResult{std::nullopt, outcome, Value{type, std::string(bytes)}, expiry_ms};
  }
  void on_error(OpError error) override { result.error = error; }

  OpResult result;
};

// A record on its way: in a chunk of a transfer or in the answer to a scan.
struct Record {
  std::string key;
  Value value;
  std::int64_t expiry_ms = 0;  // absolute, 0 = never

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& key& value& expiry_ms;
  }
  friend bool operator==(const Record&, const Record&) = default;
};

// How far a walk in ring order has come: the next record is the first one at `position` whose key
// is greater than `last_key`, or at a later position. Keys are never empty, so {p, ""} begins at p.
// Survives growth, moves and crashes.
struct ScanCursor {
  Position position;
  std::string last_key;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& position& last_key;
  }
  friend bool operator==(const ScanCursor&, const ScanCursor&) = default;
};

// One step of a scan, within the arc that holds cursor.position.
struct Scan {
  ScanCursor cursor;
  std::string prefix;                // a filter: the order is the ring's, not lexicographic
  std::uint32_t records_max = 1000;  // 1 to scan_records_max
  bool keys_only = false;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& cursor& prefix& records_max& keys_only;
  }
  friend bool operator==(const Scan&, const Scan&) = default;
};
inline constexpr std::uint32_t scan_records_max = 10000;
inline constexpr std::size_t scan_answer_bytes_max = std::size_t{256} << 10;
inline constexpr std::uint32_t scan_visits_max = 20000;  // records looked at for one step

struct ScanStep {
  std::vector<Record> records;
  std::optional<ScanCursor> next;  // nullopt: position 2^64-1 has been passed, the scan is complete

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& records& next;
  }
  friend bool operator==(const ScanStep&, const ScanStep&) = default;
};

}  // namespace hopring
