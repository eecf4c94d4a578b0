#pragma once

// Everything that travels in a frame, joined: what opens a connection, what peers say to each
// other, what a client asks and is told. Each message has a row in docs/protocol.md.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "routing/messages.hpp"
#include "routing/ring_config.hpp"
#include "storage/group/messages.hpp"
#include "storage/group/repair.hpp"
#include "storage/operation/operation.hpp"
#include "storage/operation/stamp.hpp"

namespace hopring {

// 1: positions were by SipHash, so that the two cannot form one ring. 2: by KeyedHash. 3: writes
// are stamped. 6: requests name the views that they go by, and batches are answered in parts. 7:
// repairs name what was seen of a copy. 8: hints of a node tell of the gap behind it.
inline constexpr std::uint16_t protocol_version_lowest = 8;
inline constexpr std::uint16_t protocol_version_highest = 8;

enum class Role : std::uint8_t { peer, client };
inline constexpr std::uint8_t role_max = static_cast<std::uint8_t>(Role::client);

// The first frame of whoever dials.
struct Hello {
  std::uint16_t version_lowest = protocol_version_lowest;
  std::uint16_t version_highest = protocol_version_highest;
  Role role = Role::client;
  std::uint64_t ring_id = 0;  // 0: any (a client's first connection, or a joiner)
  PeerRef from;               // a peer's own; all zero for a client
  std::uint64_t to = 0;       // the incarnation that it wants to reach; 0: any
  std::string credentials;    // room for a proof of a shared secret; empty, at most 1 KiB

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& version_lowest& version_highest& role& ring_id& from& to& credentials;
  }
  friend bool operator==(const Hello&, const Hello&) = default;
};
inline constexpr std::size_t credentials_bytes_max = 1024;

// The first frame of whoever was dialled. Unless the verdict is `welcome` it is also the last one.
struct HelloAnswer {
  enum class Verdict : std::uint8_t {
    welcome,
    no_common_version,
    other_ring,         // ring_id is not mine
    other_incarnation,  // `to` is not me: that peer is gone
    not_ready,          // I have no ring yet
    malformed,
  };
  Verdict verdict = Verdict::welcome;
  std::uint16_t version = protocol_version_highest;
  PeerRef from;
  RingConfig ring;  // all default unless welcome or other_ring

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& verdict& version& from& ring;
  }
  friend bool operator==(const HelloAnswer&, const HelloAnswer&) = default;
};
inline constexpr std::uint8_t hello_verdict_max =
    static_cast<std::uint8_t>(HelloAnswer::Verdict::malformed);

// Client -> peer. The frame's request id comes back with the answer.
struct OpRequest {
  Operation operation;
  std::optional<Stamp> stamp = {};  // of a write, where arcs have several copies
  std::uint64_t known = 0;          // mark_of() the view that the client goes by; 0: none

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& operation& stamp& known;
  }
  friend bool operator==(const OpRequest&, const OpRequest&) = default;
};

inline constexpr std::size_t batch_operations_max = 1000;

struct BatchRequest {
  std::vector<Operation> operations;              // executed in order, each for itself
  std::vector<std::optional<Stamp>> stamps = {};  // none, or one for each operation
  std::vector<std::uint64_t> known = {};          // likewise

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& operations& stamps& known;
  }
  friend bool operator==(const BatchRequest&, const BatchRequest&) = default;
};

struct ScanRequest {
  Scan scan;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& scan;
  }
  friend bool operator==(const ScanRequest&, const ScanRequest&) = default;
};

// For `hopring ring` and `hopring stats`.
struct ReportRequest {
  template <class Archive>
  void serialize(Archive&, unsigned) {}
  friend bool operator==(const ReportRequest&, const ReportRequest&) = default;
};

// For `hopring ring repair --accept-loss`.
struct RepairRequest {
  Repair repair;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& repair;
  }
  friend bool operator==(const RepairRequest&, const RepairRequest&) = default;
};

