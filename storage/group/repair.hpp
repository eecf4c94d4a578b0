#pragma once

// What is asked, told and answered when an arc has lost the majority of its members, and somebody
// has decided by hand that it goes on with what there is (docs/design.md).

#include <cstdint>
#include <optional>

#include "routing/view.hpp"
#include "storage/raft/raft_messages.hpp"

namespace hopring {

// Serve this arc alone, under this generation: from a copy that has lost its primary, or empty.
struct Repair {
  Arc arc;
  std::uint64_t generation = 0;  // above all that is known of the arc
  std::optional<GroupName> copy;
  // Of the copy: where its order ended when it was seen (CopyReport).
  std::uint64_t last_term = 0;
  std::uint64_t last_index = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& arc& generation& copy& last_term& last_index;
  }
  friend bool operator==(const Repair&, const Repair&) = default;
};

// Nothing has happened, but for `unusable`.
enum class RepairRefusal : std::uint8_t {
  one_copy,  // the ring keeps one copy of each arc: its peers take over by themselves
  no_arc,    // no arc of this ring can be like that
  served,    // the arc, or a part of it, is served, or its primary has been heard of lately
  outdated,  // what is here of it is of that generation, or of a later one
  no_copy,   // there is no such copy here, or it is not complete
  has_copy,  // there is a copy here: the arc must not begin empty
  unusable,  // what stands in the copy's order makes no sense here: it has been dropped
  changed,   // the copy's order does not end where it was seen to end
};
inline constexpr std::uint8_t repair_refusal_max =
    static_cast<std::uint8_t>(RepairRefusal::changed);

struct Repaired {
  std::optional<RepairRefusal> refused;
  std::uint64_t keys = 0;     // with which the arc begins
  std::uint64_t entries = 0;  // of its order, of which it was not known here whether they stand

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& refused& keys& entries;
  }
  friend bool operator==(const Repaired&, const Repaired&) = default;
};

// A copy of an arc that this peer does not serve. What it would ask for and grant in an election
// is told, too: the view names those who voted when its last entry was applied, the roster those
// who vote by its order's end.
struct CopyReport {
  View view;
  std::uint64_t keys = 0;  // of an orphan: at most, see Replica::size_at_most()
  bool is_complete = false;
  bool stands = false;     // for election
  bool is_orphan = false;  // it has heard of no primary for long
  // Of the last entry of its order, applied or not; of a copy that is not complete, of the last one
  // for which its vote stands. It votes for nobody who lacks that.
  std::uint64_t last_term = 0;
  std::uint64_t last_index = 0;
  std::uint64_t begun_at = 0;  // index: it answers for admissions after that
  Roster roster = {};          // the last in its order, committed or not

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& view& keys& is_complete& stands& is_orphan& last_term& last_index& begun_at& roster;
  }
  friend bool operator==(const CopyReport&, const CopyReport&) = default;
};

inline GroupName group_of(const View& view) {
  return {view.arc.end, view.number.generation, view.number.claimant};
}

}  // namespace hopring
