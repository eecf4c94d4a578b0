// The part of Replica that goes on without the majority of its members.

#include <utility>

#include "base/check.hpp"
#include "storage/group/replica.hpp"

namespace hopring {

std::uint64_t Replica::size_at_most() const {
  std::uint64_t records = size();
  if (!is_complete()) return records;
  for (std::uint64_t index = raft_.applied() + 1; index <= raft_.last_index(); ++index) {
    const Command& command = raft_.entry(index).command;
    const bool adds = std::holds_alternative<Put>(command) || std::holds_alternative<Add>(command);
    records += adds ? 1 : 0;
  }
  return records;
}

bool Replica::take_all(Now now, GroupOutbox& out) {
  HOPRING_CHECK(is_complete() && !raft_.is_primary());
  raft_.accept_all();
  apply_committed(now, out);
  return !is_lost_;
}

// Its order goes on where this one ends: what the window says of indices stays true.
std::unique_ptr<Replica> Replica::succeed(const Arc& part, std::uint64_t generation, Now now) {
  HOPRING_CHECK(is_complete() && covers(arc(), part));
  if (part.end != arc().end) static_cast<void>(records_.split_off(part.end));
  if (part.begin != arc().begin) records_ = records_.split_off(part.begin);
  Raft::Start start = raft_.start_of_copy();
  start.term = start.index_term = 0;  // there they begin anew, wherever they have come to here
  start.roster = Roster{{Voter{self_, start.index + 1}}, {}};
  View view{part, {generation, self_.incarnation, 1}, 0, {self_}};
  auto successor = std::make_unique<Replica>(*options_, self_, std::move(view), std::move(start),
                                             std::move(records_), rng_.fork(), now);
  successor->results_ = std::move(results_);
  successor->told_.repaired = successor->size();
  return successor;
}

}  // namespace hopring
