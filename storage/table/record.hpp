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
#include <string_view>

namespace hopring {

inline constexpr std::size_t record_key_bytes_max = 65535;
inline constexpr std::size_t record_value_bytes_max = std::size_t{1} << 30;
inline constexpr std::uint8_t record_type_max = 127;
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

// The record at `in`, without its position.
RecordView decode_record(const std::byte* in);

}  // namespace hopring
