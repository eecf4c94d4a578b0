#include <boost/test/unit_test.hpp>
#include <deque>

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

// A process that is stopped, so that its system accepts and nobody answers.
struct Fixture {
  Fixture() { silent.non_blocking(true); }

  bool is_down(std::size_t times) {
    return loop.until([&] { return dialler.down.size() >= times; }) && dialler.down.size() == times;
  }
  bool hears(std::size_t dials) {
    return loop.until([&] {
      boost::system::error_code ec;
      tcp::socket socket(loop.io);
      silent.accept(socket, ec);
      if (!ec) heard.emplace_back(std::move(socket));
      return heard.size() == dials;
    });
  }

  Limits limits;
  Loop loop;
  Dialler dialler;
  ClientLinks links{loop.io, dialler, limits};
  tcp::acceptor silent = listen_on(loop.io, ipv4_endpoint(0x7f000001, 0)).value();
  std::deque<RawEnd> heard;
  PeerRef paused{from_asio(silent.local_endpoint()), 5};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(net_client_links, Fixture)

// Goal: a peer that is reached by its address, and lost, while a dial to it by its name is under
// way.
BOOST_AUTO_TEST_CASE(a_dial_that_is_asked_for_while_it_is_under_way_is_one) {
  links.connect(paused);
  links.connect(paused);
  BOOST_REQUIRE(hears(1));
  heard.clear();
  BOOST_TEST(is_down(1));
  BOOST_TEST((dialler.down.front() == std::pair(paused, LinkDown::unreachable)));
  BOOST_TEST(dialler.connected == 0u);
}

// Goal: whoever waits for an answer in vain leaves the dial, and hears no more of it.
BOOST_AUTO_TEST_CASE(a_dial_that_is_left_ends_and_tells_nobody) {
  links.connect(paused);
  BOOST_REQUIRE(hears(1));
  links.disconnect(paused);
  BOOST_TEST(loop.until([&] { return heard.front().is_closed(); }));
  BOOST_TEST(dialler.down.empty());
  links.connect(paused);
  BOOST_TEST(hears(2), "it may be dialled again");
}

BOOST_AUTO_TEST_SUITE_END()
