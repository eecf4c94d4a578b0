#include "base/endpoint.hpp"

#include <boost/test/unit_test.hpp>

using namespace hopring;

BOOST_AUTO_TEST_SUITE(endpoint)

BOOST_AUTO_TEST_CASE(text_and_endpoint_are_inverses) {
  for (const char* text : {"127.0.0.1:7000", "0.0.0.0:0", "[::1]:65535", "[2001:db8::2]:1"}) {
    const auto parsed = parse_endpoint(text);
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST(to_string(*parsed) == text);
  }
  BOOST_TEST((parse_endpoint("10.0.0.7:4000") == ipv4_endpoint(0x0a000007, 4000)));
}

BOOST_AUTO_TEST_CASE(what_is_no_numeric_address_with_a_port_is_refused) {
  for (const char* text : {"", ":", "7000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:7 ", "::1:7000", "[127.0.0.1]:7000",
                           "localhost:7000", "[::1]7000", "256.0.0.1:1"}) {
    BOOST_TEST_CONTEXT(text) { BOOST_TEST(!parse_endpoint(text).has_value()); }
  }
}

BOOST_AUTO_TEST_SUITE_END()
