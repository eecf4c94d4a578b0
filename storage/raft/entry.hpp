#pragma once

// What stands in a group's order.
//
// A command is deterministic: whatever depends on time or chance was decided by the primary, and
// stands in the command or beside it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "routing/view.hpp"
#include "storage/operation/operation.hpp"
#include "storage/operation/stamp.hpp"
#include "storage/raft/roster.hpp"

namespace hopring {

// The first entry of a primary's term: with it what stood before is committed, too (Raft 3.6.2).
// With a clock: the time, by which results are forgotten (result_window.hpp).
struct Nothing {
  template <class Archive>
  void serialize(Archive&, unsigned) {}
  friend bool operator==(const Nothing&, const Nothing&) = default;
};

// `remove it if its expiry is still this`: the only way in which a due record goes.
struct RemoveExpired {
  std::string key;
  std::int64_t expiry_ms = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& key& expiry_ms;
  }
  friend bool operator==(const RemoveExpired&, const RemoveExpired&) = default;
};

// Cuts the arc: (begin, at] goes on under the lower arc's end, (at, end] keeps the upper. Both
// halves have the members of the whole and the next view number.
struct SplitArc {
  Position at;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& at;
  }
  friend bool operator==(const SplitArc&, const SplitArc&) = default;
};

// The group's view from this entry on.
struct ChangeView {
  View view;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& view;
  }
  friend bool operator==(const ChangeView&, const ChangeView&) = default;
};

// Who votes from this entry on, from the moment at which a member has it, committed or not.
struct ChangeRoster {
  Roster roster;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& roster;
  }
  friend bool operator==(const ChangeRoster&, const ChangeRoster&) = default;
};

using Command = std::variant<Put, Erase, CompareAndSet, Add, RemoveExpired, SplitArc, ChangeView,
                             Nothing, ChangeRoster>;

struct Entry {
  std::uint64_t index = 0;  // 1, 2, 3 ... within the group
  std::uint64_t term = 0;
  Command command;
  // By the primary's wall clock, in ms since the epoch: to the command, a record that was due by
  // then is not there. 0: due records are removed by entries of their own.
  std::int64_t as_of_ms = 0;
  // A client's write: executed unless one of this stamp has been.
  std::optional<Stamp> stamp = {};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& index& term& command& as_of_ms& stamp;
  }
  friend bool operator==(const Entry&, const Entry&) = default;
};

// An entry that the log and the messages to all members share. Never changes: any thread may read
// it.
class SharedEntry {
 public:
  SharedEntry() = default;  // of no entry: to be read into
  SharedEntry(Entry entry) : entry_(std::make_shared<const Entry>(std::move(entry))) {}

  const Entry& operator*() const noexcept { return *entry_; }
  const Entry* operator->() const noexcept { return entry_.get(); }

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    if constexpr (Archive::is_loading::value) {
      Entry entry;
      archive& entry;
      *this = SharedEntry(std::move(entry));
    } else {
      archive&* entry_;
    }
  }
  friend bool operator==(const SharedEntry& a, const SharedEntry& b) { return *a == *b; }

 private:
  std::shared_ptr<const Entry> entry_;
};

// What an entry costs in memory and, roughly, on the wire; in bytes.
std::size_t bytes_of(const Command& command);

}  // namespace hopring
