#pragma once

// A peer's part in the ring, and what the dialogues with it need. Peer 1 is the one that is tested;
// b, c and d are the others.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <utility>
#include <vector>

#include "peer/core/ring_member.hpp"
#include "tests/peer/core/core_support.hpp"

namespace hopring {

struct RingMemberFixture {
  PeerRef self = peer(1);
  PeerRef b = peer(2);
  PeerRef c = peer(3);
  PeerRef d = peer(4);
  Limits limits;
  RingMember member{self, limits, Rng(1)};
  Now now{Time{100s}, {}};
  Outbox out;
  RingEvents events;

  void serve(const std::vector<View>& views) {
    member.sync(now, views);
    clear();
  }
  void clear() {
    out.clear();
    events.clear();
  }
  // One input; its effects are all that is left in `out` and `events`.
  void hears(const PeerRef& from, const RingMessage& message) {
    clear();
    member.on_message(now, from, message, out, events);
  }
  void deadline() {
    clear();
    now.monotonic = std::max(now.monotonic, member.next_deadline());
    member.on_deadline(now, out, events);
  }
  void lookup(std::uint64_t position, std::uint64_t token) {
    clear();
    member.start_lookup(now, Position{position}, token, out, events);
  }
  // The only message of its kind that was sent.
  template <class Message>
  Message only(const PeerRef& to) const {
    const auto all = sent<Message>(out);
    BOOST_REQUIRE(all.size() == 1u);
    BOOST_TEST(all.front().first == to);
    return all.front().second;
  }
  ArcFound found(std::uint32_t nonce, const View& view, std::vector<View> successors = {}) const {
    return ArcFound{nonce, view, std::move(successors), std::nullopt, 0, {}};
  }
  std::vector<View> successors() const {
    const auto entries = member.nodes().front().successors().entries();
    return {entries.begin(), entries.end()};
  }
  // The first question: a fresh node looks for its successor, then for its fingers.
  FindArc first_question(const PeerRef& to) const {
    const auto all = sent<FindArc>(out);
    BOOST_REQUIRE(!all.empty());
    BOOST_TEST(all.front().first == to);
    return all.front().second;
  }
  // Brings the node to where it asks b whose its successor's position is; the question's nonce.
  std::uint32_t ask_b() {
    serve({view(10, 20, self)});
    member.add_contact(b);
    deadline();
    return first_question(b).nonce;
  }
};

}  // namespace hopring
