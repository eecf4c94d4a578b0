#pragma once

// Where the operations of commands are executed, as a session sees it.

#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "storage/operation/operation.hpp"

namespace hopring::resp {

// Who asked for an operation.
struct Call {
  std::uint64_t connection = 0;
  std::uint64_t command = 0;    // of the connection
  std::uint32_t operation = 0;  // of the command

  friend bool operator==(const Call&, const Call&) = default;
};

class Keyspace {
 public:
  // The result, or nullopt: it comes later, as Session::on_result(). A read never ends as an
  // indefinite error: it has changed nothing.
  virtual std::optional<OpResult> execute(Now now, const Call& call, Operation&& operation) = 0;

  // What this peer says of itself; it comes as Session::on_report().
  virtual void report(Now now, const Call& call) = 0;

 protected:
  ~Keyspace() = default;
};

}  // namespace hopring::resp
