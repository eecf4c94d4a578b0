#include "peer/wire/session.hpp"

#include <boost/test/unit_test.hpp>

#include "peer/wire/archive.hpp"

using namespace hopring;
using Verdict = HelloAnswer::Verdict;

namespace {

struct Fixture {
  PeerRef listening{ipv4_endpoint(0x7f000001, 7000), 70};
  PeerRef dialling{ipv4_endpoint(0x7f000001, 7001), 71};
  RingConfig ring = [] {
    RingConfig config;
    config.ring_id = 5;
    return config;
  }();
  HelloListener listener{listening, ring};
  HelloDialer::Options as_peer{Role::peer, dialling, 5, 70, ""};
  HelloDialer::Options as_client{};

  Verdict verdict_on(const Hello& hello) const {
    const auto reply = listener.on_first(HelloMessage{hello});
    BOOST_TEST(reply.accepted.has_value() == (reply.answer.verdict == Verdict::welcome));
    return reply.answer.verdict;
  }

  boost::system::result<Connected, Refusal> dial(const HelloDialer::Options& options) const {
    const HelloDialer dialer(options);
    return dialer.on_first(HelloMessage{listener.on_first(HelloMessage{dialer.hello()}).answer});
  }

  Hello peer_hello() const { return HelloDialer(as_peer).hello(); }
  HelloAnswer welcome() const { return listener.on_first(HelloMessage{peer_hello()}).answer; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(session, Fixture)

BOOST_AUTO_TEST_CASE(a_peer_and_a_peer_agree) {
  const auto reply = listener.on_first(HelloMessage{peer_hello()});
  BOOST_TEST((reply.accepted == Accepted{Role::peer, dialling, protocol_version_highest}));
  const auto connected = HelloDialer(as_peer).on_first(HelloMessage{reply.answer});
  BOOST_TEST_REQUIRE(connected.has_value());
  BOOST_TEST((*connected == Connected{listening, ring, protocol_version_highest}));
}

BOOST_AUTO_TEST_CASE(a_client_that_knows_nothing_learns_the_ring) {
  const auto connected = dial(as_client);
  BOOST_TEST_REQUIRE(connected.has_value());
  BOOST_TEST((connected->ring == ring));
  BOOST_TEST((connected->to == listening));
}

BOOST_AUTO_TEST_CASE(a_former_incarnation_is_not_found_under_its_address) {
  as_peer.to_incarnation = 69;
  BOOST_TEST((dial(as_peer).error() == Refusal::other_incarnation));
}

BOOST_AUTO_TEST_CASE(a_stranger_ring_is_refused_and_named) {
  as_peer.ring_id = 6;
  const auto reply = listener.on_first(HelloMessage{peer_hello()});
  BOOST_TEST((reply.answer.verdict == Verdict::other_ring));
  BOOST_TEST((reply.answer.ring == ring));
  BOOST_TEST(!reply.accepted.has_value());
  BOOST_TEST((dial(as_peer).error() == Refusal::other_ring));
}

BOOST_AUTO_TEST_CASE(a_peer_without_a_ring_asks_to_come_again) {
  listener = HelloListener(listening, std::nullopt);
  const auto reply = listener.on_first(HelloMessage{peer_hello()});
  BOOST_TEST((reply.answer ==
              HelloAnswer{Verdict::not_ready, protocol_version_highest, listening, RingConfig{}}));
  BOOST_TEST((dial(as_client).error() == Refusal::not_ready));
}

BOOST_AUTO_TEST_CASE(the_highest_common_version_is_spoken) {
  Hello hello = peer_hello();
  hello.version_highest = 9;
  const auto reply = listener.on_first(HelloMessage{hello});
  BOOST_TEST((reply.answer.verdict == Verdict::welcome));
  BOOST_TEST(reply.answer.version == protocol_version_highest);
}

BOOST_AUTO_TEST_CASE(without_a_common_version_nothing_is_spoken) {
  Hello hello = peer_hello();
  hello.version_lowest = protocol_version_highest + 1;
  hello.version_highest = 9;
  BOOST_TEST((verdict_on(hello) == Verdict::no_common_version));
  hello.version_lowest = hello.version_highest = 0;
  BOOST_TEST((verdict_on(hello) == Verdict::no_common_version));
}

BOOST_AUTO_TEST_CASE(a_hello_that_contradicts_itself_is_malformed) {
  Hello hello = peer_hello();
  hello.from.incarnation = 0;
  BOOST_TEST((verdict_on(hello) == Verdict::malformed));
  hello = peer_hello();
  hello.role = Role::client;
  BOOST_TEST((verdict_on(hello) == Verdict::malformed));
  hello = peer_hello();
  hello.version_lowest = 2;
  hello.version_highest = 1;
  BOOST_TEST((verdict_on(hello) == Verdict::malformed));
}

BOOST_AUTO_TEST_CASE(whoever_does_not_begin_with_a_hello_is_malformed) {
  const auto reply = listener.on_first(RingMessage{Ping{1}});
  BOOST_TEST((reply.answer.verdict == Verdict::malformed));
  BOOST_TEST(!reply.accepted.has_value());
  BOOST_TEST((HelloDialer(as_client).on_first(RingMessage{Pong{1}}).error() == Refusal::malformed));
  BOOST_TEST(
      (HelloDialer(as_client).on_first(HelloMessage{Hello{}}).error() == Refusal::malformed));
}

BOOST_AUTO_TEST_CASE(a_peer_that_dials_its_own_address_notices) {
  as_peer.self = listening;
  BOOST_TEST((dial(as_peer).error() == Refusal::myself));
  as_peer.to_incarnation = 0;
  as_peer.ring_id = 9;
  BOOST_TEST((dial(as_peer).error() == Refusal::myself));
}

// Goal: a dialler believes no answer that it could not have asked for.
// Method: a good answer with one thing wrong at a time.
BOOST_AUTO_TEST_CASE(an_answer_that_does_not_fit_is_refused) {
  const HelloDialer dialer(as_peer);
  const auto refusal = [&](auto change) {
    HelloAnswer answer = welcome();
    change(answer);
    return dialer.on_first(HelloMessage{answer}).error();
  };
  BOOST_TEST(dialer.on_first(HelloMessage{welcome()}).has_value());
  BOOST_TEST(
      (refusal([](HelloAnswer& a) { a.from.incarnation = 72; }) == Refusal::other_incarnation));
  BOOST_TEST((refusal([](HelloAnswer& a) { a.from.incarnation = 0; }) == Refusal::malformed));
  BOOST_TEST((refusal([](HelloAnswer& a) { a.version = protocol_version_highest + 1; }) ==
              Refusal::no_common_version));
  BOOST_TEST((refusal([](HelloAnswer& a) { a.ring.ring_id = 6; }) == Refusal::other_ring));
  BOOST_TEST((refusal([](HelloAnswer& a) { a.ring.ring_id = 0; }) == Refusal::malformed));
  BOOST_TEST((refusal([](HelloAnswer& a) { a.ring.nodes_per_peer = 3; }) == Refusal::malformed));
}

// Goal: a ring that reads by leases has the configuration that it always had; of the other kind,
// who does not know of it cannot make sense.
BOOST_AUTO_TEST_CASE(how_a_ring_reads_travels_above_its_number_of_copies) {
  constexpr std::size_t copies_at = 8 + 16 + 4;
  const auto bytes_of = [](RingConfig config) {
    std::string bytes;
    OutArchive archive(bytes);
    archive& config;
    return bytes;
  };
  RingConfig config = ring;
  config.replicas = 3;
  std::string bytes = bytes_of(config);
  BOOST_TEST(bytes.substr(copies_at, 4) == std::string("\3\0\0\0", 4));
  config.reads = Reads::majority;
  bytes = bytes_of(config);
  BOOST_TEST(bytes.substr(copies_at, 4) == std::string("\3\0\1\0", 4));
  const auto read = [](std::string_view from) {
    RingConfig found;
    InArchive archive(from);
    archive& found;
    BOOST_TEST(archive.ok());
    return found;
  };
  BOOST_TEST((read(bytes) == config));
  bytes[copies_at + 2] = 2;
  BOOST_TEST(problem(read(bytes)).value() == "reads must be lease or majority");
}

BOOST_AUTO_TEST_CASE(a_client_may_only_ask_and_is_only_answered) {
  const WireMessage hello = HelloMessage{Hello{}};
  const WireMessage ring_message = RingMessage{Ping{1}};
  const WireMessage group_message = GroupMessage{Serving{TransferId{}}};
  const WireMessage request = ClientRequestMessage{ReportRequest{}};
  const WireMessage reply = ClientReplyMessage{ErrorReply{}};
  for (const WireMessage& message : {hello, ring_message, group_message, reply}) {
    BOOST_TEST(!may_send_to_peer(Role::client, message));
  }
  BOOST_TEST(may_send_to_peer(Role::client, request));
  for (const WireMessage& message : {ring_message, group_message, request, reply}) {
    BOOST_TEST(may_send_to_peer(Role::peer, message));
  }
  BOOST_TEST(!may_send_to_peer(Role::peer, hello), "one hello per connection");
  for (const WireMessage& message : {hello, ring_message, group_message, request}) {
    BOOST_TEST(!may_send_to_client(message));
  }
  BOOST_TEST(may_send_to_client(reply));
}

BOOST_AUTO_TEST_SUITE_END()
