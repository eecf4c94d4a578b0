#include "storage/table/record.hpp"

#include <bit>
#include <cstring>

#include "base/check.hpp"

namespace hopring {

namespace {

constexpr std::size_t expiry_bytes = record_expiry_bytes;
constexpr unsigned expiry_flag = 0x80;

constexpr std::size_t length_bytes(std::size_t length) {
  return length == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(length)) + 6) / 7;
}
static_assert(length_bytes(0) == 1 && length_bytes(127) == 1 && length_bytes(128) == 2);
static_assert(length_bytes(record_key_bytes_max) == 3 && length_bytes(record_value_bytes_max) == 5);

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

std::byte* write_expiry(std::byte* out, std::int64_t expiry_ms) {
  for (std::size_t i = 0; i < expiry_bytes; ++i) {
    *out++ = static_cast<std::byte>(expiry_ms >> (8 * i));
  }
  return out;
}

std::int64_t read_expiry(const std::byte*& in) {
  std::int64_t expiry_ms = 0;
  for (std::size_t i = 0; i < expiry_bytes; ++i) {
    expiry_ms |= std::to_integer<std::int64_t>(*in++) << (8 * i);
  }
  return expiry_ms;
}

std::byte* write_bytes(std::byte* out, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

std::string_view read_bytes(const std::byte*& in, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(in), size);
  in += size;
  return bytes;
}

}  // namespace

std::int64_t detail::decode_expiry(const std::byte* in) noexcept { return read_expiry(in); }

std::size_t encoded_bytes(const RecordView& record) {
  HOPRING_CHECK(!record.key.empty() && record.key.size() <= record_key_bytes_max);
  HOPRING_CHECK(record.value.size() <= record_value_bytes_max);
  HOPRING_CHECK(record.type <= record_type_max);
  HOPRING_CHECK(record.expiry_ms >= 0 && record.expiry_ms <= expiry_ms_max);
  return 1 + length_bytes(record.key.size()) + length_bytes(record.value.size()) +
         (record.expiry_ms != 0 ? expiry_bytes : 0) + record.key.size() + record.value.size();
}

void encode_record(std::byte* out, const RecordView& record) {
  *out++ = static_cast<std::byte>(record.type | (record.expiry_ms != 0 ? expiry_flag : 0u));
  out = write_length(out, record.key.size());
  out = write_length(out, record.value.size());
  if (record.expiry_ms != 0) out = write_expiry(out, record.expiry_ms);
  out = write_bytes(out, record.key);
  write_bytes(out, record.value);
}

RecordView detail::decode_long_record(const std::byte* in) {
  RecordView record;
  const auto first = std::to_integer<unsigned>(*in++);
  record.type = static_cast<std::uint8_t>(first & ~expiry_flag);
  const std::size_t key_bytes = read_length(in);
  const std::size_t value_bytes = read_length(in);
  if ((first & expiry_flag) != 0) record.expiry_ms = read_expiry(in);
  record.key = read_bytes(in, key_bytes);
  record.value = read_bytes(in, value_bytes);
  return record;
}

}  // namespace hopring
