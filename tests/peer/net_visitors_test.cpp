#include <boost/test/unit_test.hpp>

#include "peer/net/visitors.hpp"
#include "tests/peer/net_support.hpp"

using namespace hopring;
using namespace hopring::test;
using namespace std::chrono_literals;

namespace {

const PeerRef other_peer{ipv4_endpoint(0x7f000001, 2), 0xbeef};

Limits short_limits() {
  Limits limits;
  limits.frame_bytes_max = std::size_t{1} << 20;
  limits.write_queue_bytes_max = std::size_t{4} << 20;
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

  RawEnd dial() { return RawEnd(loop.io, listening.endpoint()); }

  RawEnd client() {
    RawEnd end = dial();
    end.send_hello();
    BOOST_REQUIRE(loop.until([&] { return end.hello_answer() != nullptr; }));
    BOOST_REQUIRE(end.hello_answer()->verdict == HelloAnswer::Verdict::welcome);
    return end;
  }

  RawEnd peer() {
    RawEnd end = dial();
    end.send_hello(Role::peer, some_ring().ring_id, other_peer, listening.peer.self.incarnation);
    BOOST_REQUIRE(loop.until([&] { return end.hello_answer() != nullptr; }));
    return end;
  }

  bool is_served(RawEnd& end, const std::string& key) {
    end.send(get_frame(key, 1));
    return loop.until([&] {
      return end.op_reply() != nullptr &&
             std::get<OpResult>(end.op_reply()->answer).value->bytes == key;
    });
  }

  bool closes(RawEnd& end) {
    return loop.until([&] { return end.is_closed(); });
  }

  Loop loop;
  ListeningPeer listening;
};

struct ShortFixture : Fixture {
  ShortFixture() : Fixture(short_limits()) {}
};

}  // namespace

BOOST_AUTO_TEST_SUITE(net_visitors)

BOOST_FIXTURE_TEST_CASE(a_client_is_welcomed_and_answered_under_its_request_id, Fixture) {
  RawEnd end = client();
  BOOST_TEST(end.hello_answer()->from.incarnation == listening.peer.self.incarnation);
  end.send(get_frame("key", 4711));
  BOOST_REQUIRE(loop.until([&] { return end.op_reply() != nullptr; }));
  BOOST_TEST(end.received().back().request_id == 4711);
}

// Goal: where the frames are cut on their way does not matter.
// Method: a hello and two requests, sent byte by byte, each byte received before the next is sent.
BOOST_FIXTURE_TEST_CASE(frames_may_come_in_pieces, Fixture) {
  RawEnd end = client();
  const std::string frames = get_frame("one", 1) + get_frame("two", 2);
  for (const char byte : frames) {
    end.send(std::string_view(&byte, 1));
    loop.io.restart();
    loop.io.poll();
  }
  BOOST_TEST(loop.until([&] { return end.received().size() == 3; }));
}

BOOST_FIXTURE_TEST_CASE(many_requests_in_one_write_are_all_answered_in_order, Fixture) {
  RawEnd end = client();
  std::string frames;
  for (std::uint64_t id = 1; id <= 1000; ++id) frames += get_frame("k", id);
  end.send(frames);
  BOOST_REQUIRE(loop.until([&] {
    end.send_rest();
    return end.received().size() == 1001;
  }));
  for (std::uint64_t id = 1; id <= 1000; ++id) BOOST_TEST(end.received()[id].request_id == id);
}

BOOST_FIXTURE_TEST_CASE(a_peers_message_is_delivered_with_the_name_of_its_hello, Fixture) {
  RawEnd end = peer();
  end.send_message(Ping{9});
  BOOST_REQUIRE(loop.until([&] { return listening.peer.messages.size() == 1; }));
  BOOST_TEST((listening.peer.senders[0] == other_peer));
  BOOST_TEST((std::get<RingMessage>(listening.peer.messages[0]) == RingMessage(Ping{9})));
}

BOOST_FIXTURE_TEST_CASE(a_client_that_speaks_as_a_peer_is_closed, Fixture) {
  RawEnd end = client();
  end.send_message(Ping{9});
  BOOST_TEST(closes(end));
  BOOST_TEST(listening.peer.messages.empty());
}

BOOST_FIXTURE_TEST_CASE(an_answer_that_nobody_asked_for_closes, Fixture) {
  RawEnd end = peer();
  end.send_message(ErrorReply{});
  BOOST_TEST(closes(end));
}

BOOST_FIXTURE_TEST_CASE(a_second_hello_closes, Fixture) {
  RawEnd end = client();
  end.send_hello();
  BOOST_TEST(closes(end));
}

