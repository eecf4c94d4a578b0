#include "storage/table/record.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace hopring;

namespace {

// Encodes, checks that all comes back, and returns what it took beside key and value.
std::size_t header_bytes(std::size_t key_bytes, std::size_t value_bytes, std::uint8_t type = 0,
                         std::int64_t expiry_ms = 0) {
  const std::string key(key_bytes, 'k');
  const std::string value(value_bytes, 'v');
  const RecordView record{77, key, value, type, expiry_ms};
  std::vector<std::byte> memory(encoded_bytes(record));
  encode_record(memory.data(), record);
  const RecordView back = decode_record(memory.data(), 77);
  BOOST_TEST(back.position == 77u);
  BOOST_TEST((back.key == key && back.value == value));
  BOOST_TEST(unsigned{back.type} == unsigned{type});
  BOOST_TEST(back.expiry_ms == expiry_ms);
  BOOST_TEST(has_key(memory.data(), key));
  BOOST_TEST(!has_key(memory.data(), key + "k"));
  std::string other = key;
  other.back() = 'x';
  BOOST_TEST(!has_key(memory.data(), other));
  const std::size_t header = memory.size() - key_bytes - value_bytes;
  const bool is_short = header == 2 || header == 7;
  BOOST_TEST((has_usual_key(memory.data(), key) || !is_short || key_bytes < 16 || key_bytes > 31));
  BOOST_TEST(!has_usual_key(memory.data(), key + "k"));
  for (std::size_t i = 0; i < std::min<std::size_t>(key_bytes, 40); ++i) {
    other = key;
    other[i] = 'x';
    BOOST_TEST(!has_usual_key(memory.data(), other));
  }
  return header;
}

constexpr std::int64_t year_2020 = 1'577'836'800'000;
constexpr std::int64_t five_bytes = std::int64_t{1} << 40;

}  // namespace

BOOST_AUTO_TEST_SUITE(record)

BOOST_AUTO_TEST_CASE(short_keys_and_values_have_a_header_of_two_bytes) {
  for (const std::size_t key : {1u, 15u, 16u, 24u, 31u}) {
    for (const std::size_t value : {0u, 1u, 32u, 127u}) {
      BOOST_TEST(header_bytes(key, value) == 2u);
      BOOST_TEST(header_bytes(key, value, 7) == 2u);
    }
  }
  BOOST_TEST(encoded_bytes_min == 1 + header_bytes(1, 0));
}

BOOST_AUTO_TEST_CASE(an_expiry_costs_five_bytes_until_2054) {
  BOOST_TEST(header_bytes(20, 32, 0, year_2020) == 7u);
  BOOST_TEST(header_bytes(20, 32, 7, year_2020 + five_bytes - 1) == 7u);
  BOOST_TEST(header_bytes(20, 32, 0, year_2020 + five_bytes) == 10u);
  BOOST_TEST(header_bytes(20, 32, 0, year_2020 - 1) == 10u);
  BOOST_TEST(header_bytes(20, 32, 0, 1) == 10u);
}

BOOST_AUTO_TEST_CASE(whatever_is_longer_has_a_long_header) {
  BOOST_TEST(header_bytes(32, 0) == 4u);
  BOOST_TEST(header_bytes(1, 128) == 5u);
  BOOST_TEST(header_bytes(1, 0, 8) == 4u);
  BOOST_TEST(header_bytes(200, 100000, record_type_max, expiry_ms_max) == 2 + 2 + 3 + 6u);
  BOOST_TEST(header_bytes(record_key_bytes_max, 1 << 20, record_type_max) == 2 + 3 + 3u);
}

BOOST_AUTO_TEST_SUITE_END()
