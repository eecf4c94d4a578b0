#include "peer/resp/session.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/peer/resp/map_keyspace.hpp"

using namespace hopring;
using namespace hopring::resp;

namespace {

constexpr std::size_t mark = std::size_t{1} << 20;

struct Fixture {
  Now now{Time{}, WallTime{1'000'000}};
  PeerRef self{};
  test::MapKeyspace keyspace;
  Session session{1, 42, self, keyspace};
  std::string unread;

  // What inline commands, one a line, are answered.
  std::string say(std::string_view lines) {
    unread += lines;
    std::string out;
    go_on(out);
    return out;
  }
  void go_on(std::string& out) {
    for (;;) {
      const Session::Taken taken = session.on_bytes(now, unread, mark, out);
      unread.erase(0, taken.bytes);
      if (taken.is_all || session.is_held() || session.is_ending()) return;
    }
  }
  // The waiting operation of this index ends; what is answered then.
  std::string end(std::size_t index, std::optional<OpError> error = {}) {
    const auto waiting = keyspace.waiting[index];
    keyspace.waiting.erase(keyspace.waiting.begin() + static_cast<std::ptrdiff_t>(index));
    std::string out;
    session.on_result(now, waiting.call,
                      error ? error_result(*error) : keyspace.perform(now, waiting.operation), out);
    if (!session.is_held()) go_on(out);
    return out;
  }
};

struct SlowFixture : Fixture {
  SlowFixture() { keyspace.is_slow = true; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resp_session, Fixture)

BOOST_AUTO_TEST_CASE(strings_are_set_and_read) {
  BOOST_TEST(say("SET k v\nGET k\nGET none\n") == "+OK\r\n$1\r\nv\r\n$-1\r\n");
  BOOST_TEST(say("SETNX k w\nSETNX n w\nGET n\n") == ":0\r\n:1\r\n$1\r\nw\r\n");
  BOOST_TEST(say("SET k x NX\nSET k x XX\nSET q x XX\n") == "$-1\r\n+OK\r\n$-1\r\n");
  BOOST_TEST(say("SET k y GET\nSET q y NX GET\nSET q z NX GET\nGETSET k z\nGET k\n") ==
             "$1\r\nx\r\n$-1\r\n$1\r\ny\r\n$1\r\ny\r\n$1\r\nz\r\n");
  BOOST_TEST(say("APPEND a 12\nAPPEND a 345\nSTRLEN a\nSTRLEN none\n") ==
             ":2\r\n:5\r\n:5\r\n:0\r\n");
  BOOST_TEST(say("MSET a 1 b 2 a 3\nMGET a none b\n") ==
             "+OK\r\n*3\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n");
  BOOST_TEST(say("GETDEL a\nGETDEL a\nGET a\n") == "$1\r\n3\r\n$-1\r\n$-1\r\n");
}

BOOST_AUTO_TEST_CASE(numbers_count_and_read_as_decimal_text) {
  BOOST_TEST(say("INCR n\nINCRBY n 10\nDECR n\nDECRBY n 3\nGET n\nTYPE n\nAPPEND n 0\n") ==
             ":1\r\n:11\r\n:10\r\n:7\r\n$1\r\n7\r\n+string\r\n:2\r\n");
  BOOST_TEST(say("SET s 5\nINCR s\nGET s\nSET s x\nINCR s\n") ==
             "+OK\r\n:6\r\n$1\r\n6\r\n+OK\r\n-ERR value is not an integer or out of range\r\n");
  BOOST_TEST(
      say("SET s 9223372036854775807\nINCR s\nDECRBY s -9223372036854775808\nINCRBY s 1x\n") ==
      "+OK\r\n-ERR increment or decrement would overflow\r\n"
      "-ERR decrement would overflow\r\n-ERR value is not an integer or out of range\r\n");
  keyspace.records["f"].value = {ValueType::floating, encode_floating(1.5)};
  BOOST_TEST(say("GET f\nSTRLEN f\nINCR f\n") ==
             "$3\r\n1.5\r\n:3\r\n-ERR value is not an integer or out of range\r\n");
}

BOOST_AUTO_TEST_CASE(keys_are_counted_and_removed) {
  say("MSET a 1 b 2\n");
  BOOST_TEST(say("EXISTS a b a none\nTOUCH a none\nTYPE a\nTYPE none\n") ==
             ":3\r\n:1\r\n+string\r\n+none\r\n");
  BOOST_TEST(say("DEL a a none\nUNLINK b\nDEL b\n") == ":1\r\n:1\r\n:0\r\n");
}

BOOST_AUTO_TEST_CASE(records_end_when_they_are_told_to) {
  BOOST_TEST(say("SET k v EX 100\nTTL k\nPTTL k\nEXPIRETIME k\nPEXPIRETIME k\n") ==
             "+OK\r\n:100\r\n:100000\r\n:1100\r\n:1100000\r\n");
  BOOST_TEST(say("PERSIST k\nPERSIST k\nTTL k\nTTL none\nEXPIRE none 5\n") ==
             ":1\r\n:0\r\n:-1\r\n:-2\r\n:0\r\n");
  BOOST_TEST(say("EXPIRE k 10 XX\nEXPIRE k 10 NX\nEXPIRE k 5 NX\nEXPIRE k 5 GT\nEXPIRE k 5 LT\n") ==
             ":0\r\n:1\r\n:0\r\n:0\r\n:1\r\n");
  BOOST_TEST(say("SET k w KEEPTTL\nTTL k\nAPPEND k x\nTTL k\nSET k w\nTTL k\n") ==
             "+OK\r\n:5\r\n:2\r\n:5\r\n+OK\r\n:-1\r\n");
  BOOST_TEST(say("PEXPIREAT k 1002000\nTTL k\n") == ":1\r\n:2\r\n");
  now.wall.ms_since_epoch = 1'002'000;
  BOOST_TEST(say("GET k\n") == "$-1\r\n");
  BOOST_TEST(say("SETEX k 1 v\nPSETEX l 1500 v\nPTTL k\nPTTL l\nEXPIRE k -1\nGET k\n") ==
             "+OK\r\n+OK\r\n:1000\r\n:1500\r\n:1\r\n$-1\r\n");
}

BOOST_AUTO_TEST_CASE(mistakes_are_told_in_the_words_of_redis) {
  const std::string syntax = "-ERR syntax error\r\n";
  BOOST_TEST(say("SET k v NX XX\nSET k v EX\nSET k v EX 1 PX 1\nSET k v EX 1 KEEPTTL\n") ==
             syntax + syntax + syntax + syntax);
  BOOST_TEST(say("SET k v EX x\nSET k v EX 0\nSETEX k 0 v\nEXPIRE k 9223372036854775807\n") ==
             "-ERR value is not an integer or out of range\r\n"
             "-ERR invalid expire time in 'set' command\r\n"
             "-ERR invalid expire time in 'setex' command\r\n"
             "-ERR invalid expire time in 'expire' command\r\n");
  BOOST_TEST(say("EXPIRE k 1 NX GT\nEXPIRE k 1 LT GT\nEXPIRE k 1 ZZ\n") ==
             "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"
             "-ERR GT and LT options at the same time are not compatible\r\n"
             "-ERR Unsupported option ZZ\r\n");
  BOOST_TEST(say("GET\nget a b\nMSET a\nMSET a 1 b\nFoo bar 'b z'\n") ==
             "-ERR wrong number of arguments for 'get' command\r\n"
             "-ERR wrong number of arguments for 'get' command\r\n"
             "-ERR wrong number of arguments for 'mset' command\r\n"
             "-ERR wrong number of arguments for 'mset' command\r\n"
             "-ERR unknown command 'Foo', with args beginning with: 'bar' 'b z' \r\n");
  BOOST_TEST(say("SELECT 0\nSELECT 1\nSELECT x\nAUTH p\nAUTH default p\nAUTH u p\n") ==
             "+OK\r\n-ERR DB index is out of range\r\n-ERR value is not an integer or out of "
             "range\r\n-ERR AUTH <password> called without any password configured for the default "
             "user. Are you sure your configuration is correct?\r\n+OK\r\n"
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  BOOST_TEST(say("CLIENT FOO\nCLIENT ID x\nCLIENT SETNAME 'a b'\n") ==
             "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"
             "-ERR wrong number of arguments for 'client|id' command\r\n"
             "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  BOOST_TEST(say("GET ''\n") == "-ERR the empty key is not supported\r\n");
}

BOOST_AUTO_TEST_CASE(errors_say_whether_anything_may_have_happened) {
  const auto answer = [&](OpError error) {
    keyspace.next_error = error;
    const std::string reply = say("SET k v\n");
    return reply.substr(0, reply.find(' '));
  };
  for (const auto error : {OpError::overloaded, OpError::moving}) {
    BOOST_TEST(answer(error) == "-TRYAGAIN");
  }
  for (const auto error : {OpError::unavailable, OpError::no_route, OpError::cancelled}) {
    BOOST_TEST(answer(error) == "-UNAVAILABLE");
  }
  for (const auto error : {OpError::timed_out, OpError::connection_lost, OpError::unknown}) {
    BOOST_TEST(answer(error) == "-UNKNOWN");
  }
  BOOST_TEST(answer(OpError::out_of_memory) == "-OOM");
  keyspace.next_error = OpError::unavailable;
  BOOST_TEST(say("MSET a 1 b 2\n").starts_with("-UNKNOWN some of the keys"));
}

BOOST_AUTO_TEST_CASE(a_connection_says_who_it_is) {
  BOOST_TEST(say("PING\nPING hi\nECHO 'a b'\n") == "+PONG\r\n$2\r\nhi\r\n$3\r\na b\r\n");
  BOOST_TEST(say("CLIENT ID\nCLIENT GETNAME\nCLIENT SETNAME me\nCLIENT GETNAME\n") ==
             ":42\r\n$-1\r\n+OK\r\n$2\r\nme\r\n");
  BOOST_TEST(say("CLIENT SETINFO lib-name x\nCLIENT NO-EVICT on\nCLIENT NO-TOUCH maybe\n") ==
             "+OK\r\n+OK\r\n-ERR syntax error\r\n");
  BOOST_TEST(say("RESET\nCLIENT GETNAME\nQUIT\nPING\n") == "+RESET\r\n$-1\r\n+OK\r\n");
  BOOST_TEST(session.is_ending());
}

BOOST_AUTO_TEST_CASE(hello_changes_the_protocol) {
  BOOST_TEST(say("HELLO 4\nHELLO x\nHELLO 3 FOO\n") ==
             "-NOPROTO unsupported protocol version\r\n"
             "-ERR Protocol version is not an integer or out of range\r\n"
             "-ERR Syntax error in HELLO option 'FOO'\r\n");
  BOOST_TEST(say("HELLO 3 AUTH default x SETNAME me\n").starts_with("%7\r\n$6\r\nserver\r\n"));
  BOOST_TEST(say("GET none\nCLIENT GETNAME\nCONFIG GET save\n") ==
             "_\r\n$2\r\nme\r\n%1\r\n$4\r\nsave\r\n$0\r\n\r\n");
  BOOST_TEST(say("HELLO 2\n").starts_with("*14\r\n"));
}

BOOST_AUTO_TEST_CASE(the_table_of_commands_is_told) {
  const std::string count = std::to_string(commands().size());
  BOOST_TEST(say("COMMAND COUNT\nCOMMAND DOCS get\n") == ":" + count + "\r\n*0\r\n");
  BOOST_TEST(say("COMMAND INFO get nope\n") ==
             "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
             "*0\r\n*0\r\n*0\r\n*0\r\n*-1\r\n");
  BOOST_TEST(say("COMMAND\n").starts_with("*" + count + "\r\n*10\r\n"));
}

BOOST_AUTO_TEST_CASE(info_waits_for_what_the_peer_says_of_itself) {
  BOOST_TEST(say("INFO keyspace\nPING\n") == "");
  ReportReply report;
  report.arcs.resize(2);
  report.arcs[0].keys = 3;
  report.arcs[1].keys = 4;
  std::string out;
  session.on_report(now, keyspace.reports.at(0), report, out);
  BOOST_TEST(out == "$24\r\n# Keyspace\r\ndb0:keys=7\r\n\r\n+PONG\r\n");
}

BOOST_AUTO_TEST_CASE(a_malformed_request_is_told_and_ends_the_connection) {
  BOOST_TEST(say("PING\n*1\r\n!PING\n") ==
             "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n");
  BOOST_TEST(session.is_ending());
}

BOOST_AUTO_TEST_CASE(the_words_of_http_end_the_connection) {
  say("GET / HTTP/1.1\r\nHost: x\r\nSET k v\r\n");
  BOOST_TEST(session.is_ending());
  BOOST_TEST(keyspace.records.empty());
}

BOOST_AUTO_TEST_CASE(not_more_is_begun_than_the_replies_that_may_wait) {
  keyspace.records["k"].value = {ValueType::string, std::string(mark / 2, 'v')};
  std::string gets;
  for (int i = 0; i < 10; ++i) gets += "GET k\n";
  std::string out;
  const Session::Taken taken = session.on_bytes(now, gets, mark, out);
  BOOST_TEST(!taken.is_all);
  BOOST_TEST(taken.bytes == 2 * 6);
  BOOST_TEST(!session.is_held());
}

BOOST_AUTO_TEST_CASE(a_command_does_not_gather_more_than_its_bound) {
  keyspace.records["k"].value = {ValueType::string, std::string(std::size_t{16} << 20, 'v')};
  std::string mget = "MGET";
  for (int i = 0; i < 10; ++i) mget += " k";
  BOOST_TEST(say(mget + "\n").starts_with("-ERR the reply would be larger than 64 MiB"));
  BOOST_TEST(keyspace.executed == 5);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(resp_session_waiting, SlowFixture)

BOOST_AUTO_TEST_CASE(replies_leave_in_the_order_of_the_requests) {
  keyspace.records["b"].value = {ValueType::string, "2"};
  BOOST_TEST(say("GET a\nGET b\nPING\nFOO\nSET c 3\n") == "");
  BOOST_REQUIRE(keyspace.waiting.size() == 3);
  BOOST_TEST(end(2) == "");
  BOOST_TEST(end(1) == "");
  BOOST_TEST(end(0) ==
             "$-1\r\n$1\r\n2\r\n+PONG\r\n-ERR unknown command 'FOO', with args beginning with: "
             "\r\n+OK\r\n");
}

// Goal: one connection's commands on one key take effect in their order.
// Method: operations end in whatever order the keyspace likes; only what may overlap is under way.
BOOST_AUTO_TEST_CASE(a_command_waits_for_earlier_ones_on_its_key) {
  BOOST_TEST(say("GET k\nGET k\nSET k 1\nSET l 1\nGET k\n") == "");
  BOOST_TEST(keyspace.waiting.size() == 2);
  BOOST_TEST(session.is_held());
  BOOST_TEST(end(1) == "");
  BOOST_TEST(keyspace.waiting.size() == 1);
  BOOST_TEST(end(0) == "$-1\r\n$-1\r\n");
  BOOST_TEST(keyspace.waiting.size() == 2);
  BOOST_TEST(end(1) == "");
  BOOST_TEST(end(0) == "+OK\r\n+OK\r\n");
  BOOST_TEST(end(0) == "$1\r\n1\r\n");
}

BOOST_AUTO_TEST_CASE(a_command_that_changes_the_connection_waits_for_all_before_it) {
  BOOST_TEST(say("GET k\nHELLO 3\nGET l\n") == "");
  BOOST_TEST(keyspace.waiting.size() == 1);
  const std::string out = end(0);
  BOOST_TEST(out.starts_with("$-1\r\n%7\r\n"));
  BOOST_TEST(end(0) == "_\r\n");
}

BOOST_AUTO_TEST_CASE(a_malformed_request_is_told_behind_the_replies_before_it) {
  BOOST_TEST(say("GET k\n*1\r\n!") == "");
  BOOST_TEST(!session.is_ending());
  BOOST_TEST(end(0) == "$-1\r\n-ERR Protocol error: expected '$', got '!'\r\n");
  BOOST_TEST(session.is_ending());
}

BOOST_AUTO_TEST_CASE(a_value_that_others_change_is_decided_upon_again) {
  const Value foreign{ValueType::string, "abc"};
  BOOST_TEST(say("APPEND k x\n") == "");
  BOOST_TEST(end(0) == "");  // there is none: it puts
  keyspace.records["k"].value = foreign;
  BOOST_TEST(end(0) == "");  // it exists: it reads again
  BOOST_TEST(end(0) == "");  // it compares and sets
  keyspace.records["k"].value.bytes = "abcd";
  BOOST_TEST(end(0) == "");  // a mismatch tells what is there
  keyspace.records.clear();
  BOOST_TEST(end(0) == "");  // gone: it puts
  BOOST_TEST(end(0) == ":1\r\n");
  BOOST_TEST(keyspace.records["k"].value.bytes == "x");
}

BOOST_AUTO_TEST_CASE(a_value_that_changes_forever_is_given_up) {
  say("APPEND k x\n");
  std::string out;
  for (int i = 0; out.empty(); ++i) {
    BOOST_REQUIRE(i < 1000);
    keyspace.records["k"].value = {ValueType::string, std::to_string(i)};
    out = end(0);
  }
  BOOST_TEST(out.starts_with("-TRYAGAIN"));
}

BOOST_AUTO_TEST_CASE(no_more_commands_are_under_way_than_their_bound) {
  std::string gets;
  for (int i = 0; i < 1000; ++i) gets += "GET k" + std::to_string(i) + "\n";
  say(gets);
  BOOST_TEST(keyspace.waiting.size() == commands_max);
  std::string out;
  while (!keyspace.waiting.empty()) out += end(keyspace.waiting.size() - 1);
  BOOST_TEST(std::count(out.begin(), out.end(), '-') == 1000);
}

BOOST_AUTO_TEST_CASE(where_values_are_long_fewer_commands_are_under_way) {
  keyspace.records["k"].value = {ValueType::string, std::string(mark / 4, 'v')};
  std::string gets;
  for (int i = 0; i < 100; ++i) gets += "GET k\n";
  say(gets);
  BOOST_TEST(keyspace.waiting.size() == commands_max);
  for (int i = 0; i < 60; ++i) end(0);
  BOOST_TEST(keyspace.waiting.size() == 5u);
  keyspace.records["k"].value.bytes = "v";
  for (int i = 0; i < 20; ++i) end(0);
  BOOST_TEST(keyspace.waiting.size() == 20u);  // all that are left
}

BOOST_AUTO_TEST_CASE(a_command_of_many_keys_asks_for_some_at_a_time) {
  std::string mget = "MGET";
  for (int i = 0; i < 1000; ++i) mget += " k" + std::to_string(i);
  say(mget + "\n");
  BOOST_TEST(keyspace.waiting.size() == operations_max);
  std::string out;
  std::size_t ended = 0;
  for (; out.empty(); ++ended) out = end(0);
  BOOST_TEST(ended == 1000);
  BOOST_TEST(out.starts_with("*1000\r\n"));
}

BOOST_AUTO_TEST_CASE(a_command_has_so_many_keys_and_then_the_next_one_waits) {
  const auto mget = [](std::size_t keys) {
    std::string text = "*" + std::to_string(keys + 1) + "\r\n$4\r\nMGET\r\n";
    for (std::size_t i = 0; i < keys; ++i) text += "$1\r\nk\r\n";
    return text;
  };
  BOOST_TEST(say(mget(keys_max + 1)) == "-ERR a command takes at most 65536 keys\r\n");
  say(mget(keys_max) + mget(1));
  BOOST_TEST(session.is_held());
  BOOST_TEST(session.memory() > keys_max * 100);
  std::string out;
  while (!keyspace.waiting.empty()) out += end(0);
  BOOST_TEST(out.starts_with("*65536\r\n"));
  BOOST_TEST(out.ends_with("*1\r\n$-1\r\n"));
  BOOST_TEST(session.memory() < 20000u);
}

BOOST_AUTO_TEST_CASE(a_part_that_fails_makes_the_rest_uncertain) {
  say("MSET a 1 b 2\nDEL c d\nMGET e f\n");
  BOOST_TEST(end(0, OpError::unavailable) == "");
  BOOST_TEST(end(0).starts_with("-UNKNOWN some"));
  BOOST_TEST(end(0, OpError::unavailable) == "");
  BOOST_TEST(end(0, OpError::unavailable).starts_with("-UNAVAILABLE"));
  BOOST_TEST(end(0, OpError::moving) == "");
  BOOST_TEST(end(0).starts_with("-TRYAGAIN"));
}

BOOST_AUTO_TEST_SUITE_END()
