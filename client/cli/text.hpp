#pragma once

// Bytes, text and numbers, as the command line reads and prints them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/operation/value.hpp"

namespace hopring::cli {

// Strict (RFC 3629): no overlong forms, no surrogates.
bool is_utf8(std::string_view bytes);

// RFC 4648 with padding. The reverse takes nothing but what the first gives.
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

// All of `text` as a decimal number; nullopt if it is none or does not fit.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_floating(std::string_view text);

// The shortest text that parse_floating() turns into the very same number.
std::string format_floating(double number);

// "string", "integer", "floating", "json" or "object".
std::optional<ValueType> parse_value_type(std::string_view name);

// The value of `type` that `text` stands for. Strings are taken as they are; JSON must be
// well-formed and is stored as it was written; objects have no text.
std::optional<Value> parse_value(ValueType type, std::string text);

// What `get` prints: numbers in decimal, other values byte for byte.
std::string format_value(const Value& value);

// 1234567 -> "1,234,567".
std::string with_commas(std::uint64_t number);

}  // namespace hopring::cli
