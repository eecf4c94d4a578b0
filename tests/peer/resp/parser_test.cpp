#include "peer/resp/parser.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace hopring::resp;

namespace {

using Request = std::vector<std::string>;

struct Parsed {
  std::vector<Request> requests;
  std::string error;
  std::size_t left = 0;  // bytes that no request has taken

  friend bool operator==(const Parsed&, const Parsed&) = default;
};

// The bytes arrive in pieces that end at these places and at their end.
Parsed parse(std::string_view bytes, const std::vector<std::size_t>& ends = {}) {
  Parser parser;
  Parsed parsed;
  std::size_t begin = 0;
  const auto read_to = [&](std::size_t end) {
    for (;;) {
      // A buffer of its own each time: views of an earlier one must not be used.
      const std::string received(bytes.substr(begin, end - begin));
      const Parser::Found found = parser.next(received);
      if (found == Parser::Found::error) parsed.error = parser.error();
      if (found != Parser::Found::request) return;
      const Arguments arguments = parser.arguments(received);
      Request request;
      for (std::size_t i = 0; i < arguments.size(); ++i) request.emplace_back(arguments[i]);
      parsed.requests.push_back(request);
      begin += parser.take();
    }
  };
  for (const std::size_t end : ends) read_to(end);
  read_to(bytes.size());
  parsed.left = bytes.size() - begin;
  return parsed;
}

std::string error_of(std::string_view bytes) { return parse(bytes).error; }

}  // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(Parsed)

BOOST_AUTO_TEST_SUITE(resp_parser)

BOOST_AUTO_TEST_CASE(an_array_of_bulk_strings_is_a_request) {
  const std::string binary("a\0\r\nb", 5);
  const Parsed parsed = parse("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n" + binary + "\r\n");
  BOOST_REQUIRE(parsed.requests.size() == 1);
  BOOST_TEST((parsed.requests[0] == Request{"SET", "k", binary}));
  BOOST_TEST(parsed.left == 0);
}

BOOST_AUTO_TEST_CASE(empty_arrays_and_empty_lines_are_requests_without_arguments) {
  const Parsed parsed = parse("*0\r\n*-1\r\n\r\n\n  \r\nPING\r\n");
  BOOST_REQUIRE(parsed.requests.size() == 6);
  for (std::size_t i = 0; i < 5; ++i) BOOST_TEST(parsed.requests[i].empty());
  BOOST_TEST((parsed.requests[5] == Request{"PING"}));
}

BOOST_AUTO_TEST_CASE(inline_commands_are_split_as_redis_splits_them) {
  const Parsed parsed = parse(
      "  SET  key\tvalue \r\n"
      "SET \"a b\" 'c d'\n"
      "ECHO \"\\x41\\n\\\"\\q\" 'it\\'s' \"\"\n"
      "ECHO pre\"fix\" \\x41\r\n");
  BOOST_REQUIRE(parsed.requests.size() == 4);
  BOOST_TEST((parsed.requests[0] == Request{"SET", "key", "value"}));
  BOOST_TEST((parsed.requests[1] == Request{"SET", "a b", "c d"}));
  BOOST_TEST((parsed.requests[2] == Request{"ECHO", "A\n\"q", "it's", ""}));
  BOOST_TEST((parsed.requests[3] == Request{"ECHO", "prefix", "\\x41"}));
}

BOOST_AUTO_TEST_CASE(mistakes_are_named_in_the_words_of_redis) {
  BOOST_TEST(error_of("GET \"a\r\n") == "Protocol error: unbalanced quotes in request");
  BOOST_TEST(error_of("GET 'a'b\r\n") == "Protocol error: unbalanced quotes in request");
  BOOST_TEST(error_of("*x\r\n") == "Protocol error: invalid multibulk length");
  BOOST_TEST(error_of("*1048577\r\n") == "Protocol error: invalid multibulk length");
  BOOST_TEST(error_of("*99999999999999999999\r\n") == "Protocol error: invalid multibulk length");
  BOOST_TEST(error_of("*1\r\n+PING\r\n") == "Protocol error: expected '$', got '+'");
  BOOST_TEST(error_of("*1\r\n$-1\r\n") == "Protocol error: invalid bulk length");
  BOOST_TEST(error_of("*1\r\n$33554433\r\n") == "Protocol error: invalid bulk length");
  BOOST_TEST(error_of("*1\r\n$1 \r\n") == "Protocol error: invalid bulk length");
  BOOST_TEST(error_of(std::string(line_bytes_max + 1, 'a')) ==
             "Protocol error: too big inline request");
  BOOST_TEST(error_of("*" + std::string(line_bytes_max, '1')) ==
             "Protocol error: too big mbulk count string");
  BOOST_TEST(error_of("*1\r\n$" + std::string(line_bytes_max, '1')) ==
             "Protocol error: too big bulk count string");
}

