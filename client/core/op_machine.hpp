#pragma once

// All operations in flight of one client: where each is sent, what its answer means, and when it is
// tried again.
//
// An operation goes to the primary of the arc that the cache knows for its key; else to the nearest
// preceding known one; else to a contact. A peer that is not the right one answers with what it
// knows better, and the client follows: lookups are iterative (Chord, SIGCOMM 2001, section 4.4),
// so it learns arcs, and a warm operation is one request.
//
//   start -> walk --> waiting for a link --> in flight --> finished
//             ^ ^          | unreachable        | | redirect
//             | +----------+--------------------+-+
//             +---- pausing <--- moving, overloaded, nobody left to ask, a read's lost link
//
// Retries. A read is sent again until its deadline. So is a write that is known not to have
// happened: it was refused or redirected. One whose link is lost after it was sent, or whose peer
// has lost the arc over it, is in doubt: where arcs have several copies it is sent again with the
// same stamp, so that it is not executed again (storage/operation/stamp.hpp); where they have one,
// it ends as `connection_lost`. A peer that does not know the stamp any more says so: then a write
// in doubt ends as `unknown`, and any other is stamped anew. At its deadline an operation in flight
// ends as `timed_out`, one in doubt as what brought it there, and any other one with the last
// definite error it met, or as `unavailable` where that is `no_route` and some peer answers.
// `unavailable` ends an operation at once, unless it is in doubt.
//
// Silence. Where arcs have several copies, a link that has said nothing for silence_max although
// operations wait on it counts as lost: its peer is paused, or cut off, and others have the arc.
//
// Rings. The first link tells the hash key. A link that tells another ring id means that all peers
// were restarted as a new ring: cache, hash key and the links to the old one are dropped.
//
// Sans-IO: time comes in with every input, effects are left in an outbox, in the order in which
// they must be performed. Thread rule: none; the owner serializes.
//
// Invariants:
//   (1) every start ends in exactly one Finish, by its deadline at the latest, provided that
//       on_deadline() is called when next_deadline() is due.
//   (2) a write is in at most one request at any time, and in none after one whose outcome is not
//       known to be "did not happen", but under the stamp that it had in that one.
//   (3) SendRequest only names peers whose link stands, with their incarnation.
//   (4) operations in flight <= limits.operations_max; timers_ has one entry for each.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "client/core/effects.hpp"
#include "client/core/limits.hpp"
#include "client/core/peer_book.hpp"
#include "client/core/route_cache.hpp"

namespace hopring {

enum class LinkDown : std::uint8_t {
  unreachable,  // could not be dialled, or is another incarnation: nothing was sent
  stranger,     // the handshake failed: another ring or protocol; nothing was sent
  lost,         // after on_connected(): what was sent may have arrived
};

inline constexpr std::size_t hops_counted_max = 64;  // the last class takes all above

struct ClientFigures {
  // Operations answered, by hops: peers that they were redirected to.
  std::array<std::uint64_t, hops_counted_max + 1> by_hops{};
  std::uint64_t requests = 0;
  std::uint64_t pauses = 0;

  double hops_mean() const;
};

class OpMachine {
 public:
  // `contacts`: where the ring can be met (--at), in the user's order. REQUIRES: at least one, and
  // !problem(limits).
  OpMachine(const ClientLimits& limits, const std::vector<Endpoint>& contacts, Rng rng);
  OpMachine(const OpMachine&) = delete;
  OpMachine& operator=(const OpMachine&) = delete;

  // Each start takes a token that is not in use. Malformed operations end at once (problem() in
  // storage/operation), those beyond operations_max as `overloaded`; both are definite.
  void start(Now now, Token token, Operation operation, Time deadline);

  // The same, but it may wait for end_turn(), or for the next other input, and then travels with
  // others that go to the same peer. Each ends when its own result comes.
  void start_in_turn(Now now, Token token, Operation operation, Time deadline);
  void end_turn(Now now) { flush(now); }
  bool is_in_turn() const { return !open_bundles_.empty(); }

  // Grouped by primary, each group split by batch_operations_max and batch_bytes_max, all under way
  // at once. Every operation ends for itself; results stand in the order of `operations`. Two
  // operations on one key in one batch may be executed in either order.
  void start_batch(Now now, Token token, std::vector<Operation> operations, Time deadline);

  void start_scan_step(Now now, Token token, Scan scan, Time deadline);

  // What a peer says of itself: `of`, or any contact.
  void start_report(Now now, Token token, std::optional<PeerRef> of, Time deadline);

  // Of the peer `at` alone. Sent again where its answer is lost: done once, it is then refused.
  void start_repair(Now now, Token token, const PeerRef& at, const Repair& repair, Time deadline);

  // The dial of `contacted` reached `actual`, a peer of `ring`. There is one link to a peer: when
  // two dials end at the same one, the driver reports both and keeps the first connection only; and
  // a dial to a peer whose link stands meanwhile is reported here too, however it ended.
  // REQUIRES: actual.incarnation != 0, and equal to contacted's unless that is 0.
  void on_connected(Now now, const PeerRef& contacted, const PeerRef& actual,
                    const RingConfig& ring);

