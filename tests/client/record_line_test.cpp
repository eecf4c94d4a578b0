#include "client/cli/record_line.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "base/rng.hpp"
#include "client/cli/text.hpp"

using namespace hopring;
using namespace hopring::cli;

namespace {

std::string random_bytes(Rng& rng, std::uint64_t size_max) {
  std::string bytes;
  // Of the first 128 all are UTF-8; so both spellings come up.
  const std::uint64_t kinds = rng.chance(1, 2) ? 128 : 256;
  for (std::uint64_t left = rng.below(size_max + 1); left > 0; --left) {
    bytes += static_cast<char>(rng.below(kinds));
  }
  return bytes;
}

Value random_value(Rng& rng) {
  const auto type = static_cast<ValueType>(rng.below(value_type_max + 1));
  if (type == ValueType::integer) {
    return {type, encode_integer(static_cast<std::int64_t>(rng.next()))};
  }
  if (type != ValueType::floating) return {type, random_bytes(rng, 20)};
  const bool is_odd = rng.chance(1, 4);  // infinities and NaNs of every payload
  const std::uint64_t bits = rng.next() | (is_odd ? 0x7ff0'0000'0000'0000ull : 0);
  return {type, encode_integer(static_cast<std::int64_t>(bits))};
}

}  // namespace

// Goal: what is exported is imported as it was, whatever it is. Method: random records of all
// types.
BOOST_AUTO_TEST_CASE(a_line_is_read_as_the_record_that_it_was_written_from) {
  Rng rng(7);
  for (int i = 0; i < 20000; ++i) {
    const std::int64_t expiry = rng.chance(1, 2) ? 0 : static_cast<std::int64_t>(rng.next() >> 1);
    const Record record{random_bytes(rng, 10), random_value(rng), expiry};
    const std::string line = to_line(record);
    BOOST_TEST_CONTEXT(line) {
      BOOST_TEST(line.find('\n') == std::string::npos);
      BOOST_TEST((parse_line(line).value() == record));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_line_is_fit_for_reading) {
  const Record text{"k", {ValueType::string, "caf\xc3\xa9"}, 5};
  BOOST_TEST(to_line(text) ==
             "{\"key\":\"k\",\"type\":\"string\",\"value\":\"caf\xc3\xa9\",\"expires_at_ms\":5}");
  const Record number{"\xff", {ValueType::integer, encode_integer(-7)}, 0};
  BOOST_TEST(to_line(number) == R"({"key_base64":"/w==","type":"integer","value":-7})");
  const Record part{"k", {ValueType::floating, encode_floating(0.1)}, 0};
  BOOST_TEST(to_line(part) == R"({"key":"k","type":"floating","value":"0.1"})");
}

BOOST_AUTO_TEST_CASE(utf8_is_judged_strictly) {
  for (const char* good :
       {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    BOOST_TEST(is_utf8(good), good);
  }
  const char* const bad[] = {"\x80",         "\xc0\x80",         "\xc1\xbf",
                             "\xc2",         "\xc2\x41",         "\xe0\x9f\xbf",
                             "\xed\xa0\x80", "\xe2\x82",         "\xf0\x8f\xbf\xbf",
                             "\xf5\x80",     "\xf4\x90\x80\x80", "\xff"};
  for (const char* each : bad) BOOST_TEST(!is_utf8(each), to_base64(each));
}

BOOST_AUTO_TEST_CASE(base64_is_that_of_the_rfc_and_nothing_else) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    BOOST_TEST(to_base64(bytes) == text);
    BOOST_TEST(from_base64(text).value() == bytes);
  }
  for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "Zm9v=", "Z m=", "Zm9-"}) {
    BOOST_TEST(!from_base64(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(numbers_are_read_whole_or_not_at_all) {
  BOOST_TEST(parse_integer("-9223372036854775808").value() ==
             std::numeric_limits<std::int64_t>::min());
  for (const char* bad : {"", "1 ", " 1", "+1", "0x1", "1.0", "9223372036854775808"}) {
    BOOST_TEST(!parse_integer(bad), bad);
  }
  BOOST_TEST(with_commas(0) == "0");
  BOOST_TEST(with_commas(999) == "999");
  BOOST_TEST(with_commas(1234567) == "1,234,567");
}
