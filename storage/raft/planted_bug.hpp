#pragma once

// Bugs that a test has planted, to see whether the judges find them. Never set in a peer.

#include <cstdint>

namespace hopring {

enum class PlantedBug : std::uint8_t {
  none,
  ack_before_majority,      // an entry counts as committed when it has been appended
  lease_not_checked,        // a primary answers reads whoever has promised it what
  promise_of_another_term,  // a promise counts whatever term it was given in
  promise_not_kept,         // a member votes although it has promised not to
  stale_append_accepted,    // entries of a primary of an earlier term are taken
  votes_twice,              // a member forgets in a term for whom it has voted
  former_self_votes,        // votes and acknowledgements of an earlier admission count
  log_not_compared,         // a vote does not ask whose order reaches further
  old_term_committed,       // entries of earlier terms are committed by counting copies
  joint_not_awaited,        // the new members decide before a majority has agreed to them
  joint_by_one_majority,    // while the view changes, a majority of the new members decides
  own_entry_not_awaited,    // a primary reads and changes the view before an entry of its own term

  // Of storage/group.
  split_forgets_member,     // the lower half of a split does not name the last voter
  copy_skips_writes,        // what is written behind the cursor of a copy under way is left out
  follower_expires,         // a follower removes what is due by its own clock
  answered_before_applied,  // a put is acknowledged when it has been appended
  clock_read_early,         // the clock that a read is judged by was read before it came
  primary_drops_results,    // who becomes primary has forgotten the results of writes
  split_drops_results,      // the lower half of a split has none of them
  copy_lacks_results,       // nor has a copy
  no_look_when_applied,     // a write is executed though one of its stamp has been
};

}  // namespace hopring