BOOST_AUTO_TEST_CASE(a_pipeline_is_read_ahead) {
  std::string pipeline;
  for (std::size_t i = 0; i < requests_ahead_max + 3; ++i) {
    pipeline += "*2\r\n$3\r\nGET\r\n$1\r\n" + std::string(1, static_cast<char>('a' + i)) + "\r\n";
  }
  Parser parser;
  BOOST_REQUIRE((parser.next(pipeline) == Parser::Found::request));
  BOOST_TEST(parser.ahead() == requests_ahead_max);
  std::string keys;
  parser.for_each_ahead(pipeline, [&](const Arguments& arguments) {
    keys += arguments[1];
    return keys.size() < 3;
  });
  BOOST_TEST(keys == "abc");
  pipeline.erase(0, parser.take());
  BOOST_TEST(parser.ahead() == requests_ahead_max - 1);
  BOOST_TEST(parser.arguments(pipeline)[1] == "b");
  for (std::size_t i = 1; i < requests_ahead_max; ++i) pipeline.erase(0, parser.take());
  BOOST_REQUIRE((parser.next(pipeline) == Parser::Found::request));
  BOOST_TEST(parser.ahead() == 3u);
  BOOST_TEST(parser.arguments(pipeline)[1] == "q");
}

BOOST_AUTO_TEST_CASE(requests_of_many_arguments_are_read_one_at_a_time) {
  std::string request = "*257\r\n";
  for (int i = 0; i < 257; ++i) request += "$1\r\nx\r\n";
  Parser parser;
  BOOST_REQUIRE((parser.next(request + request) == Parser::Found::request));
  BOOST_TEST(parser.ahead() == 1u);
}

BOOST_AUTO_TEST_CASE(what_follows_an_error_is_not_looked_at) {
  const Parsed parsed = parse("PING\r\n*1\r\n!\r\nPING\r\n");
  BOOST_TEST(parsed.requests.size() == 1);
  BOOST_TEST(!parsed.error.empty());
}

BOOST_AUTO_TEST_CASE(a_request_above_the_bound_is_an_error_before_it_is_complete) {
  const std::string value(bulk_bytes_max, 'v');
  const std::string bulk = "$33554432\r\n" + value + "\r\n";
  BOOST_TEST(error_of("*2\r\n" + bulk + bulk) == "Protocol error: too big request");
  BOOST_TEST(parse("*2\r\n$3\r\nGET\r\n" + bulk).requests.size() == 1);
}

// Goal: where the bytes are cut on their way does not matter.
// Method: a pipeline of every shape, cut at every two places; and byte by byte.
BOOST_AUTO_TEST_CASE(a_pipeline_may_be_cut_anywhere) {
  const std::string pipeline =
      "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\nSET \"a b\" 'c'\r\n*0\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n"
      "$4\r\n\r\n\r\n\r\nPING\n*1\r\n$4\r\nPING\r\n*1\r\n!";
  const Parsed whole = parse(pipeline);
  BOOST_REQUIRE(whole.requests.size() == 7);
  BOOST_TEST(whole.error == "Protocol error: expected '$', got '!'");
  for (std::size_t first = 0; first <= pipeline.size(); ++first) {
    for (std::size_t second = first; second <= pipeline.size(); ++second) {
      BOOST_TEST_CONTEXT("cut at " << first << " and " << second) {
        BOOST_TEST((parse(pipeline, {first, second}) == whole));
      }
    }
  }
  std::vector<std::size_t> everywhere;
  for (std::size_t at = 0; at < pipeline.size(); ++at) everywhere.push_back(at);
  BOOST_TEST((parse(pipeline, everywhere) == whole));
}

BOOST_AUTO_TEST_CASE(an_announced_length_takes_no_memory) {
  Parser parser;
  BOOST_TEST((parser.next("*1048576\r\n$33554432\r\nabc") == Parser::Found::nothing));
  BOOST_TEST(parser.memory() < 1024u);
}

BOOST_AUTO_TEST_CASE(a_long_list_of_arguments_is_given_back) {
  std::string request = "*100000\r\n";
  for (int i = 0; i < 100000; ++i) request += "$1\r\na\r\n";
  Parser parser;
  BOOST_TEST((parser.next(request) == Parser::Found::request));
  BOOST_TEST(parser.memory() > 500000u);
  BOOST_TEST(parser.take() == request.size());
  BOOST_TEST(parser.memory() < 20000u);
}

BOOST_AUTO_TEST_CASE(whole_numbers_are_read_as_redis_reads_them) {
  std::int64_t number = 7;
  for (const char* text : {"", "-", "+1", "01", "-0", "1 ", " 1", "1.0", "9223372036854775808"}) {
    BOOST_TEST(!parse_integer(text, number), text);
  }
  BOOST_TEST((parse_integer("0", number) && number == 0));
  BOOST_TEST((parse_integer("-9223372036854775808", number) && number < 0));
}

BOOST_AUTO_TEST_SUITE_END()
