#include "storage/table/record.hpp"

#include <bit>
#include <cstring>

#include "base/check.hpp"

namespace hopring {

namespace {

constexpr std::size_t short_value_bytes_max = (1u << detail::short_value_bits) - 1;
constexpr std::size_t short_key_bytes_max = (1u << detail::short_key_bits) - 1;
constexpr unsigned short_type_max = (1u << detail::short_type_bits) - 1;
constexpr std::int64_t short_expiry_count = std::int64_t{1} << (8 * detail::short_expiry_bytes);

constexpr std::size_t long_expiry_bytes = 6;
constexpr unsigned expiry_flag = 1u << 15;

constexpr std::size_t length_bytes(std::size_t length) {
  return length == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(length)) + 6) / 7;
}
static_assert(length_bytes(0) == 1 && length_bytes(127) == 1 && length_bytes(128) == 2);
static_assert(length_bytes(record_key_bytes_max) == 3 && length_bytes(record_value_bytes_max) == 5);

bool is_short(const RecordView& record) {
  const std::int64_t expiry = record.expiry_ms - detail::short_expiry_first_ms;
  return record.key.size() <= short_key_bytes_max && record.value.size() <= short_value_bytes_max &&
         record.type <= short_type_max &&
         (record.expiry_ms == 0 || (expiry >= 0 && expiry < short_expiry_count));
}

std::byte* write_number(std::byte* out, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) *out++ = static_cast<std::byte>(number >> (8 * i));
  return out;
}

std::int64_t read_number(const std::byte* in, std::size_t bytes) {
  std::int64_t number = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    number |= std::to_integer<std::int64_t>(in[i]) << (8 * i);
  }
  return number;
}

std::byte* write_length(std::byte* out, std::size_t length) {
  for (; length >= 0x80; length >>= 7) *out++ = static_cast<std::byte>(length | 0x80);
  *out++ = static_cast<std::byte>(length);
  return out;
}

std::size_t read_length(const std::byte*& in) {
  std::size_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = std::to_integer<std::size_t>(*in++);
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return length;
  }
}

std::byte* write_bytes(std::byte* out, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

std::byte* write_short_header(std::byte* out, const RecordView& record, unsigned flag) {
  const std::size_t type = record.type;
  out = write_number(out,
                     record.value.size() | record.key.size() << detail::short_value_bits |
                         type << (detail::short_value_bits + detail::short_key_bits) | flag,
                     detail::short_header_bytes);
  if (flag == 0) return out;
  return write_number(out,
                      static_cast<std::uint64_t>(record.expiry_ms - detail::short_expiry_first_ms),
                      detail::short_expiry_bytes);
}

std::byte* write_long_header(std::byte* out, const RecordView& record, unsigned flag) {
  out = write_number(out, record.type | flag, detail::short_header_bytes);
  out = write_length(out, record.key.size());
  out = write_length(out, record.value.size());
  if (flag == 0) return out;
  return write_number(out, static_cast<std::uint64_t>(record.expiry_ms), long_expiry_bytes);
}

}  // namespace

std::int64_t detail::decode_short_expiry(const std::byte* in) noexcept {
  return short_expiry_first_ms + read_number(in, short_expiry_bytes);
}

std::size_t encoded_bytes(const RecordView& record) {
  HOPRING_CHECK(!record.key.empty() && record.key.size() <= record_key_bytes_max);
  HOPRING_CHECK(record.value.size() <= record_value_bytes_max);
  HOPRING_CHECK(record.type <= record_type_max);
  HOPRING_CHECK(record.expiry_ms >= 0 && record.expiry_ms <= expiry_ms_max);
  const std::size_t bytes = detail::short_header_bytes + record.key.size() + record.value.size();
  const bool has_expiry = record.expiry_ms != 0;
  if (is_short(record)) return bytes + (has_expiry ? detail::short_expiry_bytes : 0);
  return bytes + length_bytes(record.key.size()) + length_bytes(record.value.size()) +
         (has_expiry ? long_expiry_bytes : 0);
}

void encode_record(std::byte* out, const RecordView& record) {
  const unsigned flag = record.expiry_ms != 0 ? expiry_flag : 0;
  out = is_short(record) ? write_short_header(out, record, flag)
                         : write_long_header(out, record, flag);
  out = write_bytes(out, record.key);
  write_bytes(out, record.value);
}

bool detail::has_long_key(const std::byte* in, std::string_view key) {
  const LongHeader header = long_header(in);
  return std::string_view(reinterpret_cast<const char*>(in + header.key_offset),
                          header.key_bytes) == key;
}

detail::LongHeader detail::long_header(const std::byte* in) noexcept {
  const auto header = static_cast<unsigned>(read_number(in, short_header_bytes));
  const std::byte* at = in + short_header_bytes;
  LongHeader wide{};
  wide.type = header & record_type_max;
  wide.key_bytes = read_length(at);
  wide.value_bytes = read_length(at);
  if ((header & expiry_flag) != 0) {
    wide.expiry_ms = read_number(at, long_expiry_bytes);
    at += long_expiry_bytes;
  }
  wide.key_offset = static_cast<std::size_t>(at - in);
  return wide;
}

}  // namespace hopring
