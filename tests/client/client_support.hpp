#pragma once

// What the dialogues with the client's core have in common: peers, views, and effects that print.

#include <ostream>
#include <string>
#include <vector>

#include "client/core/effects.hpp"
#include "routing/view.hpp"

namespace hopring {

inline PeerRef peer(std::uint8_t n) {
  return PeerRef{ipv4_endpoint(0x7f000001, static_cast<std::uint16_t>(7000 + n)), n};
}
inline PeerRef anyone_at(const PeerRef& peer) { return PeerRef{peer.endpoint, 0}; }

inline View view(Position begin, Position end, std::uint64_t number, const PeerRef& primary) {
  return View{Arc{begin, end}, ViewNumber{1, 0, number}, 0, {primary}};
}
inline View whole_ring(std::uint64_t number, const PeerRef& primary) {
  return view(Position{~0ull}, Position{~0ull}, number, primary);
}

inline RingConfig ring_config(std::uint64_t id) {
  RingConfig config;
  config.ring_id = id;
  config.hash_key = HashKey{{id, id}};
  return config;
}

inline OpResult failed(OpError error) {
  OpResult result;
  result.error = error;
  return result;
}
inline OpResult found(std::string bytes) {
  return OpResult{std::nullopt, Outcome::done, Value{ValueType::string, std::move(bytes)}, 0};
}

inline std::string describe(const OpResult& result) {
  return result.error ? name(*result.error)
                      : "outcome " + std::to_string(static_cast<int>(result.outcome)) +
                            (result.value ? " " + result.value->bytes : "");
}

inline std::ostream& operator<<(std::ostream& os, const ClientEffect& effect) {
  if (const auto* connect = std::get_if<Connect>(&effect)) {
    return os << "Connect " << to_string(connect->to);
  }
  if (const auto* disconnect = std::get_if<Disconnect>(&effect)) {
    return os << "Disconnect " << to_string(disconnect->to);
  }
  if (const auto* send = std::get_if<SendRequest>(&effect)) {
    return os << "Send " << send->id.value << " kind " << (*send->message).index() << " to "
              << to_string(send->to);
  }
  const auto& finish = std::get<Finish>(effect);
  os << "Finish " << finish.token.value;
  if (const auto* one = std::get_if<OpResult>(&finish.result)) os << " " << describe(*one);
  if (const auto* batch = std::get_if<std::vector<OpResult>>(&finish.result)) {
    for (const OpResult& result : *batch) os << " [" << describe(result) << "]";
  }
  return os;
}

inline std::ostream& operator<<(std::ostream& os, const ClientOutbox& outbox) {
  for (const ClientEffect& effect : outbox) os << "\n  " << effect;
  return os;
}

}  // namespace hopring
