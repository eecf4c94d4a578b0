#pragma once

// Bugs that a test has planted, to see whether the judges find them. Never set in a peer.

#include <cstdint>
#include <string_view>

namespace hopring {

enum class PlantedBug : std::uint8_t {
  none,
  ack_before_majority,      // an entry counts as committed when it has been appended
  lease_not_checked,        // a primary answers reads whoever has promised it what
  promise_of_another_term,  // a promise counts whatever term it was given in
  promise_not_kept,         // a member votes although it has promised not to
  stale_append_accepted,    // what a primary of an earlier term sends is taken, and acknowledged
  votes_twice,              // a member forgets in a term for whom it has voted
  former_self_votes,        // who has lost its copy votes on, and what it has said before counts
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
  no_look_at_stamps,        // a write is executed though one of its stamp is in the order
  read_by_earlier_round,    // a read counts the answers to what was sent before it came
  scan_skips_upper_half,    // behind the lower half of a split a scan passes over the upper one
  copies_not_given,         // a member that lacks its copy is given none
  goes_on_alone,            // a copy that no majority answers goes on as if it had been told to

  // Of the simulator's clients and operator, and of peer/core.
  client_not_woken,        // a client does not look when its operations are due
  repairs_what_is_served,  // who has asked one peer alone has arcs repaired that others serve
};

inline constexpr auto planted_bug_last = PlantedBug::repairs_what_is_served;

// Do whole rings with random faults show it? For old_term_committed three primaries in a row would
// have to be cut off at the right moments (D. Ongaro, "Consensus: Bridging Theory and Practice",
// 2014, figure 3.7), and the entries of the earlier term reach a member without the one of the new
// term behind them: tests/storage/raft makes it happen. And nobody repairs anything in rings that
// lose no majority.
constexpr bool shows_in_rings(PlantedBug bug) {
  return bug != PlantedBug::old_term_committed && bug != PlantedBug::repairs_what_is_served;
}

// The enumerator's name.
constexpr std::string_view name(PlantedBug bug) {
  switch (bug) {
    case PlantedBug::none:
      return "none";
    case PlantedBug::ack_before_majority:
      return "ack_before_majority";
    case PlantedBug::lease_not_checked:
      return "lease_not_checked";
    case PlantedBug::promise_of_another_term:
      return "promise_of_another_term";
    case PlantedBug::promise_not_kept:
      return "promise_not_kept";
    case PlantedBug::stale_append_accepted:
      return "stale_append_accepted";
    case PlantedBug::votes_twice:
      return "votes_twice";
    case PlantedBug::former_self_votes:
      return "former_self_votes";
    case PlantedBug::log_not_compared:
      return "log_not_compared";
    case PlantedBug::old_term_committed:
      return "old_term_committed";
    case PlantedBug::joint_not_awaited:
      return "joint_not_awaited";
    case PlantedBug::joint_by_one_majority:
      return "joint_by_one_majority";
    case PlantedBug::own_entry_not_awaited:
      return "own_entry_not_awaited";
    case PlantedBug::split_forgets_member:
      return "split_forgets_member";
    case PlantedBug::copy_skips_writes:
      return "copy_skips_writes";
    case PlantedBug::follower_expires:
      return "follower_expires";
    case PlantedBug::answered_before_applied:
      return "answered_before_applied";
    case PlantedBug::clock_read_early:
      return "clock_read_early";
    case PlantedBug::primary_drops_results:
      return "primary_drops_results";
    case PlantedBug::split_drops_results:
      return "split_drops_results";
    case PlantedBug::copy_lacks_results:
      return "copy_lacks_results";
    case PlantedBug::no_look_at_stamps:
      return "no_look_at_stamps";
    case PlantedBug::read_by_earlier_round:
      return "read_by_earlier_round";
    case PlantedBug::scan_skips_upper_half:
      return "scan_skips_upper_half";
    case PlantedBug::copies_not_given:
      return "copies_not_given";
    case PlantedBug::goes_on_alone:
      return "goes_on_alone";
    case PlantedBug::client_not_woken:
      return "client_not_woken";
    case PlantedBug::repairs_what_is_served:
      return "repairs_what_is_served";
  }
  return "";
}

}  // namespace hopring
