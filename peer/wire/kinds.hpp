#pragma once

// The numbers and names of the messages. A message's kind is its family's base and its place in the
// family's variant, so a new message goes to the end of its family. docs/protocol.md has the same
// table; a test compares them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "peer/wire/messages.hpp"

namespace hopring {

// In the order of WireMessage's families.
inline constexpr std::array<std::uint16_t, 5> family_bases{0x00, 0x10, 0x20, 0x40, 0x60};
static_assert(std::variant_size_v<WireMessage> == family_bases.size());
static_assert(std::variant_size_v<HelloMessage> <= 0x10 && std::variant_size_v<RingMessage> <= 0x10,
              "a family ends where the next one begins");
static_assert(std::variant_size_v<GroupMessage> <= 0x20 &&
              std::variant_size_v<ClientRequestMessage> <= 0x20);

namespace wire {

// Where T stands among the alternatives; their number if it is none of them.
template <class T, class Variant>
inline constexpr std::size_t index_in = 0;
template <class T, class... Alternatives>
inline constexpr std::size_t index_in<T, std::variant<Alternatives...>> = [] {
  std::size_t index = 0;
  static_cast<void>(((std::is_same_v<T, Alternatives> || (++index, false)) || ...));
  return index;
}();

template <class T, std::size_t family = 0>
constexpr int kind_or_none() {
  if constexpr (family == family_bases.size()) {
    return -1;
  } else {
    using Family = std::variant_alternative_t<family, WireMessage>;
    constexpr std::size_t index = index_in<T, Family>;
    if (index < std::variant_size_v<Family>) return family_bases[family] + static_cast<int>(index);
    return kind_or_none<T, family + 1>();
  }
}

}  // namespace wire

// One message, not a family of them.
template <class T>
concept SingleMessage = wire::kind_or_none<T>()
>= 0;

template <SingleMessage T>
inline constexpr auto kind_of = static_cast<std::uint16_t>(wire::kind_or_none<T>());

static_assert(kind_of<Hello> == 0x00 && kind_of<ErrorReply> == 0x64);
static_assert(!SingleMessage<RingMessage>);

struct MessageRow {
  std::uint16_t kind;
  std::string_view name;
};

template <SingleMessage T>
constexpr MessageRow message_row(std::string_view name) {
  return {kind_of<T>, name};
}

// All messages, in the order of their kinds.
inline constexpr std::array message_rows{
    message_row<Hello>("Hello"),
    message_row<HelloAnswer>("HelloAnswer"),
    message_row<FindArc>("FindArc"),
    message_row<Stabilize>("Stabilize"),
    message_row<ArcFound>("ArcFound"),
    message_row<Closer>("Closer"),
    message_row<NodeHints>("NodeHints"),
    message_row<WantArc>("WantArc"),
    message_row<WantArcAnswer>("WantArcAnswer"),
    message_row<Ping>("Ping"),
    message_row<Pong>("Pong"),
    message_row<ArcNews>("ArcNews"),
    message_row<Departed>("Departed"),
    message_row<PassCopy>("PassCopy"),
    message_row<NotGiven>("NotGiven"),
    message_row<OfferArc>("OfferArc"),
    message_row<OfferAnswer>("OfferAnswer"),
    message_row<Chunk>("Chunk"),
    message_row<ChunkAnswer>("ChunkAnswer"),
    message_row<Append>("Append"),
    message_row<AppendAnswer>("AppendAnswer"),
    message_row<Serve>("Serve"),
    message_row<Serving>("Serving"),
    message_row<Abandon>("Abandon"),
    message_row<OfferCopy>("OfferCopy"),
    message_row<AppendEntries>("AppendEntries"),
    message_row<AppendEntriesAnswer>("AppendEntriesAnswer"),
    message_row<RequestVote>("RequestVote"),
    message_row<VoteAnswer>("VoteAnswer"),
    message_row<TakeLead>("TakeLead"),
    message_row<NoCopy>("NoCopy"),
    message_row<NotMember>("NotMember"),
    message_row<Heartbeats>("Heartbeats"),
    message_row<HeartbeatAnswers>("HeartbeatAnswers"),
    message_row<CopyResults>("CopyResults"),
    message_row<CopyResultsAnswer>("CopyResultsAnswer"),
    message_row<AppendsTogether>("AppendsTogether"),
    message_row<OpRequest>("OpRequest"),
    message_row<BatchRequest>("BatchRequest"),
    message_row<ScanRequest>("ScanRequest"),
    message_row<ReportRequest>("ReportRequest"),
    message_row<RepairRequest>("RepairRequest"),
    message_row<OpReply>("OpReply"),
    message_row<BatchReply>("BatchReply"),
    message_row<ScanReply>("ScanReply"),
    message_row<ReportReply>("ReportReply"),
    message_row<ErrorReply>("ErrorReply"),
    message_row<RepairReply>("RepairReply"),
};
static_assert(message_rows.size() == std::variant_size_v<HelloMessage> +
                                         std::variant_size_v<RingMessage> +
                                         std::variant_size_v<GroupMessage> +
                                         std::variant_size_v<ClientRequestMessage> +
                                         std::variant_size_v<ClientReplyMessage>,
              "a new message needs a row here and in docs/protocol.md");

// For logs; "unlisted" if there is no such kind.
constexpr std::string_view message_name(std::uint16_t kind) {
  for (const MessageRow& row : message_rows) {
    if (row.kind == kind) return row.name;
  }
  return "unlisted";
}

}  // namespace hopring
