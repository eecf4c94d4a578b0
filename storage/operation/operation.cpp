#include "storage/operation/operation.hpp"

#include <bit>
#include <cstring>

#include "base/check.hpp"

namespace hopring {
namespace {

static_assert(std::endian::native == std::endian::little, "values are stored little-endian");

template <class Number>
std::string encode(Number number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

template <class Number>
Number decode(std::string_view bytes) {
  Number number;
  HOPRING_CHECK(bytes.size() == sizeof number);
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

std::optional<OpError> problem(const Value& value, std::size_t value_bytes_max) {
  if (value.bytes.size() > value_bytes_max) return OpError::value_too_long;
  const bool number = value.type == ValueType::integer || value.type == ValueType::floating;
  if (number && value.bytes.size() != 8) return OpError::invalid_argument;
  return std::nullopt;
}

std::optional<OpError> problem(const Expiry& expiry) {
  if (expiry.kind == Expiry::Kind::at || expiry.kind == Expiry::Kind::after) {
    return expiry.ms > 0 ? std::nullopt : std::optional(OpError::invalid_argument);
  }
  return std::nullopt;
}

}  // namespace

const char* name(ValueType type) noexcept {
  switch (type) {
    case ValueType::string:
      return "string";
    case ValueType::integer:
      return "integer";
    case ValueType::floating:
      return "floating";
    case ValueType::json:
      return "json";
    case ValueType::object:
      return "object";
  }
  return "unlisted";
}

std::string encode_integer(std::int64_t number) { return encode(number); }
std::int64_t decode_integer(std::string_view bytes) { return decode<std::int64_t>(bytes); }
std::string encode_floating(double number) { return encode(number); }
double decode_floating(std::string_view bytes) { return decode<double>(bytes); }

const std::string& key_of(const Operation& operation) {
  return std::visit([](const auto& each) -> const std::string& { return each.key; }, operation);
}

std::optional<OpError> problem(const Operation& operation, std::size_t value_bytes_max) {
  const std::string& key = key_of(operation);
  if (key.empty()) return OpError::key_empty;
  if (key.size() > key_bytes_max) return OpError::key_too_long;
  if (const auto* put = std::get_if<Put>(&operation)) {
    if (auto error = problem(put->expiry)) return error;
    return problem(put->value, value_bytes_max);
  }
  if (const auto* cas = std::get_if<CompareAndSet>(&operation)) {
    if (auto error = problem(cas->expiry)) return error;
    if (auto error = problem(cas->expected, value_bytes_max)) return error;
    return problem(cas->desired, value_bytes_max);
  }
  const auto* erase = std::get_if<Erase>(&operation);
  if (erase != nullptr && erase->expected) return problem(*erase->expected, value_bytes_max);
  return std::nullopt;
}

std::size_t payload_bytes(const Operation& operation) {
  std::size_t bytes = key_of(operation).size();
  if (const auto* put = std::get_if<Put>(&operation)) bytes += put->value.bytes.size();
  if (const auto* cas = std::get_if<CompareAndSet>(&operation)) {
    bytes += cas->expected.bytes.size() + cas->desired.bytes.size();
  }
  const auto* erase = std::get_if<Erase>(&operation);
  if (erase != nullptr && erase->expected) bytes += erase->expected->bytes.size();
  return bytes;
}

}  // namespace hopring
