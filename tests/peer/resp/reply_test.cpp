#include "peer/resp/reply.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

using namespace hopring::resp;

namespace {

template <class Write>
std::string written(Protocol protocol, Write write) {
  std::string out;
  ReplyWriter reply(out, protocol);
  write(reply);
  return out;
}

template <class Write>
void expect(std::string_view resp2, std::string_view resp3, Write write) {
  BOOST_TEST(written(Protocol::resp2, write) == resp2);
  BOOST_TEST(written(Protocol::resp3, write) == resp3);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resp_reply)

BOOST_AUTO_TEST_CASE(both_protocols_share_these) {
  expect("+OK\r\n", "+OK\r\n", [](ReplyWriter& to) { to.ok(); });
  expect(":-7\r\n", ":-7\r\n", [](ReplyWriter& to) { to.integer(-7); });
  expect("$0\r\n\r\n", "$0\r\n\r\n", [](ReplyWriter& to) { to.bulk(""); });
  expect("*2\r\n", "*2\r\n", [](ReplyWriter& to) { to.array(2); });
}

BOOST_AUTO_TEST_CASE(resp2_gets_the_next_best_of_what_it_does_not_have) {
  expect("$-1\r\n", "_\r\n", [](ReplyWriter& to) { to.null(); });
  expect("*-1\r\n", "_\r\n", [](ReplyWriter& to) { to.null_array(); });
  expect("*4\r\n", "%2\r\n", [](ReplyWriter& to) { to.map(2); });
  expect("*2\r\n", "~2\r\n", [](ReplyWriter& to) { to.set(2); });
  expect(":1\r\n", "#t\r\n", [](ReplyWriter& to) { to.boolean(true); });
  expect(":0\r\n", "#f\r\n", [](ReplyWriter& to) { to.boolean(false); });
  expect("$3\r\n1.5\r\n", ",1.5\r\n", [](ReplyWriter& to) { to.number(1.5); });
  expect("$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n", [](ReplyWriter& to) { to.verbatim("abc"); });
}

BOOST_AUTO_TEST_CASE(an_error_stays_in_its_line) {
  expect("-ERR a  b\r\n", "-ERR a  b\r\n", [](ReplyWriter& to) { to.error("ERR a\r\nb"); });
}

BOOST_AUTO_TEST_CASE(numbers_print_as_short_as_they_read_back) {
  BOOST_TEST(to_text(0.1) == "0.1");
  BOOST_TEST(to_text(-std::numeric_limits<double>::infinity()) == "-inf");
  BOOST_TEST(to_text(std::numeric_limits<double>::quiet_NaN()) == "nan");
}

BOOST_AUTO_TEST_SUITE_END()
