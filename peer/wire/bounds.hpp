#pragma once

// What a message must keep beyond its format: named bounds of lists, views with members, values as
// long as their type says, numbers that are counted on from (base/count.hpp). The codec checks
// it on both sides: a message of ours that breaks it is our bug, one that came in is malformed and
// closes the connection.
//
// Not here: what depends on the receiver's state (its own room judges it), and the bounds of a
// client's key and value, since those are answered with an error (storage/operation, problem()).

#include "peer/wire/messages.hpp"

namespace hopring {

// Of a peer that may be dialled: it has a port and an incarnation.
bool is_known(const PeerRef& peer);

// The parts.
bool is_well_formed(const Value& value);  // decode_integer() and decode_floating() rely on it
bool is_well_formed(const Record& record);
bool is_well_formed(const ScanStep& step);
bool is_well_formed(const Entry& entry);
inline bool is_well_formed(const SharedEntry& entry) { return is_well_formed(*entry); }
bool is_well_formed(const GroupName& group);
bool is_well_formed(const Heartbeat& heartbeat);
bool is_well_formed(const HeartbeatAnswer& answer);
bool is_well_formed(const RememberedResult& remembered);
bool is_well_formed(const Redirect& redirect);
bool is_well_formed(const OpResult& result);
bool is_well_formed(const OpAnswer& answer);
bool is_well_formed(const Hint& hint);
bool is_well_formed(const PeerLoad& load);
bool is_well_formed(const CopyReport& copy);

// The messages.
bool is_well_formed(const Hello& hello);
bool is_well_formed(const Stabilize& message);
bool is_well_formed(const ArcFound& message);
bool is_well_formed(const Closer& message);
bool is_well_formed(const NodeHints& message);
bool is_well_formed(const WantArc& message);
bool is_well_formed(const WantArcAnswer& message);
bool is_well_formed(const ArcNews& message);
bool is_well_formed(const PassCopy& message);
bool is_well_formed(const OfferArc& message);
bool is_well_formed(const Chunk& message);
bool is_well_formed(const Append& message);
bool is_well_formed(const AppendAnswer& message);
bool is_well_formed(const Serve& message);
bool is_well_formed(const OfferCopy& message);
bool is_well_formed(const AppendEntries& message);
bool is_well_formed(const AppendEntriesAnswer& message);
bool is_well_formed(const RequestVote& message);
bool is_well_formed(const VoteAnswer& message);
bool is_well_formed(const TakeLead& message);
bool is_well_formed(const NoCopy& message);
bool is_well_formed(const NotMember& message);
bool is_well_formed(const AppendsTogether& message);
bool is_well_formed(const CopyResults& message);
bool is_well_formed(const CopyResultsAnswer& message);
bool is_well_formed(const Heartbeats& message);
bool is_well_formed(const HeartbeatAnswers& message);
bool is_well_formed(const BatchRequest& message);
bool is_well_formed(const ScanRequest& message);
bool is_well_formed(const OpReply& message);
bool is_well_formed(const BatchReply& message);
bool is_well_formed(const ScanReply& message);
bool is_well_formed(const ReportReply& message);
bool is_well_formed(const RepairRequest& message);

// The messages whose format says it all.
template <class T>
inline constexpr bool is_always_well_formed = false;
template <>
inline constexpr bool is_always_well_formed<HelloAnswer> = true;  // judged by the dialler
template <>
inline constexpr bool is_always_well_formed<FindArc> = true;
template <>
inline constexpr bool is_always_well_formed<Ping> = true;
template <>
inline constexpr bool is_always_well_formed<Departed> = true;
template <>
inline constexpr bool is_always_well_formed<NotGiven> = true;
template <>
inline constexpr bool is_always_well_formed<Pong> = true;
template <>
inline constexpr bool is_always_well_formed<OfferAnswer> = true;
template <>
inline constexpr bool is_always_well_formed<ChunkAnswer> = true;
template <>
inline constexpr bool is_always_well_formed<Serving> = true;
template <>
inline constexpr bool is_always_well_formed<Abandon> = true;
template <>
inline constexpr bool is_always_well_formed<OpRequest> = true;  // judged by problem()
template <>
inline constexpr bool is_always_well_formed<ReportRequest> = true;
template <>
inline constexpr bool is_always_well_formed<ErrorReply> = true;
template <>
inline constexpr bool is_always_well_formed<RepairReply> = true;

template <class T>
requires is_always_well_formed<T>
constexpr bool is_well_formed(const T&) { return true; }

}  // namespace hopring
