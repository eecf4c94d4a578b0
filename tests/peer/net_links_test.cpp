#include <unistd.h>

#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include "peer/net/links.hpp"
#include "tests/peer/net_support.hpp"

using namespace hopring;
using namespace hopring::test;
using namespace std::chrono_literals;

namespace {

struct Unreached {
  PeerRef peer;
  Unreachable why;
};

// The side that dials.
class Dialler : public Links::Owner {
 public:
  HelloDialer hello_dialer(const PeerRef& to) const override {
    return HelloDialer({Role::peer, self, ring_id, to.incarnation, {}});
  }
  void on_connected(const PeerRef& peer, const Connected& actual) override {
    asked.push_back(peer);
    connected.push_back(actual);
  }
  void on_unreachable(const PeerRef& peer, Unreachable why) override {
    unreached.push_back({peer, why});
  }

  PeerRef self{ipv4_endpoint(0x7f000001, 2), 0xd1a1};
  std::uint64_t ring_id = some_ring().ring_id;
  std::vector<PeerRef> asked;
  std::vector<Connected> connected;
  std::vector<Unreached> unreached;
};

struct Fixture {
  explicit Fixture(const Limits& limits_given = Limits{}) : limits(limits_given) {
    loop.sweep = [this](Time now) {
      links.sweep(now);
      if (listening) listening->visitors.sweep(now);
    };
  }

  bool is_unreached(Unreachable why) {
    return loop.until([&] { return !dialler.unreached.empty(); }) &&
           dialler.unreached.back().why == why;
  }
  bool has_received(std::size_t count) {
    return loop.until([&] { return listening->peer.messages.size() == count; });
  }
  PeerRef other() const { return listening->peer.self; }

