#include <boost/test/unit_test.hpp>
#include <thread>

#include "peer/net/client_links.hpp"
#include "tests/peer/net_support.hpp"

using namespace hopring;
using namespace hopring::test;
using namespace std::chrono_literals;

namespace {

class Dialler : public ClientLinks::Owner {
 public:
  void on_connected(const PeerRef&, const Connected&) override { ++connected; }
  void on_link_down(const PeerRef& peer, LinkDown reason) override {
    down.emplace_back(peer, reason);
  }
  void on_reply(const PeerRef&, RequestId, ClientReplyMessage&&) override {}
  void on_progress(const PeerRef&) override {}

  std::size_t connected = 0;
  std::vector<std::pair<PeerRef, LinkDown>> down;
};

// A process that is stopped, so that its system accepts and nobody answers: a socket that is never
// accepted from.
struct Fixture {
  Fixture() { limits.connect_timeout = 50ms; }

  bool is_down(std::size_t times) {
    return loop.until([&] { return dialler.down.size() >= times; }) && dialler.down.size() == times;
  }

  Limits limits;
  Loop loop;
  Dialler dialler;
  ClientLinks links{loop.io, dialler, limits};
  tcp::acceptor silent = listen_on(loop.io, ipv4_endpoint(0x7f000001, 0)).value();
  PeerRef paused{from_asio(silent.local_endpoint()), 5};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(net_client_links, Fixture)

// Goal: who does not answer is waited for as long as was said, and not until somebody sweeps.
BOOST_AUTO_TEST_CASE(a_dial_that_nobody_answers_ends_by_itself) {
  links.connect(paused);
  BOOST_REQUIRE(is_down(1));
  BOOST_TEST((dialler.down.front() == std::pair(paused, LinkDown::unreachable)));
  BOOST_TEST(dialler.connected == 0u);
}

// It is stopped as long as nobody runs the loop.
BOOST_AUTO_TEST_CASE(who_was_stopped_itself_while_it_dialled_looks_again) {
  links.connect(paused);
  const Time goes_on = read_clocks().monotonic + 4 * limits.connect_timeout;
  while (read_clocks().monotonic < goes_on) std::this_thread::yield();
  loop.io.poll();
  BOOST_TEST(dialler.down.empty());
  BOOST_TEST(is_down(1));
}

// Goal: a peer that is reached by its address, and lost, while a dial to it by its name is under
// way.
BOOST_AUTO_TEST_CASE(a_dial_that_is_asked_for_while_it_is_under_way_is_one) {
  links.connect(paused);
  links.connect(paused);
  BOOST_REQUIRE(is_down(1));
  links.connect(paused);
  BOOST_TEST(is_down(2));
}

BOOST_AUTO_TEST_SUITE_END()