// Peer -> client.

// Not mine. Ask the primary of `view` if there is one, else the hints, the closest first.
struct Redirect {
  std::optional<View> view;  // names the sender as a member only if it has a copy
  std::vector<Hint> hints;   // at most closer_sent_max
  // Nobody serves it for now, and why. The hints name peers to learn of, for later.
  std::optional<OpError> nobody = {};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& view& hints& nobody;
  }
  friend bool operator==(const Redirect&, const Redirect&) = default;
};

// An operation's result comes with the view of the arc that it was executed in, unless the client
// goes by it already, so that its next operation there takes one hop.
using OpAnswer = std::variant<OpResult, Redirect>;

struct OpReply {
  OpAnswer answer;
  std::optional<View> view;          // where the request has not named it
  std::optional<ArcMark> mark = {};  // of a write that was stamped: for the stamps of later ones

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& answer& view& mark;
  }
  friend bool operator==(const OpReply&, const OpReply&) = default;
};

// Of one request there may be several: no operation waits for others. Each operation is answered
// once.
struct BatchReply {
  std::vector<OpAnswer> answers;
  std::vector<View> views;          // as in OpReply
  std::vector<ArcMark> marks = {};  // likewise, of each arc the newest
  // Whose answers they are: places among the request's operations. None: they are of all of them.
  std::vector<std::uint16_t> places = {};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& answers& views& marks& places;
  }
  friend bool operator==(const BatchReply&, const BatchReply&) = default;
};

struct ScanReply {
  std::variant<ScanStep, Redirect> answer;
  std::optional<View> view;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& answer& view;
  }
  friend bool operator==(const ScanReply&, const ScanReply&) = default;
};

struct ArcReport {
  View view;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;   // of keys, values and their overhead
  std::uint32_t copies = 1;  // complete ones, at members that answer; the primary's included

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& view& keys& bytes& copies;
  }
  friend bool operator==(const ArcReport&, const ArcReport&) = default;
};

struct Counter {
  std::string name;
  std::uint64_t value = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name& value;
  }
  friend bool operator==(const Counter&, const Counter&) = default;
};

struct ReportReply {
  PeerRef self;
  RingConfig ring;
  PeerLoad load;
  std::vector<ArcReport> arcs;        // its primary arcs
  std::vector<CopyReport> copies;     // of arcs that it does not serve; at most copies_reported_max
  std::vector<PeerRef> known;         // other peers that it has heard of and not found dead
  std::vector<Counter> counters;      // docs/operations.md says what each counts
  std::uint64_t copies_left_out = 0;  // copies beside those: the list is full

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& self& ring& load& arcs& copies& known& counters& copies_left_out;
  }
  friend bool operator==(const ReportReply&, const ReportReply&) = default;
};
inline constexpr std::size_t copies_reported_max = 4096;

struct RepairReply {
  Repaired repaired;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& repaired;
  }
  friend bool operator==(const RepairReply&, const RepairReply&) = default;
};

// The request as a whole could not be looked at (it is malformed, or the queue is full).
struct ErrorReply {
  OpError error = OpError::invalid_argument;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& error;
  }
  friend bool operator==(const ErrorReply&, const ErrorReply&) = default;
};

using HelloMessage = std::variant<Hello, HelloAnswer>;
using ClientRequestMessage =
    std::variant<OpRequest, BatchRequest, ScanRequest, ReportRequest, RepairRequest>;
using ClientReplyMessage =
    std::variant<OpReply, BatchReply, ScanReply, ReportReply, ErrorReply, RepairReply>;

// A frame's body. The order of the families and of the alternatives in them makes the frame's
// kind: docs/protocol.md.
using WireMessage =
    std::variant<HelloMessage, RingMessage, GroupMessage, ClientRequestMessage, ClientReplyMessage>;

}  // namespace hopring
