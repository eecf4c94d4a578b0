#include "peer/wire/session.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "peer/wire/bounds.hpp"

namespace hopring {
namespace {

using Verdict = HelloAnswer::Verdict;

template <class Message>
const Message* hello_message(const WireMessage& message) {
  const auto* family = std::get_if<HelloMessage>(&message);
  return family == nullptr ? nullptr : std::get_if<Message>(family);
}

bool speaks(std::uint16_t version) {
  return version >= protocol_version_lowest && version <= protocol_version_highest;
}

std::uint16_t highest_common(const Hello& hello) {
  return std::min(hello.version_highest, protocol_version_highest);
}

Refusal refusal_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::no_common_version:
      return Refusal::no_common_version;
    case Verdict::other_ring:
      return Refusal::other_ring;
    case Verdict::other_incarnation:
      return Refusal::other_incarnation;
    case Verdict::not_ready:
      return Refusal::not_ready;
    case Verdict::welcome:
    case Verdict::malformed:
      break;
  }
  return Refusal::malformed;
}

}  // namespace

HelloListener::Reply HelloListener::on_first(const WireMessage& first) const {
  const auto* hello = hello_message<Hello>(first);
  const Verdict verdict = hello == nullptr ? Verdict::malformed : judge(*hello);
  Reply reply{HelloAnswer{verdict, protocol_version_highest, self_, RingConfig{}}, std::nullopt};
  if (verdict == Verdict::welcome || verdict == Verdict::other_ring) reply.answer.ring = *ring_;
  if (verdict == Verdict::welcome) {
    reply.answer.version = highest_common(*hello);
    reply.accepted = Accepted{hello->role, hello->from, reply.answer.version};
  }
  return reply;
}

HelloAnswer::Verdict HelloListener::judge(const Hello& hello) const {
  if (!is_well_formed(hello)) return Verdict::malformed;
  if (!speaks(highest_common(hello)) || hello.version_lowest > protocol_version_highest) {
    return Verdict::no_common_version;
  }
  if (hello.to != 0 && hello.to != self_.incarnation) return Verdict::other_incarnation;
  if (!ring_) return Verdict::not_ready;
  if (hello.ring_id != 0 && hello.ring_id != ring_->ring_id) return Verdict::other_ring;
  return Verdict::welcome;
}

const char* name(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::no_common_version:
      return "no_common_version";
    case Refusal::other_ring:
      return "other_ring";
    case Refusal::other_incarnation:
      return "other_incarnation";
    case Refusal::not_ready:
      return "not_ready";
    case Refusal::malformed:
      return "malformed";
    case Refusal::myself:
      return "myself";
  }
  return "unlisted";
}

Hello HelloDialer::hello() const {
  Hello hello{
      protocol_version_lowest, protocol_version_highest, options_.role,       options_.ring_id,
      options_.self,           options_.to_incarnation,  options_.credentials};
  HOPRING_CHECK(is_well_formed(hello));
  return hello;
}

boost::system::result<Connected, Refusal> HelloDialer::on_first(const WireMessage& first) const {
  const auto* answer = hello_message<HelloAnswer>(first);
  if (answer == nullptr) return Refusal::malformed;
  if (const auto refusal = judge(*answer)) return *refusal;
  return Connected{answer->from, answer->ring, answer->version};
}

std::optional<Refusal> HelloDialer::judge(const HelloAnswer& answer) const {
  if (answer.from.incarnation == 0) return Refusal::malformed;
  if (answer.from.incarnation == options_.self.incarnation) return Refusal::myself;
  if (answer.verdict != Verdict::welcome) return refusal_of(answer.verdict);
  if (!speaks(answer.version)) return Refusal::no_common_version;
  if (!is_known(answer.from) || answer.ring.ring_id == 0 || problem(answer.ring)) {
    return Refusal::malformed;
  }
  const bool meant = options_.to_incarnation == 0 ||  //
                     options_.to_incarnation == answer.from.incarnation;
  if (!meant) return Refusal::other_incarnation;
  const bool same_ring = options_.ring_id == 0 || options_.ring_id == answer.ring.ring_id;
  return same_ring ? std::nullopt : std::optional(Refusal::other_ring);
}

bool may_send_to_peer(Role role, const WireMessage& message) {
  if (std::holds_alternative<HelloMessage>(message)) return false;  // one hello per connection
  return role == Role::peer || std::holds_alternative<ClientRequestMessage>(message);
}

bool may_send_to_client(const WireMessage& message) {
  return std::holds_alternative<ClientReplyMessage>(message);
}

}  // namespace hopring
