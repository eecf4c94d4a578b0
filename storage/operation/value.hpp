#pragma once

// Values and their type tags. One table in docs/protocol.md says who reads which tag as what.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hopring {

inline constexpr std::size_t key_bytes_max = 65535;  // a record's header holds 16 bits of length
inline constexpr std::size_t value_bytes_max_default = std::size_t{16} << 20;

inline bool is_key(std::string_view bytes) noexcept {
  return !bytes.empty() && bytes.size() <= key_bytes_max;
}

enum class ValueType : std::uint8_t {
  string,    // any bytes
  integer,   // std::int64_t, 8 bytes, little-endian
  floating,  // IEEE 754 double, 8 bytes, little-endian
  json,      // JSON text in UTF-8
  object,    // a C++ type through Boost.Serialization: name, version, portable archive
};
inline constexpr std::uint8_t value_type_max = static_cast<std::uint8_t>(ValueType::object);

const char* name(ValueType type) noexcept;

struct Value {
  ValueType type = ValueType::string;
  std::string bytes;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& type& bytes;
  }
  friend bool operator==(const Value&, const Value&) = default;
};

// The 8 little-endian bytes of an integer value, and back. REQUIRES of the second: 8 bytes.
std::string encode_integer(std::int64_t number);
std::int64_t decode_integer(std::string_view bytes);
std::string encode_floating(double number);
double decode_floating(std::string_view bytes);

}  // namespace hopring
