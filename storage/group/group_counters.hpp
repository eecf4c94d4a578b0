#pragma once

// What a shard's arcs have been through, for operators.

#include <cstdint>

namespace hopring {

// Since the host was made. docs/operations.md says what each is good for.
struct GroupCounters {
  std::uint64_t moves_begun = 0;
  std::uint64_t moves_done = 0;
  std::uint64_t moves_given_up = 0;
  std::uint64_t arcs_received = 0;
  std::uint64_t offers_refused = 0;
  std::uint64_t learners_given_up = 0;  // unfinished copies that came
  // Copies that this host sends, where arcs have several; those under way have not ended yet.
  std::uint64_t copies_begun = 0;
  std::uint64_t copies_done = 0;
  std::uint64_t copies_given_up = 0;
  std::uint64_t copy_bytes_sent = 0;
  std::uint64_t copies_used = 0;  // by open()
  std::uint64_t splits = 0;
  std::uint64_t records_expired = 0;
  std::uint64_t records_evicted = 0;
  std::uint64_t records_dropped = 0;  // by drop(): served before, not any more
  std::uint64_t arcs_repaired = 0;    // by ReplicaHost::repair()

  std::uint64_t copies_under_way() const noexcept {
    return copies_begun - copies_done - copies_given_up;
  }
  GroupCounters& operator+=(const GroupCounters& other);
};

}  // namespace hopring
