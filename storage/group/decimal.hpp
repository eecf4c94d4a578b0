#pragma once

// Integers as canonical decimal text: no sign but '-', no leading zero, no "-0".

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hopring {

class DecimalText {
 public:
  explicit DecimalText(std::int64_t number)
      : size_(static_cast<std::size_t>(
            std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr - text_.data())) {}

  std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 20> text_;  // "-9223372036854775808"
  std::size_t size_;
};

// nullopt if `text` is not canonical or outside of 64 bits.
inline std::optional<std::int64_t> parse_canonical(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (DecimalText(number).view() != text) return std::nullopt;
  return number;
}

}  // namespace hopring
