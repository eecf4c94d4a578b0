// The part of ReplicaHost that brings copies to other peers and takes those that come.

#include <algorithm>
#include <utility>

#include "base/count.hpp"
#include "storage/group/replica_host.hpp"

namespace hopring {

// Copies that come.

// Whether there is place for it is another question.
bool ReplicaHost::is_takeable(const PeerRef& from, const OfferCopy& offer) const {
  const View& view = offer.view;
  const GroupName named_by_view{view.arc.end, view.number.generation, view.number.claimant};
  if (!is_well_formed(view) || !is_straight(view.arc) || !is_well_formed(offer.roster))
    return false;
  if (offer.group != named_by_view || offer.transfer.end != view.arc.end) return false;
  if (offer.index_term > offer.term || !may_count_from(offer.index)) return false;
  if (!may_count_from(view.number.number) || from == self_) return false;
  // What is led here must be cut first: of the same generation by its split, of an older one by
  // drop(). Else a copy would stand in the place of what is served.
  const auto is_across = [&](const auto& each) {
    return each->raft().is_primary() && each->arc().end != view.arc.end &&
           overlaps(each->arc(), view.arc);
  };
  return std::none_of(replicas_.begin(), replicas_.end(), is_across);
}

// What it replaces makes room for it: its records, and if it is unfinished what it was promised.
std::uint64_t ReplicaHost::bytes_needed(const OfferCopy& offer) const {
  const Replica* const present = ending_at(offer.view.arc.end);
  if (present == nullptr) return offer.bytes;
  std::uint64_t freed = present->bytes();
  for (const Incoming& each : incoming_) {
    if (each.group == present->raft().group()) freed += still_promised(each);
  }
  return offer.bytes - std::min(offer.bytes, freed);
}

bool ReplicaHost::has_place_for(const OfferCopy& offer) const {
  const Replica* const present = ending_at(offer.view.arc.end);
  if (present == nullptr && replicas_.size() >= options_.arcs_max) return false;
  const std::optional<std::uint64_t> free = room();
  if (free && bytes_needed(offer) > *free) return false;
  const std::size_t unfinished = present != nullptr && !present->is_complete() ? 1 : 0;
  return copies_coming() - unfinished < options_.learners_max;
}

std::size_t ReplicaHost::copies_coming() const {
  return static_cast<std::size_t>(std::count_if(
      replicas_.begin(), replicas_.end(), [](const auto& each) { return !each->is_complete(); }));
}

// A sender that lives is heard of many times a second. Of the others' copies the one that was heard
// of longest ago gives way, if it has never been complete (decision 66). False: there is none.
bool ReplicaHost::forget_silent_copy(Now now, GroupOutbox& out) {
  const Replica* silent = nullptr;
  for (const auto& each : replicas_) {
    if (each->is_complete() || each->raft().is_voter() || each->may_vote()) continue;
    if (each->heard_at() + options_.orphan_after > now.monotonic) continue;
    if (silent == nullptr || each->heard_at() < silent->heard_at()) silent = each.get();
  }
  if (silent == nullptr) return false;
  forget(GroupName(silent->raft().group()), out);
  count_coming_bytes();
  return true;
}

std::size_t ReplicaHost::transfers() const {
  const auto led = std::count_if(replicas_.begin(), replicas_.end(),
                                 [](const auto& each) { return each->leads(); });
  return jobs_.size() + replicas_.size() - static_cast<std::size_t>(led);
}

void ReplicaHost::on_each(Now now, const PeerRef& from, OfferCopy&& offer, GroupOutbox& out) {
  const auto is_known = [&](const Incoming& each) {
    return each.transfer == offer.transfer && each.from == from;
  };
  if (is_superseded(offer.group)) {
    out.push_back(SendGroup{from, NotMember{offer.group, superseded_index}});
    out.push_back(SendGroup{from, OfferAnswer{offer.transfer, false}});
    return;
  }
  bool accepted = std::any_of(incoming_.begin(), incoming_.end(), is_known);
  const Replica* const copy = named(offer.group);
  if (!accepted && copy != nullptr && copy->has(offer)) {
    // One has come before, when nobody waited for it any more.
    out.push_back(SendGroup{from, OfferAnswer{offer.transfer, true}});
    out.push_back(SendGroup{from, CopyResultsAnswer{offer.transfer, copy->results_upto(), true}});
    out.push_back(SendGroup{from, ChunkAnswer{offer.transfer, std::nullopt}});
    return;
  }
  if (!accepted && is_takeable(from, offer)) {
    while (!has_place_for(offer) && forget_silent_copy(now, out)) continue;
    if (!has_place_for(offer)) {
      want_room(now, offer);
    } else if (begin_taking(now, offer, out)) {
      accepted = true;
      std::erase_if(incoming_, [&](const Incoming& each) { return each.group == offer.group; });
      incoming_.push_back({offer.transfer, from, offer.group, offer.bytes});
      room_wanted_ = 0;
      count_coming_bytes();
    }
  }
  out.push_back(SendGroup{from, OfferAnswer{offer.transfer, accepted}});
}

// False if there is a copy already that is not behind this one. A vote that this peer has in what
// is offered, or in what an arc reached down to that is shorter now, it keeps: else it would count
// as one that has lost its copy.
bool ReplicaHost::begin_taking(Now now, const OfferCopy& offer, GroupOutbox& out) {
  const Arc& arc = offer.view.arc;
  Replica* present = ending_at(arc.end);
  if (present != nullptr && present->raft().group() != offer.group) {
    end_superseded(GroupName(present->raft().group()), out);
    present = nullptr;
  }
  ArcRecords records(pool_, hash_, arc);
  if (present == nullptr) {
    Replica* whole = whole_of(offer.group);
    std::unique_ptr<Replica> fresh;
    if (whole != nullptr && whole->has_vote_below(arc.end)) {
      fresh = vote_below(now, *whole, arc.end);
      if (!fresh->begin_again(now, offer, std::move(records))) return false;
    } else {
      fresh = Replica::coming(options_, self_, offer, std::move(records), rng_.fork(), now);
    }
    add(std::move(fresh));
    return true;
  }
  std::unique_ptr<Replica> below;
  if (present->has_vote_below(arc.begin)) below = vote_below(now, *present, arc.begin);
  if (!present->begin_again(now, offer, std::move(records))) return false;
  if (below != nullptr && named(below->raft().group()) == nullptr) add(std::move(below));
  return true;
}

std::unique_ptr<Replica> ReplicaHost::vote_below(Now now, Replica& whole, Position at) {
  return whole.vote_below(at, ArcRecords(pool_, hash_, Arc{whole.arc().begin, at}), now);
}

// Whose copy that transfer brings; tells the sender if there is none.
Replica* ReplicaHost::coming(const TransferId& transfer, const PeerRef& from, GroupOutbox& out) {
  const auto found = std::find_if(incoming_.begin(), incoming_.end(), [&](const Incoming& each) {
    return each.transfer == transfer && each.from == from;
  });
  Replica* replica = found == incoming_.end() ? nullptr : named(found->group);
  if (replica == nullptr) out.push_back(SendGroup{from, Abandon{transfer}});
  return replica;
}

void ReplicaHost::on_each(Now now, const PeerRef& from, Chunk&& message, GroupOutbox& out) {
  Replica* replica = coming(message.transfer, from, out);
  if (replica == nullptr) return;
  replica->on_chunk(now, message, out);
  out.push_back(SendGroup{from, ChunkAnswer{message.transfer, replica->missing()}});
  settle(now, *replica, out);
}

void ReplicaHost::on_each(Now now, const PeerRef& from, CopyResults&& message, GroupOutbox& out) {
  Replica* replica = coming(message.transfer, from, out);
  if (replica == nullptr) return;
  replica->on_results(now, message, out);
  out.push_back(SendGroup{
      from, CopyResultsAnswer{message.transfer, replica->results_upto(), replica->has_results()}});
  settle(now, *replica, out);
}

// Copies that are asked for and are not here.

void ReplicaHost::say_that_none_is_here(Now now, const PeerRef& to, const NoCopy& none,
                                        GroupOutbox& out) {
  if (is_superseded(none.group)) {
    out.push_back(SendGroup{to, NotMember{none.group, superseded_index}});
  } else if (!is_about_to_split_off(now, none.group)) {
    out.push_back(SendGroup{to, none});
  }
}

void ReplicaHost::on_vote_without_copy(const PeerRef& from, const RequestVote& vote,
                                       GroupOutbox& out) const {
  if (is_superseded(vote.group)) {
    out.push_back(SendGroup{from, NotMember{vote.group, superseded_index}});
  } else if (options_.raft.bug == PlantedBug::former_self_votes) {
    out.push_back(
        SendGroup{from, VoteAnswer{vote.group, vote.kind, vote.term, vote.admitted, true}});
  }
}

// The copy of which others have split this group off, if that has not been applied here.
Replica* ReplicaHost::whole_of(const GroupName& group) const {
  Replica* whole = at(group.end);
  if (whole == nullptr || whole->arc().end == group.end) return nullptr;
  const GroupName& name = whole->raft().group();
  const bool is_same = name.generation == group.generation && name.claimant == group.claimant;
  return is_same ? whole : nullptr;
}

// This peer's copy of that group. Of a copy that is to come anew, and will not be cut for that, the
// vote in what the others have split off is taken away here.
Replica* ReplicaHost::asked_for(Now now, const GroupName& group) {
  Replica* replica = named(group);
  if (replica != nullptr) return replica;
  Replica* whole = whole_of(group);
  if (whole == nullptr || whole->is_complete() || !whole->has_vote_below(group.end)) return nullptr;
  if (copies_coming() >= options_.learners_max) return nullptr;  // whoever asks will ask again
  add(vote_below(now, *whole, group.end));
  return named(group);
}

// This member will have what it is asked for, and would count as one that has lost it. A voter that
// has the whole applies the split, late as it may be, or keeps its vote without that, or hears that
// it has been left out, and drops the whole.
bool ReplicaHost::is_about_to_split_off(Now now, const GroupName& group) const {
  const Replica* whole = whole_of(group);
  return whole != nullptr && (whole->has_vote_below(group.end) ||
                              whole->heard_at() + options_.raft.silence_max > now.monotonic);
}

// Copies that go.

std::size_t ReplicaHost::copies_under_way() const {
  std::size_t count = 0;
  for (const Job& job : jobs_) {
    count += static_cast<std::size_t>(std::count_if(
        job.copies.begin(), job.copies.end(), [](const auto& copy) { return !copy->is_over(); }));
  }
  return count;
}

template <class Message>
void ReplicaHost::to_source(Now now, const PeerRef& from, const Message& message,
                            GroupOutbox& out) {
  for (Job& job : jobs_) {
    Replica* replica = named(job.group);
    for (const auto& copy : job.copies) {
      if (copy->transfer() != message.transfer || copy->to() != from || copy->is_over()) continue;
      if (replica != nullptr && replica->raft().is_primary()) {
        copy->on_message(now, message, *replica, out);
      }
      return;
    }
  }
}

void ReplicaHost::on_each(Now now, const PeerRef& from, OfferAnswer&& message, GroupOutbox& out) {
  to_source(now, from, message, out);
}

void ReplicaHost::on_each(Now now, const PeerRef& from, ChunkAnswer&& message, GroupOutbox& out) {
  to_source(now, from, message, out);
}

void ReplicaHost::on_each(Now now, const PeerRef& from, CopyResultsAnswer&& message,
                          GroupOutbox& out) {
  to_source(now, from, message, out);
}

void ReplicaHost::on_each(Now, const PeerRef& from, Abandon&& message, GroupOutbox&) {
  for (Job& job : jobs_) {
    for (const auto& copy : job.copies) {
      if (copy->transfer() == message.transfer && copy->to() == from && !copy->is_over()) {
        copy->give_up();
      }
    }
  }
}

void ReplicaHost::begin_copy(Now now, Replica& replica, Job& job, const PeerRef& to,
                             GroupOutbox& out) {
  const TransferId transfer{replica.arc().end, rng_.next()};
  job.copies.push_back(
      std::make_unique<CopySource>(options_, copy_budget_, transfer, to, now, replica, out));
  ++counters_.copies_begun;
}

// The whole is no more: they begin anew, of its halves.
void ReplicaHost::end_copies_of_whole(const Replica& replica) {
  for (const Job& job : jobs_) {
    if (job.group != replica.raft().group()) continue;
    for (const auto& copy : job.copies) {
      if (!copy->is_over()) copy->give_up();
    }
  }
}

void ReplicaHost::count_end(const CopySource& copy) {
  ++(copy.phase() == CopySource::Phase::done ? counters_.copies_done : counters_.copies_given_up);
}

GroupCounters ReplicaHost::counters() const {
  GroupCounters counters = counters_;
  counters.copy_bytes_sent = copy_budget_.taken();
  return counters;
}

// A member that has lost its copy, or lacks too much, is given one. Who has lost it has forgotten
// its votes, too, and is admitted anew. Also while another change waits for a majority, or the
// first entry of a term does: they may wait for just that member.
void ReplicaHost::give_missing_copies(Now now, Replica& replica, GroupOutbox& out) {
  if (!replica.raft().is_primary()) return;
  if (options_.raft.bug == PlantedBug::copies_not_given) return;
  const bool is_under_way = std::any_of(jobs_.begin(), jobs_.end(), [&](const Job& each) {
    return each.group == replica.raft().group() && !each.is_proposed;
  });
  const std::vector<PeerRef> without = replica.raft().members_without_copy();
  const bool readmits = replica.raft().has_lost_voters() && replica.can_change_members();
  if (is_under_way || (without.empty() && !readmits)) return;
  if (copies_under_way() >= options_.moves_max) return;
  if (replica.account().copies_again_at > now.monotonic) return;
  Job job;
  job.group = replica.raft().group();
  job.ends_at = now.monotonic + options_.change_timeout;
  if (readmits) {
    for (const Voter& each : replica.raft().roster().voters) job.members.push_back(each.peer);
  }
  for (const PeerRef& each : without) begin_copy(now, replica, job, each, out);
  jobs_.push_back(std::move(job));
}

}  // namespace hopring