  Limits limits;
  Loop loop;
  Log log{LogLevel::error, Endpoint{}, STDERR_FILENO};
  std::unique_ptr<ListeningPeer> listening = std::make_unique<ListeningPeer>(loop, limits);
  Dialler dialler;
  Links links{loop.io, dialler, limits, log};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(net_links)

BOOST_FIXTURE_TEST_CASE(what_is_sent_arrives_in_order_under_the_senders_name, Fixture) {
  for (std::uint32_t i = 0; i < 10; ++i) links.send(other(), RingMessage(Ping{i}));
  BOOST_REQUIRE(has_received(10));
  for (std::uint32_t i = 0; i < 10; ++i) {
    BOOST_TEST((std::get<RingMessage>(listening->peer.messages[i]) == RingMessage(Ping{i})));
  }
  BOOST_TEST((listening->peer.senders[0] == dialler.self));
  BOOST_REQUIRE(dialler.connected.size() == 1);
  BOOST_TEST((dialler.connected[0].to == other()));
  BOOST_TEST((dialler.connected[0].ring == some_ring()));
}

BOOST_FIXTURE_TEST_CASE(a_contact_is_reached_without_its_incarnation_and_tells_it, Fixture) {
  const PeerRef contact{other().endpoint, 0};
  links.send(contact, RingMessage(Ping{1}));
  BOOST_REQUIRE(loop.until([&] { return dialler.connected.size() == 1; }));
  BOOST_TEST((dialler.asked[0] == contact));
  BOOST_TEST((dialler.connected[0].to == other()));
}

BOOST_FIXTURE_TEST_CASE(a_port_where_nobody_listens_is_refused, Fixture) {
  const PeerRef gone = other();
  listening.reset();
  links.send(gone, RingMessage(Ping{1}));
  BOOST_TEST(is_unreached(Unreachable::refused));
  BOOST_TEST((dialler.unreached[0].peer == gone));
  BOOST_TEST(links.connections() == 0);
}

BOOST_FIXTURE_TEST_CASE(another_process_at_the_same_port_is_another_incarnation, Fixture) {
  const PeerRef former{other().endpoint, other().incarnation + 1};
  links.send(former, RingMessage(Ping{1}));
  BOOST_TEST(is_unreached(Unreachable::other_incarnation));
  BOOST_TEST((dialler.unreached[0].peer == former));
  BOOST_TEST(listening->peer.messages.empty());
}

BOOST_FIXTURE_TEST_CASE(a_peer_of_another_ring_is_reported_as_such, Fixture) {
  dialler.ring_id = 78;
  links.send(other(), RingMessage(Ping{1}));
  BOOST_TEST(is_unreached(Unreachable::other_ring));
  BOOST_TEST(listening->peer.strangers.size() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_peer_that_has_no_ring_yet_may_live, Fixture) {
  listening->peer.ring.reset();
  links.send(other(), RingMessage(Ping{1}));
  BOOST_TEST(is_unreached(Unreachable::timed_out));
}

BOOST_FIXTURE_TEST_CASE(a_connection_that_is_cut_is_reported_and_dialled_again, Fixture) {
  links.send(other(), RingMessage(Ping{1}));
  BOOST_REQUIRE(has_received(1));
  listening->finish();  // closes what it had accepted and its port
  BOOST_REQUIRE(is_unreached(Unreachable::lost));
  links.send(other(), RingMessage(Ping{2}));
  BOOST_REQUIRE(loop.until([&] { return dialler.unreached.size() == 2; }));
  BOOST_TEST((dialler.unreached[1].why == Unreachable::refused));
}

// Goal: a process that is stopped, so that its system accepts and nobody answers, is told apart.
// Method: a socket that listens and is never accepted from; more messages than may wait.
BOOST_AUTO_TEST_CASE(a_peer_that_accepts_and_says_nothing_times_out) {
  Limits limits;
  limits.connect_timeout = 50ms;
  limits.dialling_messages_max = 4;
  Fixture fixture(limits);
  const auto silent = listen_on(fixture.loop.io, ipv4_endpoint(0x7f000001, 0)).value();
  const PeerRef paused{from_asio(silent.local_endpoint()), 5};
  for (std::uint32_t i = 0; i < 10; ++i) fixture.links.send(paused, RingMessage(Ping{i}));
  BOOST_TEST(fixture.is_unreached(Unreachable::timed_out));
  BOOST_TEST(fixture.links.connections() == 0);
}

BOOST_AUTO_TEST_CASE(no_more_than_dialling_messages_max_wait_for_a_connection) {
  Limits limits;
  limits.dialling_messages_max = 4;
  Fixture fixture(limits);
  for (std::uint32_t i = 0; i < 10; ++i) fixture.links.send(fixture.other(), RingMessage(Ping{i}));
  BOOST_REQUIRE(fixture.loop.until([&] { return fixture.dialler.connected.size() == 1; }));
  fixture.links.send(fixture.other(), RingMessage(Ping{99}));
  BOOST_REQUIRE(fixture.has_received(5));
  BOOST_TEST((std::get<RingMessage>(fixture.listening->peer.messages[4]) == RingMessage(Ping{99})));
}

// Goal: strangers that name ever more peers cost no more than so many connections.
BOOST_AUTO_TEST_CASE(no_more_than_links_max_are_dialled) {
  Limits limits;
  limits.links_max = 2;
  Fixture fixture(limits);
  const auto silent = listen_on(fixture.loop.io, ipv4_endpoint(0x7f000001, 0)).value();
  fixture.links.send(fixture.other(), RingMessage(Ping{1}));
  for (std::uint64_t n = 1; n <= 10; ++n) {
    fixture.links.send(PeerRef{from_asio(silent.local_endpoint()), n}, RingMessage(Ping{}));
    BOOST_TEST(fixture.links.connections() == 2);
  }
  fixture.links.send(fixture.other(), RingMessage(Ping{2}));
  BOOST_TEST(fixture.has_received(2));
}

BOOST_AUTO_TEST_CASE(a_connection_that_nobody_uses_is_closed_without_a_word) {
  Limits limits;
  limits.link_idle_timeout = 50ms;
  Fixture fixture(limits);
  fixture.links.send(fixture.other(), RingMessage(Ping{1}));
  BOOST_REQUIRE(fixture.has_received(1));
  BOOST_TEST(fixture.loop.until([&] {
    return fixture.links.connections() == 0 && fixture.listening->visitors.connections() == 0;
  }));
  BOOST_TEST(fixture.dialler.unreached.empty());
  fixture.links.send(fixture.other(), RingMessage(Ping{2}));
  BOOST_TEST(fixture.has_received(2));
}

// Goal: megabytes of an arc on the move do not delay a question about the ring.
// Method: an other end that welcomes the connection with the chunk and reads no more of it; the
// question arrives all the same.
BOOST_FIXTURE_TEST_CASE(bulk_does_not_hold_up_control, Fixture) {
  auto acceptor = listen_on(loop.io, ipv4_endpoint(0x7f000001, 0)).value();
  const PeerRef peer{from_asio(acceptor.local_endpoint()), 5};
  std::vector<std::unique_ptr<RawEnd>> ends;
  const auto accept = [&] {
    acceptor.async_accept([&](const boost::system::error_code& ec, tcp::socket socket) {
      if (!ec) ends.push_back(std::make_unique<RawEnd>(std::move(socket)));
    });
    const std::size_t count = ends.size() + 1;
    return loop.until([&] { return ends.size() == count && ends.back()->received().size() == 1; });
  };
  const auto welcome = [&](RawEnd& end) {
    end.send_message(
        HelloAnswer{HelloAnswer::Verdict::welcome, protocol_version_highest, peer, some_ring()});
  };
  Chunk chunk;
  chunk.records.push_back(Record{"key", {ValueType::string, std::string(16 << 20, 'x')}, {}});
  links.send(peer, GroupMessage(std::move(chunk)));
  BOOST_REQUIRE(accept());
  welcome(*ends[0]);
  BOOST_REQUIRE(loop.until([&] { return dialler.connected.size() == 1; }));
  links.send(peer, RingMessage(Ping{7}));
  BOOST_REQUIRE(accept());
  welcome(*ends[1]);
  BOOST_REQUIRE(loop.until([&] { return ends[1]->received().size() == 2; }));
  const auto* ping = std::get_if<RingMessage>(&ends[1]->received()[1].message);
  BOOST_TEST((ping != nullptr && *ping == RingMessage(Ping{7})));
}

// A peer that accepts and then reads nothing must not fill our memory.
BOOST_AUTO_TEST_CASE(a_peer_that_reads_too_slowly_is_lost) {
  Limits limits;
  limits.write_queue_bytes_max = std::size_t{1} << 20;
  Fixture fixture(limits);
  auto acceptor = listen_on(fixture.loop.io, ipv4_endpoint(0x7f000001, 0)).value();
  acceptor.non_blocking(false);
  const PeerRef slow{from_asio(acceptor.local_endpoint()), 5};
  fixture.links.send(slow, RingMessage(Ping{1}));
  tcp::socket socket = acceptor.accept();
  std::string welcome;
  encode(HelloAnswer{HelloAnswer::Verdict::welcome, protocol_version_highest, slow, some_ring()}, 0,
         welcome);
  boost::asio::write(socket, boost::asio::buffer(welcome));
  BOOST_REQUIRE(fixture.loop.until([&] { return fixture.dialler.connected.size() == 1; }));
  const Hint hint{Arc{}, slow};
  const NodeHints large{Arc{}, {}, std::vector<Hint>(fingers_sent_max, hint), {}, 0};
  BOOST_TEST(fixture.loop.until([&] {
    fixture.links.send(slow, RingMessage(large));
    return !fixture.dialler.unreached.empty();
  }));
  BOOST_TEST((fixture.dialler.unreached.back().why == Unreachable::lost));
}

BOOST_FIXTURE_TEST_CASE(finish_delivers_what_is_queued_and_dials_no_more, Fixture) {
  links.send(other(), RingMessage(Ping{1}));
  BOOST_REQUIRE(has_received(1));
  for (std::uint32_t i = 0; i < 100; ++i) links.send(other(), RingMessage(Ping{i}));
  links.finish();
  BOOST_TEST(has_received(101));
  BOOST_TEST(loop.until([&] { return links.connections() == 0; }));
  links.send(other(), RingMessage(Ping{1}));
  BOOST_TEST(links.connections() == 0);
  BOOST_TEST(dialler.unreached.empty());
}

BOOST_AUTO_TEST_SUITE_END()
