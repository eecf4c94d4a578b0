#pragma once

// The receiving side of a move: a copy of an arc that is being made, and does not serve.
//
//   arc (begin, end]    | taken chunks, up to date with index_ | not there yet            |
//                       begin + 1                              missing_                 end
//
// The copy takes chunks in ring order and entries in order, and nothing else:
//   - a chunk that begins at missing_ and was read at index_ or later (an older one would lack
//     entries that have gone by);
//   - an entry that follows index_. It is applied if its key lies in a taken chunk that was read
//     before it; otherwise the chunk already has it, or will have.
// So the copy is right whatever is lost, doubled or overtaken on the way; answers say how far it
// is.
//
// The last entry is the change of view that names this peer. It is taken only by a copy that lacks
// nothing; then the copy is prepared: the arc's primary may commit by its acknowledgement and send
// Serve. From then on the copy is dropped only when told so (Abandon), or lost to a higher view:
// it may be the only one.
//
// Not thread-safe. Sans-IO.
//
// Invariants:
//   (1) every record of a position before missing_ is as entry index_ left it, or newer if its
//       chunk is in newer_.
//   (2) is_prepared() implies that nothing is missing and newer_ is empty.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "storage/group/arc_records.hpp"
#include "storage/group/effects.hpp"
#include "storage/group/group.hpp"
#include "storage/group/options.hpp"

namespace hopring {

class Learner {
 public:
  // `no_room`: a record found no memory. `malformed`: the primary broke the protocol. After either
  // the copy is of no use and must be given up.
  enum class Verdict : std::uint8_t { fine, no_room, malformed };

  // REQUIRES: `options` outlive it; the offer is from `from`, its view is well-formed, its arc
  // straight; `records` are empty.
  Learner(const GroupOptions& options, const PeerRef& self, const PeerRef& from,
          const OfferArc& offer, ArcRecords records, Now now);

  TransferId transfer() const noexcept { return transfer_; }
  const PeerRef& from() const noexcept { return from_; }
  const Arc& arc() const noexcept { return offered_.arc; }
  // The view in which from() offered the arc.
  const View& offered_view() const noexcept { return offered_; }
  std::uint64_t size() const noexcept { return records_.size(); }
  bool is_prepared() const noexcept { return next_view_.has_value(); }
  // The view that names this peer. REQUIRES: is_prepared().
  const View& next_view() const noexcept { return *next_view_; }

  // REQUIRES of the inputs: the message's transfer is this one, it comes from from().
  [[nodiscard]] Verdict on_message(Now now, const Chunk& message, GroupOutbox& out);
  [[nodiscard]] Verdict on_message(Now now, const Append& message, GroupOutbox& out);

  // from() is dead: there is nobody to be asked. REQUIRES: is_prepared().
  void on_source_gone() { probe_at_ = Time::never(); }
  bool is_orphan() const noexcept { return probe_at_ == Time::never(); }

  // Asks the primary whether the transfer is still on. REQUIRES: now >= next_deadline().
  void on_deadline(Now now, GroupOutbox& out);
  Time next_deadline() const noexcept { return probe_at_; }
  // Unfinished, and the primary has been silent for learner_timeout?
  bool is_stale(Now now) const noexcept;

  // Where the order goes on, in a term of its own; and the records. REQUIRES: is_prepared(). The
  // learner is not used afterwards.
  Group::Progress next_progress() const noexcept { return {term_ + 1, index_}; }
  ArcRecords release_records() { return std::move(records_); }

 private:
  // A chunk read at an index that index_ has not reached.
  struct NewerChunk {
    Arc interval;
    std::uint64_t index = 0;
  };

  void heard(Now now);
  bool is_taken(Position position) const { return !missing_ || position < *missing_; }
  bool already_has(Position position, std::uint64_t index) const;
  Verdict install(const Chunk& chunk);
  Verdict take(const Entry& entry);
  Verdict take_change_of_view(const ChangeView& change);
  Verdict apply(const Entry& entry);

  const GroupOptions* options_;
  PeerRef self_;
  PeerRef from_;
  TransferId transfer_;
  View offered_;
  std::uint64_t term_;
  std::uint64_t index_;  // it has the entries up to here
  ArcRecords records_;
  std::optional<Position> missing_;  // the first position that it lacks
  std::vector<NewerChunk> newer_;
  std::optional<View> next_view_;
  Time heard_at_;
  Time probe_at_;
};

}  // namespace hopring
