#include "base/error.hpp"

#include <string>

namespace hopring {
namespace {

struct Row {
  const char* name;
  const char* message;
};

Row row(OpError error) noexcept {
  switch (error) {
    case OpError::key_empty:
      return {"key_empty", "the key is empty; a key has 1 to 65,535 bytes"};
    case OpError::key_too_long:
      return {"key_too_long", "the key is longer than 65,535 bytes"};
    case OpError::value_too_long:
      return {"value_too_long", "the value is longer than the ring's limit (16 MiB by default)"};
    case OpError::invalid_argument:
      return {"invalid_argument", "the request is malformed"};
    case OpError::wrong_type:
      return {"wrong_type", "the value has another type"};
    case OpError::overflow:
      return {"overflow", "the result does not fit into a 64-bit integer"};
    case OpError::out_of_memory:
      return {"out_of_memory", "the peer is at its --max-memory; nothing was changed"};
    case OpError::overloaded:
      return {"overloaded", "the peer's queue is full; nothing was changed, retry later"};
    case OpError::moving:
      return {"moving", "the key's arc is changing hands; nothing was changed, retry"};
    case OpError::unavailable:
      return {"unavailable", "no peer may serve this key at present; nothing was changed"};
    case OpError::no_route:
      return {"no_route", "no peer of the ring answers"};
    case OpError::stranger:
      return {"stranger", "the peer belongs to another ring or speaks another protocol version"};
    case OpError::cancelled:
      return {"cancelled", "given up before it was sent"};
    case OpError::timed_out:
      return {"timed_out", "no answer before the deadline; outcome unknown"};
    case OpError::connection_lost:
      return {"connection_lost", "the connection was lost; outcome unknown"};
    case OpError::unknown:
      return {"unknown", "the arc changed hands before the outcome was known"};
    case OpError::stale_stamp:
      return {"stale_stamp", "whether the write has happened is not known any more"};
  }
  return {"unlisted", "unlisted hopring error"};
}

class OpErrorCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "hopring.op"; }
  std::string message(int code) const override { return row(static_cast<OpError>(code)).message; }
};

}  // namespace

const char* name(OpError error) noexcept { return row(error).name; }

const boost::system::error_category& op_error_category() noexcept {
  static const OpErrorCategory category;
  return category;
}

}  // namespace hopring
