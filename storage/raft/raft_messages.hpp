#pragma once

// What the members of a group tell each other. Each message has a row in docs/protocol.md.
//
// After D. Ongaro, "Consensus: Bridging Theory and Practice" (2014): figure 3.1, 4.2.3 and 9.6
// (PreVote), 3.10 (how a primary hands its part over), 6.4.1 (leases).

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "routing/position.hpp"
#include "storage/raft/entry.hpp"

namespace hopring {

// Which group a message is about. Arcs do not merge, so an arc's end is one group's for ever; but a
// repair (ViewNumber) begins another order in its place.
struct GroupName {
  Position end;
  std::uint64_t generation = 0;
  std::uint64_t claimant = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& end& generation& claimant;
  }
  friend constexpr auto operator<=>(const GroupName&, const GroupName&) = default;
};

// Has a repair begun the one in the place of the other? Its claims are over, whatever it holds.
constexpr bool supersedes(const GroupName& newer, const GroupName& older) noexcept {
  return std::pair(newer.generation, newer.claimant) > std::pair(older.generation, older.claimant);
}

// `admitted`, in what is asked of a member: the admission (Voter) under which the sender's roster
// has it, 0 for a learner. In the answer: the same, or 0 if that was a former self.

// Primary -> member: entries that follow `previous_index`, perhaps none.
struct AppendEntries {
  GroupName group;
  std::uint64_t term = 0;
  std::uint64_t admitted = 0;
  std::uint64_t previous_index = 0;
  std::uint64_t previous_term = 0;
  std::uint64_t committed = 0;    // index
  std::uint64_t held_by_all = 0;  // index: nobody will ask for entries up to here
  std::vector<SharedEntry> entries;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& term& admitted& previous_index& previous_term;
    archive& committed& held_by_all& entries;
  }
  friend bool operator==(const AppendEntries&, const AppendEntries&) = default;
};

struct AppendEntriesAnswer {
  GroupName group;
  std::uint64_t term = 0;
  std::uint64_t admitted = 0;
  std::uint64_t previous_index = 0;  // of what this answers
  bool matches = false;
  // matches: it has the primary's entries up to this index. Otherwise it may have them up to
  // here, and certainly has not the one that was named.
  std::uint64_t index = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& term& admitted& previous_index& matches& index;
  }
  friend bool operator==(const AppendEntriesAnswer&, const AppendEntriesAnswer&) = default;
};

struct RequestVote {
  enum class Kind : std::uint8_t { pre_vote, vote };
  GroupName group;
  Kind kind = Kind::vote;
  std::uint64_t term = 0;  // the one that the candidate would be primary of
  std::uint64_t admitted = 0;
  std::uint64_t last_index = 0;
  std::uint64_t last_term = 0;
  // The term whose primary has given its part over to this candidate; 0: none has. Promises to
  // that primary do not bind any more.
  std::uint64_t resigned_term = 0;
  // Of one who asks whether it is a member: when, by its clock, which nobody else reads. NotMember
  // repeats it.
  std::int64_t asked = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& kind& term& admitted& last_index& last_term& resigned_term& asked;
  }
  friend bool operator==(const RequestVote&, const RequestVote&) = default;
};
inline constexpr std::uint8_t vote_kind_max = static_cast<std::uint8_t>(RequestVote::Kind::vote);

struct VoteAnswer {
  GroupName group;
  RequestVote::Kind kind = RequestVote::Kind::vote;
  std::uint64_t term = 0;  // granted: the term asked for; else that of who answers
  std::uint64_t admitted = 0;
  bool granted = false;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& kind& term& admitted& granted;
  }
  friend bool operator==(const VoteAnswer&, const VoteAnswer&) = default;
};

// Primary -> member: serve in my place; I have stopped.
struct TakeLead {
  GroupName group;
  std::uint64_t term = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& term;
  }
  friend bool operator==(const TakeLead&, const TakeLead&) = default;
};

// The answer of a peer that has nothing of this group to what was asked of it under this admission.
struct NoCopy {
  GroupName group;
  std::uint64_t term = 0;  // of the primary that asked
  std::uint64_t admitted = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& term& admitted;
  }
  friend bool operator==(const NoCopy&, const NoCopy&) = default;
};

// A member -> one that asks for its vote, and that the view does not name as of `index`: what it
// has is a copy that it should have dropped, unless it has heard of a later view itself. Also, with
// superseded_index: whoever has a copy of the arc in a later generation -> any member, or primary.
inline constexpr std::uint64_t superseded_index = ~0ull;
struct NotMember {
  GroupName group;
  std::uint64_t index = 0;  // of the entry with that view; 0: none is named
  // Of a primary to one who has asked it: it names that one in no view, committed or not. No other
  // may count then, unless a primary has been heard of since it was asked. 0: no such word.
  std::int64_t asked = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& index& asked;
  }
  friend bool operator==(const NotMember&, const NotMember&) = default;
};

// Those of all groups that one peer is primary of and another member of, in one message.
struct Heartbeat {
  GroupName group;
  std::uint64_t term = 0;
  std::uint64_t admitted = 0;
  std::uint64_t committed = 0;
  std::uint64_t proposed = 0;  // bytes of memory that it has proposed so far, since it leads
  std::uint64_t wanted = 0;    // and what it would propose at once, if it might

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& term& admitted& committed& proposed& wanted;
  }
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};
struct HeartbeatAnswer {
  GroupName group;
  std::uint64_t term = 0;
  std::uint64_t asked = 0;  // the admission that the heartbeat named
  std::uint64_t admitted = 0;
  // It will not vote against the primary for promise_duration, counted by its own clock from when
  // it sent this.
  bool promised = false;
  bool is_complete = false;  // its copy is: what it has counts
  std::uint64_t index = 0;   // it has the primary's entries up to here
  // Index. An earlier primary may have told it of more than this one knows.
  std::uint64_t committed = 0;
  // Up to where the primary may go on to propose, in the count of Heartbeat::proposed, by the
  // memory that is free here; and the same if this arc got all of it.
  std::uint64_t room = ~0ull;
  std::uint64_t room_max = ~0ull;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& group& term& asked& admitted& promised& is_complete& index& committed& room& room_max;
  }
  friend bool operator==(const HeartbeatAnswer&, const HeartbeatAnswer&) = default;
};

using RaftMessage = std::variant<AppendEntries, AppendEntriesAnswer, RequestVote, VoteAnswer,
                                 TakeLead, NoCopy, NotMember>;

// Nobody is elected so often while a member is away: what names a later term is passed over. It
// would use the terms up, and the group have no primary for ever.
inline constexpr std::uint64_t terms_ahead_max = std::uint64_t{1} << 32;

inline const GroupName& group_of(const RaftMessage& message) {
  return std::visit([](const auto& each) -> const GroupName& { return each.group; }, message);
}

struct SendRaft {
  PeerRef to;
  RaftMessage message;
  friend bool operator==(const SendRaft&, const SendRaft&) = default;
};
using RaftOutbox = std::vector<SendRaft>;

}  // namespace hopring