BOOST_FIXTURE_TEST_CASE(who_means_another_incarnation_is_told_so_and_closed, Fixture) {
  RawEnd end = dial();
  end.send_hello(Role::client, 0, {}, 12345);
  BOOST_TEST(closes(end));
  BOOST_REQUIRE(end.hello_answer() != nullptr);
  BOOST_TEST((end.hello_answer()->verdict == HelloAnswer::Verdict::other_incarnation));
}

BOOST_FIXTURE_TEST_CASE(a_peer_of_another_ring_is_told_so_and_reported, Fixture) {
  RawEnd end = dial();
  end.send_hello(Role::peer, 78, other_peer);
  BOOST_TEST(closes(end));
  BOOST_REQUIRE(end.hello_answer() != nullptr);
  BOOST_TEST((end.hello_answer()->verdict == HelloAnswer::Verdict::other_ring));
  BOOST_REQUIRE(listening.peer.strangers.size() == 1);
  BOOST_TEST((listening.peer.strangers[0] == other_peer));
  BOOST_TEST(listening.peer.stranger_ring_id == 78);
}

BOOST_FIXTURE_TEST_CASE(a_client_of_another_ring_is_told_so_and_is_no_stranger, Fixture) {
  RawEnd end = dial();
  end.send_hello(Role::client, 78);
  BOOST_TEST(closes(end));
  BOOST_TEST(listening.peer.strangers.empty());
}

BOOST_FIXTURE_TEST_CASE(a_body_that_cannot_be_read_is_refused_under_its_request_id_and_closed,
                        Fixture) {
  RawEnd end = client();
  std::string broken = get_frame("key", 5);
  broken += "zz";  // bytes left over
  broken[0] = static_cast<char>(broken[0] + 2);
  end.send(broken);
  BOOST_REQUIRE(loop.until([&] { return end.error_reply() != nullptr; }));
  BOOST_TEST((end.error_reply()->error == OpError::invalid_argument));
  BOOST_TEST(end.received().back().request_id == 5);
  BOOST_TEST(closes(end));
}

BOOST_FIXTURE_TEST_CASE(a_peer_whose_frame_cannot_be_read_is_closed, Fixture) {
  RawEnd end = peer();
  std::string unknown_kind;
  end_frame(begin_frame(1, 0x1f, 0, unknown_kind), unknown_kind);
  end.send(unknown_kind);
  BOOST_TEST(closes(end));
}

BOOST_FIXTURE_TEST_CASE(garbage_instead_of_a_hello_is_closed, Fixture) {
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), std::string(20, '\0'),
        std::string("\x10\0\0\0", 4) + std::string(16, '\x01'), get_frame("no hello", 1)}) {
    RawEnd end = dial();
    end.send(garbage);
    BOOST_TEST(closes(end));
  }
  RawEnd good = client();
  BOOST_TEST(is_served(good, "good"));
}

// Goal: a frame that is too long is refused in words as soon as its length is known.
// Method: only its header is sent, then more than the sockets hold: the words must not be lost.
BOOST_FIXTURE_TEST_CASE(an_oversized_frame_gets_a_clear_error_and_the_connection_ends, Fixture) {
  RawEnd end = client();
  end.send(std::string("\xff\xff\xff\x7f\x01\x00\x40\x00", 8) + std::string(1 << 20, 'x'));
  BOOST_REQUIRE(loop.until([&] {
    end.send_rest();
    return end.is_closed();
  }));
  BOOST_REQUIRE(end.error_reply() != nullptr);
  BOOST_TEST((end.error_reply()->error == OpError::value_too_long));
}

BOOST_FIXTURE_TEST_CASE(who_does_not_finish_its_hello_is_closed, ShortFixture) {
  RawEnd one_byte = dial();
  one_byte.send(std::string_view("\x40", 1));
  RawEnd half = dial();
  half.send(std::string_view("\x40\x00\x00\x00\x01\x00\x00\x00", 8));
  BOOST_TEST(closes(one_byte));
  BOOST_TEST(closes(half));
  BOOST_TEST(loop.until([&] { return listening.visitors.connections() == 0; }));
}

BOOST_FIXTURE_TEST_CASE(who_says_nothing_yet_may_say_hello_later, ShortFixture) {
  RawEnd end = dial();
  BOOST_TEST(!loop.until([&] { return end.is_closed(); }, 300ms));
  end.send_hello();
  BOOST_REQUIRE(loop.until([&] { return end.hello_answer() != nullptr; }));
  BOOST_TEST(is_served(end, "late"));
}

BOOST_FIXTURE_TEST_CASE(who_has_said_hello_may_be_idle, ShortFixture) {
  RawEnd end = client();
  BOOST_TEST(!loop.until([&] { return end.is_closed(); }, 300ms));  // six timeouts
  BOOST_TEST(is_served(end, "still"));
}

