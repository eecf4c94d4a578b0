#pragma once

// A record in memory, a header of three bytes for short keys and values:
//
//   | type (7 bits), has expiry (1) | key bytes | value bytes | expiry, if any | key | value |
//   |             1 byte            |  1 .. 3   |   1 .. 5    |       6        |     |       |
//
// Lengths are LEB128 (seven bits a byte, the lowest first). A record does not hold its position:
// whoever needs it computes it from the key (see PositionOf).

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace hopring {

inline constexpr std::size_t record_key_bytes_max = 65535;
inline constexpr std::size_t record_value_bytes_max = std::size_t{1} << 30;
inline constexpr std::uint8_t record_type_max = 127;
inline constexpr std::size_t record_expiry_bytes = 6;
// Milliseconds since 1970: the year 10889. The header spends six bytes on an expiry.
inline constexpr std::int64_t expiry_ms_max = (std::int64_t{1} << 48) - 1;

// One record as callers see it. The views point into the table: valid until its next change.
struct RecordView {
  std::uint64_t position = 0;
  std::string_view key;        // 1 to record_key_bytes_max bytes
  std::string_view value;      // 0 to record_value_bytes_max bytes
  std::uint8_t type = 0;       // at most record_type_max; the table does not interpret it
  std::int64_t expiry_ms = 0;  // absolute wall time in milliseconds, 1 to expiry_ms_max; 0 = none
};

// Maps a key to its position on the ring: the ring's keyed hash. A plain function and its context,
// since the table recomputes positions when it cuts, scans and audits.
// REQUIRES: a key always has the same position; the context outlives the table.
struct PositionOf {
  std::uint64_t (*function)(const void* context, std::string_view key) = nullptr;
  const void* context = nullptr;

  std::uint64_t operator()(std::string_view key) const { return function(context, key); }
};

// Bytes that encode_record() writes. REQUIRES: the bounds of RecordView.
std::size_t encoded_bytes(const RecordView& record);

void encode_record(std::byte* out, const RecordView& record);

namespace detail {

inline unsigned header_byte(const std::byte* in, std::size_t i) noexcept {
  return std::to_integer<unsigned>(in[i]);
}
// Has the record at `in` a header of three bytes? Nearly all have.
inline bool is_short(const std::byte* in) noexcept {
  return ((header_byte(in, 1) | header_byte(in, 2)) & 0x80) == 0;
}
inline std::size_t expiry_bytes_of(const std::byte* in) noexcept {
  return (header_byte(in, 0) >> 7) * record_expiry_bytes;
}
std::int64_t decode_expiry(const std::byte* in) noexcept;
RecordView decode_long_record(const std::byte* in);

inline std::uint64_t load_8_bytes(const char* from) noexcept {
  std::uint64_t bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

// memcmp() == 0, in line for the lengths that keys mostly have.
inline bool are_equal(const char* a, const char* b, std::size_t size) noexcept {
  if (size - 16 > 16) return std::memcmp(a, b, size) == 0;
  const char* const a_end = a + size;  // the last 16 bytes overlap the first
  const char* const b_end = b + size;
  return ((load_8_bytes(a) ^ load_8_bytes(b)) | (load_8_bytes(a + 8) ^ load_8_bytes(b + 8)) |
          (load_8_bytes(a_end - 16) ^ load_8_bytes(b_end - 16)) |
          (load_8_bytes(a_end - 8) ^ load_8_bytes(b_end - 8))) == 0;
}

}  // namespace detail

// Makes `record` the record at `in`, but for its position.
inline void decode_record(const std::byte* in, RecordView& record) {
  if (!detail::is_short(in)) {
    const std::uint64_t position = record.position;
    record = detail::decode_long_record(in);
    record.position = position;
    return;
  }
  const std::size_t key_bytes = detail::header_byte(in, 1);
  const std::size_t expiry_bytes = detail::expiry_bytes_of(in);
  const auto* const key = reinterpret_cast<const char*>(in + 3 + expiry_bytes);
  record.key = {key, key_bytes};
  record.value = {key + key_bytes, detail::header_byte(in, 2)};
  record.type = static_cast<std::uint8_t>(detail::header_byte(in, 0) & 0x7f);
  record.expiry_ms = expiry_bytes != 0 ? detail::decode_expiry(in + 3) : 0;
}

// The record at `in`, without its position.
inline RecordView decode_record(const std::byte* in) {
  RecordView record;
  decode_record(in, record);
  return record;
}

// Has the record at `in` this key?
inline bool has_key(const std::byte* in, std::string_view key) {
  if (!detail::is_short(in)) return detail::decode_long_record(in).key == key;
  const auto* const stored = reinterpret_cast<const char*>(in + 3 + detail::expiry_bytes_of(in));
  return detail::header_byte(in, 1) == key.size() &&
         detail::are_equal(stored, key.data(), key.size());
}

}  // namespace hopring
