#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/peer/resp/session_support.hpp"

using namespace hopring;
using namespace hopring::resp;

namespace {

struct Fixture : test::SessionFixture {};

struct SlowFixture : Fixture {
  SlowFixture() { keyspace.is_slow = true; }
  // So that many commands may be under way.
  void see_short_values() {
    for (int i = 0; i < 20; ++i) {
      say("GET none\n");
      end(0);
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resp_session, Fixture)

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

std::string request(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

BOOST_AUTO_TEST_CASE(gets_of_a_pipeline_are_answered_together) {
  const std::string get = request({"GET", "k"});
  BOOST_TEST(say(request({"SET", "k", "v"}) + get + get) == "+OK\r\n$1\r\nv\r\n$1\r\nv\r\n");
  BOOST_TEST(keyspace.read_at_once == 2u);
  BOOST_TEST(say(get + request({"get", "none"}) + request({"DEL", "k"}) + get) ==
             "$1\r\nv\r\n$-1\r\n:1\r\n$-1\r\n");
  BOOST_TEST(keyspace.read_at_once == 5u);
  BOOST_TEST(say(request({"GET", ""})) == "-ERR the empty key is not supported\r\n");
}

BOOST_AUTO_TEST_CASE(the_keys_of_a_pipeline_are_announced) {
  say(request({"SET", "a", "1"}) + request({"PING"}) + request({"INCR", "b"}));
  BOOST_TEST((keyspace.expected == std::vector<std::string>{"a", "b"}));
  say(request({"MGET", "x", "y"}));
  BOOST_TEST((keyspace.expected == std::vector<std::string>{"x", "y"}));
}

BOOST_AUTO_TEST_CASE(a_get_waits_for_the_write_before_it) {
  keyspace.is_slow = true;
  BOOST_TEST(say(request({"SET", "k", "v"}) + request({"GET", "k"})) == "");
  keyspace.is_slow = false;
  BOOST_TEST(end(0) == "+OK\r\n$1\r\nv\r\n");
}

struct FarFixture : Fixture {
  FarFixture() {
    for (const char* key : {"a", "b", "far", "further"}) {
      keyspace.records[key].value = {ValueType::string, key};
    }
    keyspace.far = {"far", "further", "nowhere"};
  }
  static std::string get(const std::string& key) { return request({"GET", key}); }
};

// Goal: of a pipeline's GETs those that are answered here wait for no turn of their own, and all
// replies leave in the order of the requests.
// Method: what other peers hold is answered in another order than it was asked for.
BOOST_FIXTURE_TEST_CASE(gets_of_other_peers_keys_keep_their_places, FarFixture) {
  BOOST_TEST(say(get("a") + get("far") + get("b") + get("nowhere") + get("further") + get("a")) ==
             "$1\r\na\r\n");
  BOOST_TEST(keyspace.read_at_once == 3u);
  BOOST_TEST(keyspace.sent_at_once == 3u);  // it is known who does not hold them
  BOOST_REQUIRE(keyspace.waiting.size() == 3u);
  BOOST_TEST(end(1) == "");
  BOOST_TEST(end(1, OpError::unavailable) == "");
  const std::string out = end(0);
  BOOST_TEST(out.starts_with("$3\r\nfar\r\n$1\r\nb\r\n$-1\r\n-UNAVAILABLE "));
  BOOST_TEST(out.ends_with("\r\n$1\r\na\r\n"));
  BOOST_TEST(!session.is_busy());
  BOOST_TEST(say(get("a")) == "$1\r\na\r\n");
}

BOOST_FIXTURE_TEST_CASE(gets_that_wait_and_writes_of_their_keys_pass_each_other_by, FarFixture) {
  const std::string set = request({"SET", "far", "new"});
  BOOST_TEST(say(get("far") + get("b") + set + get("a")) == "");
  BOOST_TEST(session.is_held());  // the write waits for the read
  BOOST_TEST(keyspace.waiting.size() == 1u);
  BOOST_TEST(end(0) == "$3\r\nfar\r\n$1\r\nb\r\n");
  BOOST_TEST(keyspace.waiting.size() == 1u);  // the write; what is behind it has been read
  BOOST_TEST(say(get("b") + get("far") + get("further")) == "");
  BOOST_TEST(keyspace.waiting.size() == 1u);  // the read waits for the write
  BOOST_TEST(end(0) == "+OK\r\n$1\r\na\r\n$1\r\nb\r\n");
  BOOST_REQUIRE(keyspace.waiting.size() == 2u);
  BOOST_TEST(end(1) == "");
  BOOST_TEST(end(0) == "$3\r\nnew\r\n$7\r\nfurther\r\n");
}

BOOST_FIXTURE_TEST_CASE(gets_that_wait_hold_no_more_memory_than_other_commands, FarFixture) {
  keyspace.records["a"].value.bytes = std::string(mark / 4, 'v');
  std::string gets = get("far");
  for (int i = 0; i < 40; ++i) gets += get("a");
  BOOST_TEST(say(gets) == "");
  BOOST_TEST(session.is_held());
  BOOST_TEST(session.memory() > mark);
  BOOST_TEST(session.memory() < 2 * mark + mark / 4);
  std::string out = end(0);
  while (!unread.empty()) go_on(out);
  BOOST_TEST(std::count(out.begin(), out.end(), '$') == 41);
  BOOST_TEST(session.memory() < 20000u);
}

BOOST_AUTO_TEST_CASE(replies_to_gets_stop_at_the_mark) {
  keyspace.records["k"].value.bytes = std::string(mark, 'v');
  const std::string bytes = request({"GET", "k"}) + request({"GET", "k"}) + request({"GET", "k"});
  std::string out;
  const Session::Taken taken = session.on_bytes(now, bytes, mark, out);
  BOOST_TEST(taken.bytes == request({"GET", "k"}).size());
  BOOST_TEST(!taken.is_all);
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
  ReportFound found{{}, std::make_unique<ReportReply>()};
  found.report->arcs.resize(2);
  found.report->arcs[0].keys = 3;
  found.report->arcs[1].keys = 4;
  const std::string out = end_report(std::move(found));
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
  see_short_values();
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
  BOOST_TEST(keyspace.waiting.size() == 9u);  // nothing is known of them yet
  for (int i = 0; i < 60; ++i) end(0);
  BOOST_TEST(keyspace.waiting.size() == 5u);
  keyspace.records["k"].value.bytes = "v";
  for (int i = 0; i < 20; ++i) end(0);
  BOOST_TEST(keyspace.waiting.size() == 20u);  // all that are left
}

BOOST_AUTO_TEST_CASE(a_command_of_many_keys_asks_for_some_at_a_time) {
  std::string mget = "MGET";
  for (int i = 0; i < 1000; ++i) mget += " k" + std::to_string(i);
  see_short_values();
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