BOOST_FIXTURE_TEST_CASE(a_frame_that_is_never_finished_is_closed, ShortFixture) {
  RawEnd end = client();
  const std::string frame = get_frame("key", 1);
  end.send(frame.substr(0, frame.size() - 1));
  BOOST_TEST(closes(end));
  BOOST_TEST(listening.peer.answered == 0);
}

// Goal: a client that asks and never reads takes a bounded amount of memory and is closed; others
// are served meanwhile.
// Method: a thousand requests whose replies have 64 KiB each; 4 MiB may be queued.
BOOST_FIXTURE_TEST_CASE(a_client_that_never_reads_is_held_back_then_closed, ShortFixture) {
  RawEnd greedy = client();
  RawEnd good = client();
  listening.peer.value_bytes = 65536;
  std::string frames;
  for (std::uint64_t id = 1; id <= 1000; ++id) frames += get_frame("k", id);
  greedy.send(frames);
  BOOST_REQUIRE(loop.until([&] { return listening.peer.answered > 0; }));
  good.send(get_frame("k", 1));
  BOOST_TEST(loop.until([&] { return good.op_reply() != nullptr; }));
  BOOST_TEST(loop.until([&] { return listening.visitors.connections() == 1; }));
  // What the sockets' buffers took, and the mark; far from all.
  BOOST_TEST(listening.peer.answered < 500);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_reads_slowly_gets_everything, Fixture) {
  RawEnd end = client();
  listening.peer.value_bytes = std::size_t{1} << 20;
  std::string frames;
  for (std::uint64_t id = 1; id <= 100; ++id) frames += get_frame("k", id);
  end.send(frames);
  // It reads nothing until the listener waits for it.
  std::size_t answered = 0;
  BOOST_REQUIRE(loop.until([&] {
    return std::exchange(answered, listening.peer.answered) == listening.peer.answered &&
           answered > 0;
  }));
  BOOST_TEST(answered < 100);
  BOOST_REQUIRE(loop.until([&] { return end.received().size() == 101; }));
  BOOST_TEST(end.received().back().request_id == 100);
}

BOOST_AUTO_TEST_CASE(the_greediest_is_closed_where_all_together_take_too_much) {
  Limits limits;
  limits.connection_bytes_max = std::size_t{3} << 20;
  Fixture fixture(limits);
  RawEnd good = fixture.client();
  RawEnd greedy = fixture.client();
  greedy.send(std::string("\x00\x00\x00\x01\x01\x00\x40\x00", 8) + std::string(8 << 20, 'x'));
  BOOST_TEST(fixture.loop.until([&] {
    greedy.send_rest();
    return greedy.is_closed();
  }));
  BOOST_TEST(fixture.is_served(good, "good"));
}

// Goal: what waits for another thread is bounded for each connection, and nothing of it is lost.
// Method: the owner replies to nothing by itself; the client asks without end.
BOOST_AUTO_TEST_CASE(a_client_with_too_many_requests_that_wait_is_not_read) {
  Limits limits;
  limits.waiting_bytes_each = 1000;
  limits.waiting_bytes_mark = 10000;
  Fixture fixture(limits);
  fixture.listening.peer.is_slow = true;
  RawEnd end = fixture.client();
  for (std::uint64_t id = 1; id <= 50; ++id) end.send(get_frame("k", id));
  auto& tickets = fixture.listening.peer.tickets;
  BOOST_REQUIRE(fixture.loop.until([&] { return tickets.size() >= 10; }));
  RawEnd other = fixture.client();  // by now the rest would have come
  BOOST_TEST(tickets.size() == 10u);
  for (std::size_t i = 0; i < 50; ++i) {
    BOOST_REQUIRE(fixture.loop.until([&] { return tickets.size() > i; }));
    fixture.listening.visitors.reply(SendReply{tickets[i], OpReply{}});
  }
  BOOST_TEST(fixture.loop.until([&] { return end.received().size() == 51; }));
  BOOST_TEST(end.received().back().request_id == 50u);
}

// Goal: a connection that is held back by replies goes on once they are written, however they went.
// Method: replies above the mark come from handlers of their own, as from another thread, while
// more requests come in, in pieces: so some are read between a reply's queueing and its writing.
BOOST_AUTO_TEST_CASE(requests_that_come_while_replies_are_queued_are_served_after_them) {
  Limits limits;
  limits.client_replies_bytes_mark = 65536;
  Fixture fixture(limits);
  Loop& loop = fixture.loop;
  FakePeer& peer = fixture.listening.peer;
  peer.is_slow = true;
  OpResult large;
  large.value = Value{ValueType::string, std::string(limits.client_replies_bytes_mark, 'v')};
  const SendReply reply{{}, OpReply{large, std::nullopt}};
  peer.on_wait = [&](const Ticket& ticket) {
    boost::asio::post(loop.io, [&, ticket] {
      SendReply own = reply;
      own.to = ticket;
      boost::asio::post(loop.io, [&, own] { fixture.listening.visitors.reply(own); });
    });
  };
  RawEnd end = fixture.client();
  constexpr std::uint64_t requests = 300;
  for (std::uint64_t id = 1; id <= requests; ++id) {
    end.send(get_frame("a", id));
    loop.io.restart();
    loop.io.poll_one();
    if (id % 4 == 0) end.received();
  }
  BOOST_TEST(loop.until([&] { return end.received().size() == requests + 1; }));
}

