// The part of ReplicaHost that begins a new generation of an arc by hand, and ends what is left of
// older ones.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "storage/group/replica_host.hpp"

namespace hopring {

std::optional<RepairRefusal> ReplicaHost::refusal(Now now, const Repair& repair) const {
  if (options_.raft.bug == PlantedBug::repairs_what_is_served && !repair.copy) return std::nullopt;
  const Replica* source = repair.copy ? named(*repair.copy) : nullptr;
  for (const auto& each : replicas_) {
    if (!overlaps(each->arc(), repair.arc)) continue;
    if (!each->is_orphan(now)) return RepairRefusal::served;
    if (each->view().number.generation >= repair.generation) return RepairRefusal::outdated;
    if (!repair.copy && each->is_complete()) return RepairRefusal::has_copy;
  }
  const bool has_source =
      source != nullptr && source->is_complete() && covers(source->arc(), repair.arc);
  if (!repair.copy) return std::nullopt;
  if (!has_source) return RepairRefusal::no_copy;
  const Raft& raft = source->raft();
  const bool is_as_seen =
      raft.last_term() == repair.last_term && raft.last_index() == repair.last_index;
  return is_as_seen ? std::nullopt : std::optional(RepairRefusal::changed);
}

Repaired ReplicaHost::repair(Now now, const Repair& repair, GroupOutbox& out) {
  HOPRING_CHECK(is_straight(repair.arc));
  if (const auto refused = refusal(now, repair)) return {refused};
  Repaired repaired;
  std::vector<std::unique_ptr<Replica>> successors;
  if (repair.copy) {
    Replica& source = *named(*repair.copy);
    repaired.entries = source.raft().last_index() - source.raft().applied();
    if (!source.take_all(now, out)) {
      forget(*repair.copy, out);
      return {RepairRefusal::unusable};
    }
    const auto succeed = [&](Replica& piece) {
      if (!overlaps(piece.arc(), repair.arc)) return;
      successors.push_back(piece.succeed(common(piece.arc(), repair.arc), repair.generation, now));
    };
    for (const auto& half : source.lower_halves()) succeed(*half);
    succeed(source);
    forget(*repair.copy, out);
  } else {
    const View view{repair.arc, {repair.generation, self_.incarnation, 1}, 0, {self_}};
    successors.push_back(std::make_unique<Replica>(
        options_, self_, view, Raft::Start{0, 0, 0, Roster{{Voter{self_, 1}}, {}}},
        ArcRecords(pool_, hash_, view.arc), rng_.fork(), now));
    successors.back()->told().repaired = 0;
  }
  forget_within(repair.arc, out);
  for (auto& each : successors) {
    repaired.keys += each->size();
    ++counters_.arcs_repaired;
    if (begun_anew_.size() == begun_anew_max) begun_anew_.pop_front();
    begun_anew_.push_back({each->arc(), each->raft().group()});
    begin(now, std::move(each), out);
  }
  return repaired;
}

// A planted bug.
void ReplicaHost::go_on_alone(Now now, const GroupName& group, GroupOutbox& out) {
  const Replica* replica = named(group);
  if (replica == nullptr || !replica->is_orphan(now)) return;
  const Raft& raft = replica->raft();
  repair(now, {replica->arc(), group.generation + 1, group, raft.last_term(), raft.last_index()},
         out);
}

// Other orphans there would be found in the place of what is served now.
void ReplicaHost::forget_within(const Arc& arc, GroupOutbox& out) {
  std::vector<GroupName> within;
  for (const auto& each : replicas_) {
    if (contains(arc, each->arc().end)) within.push_back(each->raft().group());
  }
  for (const GroupName& each : within) forget(each, out);
}

// Older generations.

// What was begun anew here may have gone on to others since; older members know this peer alone.
bool ReplicaHost::is_superseded(const GroupName& group) const {
  const Replica* here = at(group.end);
  if (here != nullptr && supersedes(here->raft().group(), group)) return true;
  return std::any_of(begun_anew_.begin(), begun_anew_.end(), [&](const BegunAnew& each) {
    return contains(each.arc, group.end) && supersedes(each.group, group);
  });
}

// What it had as primary is lost: it was counted as acknowledged in its generation. The others are
// told, lest they elect another. Whoever is not primary, or not any more, counts nothing, or each
// record would count for each copy, but says what it drops.
void ReplicaHost::end_superseded(const GroupName& group, GroupOutbox& out) {
  const Replica* replica = named(group);
  if (replica == nullptr) return;
  std::uint64_t records = 0;
  if (replica->raft().is_primary()) {
    records = replica->size();
    counters_.records_dropped += records;
    for_each_voter(replica->raft().roster(), [&](const Voter& voter) {
      if (voter.peer == self_) return;
      out.push_back(SendGroup{voter.peer, NotMember{group, superseded_index}});
    });
  } else if (replica->is_complete() && replica->size_at_most() > 0) {
    out.push_back(CopySuperseded{replica->view(), replica->size_at_most()});
  }
  forget(group, out, records);
}

void ReplicaHost::drop(Now now, const Arc& lost, const ViewNumber& to, GroupOutbox& out) {
  std::vector<GroupName> beaten;
  for (const auto& each : replicas_) {
    const GroupName& group = each->raft().group();
    const bool is_beaten = supersedes({group.end, to.generation, to.claimant}, group);
    if (is_beaten && each->raft().is_primary() && overlaps(each->arc(), lost)) {
      beaten.push_back(group);
    }
  }
  for (const GroupName& group : beaten) {
    const Arc arc = named(group)->arc();
    if (covers(lost, arc)) {
      end_superseded(group, out);
    } else {  // what is lost is told again when it has been cut off
      const Arc both = common(arc, lost);
      static_cast<void>(split(now, arc.end, can_cut(arc, both.end) ? both.end : both.begin, out));
    }
  }
}

}  // namespace hopring
