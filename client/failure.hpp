#pragma once

// Why an operation on the map failed, and the result type of the public interface.
//
// A failure is an outcome, not an exception: every call returns a Result. That a key is not there,
// or is there already, is no failure; it is a value. Result::value() of a failure throws
// boost::system::system_error, for those who prefer it so.

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "client/core/typed_value.hpp"

namespace hopring {

struct Failure {
  OpError code = OpError::unknown;
  std::string text;                // one line, fit for a person
  std::optional<ValueType> found;  // the type that is really there, where a value was of another

  friend bool operator==(const Failure&, const Failure&) = default;
};

// Definite: it did not happen and never will. Otherwise it may have happened, or may yet.
inline bool is_definite(const Failure& failure) { return is_definite(failure.code); }

Failure failure_of(OpError code);
Failure failure_of(const ValueError& error);

// What value() of a failed Result throws: system_error with the code and the text.
[[noreturn]] void throw_exception_from_error(const Failure& failure,
                                             const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Failure>;

}  // namespace hopring
