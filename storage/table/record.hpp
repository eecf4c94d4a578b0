#pragma once

// A record in memory. Nearly all are short, and have a header of two bytes:
//
//   | value bytes (7 bits), key bytes (5), type (3), has expiry (1) | expiry, if any | key | value
//   | |                     2 bytes, little-endian                    |       5        |     | |
//
// The expiry of a short one counts milliseconds from 2020, up to the year 2054. A record that does
// not fit has a long header, of 4 to 10 bytes, and six of expiry if any; it begins with a short one
// without key bytes:
//
//   | type (7 bits), 0 (5), unused (3), has expiry (1) | key bytes | value bytes | expiry, if any |
//   key | value | |                     2 bytes                      |  1 .. 3   |   1 .. 5    | 6
//   |     |       |
//
// Its lengths are LEB128 (seven bits a byte, the lowest first). A record does not hold its
// position: whoever needs it computes it from the key (see PositionOf).

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace hopring {

inline constexpr std::size_t record_key_bytes_max = 65535;
inline constexpr std::size_t record_value_bytes_max = std::size_t{1} << 30;
inline constexpr std::uint8_t record_type_max = 127;
// Milliseconds since 1970: the year 10889. A long header spends six bytes on an expiry.
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

// Bytes that encode_record() writes, at least encoded_bytes_min. REQUIRES: the bounds of
// RecordView.
std::size_t encoded_bytes(const RecordView& record);
inline constexpr std::size_t encoded_bytes_min = 3;

void encode_record(std::byte* out, const RecordView& record);

namespace detail {

inline constexpr unsigned short_value_bits = 7;
inline constexpr unsigned short_key_bits = 5;
inline constexpr unsigned short_type_bits = 3;
inline constexpr std::size_t short_header_bytes = 2;
inline constexpr std::size_t short_expiry_bytes = 5;
inline constexpr std::int64_t short_expiry_first_ms = 1'577'836'800'000;  // the year 2020

struct ShortHeader {
  unsigned bits;

  std::size_t value_bytes() const noexcept { return bits & ((1u << short_value_bits) - 1); }
  // 0: the header is a long one.
  std::size_t key_bytes() const noexcept {
    return bits >> short_value_bits & ((1u << short_key_bits) - 1);
  }
  unsigned type() const noexcept {
    return bits >> (short_value_bits + short_key_bits) & ((1u << short_type_bits) - 1);
  }
  bool has_expiry() const noexcept { return bits >> 15 != 0; }
  std::size_t expiry_bytes() const noexcept { return (bits >> 15) * short_expiry_bytes; }
};

inline ShortHeader short_header(const std::byte* in) noexcept {
  return {std::to_integer<unsigned>(in[0]) | std::to_integer<unsigned>(in[1]) << 8};
}
// Pure: who does not look at the expiry does not pay for it.
[[gnu::pure]] std::int64_t decode_short_expiry(const std::byte* in) noexcept;
struct LongHeader {
  std::size_t key_bytes;
  std::size_t value_bytes;
  std::size_t key_offset;
  unsigned type;
  std::int64_t expiry_ms;
};
[[gnu::noinline]] LongHeader long_header(const std::byte* in) noexcept;
bool has_long_key(const std::byte* in, std::string_view key);

}  // namespace detail

// The record at `in`; the position is the caller's. Made of single values, not of a view that may
// come from elsewhere: so compilers keep it in registers, and leave out what nobody reads.
inline RecordView decode_record(const std::byte* in, std::uint64_t position = 0) {
  const detail::ShortHeader header = detail::short_header(in);
  const std::byte* const after = in + detail::short_header_bytes;
  std::size_t key_bytes = header.key_bytes();
  std::size_t value_bytes = header.value_bytes();
  std::size_t key_offset = detail::short_header_bytes + header.expiry_bytes();
  unsigned type = header.type();
  std::int64_t expiry_ms = header.has_expiry() ? detail::decode_short_expiry(after) : 0;
  if (key_bytes == 0) [[unlikely]] {
    const detail::LongHeader wide = detail::long_header(in);
    key_bytes = wide.key_bytes;
    value_bytes = wide.value_bytes;
    key_offset = wide.key_offset;
    type = wide.type;
    expiry_ms = wide.expiry_ms;
  }
  const auto* const key = reinterpret_cast<const char*>(in + key_offset);
  return {position,
          {key, key_bytes},
          {key + key_bytes, value_bytes},
          static_cast<std::uint8_t>(type),
          expiry_ms};
}

// Bytes of the record at `in`.
inline std::size_t encoded_bytes(const std::byte* in) {
  const std::string_view value = decode_record(in).value;
  return static_cast<std::size_t>(reinterpret_cast<const std::byte*>(value.data()) - in) +
         value.size();
}

// Has the record at `in` this key? REQUIRES: the key is not empty.
inline bool has_key(const std::byte* in, std::string_view key) {
  const detail::ShortHeader header = detail::short_header(in);
  if (header.key_bytes() == 0) return detail::has_long_key(in, key);
  const std::byte* const stored = in + detail::short_header_bytes + header.expiry_bytes();
  return header.key_bytes() == key.size() && std::memcmp(stored, key.data(), key.size()) == 0;
}

// The same in few instructions for keys of 16 to 31 bytes. False of other keys: then has_key() must
// be asked.
inline bool has_usual_key(const std::byte* in, std::string_view key) {
#ifdef __SSE2__
  static_assert(detail::short_key_bits == 5);
  constexpr std::size_t least = 16;
  const detail::ShortHeader header = detail::short_header(in);
  if (key.size() < least || header.key_bytes() != key.size()) [[unlikely]]
    return false;
  const auto load = [](const void* from) {
    return _mm_loadu_si128(static_cast<const __m128i*>(from));
  };
  const std::byte* const stored = in + detail::short_header_bytes + header.expiry_bytes();
  const std::size_t last = key.size() - least;  // the last 16 bytes overlap the first
  const __m128i same = _mm_and_si128(_mm_cmpeq_epi8(load(stored), load(key.data())),
                                     _mm_cmpeq_epi8(load(stored + last), load(key.data() + last)));
  return _mm_movemask_epi8(same) == 0xffff;
#else
  return has_key(in, key);
#endif
}

}  // namespace hopring
