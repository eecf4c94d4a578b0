#pragma once

// A whole peer, and what the dialogues with its driver need. Peer 1 is the one that is tested; b
// and c are others.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "peer/core/front.hpp"
#include "peer/core/peer.hpp"
#include "tests/peer/core/core_support.hpp"

namespace hopring {

inline RingConfig ring_of(std::uint64_t id) {
  RingConfig ring;
  ring.ring_id = id;
  ring.hash_key = HashKey{{1, 2}};
  ring.nodes_per_peer = 4;
  return ring;
}

struct PeerFixture {
  Peer::Options options;
  PeerRef b = peer(2);
  PeerRef c = peer(3);
  Now now{Time{100s}, {1'700'000'000'000}};
  Outbox out;
  std::optional<Peer> subject;
  std::uint64_t requests = 0;

  PeerFixture() {
    options.self = peer(1);
    options.ring = ring_of(7);
    options.block_bytes = 4096;
  }
  Peer& start(std::vector<Endpoint> contacts = {}) {
    options.contacts = std::move(contacts);
    subject.emplace(options, Rng(1), now);
    subject->start(now, out);
    return *subject;
  }
  // Performs every deadline up to `age` from now; the effects pile up in `out`.
  void pass(Duration age) {
    const Time until = now.monotonic + age;
    for (int steps = 0; subject->next_deadline() <= until; ++steps) {
      BOOST_REQUIRE(steps < 100000);
      now.monotonic = std::max(now.monotonic, subject->next_deadline());
      subject->on_deadline(now, out);
    }
    now.monotonic = until;
  }
  OpResult execute(const Operation& operation) {
    const ClientReplyMessage reply = ask(OpRequest{operation});
    const OpAnswer& answer = std::get<OpReply>(reply).answer;
    BOOST_REQUIRE(std::holds_alternative<OpResult>(answer));
    return std::get<OpResult>(answer);
  }
  // The reply, which comes at once unless shards take their time.
  ClientReplyMessage ask(ClientRequestMessage request) {
    const Ticket asker{1, ++requests, 0};
    subject->on_request(now, asker, std::move(request), out);
    if (options.shard_delay_max.count() > 0) pass(options.shard_delay_max * 4);
    for (const SendReply& reply : std::exchange(subject->replies(), {})) {
      if (reply.to == asker) return reply.reply;
    }
    BOOST_FAIL("no reply");
    return {};
  }
  // A first write: the ring is not given up from then on.
  void settle_down() {
    pass(options.limits.fresh_for);
    BOOST_TEST(execute(put("first")).error.value() == OpError::moving);
    BOOST_REQUIRE(!execute(Erase{"first"}).error.has_value());
  }
  ClientReplyMessage scan(const Scan& scan) { return ask(ScanRequest{scan}); }
  static Put put(std::string key) { return Put{std::move(key), Value{ValueType::string, "v"}, {}}; }
  // b leads an arc, and offers a copy of it; what the copy is made of comes, or does not.
  void is_offered_copy(bool comes) {
    const View view{equal_arc(0, 4), {1, 0, 1}, 0, {b, options.self}};
    const GroupName group = group_of(view);
    const TransferId transfer{view.arc.end, 1};
    const auto hear = [&](GroupMessage&& message) {
      subject->on_message(now, b, std::move(message), out);
    };
    const Roster roster{{Voter{b, 1}, Voter{options.self, 6}}, {}};
    hear(OfferCopy{transfer, group, view, 1, 5, 1, roster, 100});
    if (!comes) return;
    hear(CopyResults{transfer, 5, 0, 0, {}, true});
    hear(Chunk{transfer, view.arc, 5, {}});
    hear(Heartbeats{1, {Heartbeat{group, 1, 6, 5, 0}}});
  }
  std::vector<PeerRef> dialled() const {
    std::vector<PeerRef> all;
    for (const auto& [to, ping] : sent<Ping>(out)) all.push_back(to);
    return all;
  }
};

}  // namespace hopring
