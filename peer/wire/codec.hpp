#pragma once

// Messages to frames and back. Both directions keep peer/wire/bounds.hpp.

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "peer/wire/archive.hpp"
#include "peer/wire/bounds.hpp"
#include "peer/wire/frame.hpp"
#include "peer/wire/kinds.hpp"
#include "peer/wire/messages.hpp"

namespace hopring {

// The version that frames of kind `kind` carry. There is one version so far.
constexpr std::uint8_t frame_version_of(std::uint16_t kind) {
  return kind < family_bases[1] ? hello_frame_version
                                : static_cast<std::uint8_t>(protocol_version_highest);
}

// Appends the frame of one message to `out`. REQUIRES: is_well_formed(message).
template <SingleMessage Message>
void encode(const Message& message, std::uint64_t request_id, std::string& out) {
  HOPRING_CHECK(is_well_formed(message));
  constexpr std::uint16_t kind = kind_of<Message>;
  const std::size_t frame = begin_frame(frame_version_of(kind), kind, request_id, out);
  OutArchive archive(out);
  archive& message;
  end_frame(frame, out);
}

// The same for whichever message of a family it is.
void encode(const WireMessage& message, std::uint64_t request_id, std::string& out);
void encode(const HelloMessage& message, std::uint64_t request_id, std::string& out);
void encode(const RingMessage& message, std::uint64_t request_id, std::string& out);
void encode(const GroupMessage& message, std::uint64_t request_id, std::string& out);
void encode(const ClientRequestMessage& message, std::uint64_t request_id, std::string& out);
void encode(const ClientReplyMessage& message, std::uint64_t request_id, std::string& out);

// The message in a frame that a FrameReader gave. Takes memory in proportion to the frame.
boost::system::result<WireMessage, WireError> decode(const Frame& frame);

}  // namespace hopring
