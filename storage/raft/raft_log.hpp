#pragma once

// The newest entries of a group's order, at one member. Older ones have been applied and dropped:
// a member that lacks them is given a copy of the arc instead.
//
//        base_index()         applied()        committed (the owner's)        last_index()
//   dropped |  kept, applied       | kept, committed   | kept, may be taken back   |
//
// Not thread-safe. Invariants:
//   (1) indices follow each other without a gap, terms do not fall.
//   (2) bytes() is the sum of bytes_of() of what is kept; waiting_bytes() that of what is kept and
//       has not been applied.
//   (3) base_index() <= applied() <= last_index().

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "storage/raft/entry.hpp"

namespace hopring {

class RaftLog {
 public:
  // Begins after an entry of this index and term.
  RaftLog(std::uint64_t index, std::uint64_t term)
      : base_index_(index), base_term_(term), applied_(index) {}

  std::uint64_t base_index() const noexcept { return base_index_; }
  std::uint64_t last_index() const noexcept { return base_index_ + entries_.size(); }
  std::uint64_t last_term() const noexcept {
    return entries_.empty() ? base_term_ : entries_.back()->term;
  }
  std::size_t bytes() const noexcept { return bytes_; }
  std::uint64_t applied() const noexcept { return applied_; }
  std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }

  // REQUIRES: base_index() <= index <= last_index().
  std::uint64_t term_at(std::uint64_t index) const;
  // REQUIRES: base_index() < index <= last_index().
  const Entry& at(std::uint64_t index) const;

  // REQUIRES: entry.index == last_index() + 1, entry.term >= last_term().
  void push(SharedEntry entry);
  // The entries up to `index` have been applied, those after it have not, or are to be again.
  // REQUIRES: base_index() <= index <= last_index().
  void set_applied(std::uint64_t index);
  // Takes back the entries after `index`. REQUIRES: applied() <= index.
  void truncate(std::uint64_t index);
  // Drops the entries up to and including `index`: where they have not been applied, what they
  // lead to is here by other ways. REQUIRES: index <= last_index().
  void trim(std::uint64_t index);

  // Entries after `index`, at most bytes_max of them, but one if there is one.
  // REQUIRES: base_index() <= index.
  std::vector<SharedEntry> after(std::uint64_t index, std::size_t bytes_max) const;

 private:
  std::uint64_t base_index_;
  std::uint64_t base_term_;
  std::deque<SharedEntry> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t applied_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace hopring
