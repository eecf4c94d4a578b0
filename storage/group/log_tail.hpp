#pragma once

// The newest entries of a group's order, kept while a learner may still lack them. No learner, no
// tail: an arc that does not move pays nothing.
//
// Not thread-safe. Invariants:
//   (1) the indices in entries_ follow each other without a gap.
//   (2) bytes() and the number of entries never exceed the bounds: what would, overflows the tail,
//       which then keeps nothing more, and whoever reads it must start anew.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "storage/group/messages.hpp"

namespace hopring {

class LogTail {
 public:
  // bytes_max, entries_max: bounds of what is kept.
  LogTail(std::size_t bytes_max, std::size_t entries_max)
      : bytes_max_(bytes_max), entries_max_(entries_max) {}

  void start() { kept_ = true; }
  void stop();
  bool is_kept() const noexcept { return kept_; }
  bool has_overflowed() const noexcept { return overflowed_; }

  // REQUIRES: is_kept(); the entry continues the tail.
  void push(Entry entry);
  // Forgets the entries up to and including `index`.
  void trim(std::uint64_t index);

  // The entries after `index`, at least one if there is one, at most `bytes_max` bytes, none above
  // `last`. REQUIRES: nothing after `index` has been trimmed; !has_overflowed().
  std::vector<Entry> after(std::uint64_t index, std::uint64_t last, std::size_t bytes_max) const;

  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_max_;
  std::size_t entries_max_;
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
  bool kept_ = false;
  bool overflowed_ = false;
};

}  // namespace hopring