BOOST_FIXTURE_TEST_CASE(a_peer_whose_messages_wait_is_not_read, Fixture) {
  listening.peer.is_slow = true;
  RawEnd end = peer();
  const std::size_t waiting_max = Limits{}.waiting_bytes_mark / Limits{}.waiting_bytes_each;
  for (std::uint32_t i = 0; i < 2 * waiting_max; ++i) end.send_message(RingMessage(Ping{i}));
  auto& tickets = listening.peer.tickets;
  BOOST_REQUIRE(loop.until([&] { return tickets.size() >= waiting_max - 1; }));
  RawEnd other = client();
  BOOST_TEST(tickets.size() <= waiting_max);
  for (std::size_t i = 0; i < 2 * waiting_max; ++i) {
    BOOST_REQUIRE(loop.until([&] { return tickets.size() > i; }));
    listening.visitors.done(tickets[i]);
  }
  BOOST_TEST(listening.peer.messages.size() == 2 * waiting_max);
}

BOOST_FIXTURE_TEST_CASE(a_reply_to_who_has_gone_is_dropped, Fixture) {
  listening.peer.is_slow = true;
  {
    RawEnd end = client();
    end.send(get_frame("k", 1));
    BOOST_REQUIRE(loop.until([&] { return listening.peer.tickets.size() == 1; }));
  }
  BOOST_REQUIRE(loop.until([&] { return listening.visitors.connections() == 0; }));
  listening.visitors.reply(SendReply{listening.peer.tickets[0], OpReply{}});
  listening.peer.is_slow = false;
  RawEnd good = client();
  BOOST_TEST(is_served(good, "good"));
}

BOOST_AUTO_TEST_CASE(of_many_that_take_memory_so_many_are_closed_that_the_rest_fits) {
  Limits limits;
  limits.connection_bytes_max = std::size_t{4} << 20;
  Fixture fixture(limits);
  RawEnd good = fixture.client();
  std::vector<RawEnd> greedy;
  for (int i = 0; i < 20; ++i) greedy.push_back(fixture.client());
  fixture.loop.sweep = [](Time) {};
  const std::string begun =
      std::string("\x00\x00\x40\x00\x01\x00\x40\x00", 8) + std::string(1 << 20, 'x');
  for (RawEnd& each : greedy) {
    each.send(begun);
    BOOST_REQUIRE(fixture.loop.until([&] {
      each.send_rest();
      return each.has_sent_all();
    }));
  }
  for (int quiet = 0; quiet < 10;) {  // until all that was sent has been read
    fixture.loop.io.restart();
    quiet = fixture.loop.io.poll() > 0 ? 0 : quiet + 1;
  }
  fixture.listening.visitors.sweep(read_clocks().monotonic);
  const auto open = [&] { return fixture.listening.visitors.connections(); };
  fixture.loop.until([&] { return open() <= 5; }, 2s);
  BOOST_TEST(open() <= 5u, "one sweep closes enough of them");
  BOOST_TEST(open() >= 2u);
  BOOST_TEST(fixture.is_served(good, "good"));
}

BOOST_FIXTURE_TEST_CASE(five_hundred_idle_connections_leave_room_for_one_that_works, Fixture) {
  std::vector<RawEnd> idle;
  for (int i = 0; i < 250; ++i) {
    idle.push_back(client());
    idle.push_back(dial());
  }
  RawEnd good = client();
  const Time start = read_clocks().monotonic;
  BOOST_TEST(is_served(good, "good"));
  BOOST_TEST((read_clocks().monotonic - start < 1s));
  BOOST_TEST(listening.visitors.connections() == 501);
}

BOOST_FIXTURE_TEST_CASE(finish_lets_the_last_replies_be_read, Fixture) {
  RawEnd end = client();
  listening.peer.value_bytes = std::size_t{8} << 20;
  end.send(get_frame("k", 1));
  BOOST_REQUIRE(loop.until([&] { return listening.peer.answered == 1; }));
  listening.finish();
  BOOST_TEST(closes(end));
  BOOST_TEST(end.op_reply() != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
