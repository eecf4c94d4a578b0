#pragma once

// What an operation on the map may report. docs/protocol.md lists who sends which and when.

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstdint>

namespace hopring {

// The order matters: see is_definite(). The numbers travel on the wire.
enum class OpError : std::uint8_t {
  // Definite: the operation did not happen and never will.
  key_empty = 1,
  key_too_long,
  value_too_long,
  invalid_argument,  // a malformed request: a cursor, a type tag, an option
  wrong_type,        // `add` on a value that is no number, or get<T> of another type
  overflow,          // `add` would leave the range of a 64-bit integer
  out_of_memory,     // --max-memory of a peer that must hold the record
  overloaded,        // a bounded queue is full: back off, then retry
  moving,            // the arc is changing hands: retry in a moment
  unavailable,       // the arc has no peer that may serve it now
  no_route,          // no peer that is known answers
  stranger,          // the peer belongs to another ring, or speaks no common protocol version
  cancelled,         // given up by its owner before anything was sent
  // Indefinite: the operation may have happened, or may yet.
  timed_out,
  connection_lost,
  unknown,  // appended, then its group changed hands before the outcome was known
  // Told to the client's core, never to a user: this request has not been executed and will not be,
  // an earlier one of the same stamp may have been (storage/operation/stamp.hpp).
  stale_stamp,
};

constexpr bool is_definite(OpError error) noexcept { return error < OpError::timed_out; }
static_assert(is_definite(OpError::cancelled) && !is_definite(OpError::timed_out));

constexpr std::uint8_t op_error_max = static_cast<std::uint8_t>(OpError::stale_stamp);

// The enumerator's name, as it stands in logs and in the JSON of the command line.
const char* name(OpError error) noexcept;

const boost::system::error_category& op_error_category() noexcept;

inline boost::system::error_code make_error_code(OpError error) noexcept {
  return {static_cast<int>(error), op_error_category()};
}

}  // namespace hopring

template <>
struct boost::system::is_error_code_enum<hopring::OpError> : std::true_type {};
