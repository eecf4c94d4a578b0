#pragma once

// Where the clients' requests of one shard's thread come in. What the shard serves is executed at
// once; the rest becomes errands to the desks of the shards that serve it, and a batch that several
// serve is cut. Where nobody here serves, the front says where to go.
//
// The operations of a batch do not wait for each other's answers: what a turn has answered of it is
// one reply.
//
// The operations of one batch on one key are executed in their order; those on different keys may
// be executed by different threads, at different times.
//
// Sans-IO. Thread rule: belongs to its shard's thread.

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "peer/core/errands.hpp"
#include "peer/core/shard.hpp"

namespace hopring {

// What a shard and its desk want done, in the order of the members, and within each in its own.
struct DeskOutbox {
  GroupOutbox news;              // of the shard, for the front
  std::vector<FrontNote> notes;  // for the front
  std::vector<ToDesk> errands;   // for the other desks, and ends for this one's
  std::vector<SendReply> replies;

  bool is_empty() const noexcept {
    return news.empty() && notes.empty() && errands.empty() && replies.empty();
  }
};

// Values of one reply to a batch, and one more: with it the reply must fit into a frame. What comes
// after that is not executed, but `overloaded`.
inline constexpr std::size_t batch_reply_bytes_max = std::size_t{15} << 20;

// What another shard answers is in memory before the connection can be held back. So beside other
// requests of the same connection a read whose value is longer is `overloaded`, too, and of a batch
// what comes after so many bytes. A request that comes when none waits has no such bounds.
inline constexpr std::size_t errand_value_bytes_max = std::size_t{64} << 10;
inline constexpr std::size_t errand_batch_bytes_max = std::size_t{2} << 20;

// The front is told of writes that are refused not more often than this: as long as a client's
// first pause. So who writes without end to a ring that takes no writes yet fills no queue.
inline constexpr std::chrono::milliseconds write_note_interval{5};

class Desk {
 public:
  // `index`: the shard's, of `shards`. `shard` outlives the desk.
  Desk(Shard& shard, std::uint32_t index, std::uint32_t shards)
      : shard_(shard), index_(index), shards_(shards) {}

  // The reply, or nullopt: it comes as SendReply{asker}, or as several.
  std::optional<ClientReplyMessage> on_request(Now now, const Ticket& asker,
                                               ClientRequestMessage&& request, DeskOutbox& out);

  // Executes one operation, without a stamp, if this shard serves its key. Answered: with one call
  // of the sink. Pending: SendReply{asker} comes with an OpReply. Unserved: nothing happened.
  Shard::Executed try_execute(Now now, const Ticket& asker, const Operation& operation,
                              ResultSink& sink, DeskOutbox& out);

  // From another desk, or from the front.
  void on(Now now, Errand&& errand, DeskOutbox& out);
  void on(Now now, ErrandDone&& done, DeskOutbox& out);

  // Takes the answers to operations that were pending out of the shard's news. To be called when
  // the shard's turn has been ended, before its news are told.
  void take_answers(DeskOutbox& out);

  // Requests that wait for others.
  std::size_t waiting() const noexcept { return gathers_.size() + awaits_.size(); }

 private:
  using Holes = std::vector<std::pair<std::uint32_t, Position>>;

  // A request whose answer is not complete.
  struct Gather {
    Ticket asker;
    std::vector<bool> is_read = {};  // of a batch that was cut: for each operation
    std::size_t missing = 0;         // parts
    std::size_t bytes = 0;           // of values, of a batch
  };
  // Bytes of values in what a request is answered with.
  struct Bounds {
    std::size_t value = ~std::size_t{0};
    std::size_t batch = batch_reply_bytes_max;  // and one value more
  };
  static constexpr Bounds beside_others{errand_value_bytes_max, errand_batch_bytes_max};

  struct Part {
    std::uint64_t gather = 0;
    std::vector<std::uint16_t> places;  // in the batch that was cut; empty: it was not
    std::size_t open = 1;               // operations that have no answer yet
  };
  using Asker = std::variant<Ticket, std::pair<std::uint32_t, std::uint64_t>>;  // or desk, errand

