#pragma once

// The messages by which an arc's copy comes to another peer. Each has a row in docs/protocol.md.
//
// After D. Ongaro, "Consensus: Bridging Theory and Practice" (2014): 3.5 (log replication), 4.2.1
// (learners: a member is caught up before it votes), 7 (here the snapshot is streamed from the live
// table in chunks, each with the index at which it was read).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "routing/view.hpp"
#include "storage/group/result_window.hpp"
#include "storage/operation/operation.hpp"
#include "storage/raft/raft_messages.hpp"

namespace hopring {

// Messages. A transfer brings one arc's copy to one learner. Its name is given by the primary: the
// arc's end, which does not change while it lasts and tells either peer's shard, and a number
// drawn.
struct TransferId {
  Position end;
  std::uint64_t number = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& end& number;
  }
  friend bool operator==(const TransferId&, const TransferId&) = default;
};

// Primary -> learner: take a copy of this arc. Entries after `index` will be appended.
struct OfferArc {
  TransferId transfer;
  View view;
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  std::uint64_t bytes = 0;  // what the copy will need, roughly

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& view& term& index& bytes;
  }
  friend bool operator==(const OfferArc&, const OfferArc&) = default;
};

struct OfferAnswer {
  TransferId transfer;
  bool accepted = false;  // false: no memory, too many transfers, or it has the arc already

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& accepted;
  }
  friend bool operator==(const OfferAnswer&, const OfferAnswer&) = default;
};

// Primary -> learner: the records of `interval` as they were when entry `index` had been applied.
// Chunks come in ring order and tile the arc; the last one ends at the arc's end.
struct Chunk {
  TransferId transfer;
  Arc interval;
  std::uint64_t index = 0;
  std::vector<Record> records;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& interval& index& records;
  }
  friend bool operator==(const Chunk&, const Chunk&) = default;
};

// Learner -> primary: how far the copy has come. A chunk that does not begin at `missing`, or was
// read before an entry that has been appended since, is not taken, and so is read again.
struct ChunkAnswer {
  TransferId transfer;
  std::optional<Position> missing;  // the first position that it lacks; nullopt: it has them all

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& missing;
  }
  friend bool operator==(const ChunkAnswer&, const ChunkAnswer&) = default;
};

// Primary -> learner: the entries after `previous`. Not taken unless they continue what it has. All
// of them are committed, but for a ChangeView to the learner: it is the last one, and its
// acknowledgement commits it.
struct Append {
  TransferId transfer;
  std::uint64_t previous = 0;
  std::vector<Entry> entries;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& previous& entries;
  }
  friend bool operator==(const Append&, const Append&) = default;
};

// Sent unasked, too, when a learner has not heard from its primary for a while.
struct AppendAnswer {
  TransferId transfer;
  std::uint64_t index = 0;  // it has all entries up to this one

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& index;
  }
  friend bool operator==(const AppendAnswer&, const AppendAnswer&) = default;
};

// Old primary -> new member: the change of view is committed; serve.
struct Serve {
  TransferId transfer;
  View view;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& view;
  }
  friend bool operator==(const Serve&, const Serve&) = default;
};

// New primary -> old one: it serves, or has served; the kept copy may be dropped.
struct Serving {
  TransferId transfer;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer;
  }
  friend bool operator==(const Serving&, const Serving&) = default;
};

// Either side: this transfer is over without a change of view; the learner drops its copy. Also the
// answer to a message about a transfer that the receiver does not know. Never answered.
struct Abandon {
  TransferId transfer;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer;
  }
  friend bool operator==(const Abandon&, const Abandon&) = default;
};

// Primary -> learner, or a member that lacks too much: take a copy of this arc. OfferAnswer and
// chunks follow; entries after `index` come by AppendEntries meanwhile.
struct OfferCopy {
  TransferId transfer;
  GroupName group;
  View view;
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  std::uint64_t index_term = 0;  // of the entry at `index`
  Roster roster;                 // as of `index`
  std::uint64_t bytes = 0;       // what the copy will need, roughly

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& group& view& term& index& index_term& roster& bytes;
  }
  friend bool operator==(const OfferCopy&, const OfferCopy&) = default;
};

// Primary -> learner: results of its window, read when entry `index` had been applied, that follow
// the one of entry `after`. They come before the first chunk: entries that the copy applies later
// may be writes that come again. With the last ones the learner has the window as of `index`.
struct CopyResults {
  TransferId transfer;
  std::uint64_t index = 0;
  std::uint64_t after = 0;
  std::uint64_t forgotten = 0;  // ResultWindow::forgotten()
  std::vector<RememberedResult> results;
  bool is_last = false;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& index& after& forgotten& results& is_last;
  }
  friend bool operator==(const CopyResults&, const CopyResults&) = default;
};

// Learner -> primary: it has them up to that of entry `after`, or all.
struct CopyResultsAnswer {
  TransferId transfer;
  std::uint64_t after = 0;
  bool has_all = false;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& transfer& after& has_all;
  }
  friend bool operator==(const CopyResultsAnswer&, const CopyResultsAnswer&) = default;
};

// Of all groups that two shards have in common, at most heartbeats_max in one message.
inline constexpr std::size_t heartbeats_max = 1024;
struct Heartbeats {
  std::int64_t sent = 0;  // by the sender's clock, which nobody else reads: the answer repeats it
  std::vector<Heartbeat> groups;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& sent& groups;
  }
  friend bool operator==(const Heartbeats&, const Heartbeats&) = default;
};
struct HeartbeatAnswers {
  std::int64_t sent = 0;
  std::vector<HeartbeatAnswer> groups;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& sent& groups;
  }
  friend bool operator==(const HeartbeatAnswers&, const HeartbeatAnswers&) = default;
};

// What the groups that one peer shares with another have for its members there and for their
// primaries, of one turn: as if each had come by itself, in this order. At most
// appends_together_max of either.
inline constexpr std::size_t appends_together_max = 128;
struct AppendsTogether {
  std::vector<AppendEntries> appends;
  std::vector<AppendEntriesAnswer> answers;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& appends& answers;
  }
  friend bool operator==(const AppendsTogether&, const AppendsTogether&) = default;
};

using GroupMessage =
    std::variant<OfferArc, OfferAnswer, Chunk, ChunkAnswer, Append, AppendAnswer, Serve, Serving,
                 Abandon, OfferCopy, AppendEntries, AppendEntriesAnswer, RequestVote, VoteAnswer,
                 TakeLead, NoCopy, NotMember, Heartbeats, HeartbeatAnswers, CopyResults,
                 CopyResultsAnswer, AppendsTogether>;

// The end of the arc that the message is about; where it is about several, of the first one's.
inline Position arc_end_of(const GroupMessage& message) {
  return std::visit(
      [](const auto& each) {
        if constexpr (requires { each.transfer; }) {
          return each.transfer.end;
        } else if constexpr (requires { each.groups; }) {
          return each.groups.empty() ? Position{} : each.groups.front().group.end;
        } else if constexpr (requires { each.appends; }) {
          if (!each.appends.empty()) return each.appends.front().group.end;
          return each.answers.empty() ? Position{} : each.answers.front().group.end;
        } else {
          return each.group.end;
        }
      },
      message);
}

}  // namespace hopring
