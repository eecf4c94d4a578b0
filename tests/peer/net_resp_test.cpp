// RESP over sockets: sessions over a map, behind the visitors of a peer without a core.

#include <boost/test/unit_test.hpp>

#include "tests/peer/net_support.hpp"

using namespace hopring;
using namespace hopring::test;
using namespace std::chrono_literals;

namespace {

Limits short_limits() {
  Limits limits;
  limits.client_replies_bytes_mark = 65536;
  limits.hello_timeout = 50ms;
  limits.frame_timeout = 50ms;
  limits.write_timeout = 50ms;
  limits.last_words_timeout = 50ms;
  return limits;
}

struct Fixture {
  explicit Fixture(const Limits& limits = Limits{}) : listening(loop, limits) {
    loop.sweep = [this](Time now) { listening.visitors.sweep(now); };
  }
  TextEnd dial() { return TextEnd(loop.io, listening.endpoint()); }
  bool gets(TextEnd& end, std::string_view text) {
    return loop.until([&] { return end.received() == text; });
  }
  bool closes(TextEnd& end) {
    return loop.until([&] { return end.is_closed(); });
  }

  Loop loop;
  ListeningPeer listening;
};

struct ShortFixture : Fixture {
  ShortFixture() : Fixture(short_limits()) {}
};

}  // namespace

BOOST_AUTO_TEST_SUITE(net_resp)

BOOST_FIXTURE_TEST_CASE(both_protocols_are_served_on_one_port, Fixture) {
  TextEnd text = dial();
  text.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
  RawEnd frames(loop.io, listening.endpoint());
  frames.send_hello();
  BOOST_TEST(loop.until([&] { return frames.hello_answer() != nullptr; }));
  BOOST_TEST(gets(text, "+OK\r\n$1\r\nv\r\n"));
}

BOOST_FIXTURE_TEST_CASE(frames_are_closed_where_resp_alone_is_spoken, Fixture) {
  listening.peer.speaks_resp_only = true;
  TextEnd text = dial();
  text.send("PING\r\n");
  RawEnd frames(loop.io, listening.endpoint());
  frames.send_hello();
  BOOST_TEST(loop.until([&] { return frames.is_closed(); }));
  BOOST_TEST(frames.hello_answer() == nullptr);
  BOOST_TEST(gets(text, "+PONG\r\n"));
}

BOOST_FIXTURE_TEST_CASE(bytes_may_come_one_by_one, Fixture) {
  TextEnd end = dial();
  for (const char byte : std::string("*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPING\r\n")) {
    end.send(std::string_view(&byte, 1));
    loop.io.restart();
    loop.io.poll();
  }
  BOOST_TEST(gets(end, "$2\r\nhi\r\n+PONG\r\n"));
}

BOOST_FIXTURE_TEST_CASE(a_pipeline_is_answered_in_its_order, Fixture) {
  TextEnd end = dial();
  std::string requests;
  std::string replies;
  for (int i = 0; i < 1000; ++i) {
    requests += "ECHO " + std::to_string(1000 + i) + "\r\n";
    replies += "$4\r\n" + std::to_string(1000 + i) + "\r\n";
  }
  end.send(requests);
  BOOST_TEST(gets(end, replies));
}

// Goal: who does not read is not read, and who reads again goes on.
// Method: gets of a long value, sent until the peer takes no more of them.
BOOST_FIXTURE_TEST_CASE(a_client_that_does_not_read_is_held_back, ShortFixture) {
  listening.peer.keyspace.records["k"].value = {ValueType::string, std::string(32768, 'v')};
  TextEnd end = dial();
  std::string gets;
  for (int i = 0; i < 2500; ++i) gets += "GET k\r\n";
  end.send(gets);
  std::size_t executed = 0;
  BOOST_TEST(loop.until([&] {  // 80 MB of replies do not fit into the sockets' buffers
    return executed == std::exchange(executed, listening.peer.keyspace.executed) && executed > 0;
  }));
  BOOST_TEST(executed < 1000u);
  BOOST_TEST(loop.until([&] {
    end.send("");
    return end.received().size() == 2500 * (32768 + std::string("$32768\r\n\r\n").size());
  }));
}

BOOST_FIXTURE_TEST_CASE(replies_that_come_late_go_out_in_order, Fixture) {
  MapKeyspace& keyspace = listening.peer.keyspace;
  keyspace.is_slow = true;
  TextEnd end = dial();
  end.send("SET a 1\r\nGET b\r\nPING\r\nGET a\r\n");
  const auto end_one = [&](std::size_t index) {
    BOOST_REQUIRE(loop.until([&] { return keyspace.waiting.size() > index; }));
    const auto waiting = keyspace.waiting[index];
    keyspace.waiting.erase(keyspace.waiting.begin() + static_cast<std::ptrdiff_t>(index));
    const Now now = read_clocks();
    resp::RingKeyspace::Ended ended{waiting.call, keyspace.perform(now, waiting.operation)};
    listening.visitors.on_ended(now, {&ended, 1});
  };
  end_one(1);
  end_one(0);
  end_one(0);  // begun by the end of the one before
  BOOST_TEST(gets(end, "+OK\r\n$-1\r\n+PONG\r\n$1\r\n1\r\n"));
}