  // `peer`: as in Connect while dialling; as in on_connected()'s `actual` afterwards.
  void on_link_down(Now now, const PeerRef& peer, LinkDown reason);

  // Late replies and those of another peer than was asked are passed over. One of the wrong shape
  // costs its sender the link.
  void on_reply(Now now, const PeerRef& from, RequestId id, ClientReplyMessage&& reply);

  // A request or a reply of many bytes is on its way, and more of it has passed since the last
  // call: the link is not silent. A driver says so of what waited for the other end, and not of
  // what its own system has taken at once.
  void on_progress(Now now, const PeerRef& peer);

  // Ends operations that are due and wakes those that pause. Too early does no harm.
  void on_deadline(Now now);
  Time next_deadline() const;

  // The owner goes away: ends everything, as `cancelled` or, if a write was sent, as
  // `connection_lost`.
  void on_stop(Now now);

  // The effects since the last call, in exchange for `outbox`'s storage. REQUIRES: it is empty.
  void swap_outbox(ClientOutbox& outbox) { outbox.swap(out_); }

  std::size_t in_flight() const { return parts_.size() + bundled_; }
  const std::optional<RingConfig>& ring() const { return ring_; }
  const RouteCache& cache() const { return cache_; }
  const PeerBook& peers() const { return book_; }
  const ClientFigures& figures() const { return figures_; }

  void audit() const;

 private:
  using PartId = std::uint64_t;
  enum class State : std::uint8_t { walking, waiting, in_flight, pausing };
  // Or a repair: asked of one peer, too.
  struct Report {
    std::optional<PeerRef> of;
    std::optional<Repair> repair = {};
  };

  // One operation, alone or of a batch.
  struct Part {
    Token token;
    std::optional<std::size_t> batch_index;
    std::variant<Operation, Scan, Report> what;
    Position position;
    Time deadline;
    Time timer;  // its entry in timers_
    State state = State::walking;
    PeerRef link;                     // waiting for it
    RequestId request;                // in flight in it
    std::vector<PeerRef> candidates;  // named by a redirect, the best one last
    std::vector<PeerRef> asked;       // in this walk
    std::uint32_t detours = 0;        // in this walk
    std::uint32_t denials = 0;        // in this walk: peers that called the arc unavailable
    bool was_denied = false;          // in the walk before
    bool has_tried_failed = false;    // in this walk: it waits for one silent dial, not for several
    bool is_disputed = false;         // in this walk: a member named another one as the primary
    std::uint32_t hops = 0;
    std::uint32_t pauses = 0;
    OpError last_error = OpError::no_route;
    std::optional<Stamp> stamp;    // of a write, as it was sent last
    std::optional<OpError> doubt;  // it may have happened; as this it ends if no more is heard
    ArcMark told;                  // by a peer that did not take its stamp
    std::uint32_t refusals = 0;    // of stamps
  };
  using Parts = std::map<PartId, Part>;

  struct Batch {
    std::vector<OpResult> results;
    std::size_t open = 0;  // parts that have not ended
  };

  // Whose result it is.
  struct Target {
    Token token;
    std::optional<std::size_t> batch_index;
    Time deadline;
  };

  // Operations that go to one peer together, by what is known of their arcs. They become parts when
  // something happens to them that is not their result: a redirect, an error, the loss of the link,
  // the deadline. Until then they cost no more than their place here.
  struct Bundle {
    Time deadline{};   // the earliest
    PartId timer = 0;  // its name in timers_, once it is sent
    std::vector<Target> targets = {};
    BatchRequest asked = {};                 // until it is sent
    std::optional<SharedRequest> sent = {};  // then
    std::size_t bytes = 0;
    std::vector<bool> ended = {};  // once it is sent: for each operation
    std::size_t open = 0;          // those that have not
  };

  struct Request {
    PeerRef to;
    bool batch = false;
    std::vector<PartId> parts;            // as in the message; 0, or unknown: it has ended
    std::size_t open = 0;                 // those that have not
    Duration patience{};                  // for so long its link may be silent
    std::unique_ptr<Bundle> bundle = {};  // instead of parts
  };

  struct Link {
    Time dialled;
    bool connected = false;
    std::vector<PartId> waiting;       // for the connection; some may have ended
    std::optional<Time> silent_since;  // sent to then, and nothing heard since
    Time heard_at{};                   // the last reply, or part of it
  };

  struct Ready {
    PeerRef to;
    PartId part;
  };

  // op_machine.cpp: the life of an operation
  bool has_room(std::size_t count) const { return in_flight() + count <= limits_.operations_max; }
  void begin(Now now, Part&& part);
  std::optional<OpError> place(Part& part) const;
  void set_timer(PartId id, Part& part, Time time);
  void expire(Now now, PartId id, const Part& part);
  bool answers_anybody() const;
  void give_up_if_silent(Now now, const PeerRef& peer);
  void give_up(Now now, const PeerRef& peer);
  void expect_reply(Now now, Link& link);
  void look_for_silence(Now now);
  Time next_dial_end() const;
  void end_dials(Now now);
  std::map<PeerRef, Duration> awaited() const;
  Duration patience_for(std::size_t bytes) const;
  bool waits_for_long(const PeerRef& peer) const;
  void finish(PartId id, Finished&& result);
  void finish_with(PartId id, OpError error);
  static bool is_read(const Part& part);
  static bool changes_nothing(const Part& part);
  void finish_in_batch(Token token, std::size_t index, OpResult&& result);
  void release_request(const Part& part);

