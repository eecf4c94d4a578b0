#pragma once

// What the dialogues with a peer's core have in common.

#include <utility>
#include <vector>

#include "peer/core/effects.hpp"
#include "tests/routing/support.hpp"

namespace hopring {

// The ring messages of one kind among the effects, with their addressees.
template <class Message>
std::vector<std::pair<PeerRef, Message>> sent(const Outbox& out) {
  std::vector<std::pair<PeerRef, Message>> found;
  for (const Effect& effect : out) {
    const auto* send = std::get_if<SendPeer>(&effect);
    const auto* ring = send == nullptr ? nullptr : std::get_if<RingMessage>(&send->message);
    if (ring == nullptr || !std::holds_alternative<Message>(*ring)) continue;
    found.emplace_back(send->to, std::get<Message>(*ring));
  }
  return found;
}

// The effects or events of one kind.
template <class Kind, class Variant>
std::vector<Kind> all_of(const std::vector<Variant>& effects) {
  std::vector<Kind> found;
  for (const Variant& effect : effects) {
    if (const auto* each = std::get_if<Kind>(&effect)) found.push_back(*each);
  }
  return found;
}

}  // namespace hopring
