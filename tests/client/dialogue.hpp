#pragma once

// A dialogue with the client's core: each function is one input and returns the effects that it
// had. The ring has the id 1 and is met at peer 1.

#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

#include "client/core/op_machine.hpp"
#include "tests/client/client_support.hpp"

namespace hopring {

using namespace std::chrono_literals;

inline const Operation get_a = Get{"a"};
inline const Operation put_a = Put{"a", Value{ValueType::string, "1"}, {}, PutCondition::always};
inline const Operation put_b = Put{"b", Value{ValueType::string, "2"}, {}, PutCondition::always};

inline Redirect to_view(View view) { return Redirect{std::move(view), {}}; }
inline Redirect to_hint(const PeerRef& peer) {
  return Redirect{std::nullopt, {Hint{Arc{Position{0}, Position{1}}, peer}}};
}
inline OpReply plain(OpAnswer answer) { return OpReply{std::move(answer), std::nullopt}; }

struct Dialogue {
  explicit Dialogue(const ClientLimits& limits = {},
                    const std::vector<Endpoint>& contacts = {peer(1).endpoint})
      : machine(limits, contacts, Rng(1)) {}

  Now now;
  Time deadline{5s};
  RingConfig ring = ring_config(1);
  OpMachine machine;
  std::vector<std::uint64_t> named;  // by the last effects' requests, out of which they are taken

  ClientOutbox effects() {
    ClientOutbox out;
    machine.swap_outbox(out);
    machine.audit();
    named.clear();
    for (ClientEffect& each : out) {
      auto* const sent = std::get_if<SendRequest>(&each);
      if (sent == nullptr) continue;
      ClientRequestMessage message = *sent->message;
      if (auto* const one = std::get_if<OpRequest>(&message)) {
        named.push_back(std::exchange(one->known, {}));
      }
      if (auto* const batch = std::get_if<BatchRequest>(&message)) {
        named.insert(named.end(), batch->known.begin(), batch->known.end());
        batch->known.clear();
      }
      sent->message = SharedRequest(std::move(message));
    }
    return out;
  }
  ClientOutbox start(std::uint64_t token, const Operation& operation) {
    machine.start(now, Token{token}, operation, deadline);
    return effects();
  }
  ClientOutbox read(std::uint64_t token, const Operation& operation) {
    machine.start_in_turn(now, Token{token}, operation, deadline);
    return effects();
  }
  ClientOutbox end_turn() {
    machine.end_turn(now);
    return effects();
  }
  ClientOutbox batch(std::uint64_t token, std::vector<Operation> operations) {
    machine.start_batch(now, Token{token}, std::move(operations), deadline);
    return effects();
  }
  ClientOutbox connected(const PeerRef& contacted, const PeerRef& actual) {
    machine.on_connected(now, contacted, actual, ring);
    return effects();
  }
  ClientOutbox down(const PeerRef& peer, LinkDown reason) {
    machine.on_link_down(now, peer, reason);
    return effects();
  }
  ClientOutbox reply(const PeerRef& from, std::uint64_t id, ClientReplyMessage message) {
    machine.on_reply(now, from, RequestId{id}, std::move(message));
    return effects();
  }
  ClientOutbox timer() {
    now.monotonic = machine.next_deadline();
    machine.on_deadline(now);
    return effects();
  }

  Position position(std::string_view key) const { return position_of(ring.hash_key, key); }

  // A view of the one position of `key`.
  View arc_of(std::string_view key, std::uint64_t number, const PeerRef& primary) const {
    const Position end = position(key);
    return view(Position{end.value - 1}, end, number, primary);
  }

  // A link to peer 1, and its answer to a first get: `known` holds from now on, and its order.
  void warm(const View& known) {
    start(900, get_a);
    connected(anyone_at(peer(1)), peer(1));
    reply(peer(1), 1, OpReply{found("x"), known, ArcMark{known.arc, order_of(known.number), 0}});
  }
};

inline ClientOutbox send(const PeerRef& to, std::uint64_t id, ClientRequestMessage message) {
  return {SendRequest{to, RequestId{id}, std::move(message)}};
}
inline ClientOutbox finish(std::uint64_t token, Finished result) {
  return {Finish{Token{token}, std::move(result)}};
}

}  // namespace hopring