  // op_machine_bundles.cpp: operations that need nothing but their results
  const PeerRef* bundle_route(Now now, Position position) const;
  bool join_bundle(Now now, const Target& target, Operation& operation);
  void send_bundle(Now now, const PeerRef& to, Bundle&& bundle);
  void send_bundles(Now now);
  void start_anew(Now now, Bundle&& bundle);
  PartId unbundle_one(const Request& request, RequestId id, std::size_t i);
  void unbundle(Request& request, RequestId id);
  void unbundle_all(const PeerRef* of);
  void forget_bundle(Request& request);
  void end_in_bundle(Bundle& bundle, std::size_t i, OpResult&& result);

  // op_machine_routing.cpp: where it goes
  void walk(Now now, PartId id);
  void follow(Now now, PartId id, const Redirect& redirect);
  std::optional<PeerRef> choose(Now now, Part& part);
  std::optional<PeerRef> choose_by_routes(Now now, const Part& part, bool tries_failed);
  bool has_been_answered(const Part& part) const;
  bool may_try_failed(const Part& part) const;
  std::optional<PeerRef> next_candidate(Now now, Part& part) const;
  const PeerRef* known_route(Now now, Position position, std::span<const PeerRef> asked,
                             bool tries_failed) const;
  bool may_ask(Now now, std::span<const PeerRef> asked, const PeerRef& peer) const;
  void ask(Now now, PartId id, Part& part, const PeerRef& peer);
  void pause_part(Now now, PartId id, OpError error);
  bool asks_others(Now now, PartId id);
  static bool has_waited(const Part& part);
  void adopt(const View& view);
  void learn(const PeerRef& from, Part& part, const Redirect& redirect);
  void flush(Now now);
  std::optional<Stamp> stamp(Now now, Part& part);
  Stamp fresh_stamp(Now now, Position position, const ArcMark& told, std::size_t bytes);
  void send_alone(Now now, const Ready& ready);
  void send_batches(Now now, std::vector<Ready>&& ready);
  void send(Now now, const PeerRef& to, std::vector<PartId>&& parts, bool batch, std::size_t bytes,
            ClientRequestMessage&& message);

  bool arcs_have_copies() const { return ring_ && ring_->replicas > 1; }

  // op_machine_links.cpp: what links bring
  void meet(Now now, const RingConfig& ring);
  std::vector<PartId> take_waiting(const PeerRef& peer);
  void drop_link(Now now, const PeerRef& peer, LinkDown reason,
                 OpError doubt = OpError::connection_lost);
  void fail_waiting(Now now, const std::vector<PartId>& waiting, OpError error);
  void fail_requests(Now now, const PeerRef& peer, OpError doubt);
  bool has_shape(const Request& request, const ClientReplyMessage& reply) const;
  void on_some(Now now, RequestId id, BatchReply&& reply);
  void on_answer(Now now, const Request& request, OpReply&& reply);
  void on_answer(Now now, const Request& request, BatchReply&& reply);
  void on_answer(Now now, const Request& request, ScanReply&& reply);
  void on_answer(Now now, const Request& request, ReportReply&& reply);
  void on_answer(Now now, const Request& request, RepairReply&& reply);
  void on_answer(Now now, const Request& request, ErrorReply&& reply);
  void settle(Now now, PartId id, OpAnswer&& answer);
  void settle_error(Now now, PartId id, OpError error);
  void on_doubt(Now now, PartId id, OpError error);
  void on_stale_stamp(Now now, PartId id);
  void note(Now now, const ArcMark& mark, Part& part);
  void count_hops(const Part& part);

  const ClientLimits limits_;
  Rng rng_;
  std::optional<RingConfig> ring_;
  RouteCache cache_;
  PeerBook book_;
  Parts parts_;
  std::map<Token, Batch> batches_;
  std::map<RequestId, Request> requests_;
  std::map<PeerRef, Bundle> open_bundles_;  // to be sent at the end of the input, or of the turn
  std::map<PartId, RequestId> bundles_;     // by their timers: requests that have one
  std::size_t bundled_ = 0;                 // operations in all of them
  std::map<PeerRef, Link> links_;
  std::set<std::pair<Time, PartId>> timers_;
  Time next_look_ = Time::never();  // whether a link is silent on which something waits
  Time next_dial_end_ = Time::never();
  std::vector<Ready> ready_;            // to be sent at the end of the input
  std::optional<Endpoint> turn_taken_;  // the last contact that was chosen in this input
  PartId next_part_ = 1;
  std::uint64_t next_request_ = 1;
  std::uint64_t client_ = 0;  // in stamps; drawn for the first
  std::uint64_t last_sequence_ = 0;
  ClientFigures figures_;
  ClientOutbox out_;
};

}  // namespace hopring
