#pragma once

// What the client's core wants done, and what it has to say. Performed in order by a driver: Asio's
// or the simulator's.

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "peer/wire/messages.hpp"
#include "routing/peer_ref.hpp"
#include "storage/operation/operation.hpp"

namespace hopring {

// Chosen by whoever starts an operation; comes back with its result.
struct Token {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(const Token&, const Token&) = default;
};

// Comes back with the reply. Never used twice by one machine.
struct RequestId {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(const RequestId&, const RequestId&) = default;
};

// Dial `to` and shake hands as a client; with incarnation 0 whoever listens there will do, else
// only that one. Ends in on_connected() or on_link_down(), within a time that the driver bounds.
struct Connect {
  PeerRef to;
  friend bool operator==(const Connect&, const Connect&) = default;
};

// Close the link to `to`, whatever is under way on it; no on_link_down() is wanted any more.
struct Disconnect {
  PeerRef to;
  friend bool operator==(const Disconnect&, const Disconnect&) = default;
};

// A request that is sent, and kept: what it asks may have to be asked again.
class SharedRequest {
 public:
  template <class Message>
  SharedRequest(Message message)
      : message_(std::make_shared<const ClientRequestMessage>(std::move(message))) {}

  const ClientRequestMessage& operator*() const { return *message_; }
  friend bool operator==(const SharedRequest& a, const SharedRequest& b) { return *a == *b; }

 private:
  std::shared_ptr<const ClientRequestMessage> message_;
};

// Only over a link that on_connected() has named. Ends in on_reply() or on_link_down(). A driver
// whose write queue is full, and that has sent nothing of it, replies ErrorReply{overloaded}
// itself.
struct SendRequest {
  PeerRef to;
  RequestId id;
  SharedRequest message;
  friend bool operator==(const SendRequest&, const SendRequest&) = default;
};

struct ScanResult {
  std::optional<OpError> error;  // if set, the step is empty
  ScanStep step;
  friend bool operator==(const ScanResult&, const ScanResult&) = default;
};

struct ReportResult {
  std::optional<OpError> error;  // if set, the report is empty
  ReportReply report;
  friend bool operator==(const ReportResult&, const ReportResult&) = default;
};

struct RepairResult {
  std::optional<OpError> error;  // if set, the peer's answer is not known
  Repaired repaired;
  friend bool operator==(const RepairResult&, const RepairResult&) = default;
};

// In the order of start(), start_batch(), start_scan_step(), start_report(), start_repair().
using Finished =
    std::variant<OpResult, std::vector<OpResult>, ScanResult, ReportResult, RepairResult>;

// What was started under `token` has ended.
struct Finish {
  Token token;
  Finished result;
  friend bool operator==(const Finish&, const Finish&) = default;
};

using ClientEffect = std::variant<Connect, Disconnect, SendRequest, Finish>;
using ClientOutbox = std::vector<ClientEffect>;

}  // namespace hopring
