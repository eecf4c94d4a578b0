#include <boost/test/unit_test.hpp>

#include "peer/net/driver.hpp"
#include "tests/peer/net_support.hpp"

using namespace hopring;
using namespace hopring::test;
using namespace std::chrono_literals;

namespace {

// Limits under which a ring forms in a moment.
Limits quick_limits() {
  Limits limits;
  limits.fresh_for = 10ms;
  limits.join_timeout = 10s;
  limits.sweep_interval = 10ms;
  limits.last_words_timeout = 100ms;
  return limits;
}

// A whole peer: sockets, clocks and core. What it announces goes to a file of its own.
class WholePeer {
 public:
  WholePeer(Loop& loop, std::vector<Endpoint> contacts, Limits limits = quick_limits())
      : acceptor_(listen_on(loop.io, ipv4_endpoint(0x7f000001, 0)).value()),
        endpoint(from_asio(acceptor_.local_endpoint())),
        driver(loop.io, std::move(acceptor_), options(std::move(contacts), limits)) {
    driver.start();
  }
  ~WholePeer() { std::fclose(announcements); }

  std::string announced() {
    std::rewind(announcements);
    char line[200] = {};
    return std::fgets(line, sizeof line, announcements) == nullptr ? "" : line;
  }
  bool is_ready() { return announced().starts_with("ready " + to_string(endpoint) + " id="); }

 private:
  Driver::Options options(std::vector<Endpoint> contacts, const Limits& limits) {
    Driver::Options options;
    options.peer.self = {endpoint, random_word()};
    options.peer.ring.ring_id = random_word();
    options.peer.ring.nodes_per_peer = 4;
    options.peer.contacts = std::move(contacts);
    options.peer.limits = limits;
    options.log_level = LogLevel::error;
    options.announcements = announcements;
    return options;
  }

  tcp::acceptor acceptor_;

 public:
  std::FILE* announcements = std::tmpfile();
  Endpoint endpoint;
  Driver driver;
};

struct Fixture {
  bool is_ready(WholePeer& peer) {
    return loop.until([&] { return peer.is_ready(); });
  }

  Loop loop;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(net_driver)

BOOST_FIXTURE_TEST_CASE(a_peer_that_creates_a_ring_says_so_and_serves, Fixture) {
  WholePeer peer(loop, {});
  BOOST_REQUIRE(is_ready(peer));
  BOOST_TEST(peer.announced().ends_with(" peers=1\n"));
  RawEnd client(loop.io, peer.endpoint);
  client.send_hello();
  client.send_message(OpRequest{Put{"key", Value{ValueType::string, "value"}, {}, {}}}, 1);
  client.send_message(OpRequest{Get{"key"}}, 2);
  BOOST_REQUIRE(loop.until([&] { return client.received().size() == 3; }));
  const auto& result = std::get<OpResult>(client.op_reply()->answer);
  BOOST_REQUIRE(result.value.has_value());
  BOOST_TEST(result.value->bytes == "value");
}

BOOST_FIXTURE_TEST_CASE(a_peer_joins_and_leaves_and_hands_over_what_it_had, Fixture) {
  WholePeer first(loop, {});
  BOOST_REQUIRE(is_ready(first));
  WholePeer second(loop, {first.endpoint});
  BOOST_REQUIRE(is_ready(second));
  BOOST_TEST(second.announced().ends_with(" peers=2\n"));
  second.driver.leave();
  BOOST_REQUIRE(loop.until([&] { return second.driver.ending().has_value(); }));
  BOOST_TEST(second.driver.ending()->exit_code == 0);
  BOOST_TEST(second.driver.ending()->line == "");
}

BOOST_FIXTURE_TEST_CASE(the_last_peer_with_data_says_what_is_lost_with_it, Fixture) {
  WholePeer peer(loop, {});
  BOOST_REQUIRE(is_ready(peer));
  RawEnd client(loop.io, peer.endpoint);
  client.send_hello();
  client.send_message(OpRequest{Put{"key", Value{ValueType::string, "value"}, {}, {}}}, 1);
  BOOST_REQUIRE(loop.until([&] { return client.op_reply() != nullptr; }));
  peer.driver.leave();
  BOOST_REQUIRE(peer.driver.ending().has_value());
  BOOST_TEST(peer.driver.ending()->exit_code == 1);
  BOOST_TEST(peer.driver.ending()->line.find("1 record") != std::string::npos);
  BOOST_TEST(loop.until([&] { return client.is_closed(); }));
}

BOOST_FIXTURE_TEST_CASE(with_nobody_at_join_it_ends_with_a_reason_in_time, Fixture) {
  Limits limits = quick_limits();
  limits.join_timeout = 200ms;
  const Endpoint nobody = WholePeer(loop, {}).endpoint;  // it is gone by now
  WholePeer peer(loop, {nobody}, limits);
  BOOST_REQUIRE(loop.until([&] { return peer.driver.ending().has_value(); }, 2s));
  BOOST_TEST(peer.driver.ending()->exit_code == 1);
  BOOST_TEST(peer.driver.ending()->line.find(to_string(nobody)) != std::string::npos);
  BOOST_TEST(peer.announced() == "");
}

BOOST_AUTO_TEST_SUITE_END()
