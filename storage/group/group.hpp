#pragma once

// The order of the operations on one arc, at the peer that is its primary.
//
// Every change of a record, and of the view, is an entry: it has an index and a term, is appended,
// committed by a majority of the voters, and applied. Here the primary is the only voter, so all
// three happen inside the call that proposes, and the answer goes into the caller's sink. That the
// command is applied first and appended only if it changed something cannot be seen from outside,
// and it is how memory is admitted: a table that refuses a record leaves no entry behind
// (docs/decisions/0040).
//
// The primary decides what a copy cannot: relative expiries become absolute, and only its wall
// clock says that a record is due. A due record is never seen: the operation that meets one
// proposes RemoveExpired first. Likewise with what is evicted: the primary alone knows what is used
// least, and proposes that it be erased, before the write that needs the room.
//
//             begin_handover(B)                commit_handover()
//   serving ---------------------> switching ---------------------> handed over
//      ^                               |
//      +-------------------------------+
//                 take_back()
//
// Serving: reads and writes. Switching: the change of view {B} is appended; reads go on, writes are
// refused as `moving`. Handed over: B may serve, so nothing is answered here any more; the records
// are kept until B has confirmed.
//
// Not thread-safe: belongs to one shard. Sans-IO: time comes in as `now`.
//
// Invariants:
//   (1) last_index() only grows; an entry that was appended is never taken back.
//   (2) view().number only grows.
//   (3) while tail().is_kept() and it has not overflowed, it holds every entry appended since.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "storage/group/arc_records.hpp"
#include "storage/group/log_tail.hpp"
#include "storage/group/options.hpp"

namespace hopring {

class Group {
 public:
  enum class Phase : std::uint8_t { serving, switching, handed_over };

  // How far an order has come: of a new one {1, 0}.
  struct Progress {
    std::uint64_t term = 1;
    std::uint64_t index = 0;  // of the last entry
  };

  // REQUIRES: `options` outlive it; `records` are the arc's; view.members is this peer alone.
  Group(const GroupOptions& options, View view, Progress progress, ArcRecords records);

  const View& view() const noexcept { return view_; }
  Phase phase() const noexcept { return phase_; }
  std::uint64_t last_index() const noexcept { return progress_.index; }
  std::uint64_t term() const noexcept { return progress_.term; }
  std::uint64_t size() const noexcept { return records_.size(); }
  std::uint64_t bytes() const noexcept { return records_.bytes(); }
  std::uint64_t records_expired() const noexcept { return records_expired_; }
  std::uint64_t records_evicted() const noexcept { return records_evicted_; }

  // One call of the sink; none if the table has no room for what a write stores. Then this is
  // out_of_memory, and the caller may make room and try again. REQUIRES: !problem(operation),
  // `position` is the key's and in the arc, phase() != handed_over.
  Change execute(Now now, Position position, const Operation& operation, ResultSink& sink);

  // One step of a scan, from scan.cursor to the arc's end or to a bound of operation.hpp. The
  // cursor after the arc's end is {end + 1, ""}, or none if the ring's positions end there. A
  // record that is larger than scan_answer_bytes_max comes alone. REQUIRES: as above.
  ScanStep scan(Now now, const Scan& scan);

  // A get that changes nothing, not even what is due: false, and no call of the sink, where it
  // would have to. REQUIRES: as above.
  bool try_read(Now now, Position position, std::string_view key, ResultSink& sink);

  // Removes at most `records_max` due records, going on where the call before stopped, and returns
  // how many; see GroupOptions.
  std::size_t sweep(Now now, std::size_t records_max);

  // Removes the record to give up near a position for one of `bytes_wanted` (HopscotchTable::
  // oldest()), and returns how many bytes of key and value went with it. nullopt if there is none
  // or this group takes no writes now. `spared` is the position of `spared_key`, in any arc.
  // REQUIRES: the pool keeps ages; `near` is in the arc.
  std::optional<std::size_t> evict(Position near, Position spared, std::string_view spared_key,
                                   std::size_t bytes_wanted);

  // May it be cut at `at` now?
  bool can_split(Position at) const noexcept;
  // Proposes SplitArc: this group keeps (at, end], the order of the other half is returned. Both
  // have the next view number. REQUIRES: can_split(at).
  std::unique_ptr<Group> split(Position at);

  // For transfers: the tail of entries, and a part of the arc as it is now, from position `first`
  // to the position at which `bytes_max` is reached; at least one position's records, and all of
  // them. The transfer's id is left to the caller. REQUIRES: `first` is in the arc.
  LogTail& tail() noexcept { return tail_; }
  Chunk read_chunk(Position first, std::size_t bytes_max) const;

  // Appends the change of view to {to}. REQUIRES: phase() == serving; the tail is kept.
  void begin_handover(const PeerRef& to);
  // `to` has acknowledged every entry. REQUIRES: phase() == switching.
  void commit_handover();
  // Appends a change of view back to this peer. REQUIRES: phase() == switching.
  void take_back();

  // The records, for a take-over. The group is not used afterwards.
  ArcRecords release_records() { return std::move(records_); }
  const ArcRecords& records() const noexcept { return records_; }
  void audit() const { records_.audit(); }

 private:
  std::optional<RecordView> find(Position position, std::string_view key);
  Change execute_one(Now now, Position position, const Get& get, ResultSink& sink);
  Change execute_one(Now now, Position position, const Put& put, ResultSink& sink);
  Change execute_one(Now now, Position position, const Erase& erase, ResultSink& sink);
  Change execute_one(Now now, Position position, const CompareAndSet& operation, ResultSink& sink);
  Change execute_one(Now now, Position position, const Add& add, ResultSink& sink);

  bool refuses_write(ResultSink& sink) const;
  void remove_if_due(Now now, Position position, const std::string& key);
  void propose_removal(Position position, RemoveExpired command);
  // Counts an entry, and keeps it if somebody needs it: make_command() -> Command.
  template <class MakeCommand>
  void append(MakeCommand&& make_command);
  // The same if the command has changed a record.
  template <class MakeCommand>
  Change append_if_made(Change change, MakeCommand&& make_command);

  const GroupOptions* options_;
  View view_;
  std::optional<View> next_view_;  // appended, not committed
  Progress progress_;
  ArcRecords records_;
  LogTail tail_;
  Phase phase_ = Phase::serving;
  std::uint64_t records_expired_ = 0;
  std::uint64_t records_evicted_ = 0;
};

}  // namespace hopring
