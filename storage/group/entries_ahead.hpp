#pragma once

// Entries of several arcs that are about to be applied. Each of them reads memory that nobody has
// read for a while: the entry, its key, the slot of its stamp, the record and what leads there,
// some 100 ns each, one after the other. Here they are asked for step by step, each step for all
// entries before the next one begins, so that those of all wait together (docs/decisions/0087).
//
// An entry that is applied otherwise, or not at all, costs a look in vain. Nothing is changed.

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "storage/group/replica.hpp"

namespace hopring {

class EntriesAhead {
 public:
  // As many lines of memory as a processor has on order at once, and a few.
  static constexpr std::size_t entries_max = 16;

  // REQUIRES: at most entries_max calls; the replica outlives it, and does not change.
  void add(const Replica& replica, const Entry& entry) {
    ask_for(&entry, sizeof entry);
    entries_[count_++] = {&replica, &entry, nullptr, {}};
  }

  // After the last add().
  void ask() {
    for (Ahead& each : entries()) {
      each.key = key_in(each.entry->command);
      // The value mostly lies behind it.
      if (each.key != nullptr) ask_for(each.key->data(), 2 * line_bytes);
      if (each.entry->stamp) each.replica->results().expect(*each.entry->stamp);
    }
    for (Ahead& each : entries()) {
      if (each.key == nullptr) continue;
      const Position position = each.replica->records().position_of(*each.key);
      const bool is_ours = contains(each.replica->arc(), position);
      if (is_ours) each.lookup = each.replica->records().ahead(position);
      each.replica->results().go_on_expecting();
    }
    for (const Ahead& each : entries()) each.lookup.go_on();
  }

 private:
  struct Ahead {
    const Replica* replica = nullptr;
    const Entry* entry = nullptr;
    const std::string* key = nullptr;
    HopscotchTable::Ahead lookup = {};
  };
  static constexpr std::size_t line_bytes = 64;

  // In line by force: g++ 12 leaves out calls of functions that only prefetch.
  [[gnu::always_inline]] static void ask_for(const void* memory, std::size_t bytes) noexcept {
    const auto* const first = static_cast<const std::byte*>(memory);
    for (std::size_t at = 0; at < bytes; at += line_bytes) __builtin_prefetch(first + at);
  }
  std::span<Ahead> entries() noexcept { return std::span(entries_).first(count_); }

  std::array<Ahead, entries_max> entries_ = {};
  std::size_t count_ = 0;
};

}  // namespace hopring
