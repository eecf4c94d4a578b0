#pragma once

// Where what commands ask for is executed, as a session sees it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "base/time.hpp"
#include "client/core/effects.hpp"
#include "peer/wire/messages.hpp"
#include "storage/operation/operation.hpp"

namespace hopring::resp {

// Who asked.
struct Call {
  std::uint64_t connection = 0;
  std::uint64_t command = 0;   // of the connection
  std::uint32_t question = 0;  // of the command

  friend bool operator==(const Call&, const Call&) = default;
};

// What a peer says of itself: `of`, or this one.
struct AskReport {
  std::optional<PeerRef> of;
};

// What a command may ask, and what it gets.
using Question = std::variant<Operation, Scan, AskReport>;

struct ReportFound {
  std::optional<OpError> error;         // if set, there is no report
  std::unique_ptr<ReportReply> report;  // few commands ask for one, and it is large
};
using Finding = std::variant<OpResult, ScanResult, ReportFound>;

// A read, a scan or a report never ends as an indefinite error: it has changed nothing.
class Keyspace {
 public:
  // True: with one call of the sink. False: the operation has been taken away, and the result comes
  // later, as Session::on_finding().
  virtual bool execute(Now now, const Call& call, Operation& operation, ResultSink& sink) = 0;
  // The same, for a key that try_read() has found to be elsewhere.
  virtual bool execute_elsewhere(Now now, const Call& call, Operation& operation,
                                 ResultSink& sink) = 0;
  // Gets of the first of these keys, keys_expected_max at most: as many as this thread can answer
  // at once, or as are passed over, with one call of the sink each, while it takes more. Returns
  // how many; the others, and those passed over, are to be executed.
  virtual std::size_t try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink) = 0;
  // What is likely to be executed next is about these keys, keys_expected_max at most: where this
  // thread serves them the memory that they need is asked for. Changes nothing.
  virtual void expect(std::span<const std::string_view> keys) = 0;

  // What is found comes later, as Session::on_finding().
  virtual void scan(Now now, const Call& call, Scan&& scan) = 0;
  virtual void report(Now now, const Call& call, const std::optional<PeerRef>& of) = 0;

  // The ring as this peer knows it; nullptr: it is in none.
  virtual const RingConfig* ring() const = 0;
  virtual std::uint64_t random() = 0;

 protected:
  ~Keyspace() = default;
};

}  // namespace hopring::resp