BOOST_FIXTURE_TEST_CASE(last_words_come_before_the_end, Fixture) {
  TextEnd quits = dial();
  quits.send("PING\r\nQUIT\r\nPING\r\n");
  BOOST_TEST(closes(quits));
  BOOST_TEST(quits.received() == "+PONG\r\n+OK\r\n");
  TextEnd errs = dial();
  errs.send("*1\r\n$x\r\n");
  BOOST_TEST(closes(errs));
  BOOST_TEST(errs.received() == "-ERR Protocol error: invalid bulk length\r\n");
}

BOOST_FIXTURE_TEST_CASE(who_says_half_a_request_is_closed, ShortFixture) {
  TextEnd short_word = dial();
  short_word.send("A\n");
  TextEnd half = dial();
  half.send("PING\r\n*1\r\n$4\r\nPI");
  TextEnd good = dial();
  good.send("PING\r\n");
  BOOST_TEST(closes(short_word));
  BOOST_TEST(closes(half));
  BOOST_TEST(half.received() == "+PONG\r\n");
  BOOST_TEST(!good.is_closed());
}

// Goal: connections that a client's pool has opened ahead are kept, and cannot be told by when
// they speak at last.
// Method: two say nothing for six timeouts; then one asks, and the other begins and does not end.
BOOST_FIXTURE_TEST_CASE(who_says_nothing_yet_is_kept_and_then_served, ShortFixture) {
  TextEnd late = dial();
  TextEnd half = dial();
  BOOST_TEST(!loop.until([&] { return late.is_closed() || half.is_closed(); }, 300ms));
  late.send("PING\r\n");
  half.send("P");
  BOOST_TEST(gets(late, "+PONG\r\n"));
  BOOST_TEST(closes(half));
  BOOST_TEST(!late.is_closed());
}

// Method: a first command comes in two pieces, with looks at the timeouts between them.
BOOST_AUTO_TEST_CASE(the_time_for_a_first_command_begins_with_its_first_byte) {
  Limits limits = short_limits();
  limits.hello_timeout = 400ms;
  Fixture fixture(limits);
  TextEnd end = fixture.dial();
  BOOST_TEST(!fixture.loop.until([&] { return end.is_closed(); }, 800ms));
  end.send("PI");
  BOOST_TEST(!fixture.loop.until([&] { return end.is_closed(); }, 30ms));
  end.send("NG\r\n");
  BOOST_TEST(fixture.gets(end, "+PONG\r\n"));
}

// Goal: those who say nothing are bounded, whoever they are, and cost those who speak nothing.
// Method: ten more than allowed, between two that have spoken.
BOOST_AUTO_TEST_CASE(of_too_many_that_say_nothing_the_oldest_are_closed) {
  Limits limits = short_limits();
  limits.silent_connections_max = 5;
  Fixture fixture(limits);
  TextEnd first = fixture.dial();
  first.send("PING\r\n");
  BOOST_REQUIRE(fixture.gets(first, "+PONG\r\n"));
  std::vector<TextEnd> silent;
  for (int i = 0; i < 15; ++i) silent.push_back(fixture.dial());
  TextEnd last = fixture.dial();
  last.send("PING\r\n");
  for (int i = 0; i < 10; ++i) BOOST_REQUIRE(fixture.closes(silent[static_cast<std::size_t>(i)]));
  BOOST_TEST(
      !fixture.loop.until([&] { return fixture.listening.visitors.connections() < 7u; }, 300ms));
  for (int i = 10; i < 15; ++i) {
    TextEnd& each = silent[static_cast<std::size_t>(i)];
    each.send("PING\r\n");
    BOOST_TEST(fixture.gets(each, "+PONG\r\n"));
  }
  BOOST_TEST(fixture.listening.visitors.connections() == 7u);
}

BOOST_AUTO_TEST_CASE(many_that_come_at_once_are_not_taken_for_silent) {
  Limits limits;
  limits.silent_connections_max = 5;
  Fixture fixture(limits);
  std::vector<TextEnd> ends;
  for (int i = 0; i < 20; ++i) ends.push_back(fixture.dial());
  BOOST_TEST(!fixture.loop.until([&] { return ends[0].is_closed(); }, 100ms));
  for (TextEnd& each : ends) each.send("PING\r\n");
  for (TextEnd& each : ends) BOOST_TEST(fixture.gets(each, "+PONG\r\n"));
}

BOOST_AUTO_TEST_SUITE_END()
