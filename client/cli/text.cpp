#include "client/cli/text.hpp"

#include <array>
#include <charconv>

#include "client/core/typed_value.hpp"

namespace hopring::cli {
namespace {

constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

struct Sequence {
  std::size_t bytes;     // of the whole sequence
  std::uint32_t lowest;  // code point that needs as many
};

// By the first byte; nullopt if none begins like that.
std::optional<Sequence> utf8_sequence(std::uint8_t first) {
  if (first < 0x80) return Sequence{1, 0};
  if (first >= 0xc2 && first < 0xe0) return Sequence{2, 0x80};
  if (first >= 0xe0 && first < 0xf0) return Sequence{3, 0x800};
  if (first >= 0xf0 && first < 0xf5) return Sequence{4, 0x10000};
  return std::nullopt;
}

bool is_code_point(std::uint32_t code) {
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto first = static_cast<std::uint8_t>(bytes.front());
    const auto sequence = utf8_sequence(first);
    if (!sequence || bytes.size() < sequence->bytes) return false;
    std::uint32_t code = sequence->bytes == 1 ? first : first & (0x7fu >> sequence->bytes);
    for (const char c : bytes.substr(1, sequence->bytes - 1)) {
      const auto byte = static_cast<std::uint8_t>(c);
      if ((byte & 0xc0) != 0x80) return false;
      code = (code << 6) | (byte & 0x3f);
    }
    if (code < sequence->lowest || !is_code_point(code)) return false;
    bytes.remove_prefix(sequence->bytes);
  }
  return true;
}

std::string to_base64(std::string_view bytes) {
  std::string text;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= bytes.size() ? base64_digits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const std::size_t digit = base64_digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    if (++digits % 4 != 1) bytes += static_cast<char>(bits >> (6 - 2 * ((digits - 1) % 4)));
  }
  // Padding of another length, or stray bits behind the last byte, would not be written so.
  if (to_base64(bytes) != text) return std::nullopt;
  return bytes;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse_number<std::int64_t>(text);
}

std::optional<double> parse_floating(std::string_view text) { return parse_number<double>(text); }

std::string format_floating(double number) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), end};
}

std::optional<ValueType> parse_value_type(std::string_view text) {
  for (std::uint8_t i = 0; i <= value_type_max; ++i) {
    const auto type = static_cast<ValueType>(i);
    if (text == name(type)) return type;
  }
  return std::nullopt;
}

std::optional<Value> parse_value(ValueType type, std::string text) {
  Value value{type, std::move(text)};
  if (type == ValueType::integer) {
    const auto number = parse_integer(value.bytes);
    if (!number) return std::nullopt;
    value.bytes = encode_integer(*number);
  } else if (type == ValueType::floating) {
    const auto number = parse_floating(value.bytes);
    if (!number) return std::nullopt;
    value.bytes = encode_floating(*number);
  } else if (type == ValueType::json) {
    if (!from_value<boost::json::value>(value)) return std::nullopt;
  } else if (type == ValueType::object) {
    return std::nullopt;
  }
  return value;
}

std::string format_value(const Value& value) {
  if (value.type == ValueType::integer) return std::to_string(decode_integer(value.bytes));
  if (value.type == ValueType::floating) return format_floating(decode_floating(value.bytes));
  return value.bytes;
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

}  // namespace hopring::cli
