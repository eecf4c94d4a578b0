#include "peer/wire/codec.hpp"

#include <algorithm>
#include <variant>

namespace hopring {
namespace {

template <class Family>
void encode_alternative(const Family& family, std::uint64_t request_id, std::string& out) {
  std::visit([&](const auto& message) { encode(message, request_id, out); }, family);
}

// Makes `message` hold a default message of `kind`. False if there is none.
bool emplace_kind(WireMessage& message, std::uint16_t kind) {
  const auto next = std::upper_bound(family_bases.begin(), family_bases.end(), kind);
  const auto family = static_cast<std::size_t>(next - family_bases.begin()) - 1;
  const std::size_t index = kind - family_bases[family];
  return wire::emplace_alternative(message, family) &&
         std::visit([index](auto& each) { return wire::emplace_alternative(each, index); },
                    message);
}

template <class Visitor>
auto visit_single(Visitor visitor, WireMessage& message) {
  return std::visit([&](auto& family) { return std::visit(visitor, family); }, message);
}

}  // namespace

void encode(const WireMessage& message, std::uint64_t request_id, std::string& out) {
  encode_alternative(message, request_id, out);
}
void encode(const HelloMessage& message, std::uint64_t request_id, std::string& out) {
  encode_alternative(message, request_id, out);
}
void encode(const RingMessage& message, std::uint64_t request_id, std::string& out) {
  encode_alternative(message, request_id, out);
}
void encode(const GroupMessage& message, std::uint64_t request_id, std::string& out) {
  encode_alternative(message, request_id, out);
}
void encode(const ClientRequestMessage& message, std::uint64_t request_id, std::string& out) {
  encode_alternative(message, request_id, out);
}
void encode(const ClientReplyMessage& message, std::uint64_t request_id, std::string& out) {
  encode_alternative(message, request_id, out);
}

boost::system::result<WireMessage, WireError> decode(const Frame& frame) {
  WireMessage decoded;
  if (!emplace_kind(decoded, frame.kind)) return WireError::unknown_kind;
  if (frame.version != frame_version_of(frame.kind)) return WireError::other_version;
  InArchive archive(frame.body);
  visit_single([&archive](auto& message) { archive& message; }, decoded);
  const auto judge = [](const auto& message) { return is_well_formed(message); };
  if (!archive.done() || !visit_single(judge, decoded)) return WireError::malformed;
  return decoded;
}

}  // namespace hopring