  // A request of which some operations are pending in this shard.
  struct Await {
    Asker asker;
    ClientReplyMessage reply;  // of a batch: what this turn has answered
    Holes holes;
    Bounds bounds;
    std::size_t bytes = 0;  // of values, of a batch
    std::size_t missing = 0;
  };
  struct Slot {
    std::uint64_t await = 0;
    std::uint32_t index = 0;  // among the batch's operations
  };
  // What is being performed.
  struct Performance {
    Bounds bounds;
    bool notes_holes = true;
    Holes holes = {};
    std::vector<std::pair<std::uint64_t, std::uint32_t>> pending = {};  // waiter, index
    std::size_t bytes = 0;                                              // of values, of a batch
  };

  void tell(Asker asker, ClientReplyMessage&& reply, Performance&& performance, DeskOutbox& out);
  void await(Await&& waiting, const Performance& performance);
  void on_answer(Answered&& answered, DeskOutbox& out);
  void finish(Await&& await, bool is_last, DeskOutbox& out);
  std::uint64_t open_gather(const Ticket& asker);
  // `open`: of operations. REQUIRES: not 0.
  std::uint64_t open_part(std::uint64_t gather, std::vector<std::uint16_t>&& places = {},
                          std::size_t open = 1);
  std::vector<std::uint32_t> shards_of(const ClientRequestMessage& request) const;
  void send(std::uint32_t to, std::uint64_t number, ClientRequestMessage&& request, bool is_alone,
            DeskOutbox& out);
  void put_in_place(Gather& gather, const Part& part, BatchReply& given);
  void cut(const Ticket& asker, BatchRequest&& request, const std::vector<std::uint32_t>& to,
           DeskOutbox& out);
  void tell_of_write(Now now, DeskOutbox& out);

  ClientReplyMessage perform(Now now, const ClientRequestMessage& request, Performance& performance,
                             DeskOutbox& out);
  ClientReplyMessage perform_each(Now now, const OpRequest& request, Performance& performance,
                                  DeskOutbox& out);
  ClientReplyMessage perform_each(Now now, const BatchRequest& request, Performance& performance,
                                  DeskOutbox& out);
  ClientReplyMessage perform_each(Now now, const ScanRequest& request, Performance& performance,
                                  DeskOutbox& out);
  ClientReplyMessage perform_each(Now now, const ReportRequest& request, Performance& performance,
                                  DeskOutbox& out);
  ClientReplyMessage perform_each(Now now, const RepairRequest& request, Performance& performance,
                                  DeskOutbox& out);
  class BatchSink;
  std::size_t read_some(Now now, const BatchRequest& request, std::size_t first,
                        Performance& performance, BatchReply& reply);
  void expect(std::span<const Operation> operations) const;
  // Of an operation: what is told beside its result.
  struct ExecutedIn {
    const View* view = nullptr;  // good until the next input of the shard
    std::optional<ArcMark> mark = {};
  };
  struct Asked {
    const Operation& operation;
    const std::optional<Stamp>& stamp;
    std::uint32_t index = 0;            // of the batch
    ExecutedIn* executed_in = nullptr;  // if wanted
  };
  // What is pending, and a hole, it notes under the index.
  Shard::Executed execute(Now now, const Asked& asked, ResultSink& sink, Performance& performance,
                          DeskOutbox& out);

  Shard& shard_;
  std::uint32_t index_;
  std::uint32_t shards_;
  std::uint64_t last_number_ = 0;
  Time next_write_note_{};
  std::unordered_map<std::uint64_t, Gather> gathers_;
  std::unordered_map<std::uint64_t, Part> parts_;
  // Each write of an arc with several copies passes here: no allocation for each.
  boost::unordered_flat_map<std::uint64_t, Await> awaits_;
  boost::unordered_flat_map<std::uint64_t, Slot> slots_;  // by waiter
  std::vector<std::uint64_t> answered_;  // awaits of batches of which this turn has answered some
};

}  // namespace hopring
