#include "storage/group/replica_host.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.hpp"
#include "storage/group/arc_search.hpp"
#include "storage/group/sent_together.hpp"

namespace hopring {

namespace {

// A member may have refused a copy because others are coming to it, or for want of memory.
constexpr Duration refused_pause = std::chrono::milliseconds(500);

ByteBucket copy_budget(const GroupOptions& options) {
  const auto seconds = std::chrono::duration<double>(options.copy_burst).count();
  const auto burst = static_cast<std::uint64_t>(static_cast<double>(options.copy_rate) * seconds);
  return {options.copy_rate, std::max<std::uint64_t>(burst, options.chunk_bytes)};
}

bool names_all(const Roster& roster, const Members& members) {
  return std::all_of(members.begin(), members.end(),
                     [&](const PeerRef& each) { return find(roster, each) != nullptr; });
}

// What their logs take is given back.
template <class IsDropped>
void drop_if(std::vector<std::unique_ptr<Replica>>& replicas, std::size_t& log_bytes,
             IsDropped is_dropped) {
  std::erase_if(replicas, [&](const auto& each) {
    if (!is_dropped(*each)) return false;
    log_bytes -= each->account().log_bytes;
    return true;
  });
}

}  // namespace

ReplicaHost::ReplicaHost(const PeerRef& self, const HashKey& hash_key, const GroupOptions& options,
                         Rng rng)
    : self_(self),
      hash_(hash_key),
      options_(options),
      rng_(rng),
      log_bytes_max_(options.raft.kept_bytes_max),
      pool_(options.pool),
      copy_budget_(copy_budget(options)) {
  HOPRING_CHECK(!problem(options) && !problem(options.raft));
}

// Finding.

Replica* ReplicaHost::at(Position position) const noexcept {
  const Position* const end = first_not_before(ends_, position, std::identity());
  const auto index = static_cast<std::size_t>(end - ends_.data());
  if (index == replicas_.size() || !contains(replicas_[index]->arc(), position)) return nullptr;
  return replicas_[index].get();
}

Replica* ReplicaHost::ending_at(Position end) const noexcept {
  Replica* replica = at(end);
  return replica != nullptr && replica->arc().end == end ? replica : nullptr;
}

std::vector<GroupName> ReplicaHost::names() const {
  std::vector<GroupName> names;
  for (const auto& each : replicas_) names.push_back(each->raft().group());
  return names;
}

Replica* ReplicaHost::named(const GroupName& group) const noexcept {
  Replica* replica = ending_at(group.end);
  return replica != nullptr && replica->raft().group() == group ? replica : nullptr;
}

const Replica* ReplicaHost::find(Position position) const noexcept { return at(position); }

void ReplicaHost::add(std::unique_ptr<Replica> replica) {
  const Position end = replica->arc().end;
  if (Replica* whole = at(end); whole != nullptr && whole->arc().end != end) {
    whole->note_part_came(end);
  }
  drop_if(replicas_, log_bytes_, [&](const Replica& each) { return each.arc().end == end; });
  const auto after = std::find_if(replicas_.begin(), replicas_.end(),
                                  [&](const auto& each) { return each->arc().end > end; });
  next_due_ = std::min(next_due_, replica->next_deadline());
  replicas_.insert(after, std::move(replica));
  on_replicas_changed();
}

// Operations.

void ReplicaHost::open(Now now, const View& view, GroupOutbox& out) {
  HOPRING_CHECK(view.members == Members{self_});
  Raft::Start start{0, 0, 0, Roster{{Voter{self_, 1}}, {}}};
  begin(now,
        std::make_unique<Replica>(options_, self_, view, std::move(start),
                                  ArcRecords(pool_, hash_, view.arc), rng_.fork(), now),
        out);
}

void ReplicaHost::begin(Now now, std::unique_ptr<Replica> alone, GroupOutbox& out) {
  Replica& opened = *alone;
  add(std::move(alone));
  opened.stand_soon(now, out);
  settle(now, opened, out);
}

ReplicaHost::Execution ReplicaHost::execute(Now now, const Operation& operation,
                                            const Replica::Asked& asked, ResultSink& sink,
                                            GroupOutbox& out) {
  notice_pause(now, out);
  const Position position{hash_(key_of(operation))};
  Replica* replica = at(position);
  if (replica == nullptr) return {};
  if (!replica->leads()) {
    if (!replica->misses_majority(now)) return {};
    sink.on_error(OpError::unavailable);
    return {&replica->view(), false, {}};
  }
  const bool is_write = asked.stamp.has_value();
  const auto answered = [&] {
    return Execution{&replica->view(), false,
                     is_write ? std::optional(replica->mark()) : std::nullopt};
  };
  if (const auto recalled = replica->recall(now, position, asked, sink)) {
    if (*recalled == Replica::Executed::answered) return answered();
    return {&replica->view(), true, {}};
  }
  if (const auto error = make_room(now, *replica, position, operation, out)) {
    sink.on_error(*error);
    return answered();
  }
  if (replica->execute(now, position, operation, asked, sink) != Replica::Executed::pending) {
    return answered();
  }
  note_unsent(*replica);
  return {&replica->view(), true, {}};
}

void ReplicaHost::note_unsent(Replica& replica) {
  if (!std::exchange(replica.is_unsent(), true)) unsent_.push_back(replica.raft().group());
}

void ReplicaHost::end_turn(Now now, GroupOutbox& out) {
  for (const GroupName& group : unsent_) {
    Replica* replica = named(group);
    if (replica == nullptr) continue;
    replica->is_unsent() = false;
    replica->flush(now, out);
    settle(now, *replica, out);
  }
  unsent_.clear();
  put_together(out);
}

ReplicaHost::Execution ReplicaHost::scan(Now now, const Scan& scan, std::uint64_t waiter,
                                         ScanStep& step, GroupOutbox& out) {
  notice_pause(now, out);
  Replica* replica = at(scan.cursor.position);
  if (replica == nullptr) return {};
  const auto answered = [&](OpError error) {
    out.push_back(Answered{waiter, error_result(error)});
    return Execution{&replica->view(), true, {}};
  };
  if (!replica->leads()) {
    return replica->misses_majority(now) ? answered(OpError::unavailable) : Execution{};
  }
  if (!replica->has_room_to_read()) return answered(OpError::overloaded);
  const auto scanned = replica->scan(now, scan, waiter, step);
  if (!scanned) return {};
  replica->flush(now, out);
  settle(now, *replica, out);
  return {&replica->view(), *scanned == Replica::Executed::pending, {}};
}

void ReplicaHost::sweep(Now now, GroupOutbox& out) {
  sweep_at_ = now.monotonic + options_.sweep_interval;
  std::size_t room = options_.sweep_records_max;
  for (std::size_t i = 0; i < replicas_.size() && room > 0; ++i) {
    next_swept_ = next_swept_ < replicas_.size() ? next_swept_ : 0;
    Replica& replica = *replicas_[next_swept_++];
    const std::size_t removed = replica.sweep(now, room);
    counters_.records_expired += removed;
    room -= removed;
    const bool forgets = replica.forget_results(now);
    if (removed > 0 || forgets) replica.flush(now, out);
  }
  if (room == 0) sweep_at_ = now.monotonic + options_.sweep_pause;
}

// Who was stopped for long, and asks its clock before it reads what has come meanwhile, would take
// all arcs for lost; and of arcs that have been repaired meanwhile, two that were stopped and go on
// together would be a majority of the older generation.
void ReplicaHost::notice_pause(Now now, GroupOutbox& out) {
  const Time ran_at = std::exchange(ran_at_, now.monotonic);
  if (ran_at + options_.orphan_after / 2 > now.monotonic) return;
  for (const GroupName& name : names()) {
    Replica* replica = named(name);
    if (replica == nullptr) continue;
    replica->wake(now, out);
    settle(now, *replica, out);
  }
}

// What has become of an arc.

// After each input of a replica: what it leads to is told and done.
void ReplicaHost::settle(Now now, Replica& replica, GroupOutbox& out) {
  take_lower_halves(now, replica, out);
  tell(replica, out);
  if (replica.wants_heartbeat()) beat(now, replica, out);
  log_bytes_ -= std::exchange(replica.account().log_bytes, replica.raft().kept_bytes());
  log_bytes_ += replica.account().log_bytes;
  has_useless_ = has_useless_ || replica.is_lost() || replica.is_removed();
  next_due_ = std::min(next_due_, replica.next_deadline());
}

// Drops what settle() has found to be of no use any more.
void ReplicaHost::drop_useless(GroupOutbox& out) {
  if (!std::exchange(has_useless_, false)) return;
  std::vector<GroupName> useless;
  for (const auto& each : replicas_) {
    if (each->is_lost() || each->is_removed()) useless.push_back(each->raft().group());
  }
  for (const GroupName& each : useless) {
    if (named(each)->raft().is_superseded()) {
      end_superseded(each, out);
    } else {
      forget(each, out);
    }
  }
}

void ReplicaHost::take_lower_halves(Now now, Replica& replica, GroupOutbox& out) {
  const bool led = replica.raft().is_primary();
  auto halves = std::exchange(replica.lower_halves(), {});
  if (halves.empty()) return;
  end_copies_of_whole(replica);
  tell(replica, out);
  if (replica.wants_heartbeat()) beat(now, replica, out);
  for (auto& half : halves) {
    Replica& lower = *half;
    // A copy of the half may have come already, while this one lagged behind, and be gone again.
    // Nor does a member's shard take more than it may have: no peer of ours cuts so often.
    if (replica.has_part_come(lower.arc().end) || replicas_.size() >= options_.arcs_max) continue;
    add(std::move(half));
    if (led) lower.stand_soon(now, out);
    settle(now, lower, out);
  }
}

void ReplicaHost::tell(Replica& replica, GroupOutbox& out) {
  const View& view = replica.view();
  Replica::Told& told = replica.told();
  const bool follows = !replica.leads() && replica.is_complete() && is_member(view, self_) &&
                       replica.raft().primary() == primary_of(view);
  if ((told.follows || told.keeps) && !replica.is_complete()) {
    out.push_back(ArcLost{told.view, 0});  // it lagged too far behind, and comes anew
    told.follows = told.keeps = false;
  }
  const bool is_new = told.leads != replica.leads() || (follows && !told.follows);
  if (!is_new && told.view == view) return;
  if (follows && !told.follows && !told.leads) ++counters_.arcs_received;
  const bool led = std::exchange(told.leads, replica.leads());
  told.follows = follows || (told.follows && !replica.leads());
  if (replica.leads()) {
    out.push_back(led ? GroupEffect(ArcChanged{view})
                      : GroupEffect(ArcOpened{view, std::exchange(told.repaired, {})}));
  }
  if (led && !replica.leads()) {
    told.keeps = replica.is_complete() && is_member(view, self_);
    out.push_back(ArcMoved{view, told.keeps});
  }
  if (replica.leads() || follows) told.keeps = false;
  if (follows) out.push_back(ArcFollowed{view});
  // A new view is told once it is known who leads there.
  if (replica.leads() || led || follows) told.view = view;
}

void ReplicaHost::give_up(Position end, GroupOutbox& out) {
  const Replica* replica = ending_at(end);
  if (replica != nullptr) forget(GroupName(replica->raft().group()), out);
}

void ReplicaHost::forget(const GroupName& group, GroupOutbox& out, std::uint64_t records_served) {
  if (Replica* replica = named(group)) {
    replica->end_waiting(out);
    const Replica::Told& told = replica->told();
    if (told.leads || told.follows || told.keeps) out.push_back(ArcLost{told.view, records_served});
  }
  std::erase_if(incoming_, [&](const Incoming& each) { return each.group == group; });
  for (const Job& each : jobs_) {
    if (each.group == group) end_job(each, false, out);
  }
  std::erase_if(jobs_, [&](const Job& each) { return each.group == group; });
  drop_if(replicas_, log_bytes_, [&](const Replica& each) { return each.raft().group() == group; });
  on_replicas_changed();
}

void ReplicaHost::on_replicas_changed() {
  ends_.clear();
  for (const auto& each : replicas_) ends_.push_back(each->arc().end);
  share_log_memory();
}

// Others come and go.

// Copies on their way to it do not wait for transfer_timeout: others may take its place.
void ReplicaHost::on_peer_gone(Now now, const PeerRef& peer, GroupOutbox& out) {
  for (const auto& replica : replicas_) {
    if (replica->raft().primary() == peer) replica->on_primary_gone(now);
  }
  for (Job& job : jobs_) {
    const bool is_one =
        std::find(job.members.begin(), job.members.end(), peer) != job.members.end();
    job.has_lost_one = job.has_lost_one || is_one;
    for (const auto& copy : job.copies) {
      if (copy->to() == peer && !copy->is_over()) copy->give_up();
    }
  }
  advance_jobs(now, out);
}

void ReplicaHost::ask_whether_member(Now now, Position end, const View& served, GroupOutbox& out) {
  Replica* replica = ending_at(end);
  if (replica == nullptr || !replica->is_orphan(now)) return;
  const GroupName group = replica->raft().group();
  if (supersedes(group_of(served), group)) return end_superseded(group, out);
  replica->ask_whether_member(now, primary_of(served), out);
  settle(now, *replica, out);
}

// Changes of members.

bool ReplicaHost::is_changing(Position end) const {
  const Replica* replica = ending_at(end);
  return replica != nullptr && std::any_of(jobs_.begin(), jobs_.end(), [&](const Job& each) {
           return each.group == replica->raft().group() && (each.is_asked || each.is_proposed);
         });
}

// What was begun unasked gives way to a change that is asked for: it may wait for a member that is
// dead, and that this change is to replace. Copies to those who stay go on, and are returned.
ReplicaHost::Copies ReplicaHost::supersede(Replica& replica, const Members& members) {
  Copies kept;
  for (Job& job : jobs_) {
    if (job.group != replica.raft().group() || job.is_asked || job.is_proposed) continue;
    for (auto& copy : std::exchange(job.copies, {})) {
      const bool is_given_up = copy->phase() == CopySource::Phase::given_up;
      if (!is_given_up && std::find(members.begin(), members.end(), copy->to()) != members.end()) {
        kept.push_back(std::move(copy));
        continue;
      }
      count_end(*copy);
      replica.end_learning(copy->to());
    }
  }
  std::erase_if(jobs_, [&](const Job& job) {
    return job.group == replica.raft().group() && !job.is_asked && !job.is_proposed;
  });
  return kept;
}

bool ReplicaHost::change(Now now, Position end, const Members& members,
                         std::optional<PeerRef> primary, GroupOutbox& out, Goal goal) {
  Replica* replica = ending_at(end);
  if (replica == nullptr || !replica->can_change_members() || is_changing(end)) return false;
  if (members.empty() || members.size() > members_max) return false;
  if (copies_under_way() + members.size() > options_.moves_max + members_max) return false;
  const auto stays_and_is_silent = [&](const PeerRef& each) {
    return hopring::find(replica->raft().roster(), each) != nullptr &&
           !answers(now, *replica, each);
  };
  if (goal == Goal::balance && std::any_of(members.begin(), members.end(), stays_and_is_silent)) {
    return false;
  }
  Job job;
  job.group = replica->raft().group();
  job.members = members;
  job.primary = primary;
  job.goal = goal;
  job.copies = supersede(*replica, members);
  job.newcomer = primary.value_or(PeerRef{});
  job.is_asked = true;
  job.ends_at = now.monotonic + options_.change_timeout;
  for (const PeerRef& each : members) {
    if (hopring::find(replica->raft().roster(), each) != nullptr || each == self_) continue;
    job.newcomer = each;
    const bool is_on_its_way = std::any_of(job.copies.begin(), job.copies.end(),
                                           [&](const auto& copy) { return copy->to() == each; });
    if (is_on_its_way) continue;
    begin_copy(now, *replica, job, each, out);
  }
  jobs_.push_back(std::move(job));
  ++counters_.moves_begun;
  advance_jobs(now, out);
  return true;
}

bool ReplicaHost::split(Now now, Position end, Position at, GroupOutbox& out) {
  Replica* replica = ending_at(end);
  if (replica == nullptr || is_changing(end) || !replica->can_split(at)) return false;
  if (replicas_.size() >= options_.arcs_max) return false;
  replica->split(at);
  ++counters_.splits;
  replica->flush(now, out);
  settle(now, *replica, out);
  return true;
}

bool ReplicaHost::is_near(const Replica& replica, const PeerRef& peer) const {
  if (peer == self_) return true;
  const std::uint64_t reached = replica.raft().matched(peer);
  return reached > 0 && reached + options_.near_entries_max >= replica.raft().last_index();
}

void ReplicaHost::advance_jobs(Now now, GroupOutbox& out) {
  for (std::size_t i = 0; i < jobs_.size();) {
    if (advance_job(now, jobs_[i], out)) {
      jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

bool ReplicaHost::answers(Now now, const Replica& replica, const PeerRef& peer) const {
  return peer == self_ || replica.raft().has_copy(now, peer);
}

// Would its members have a majority that answers? Else the change would be taken back. For balance
// all have to.
bool ReplicaHost::can_decide(Now now, const Replica& replica, const Job& job) const {
  const auto count = static_cast<std::size_t>(
      std::count_if(job.members.begin(), job.members.end(),
                    [&](const PeerRef& each) { return answers(now, replica, each); }));
  if (job.goal == Goal::balance) return count == job.members.size() && !job.has_lost_one;
  return 2 * count > job.members.size();
}

// Who was to have them is no member any more, by a change that ended meanwhile, and would stay a
// learner.
void ReplicaHost::end_useless_copies(Job& job, Replica& replica) {
  std::erase_if(job.copies, [&](const auto& copy) {
    if (hopring::find(replica.raft().roster(), copy->to()) != nullptr) return false;
    if (std::find(job.members.begin(), job.members.end(), copy->to()) != job.members.end()) {
      return false;
    }
    count_end(*copy);
    replica.end_learning(copy->to());
    return true;
  });
}

bool ReplicaHost::advance_job(Now now, Job& job, GroupOutbox& out) {
  Replica* replica = named(job.group);
  if (replica == nullptr || !replica->raft().is_primary()) {
    end_job(job, job.is_proposed, out);
    return true;
  }
  end_useless_copies(job, *replica);
  const auto failed = std::find_if(job.copies.begin(), job.copies.end(), [&](const auto& copy) {
    const bool is_done = copy->phase() == CopySource::Phase::done;
    const bool is_useless = is_done && replica->raft().needs_copy(copy->to());
    const bool is_stuck = !replica->raft().has_copy(now, copy->to()) && copy->is_stale(now);
    return copy->phase() == CopySource::Phase::given_up || is_useless || is_stuck;
  });
  // A copy that goes on may take its time; one that stands still ends by itself.
  const auto is_over = [](const auto& copy) { return copy->is_over(); };
  if (now.monotonic >= job.ends_at && !std::all_of(job.copies.begin(), job.copies.end(), is_over)) {
    job.ends_at = now.monotonic + options_.change_timeout;
  }
  const bool has_failed = failed != job.copies.end();
  if (!job.is_proposed && (has_failed || now.monotonic >= job.ends_at)) {
    const bool is_new =
        has_failed && hopring::find(replica->raft().roster(), (*failed)->to()) == nullptr;
    if (is_new) job.newcomer = (*failed)->to();
    return give_up(now, job, *replica, out);
  }
  if (!job.is_proposed) {
    const bool copied = std::all_of(job.copies.begin(), job.copies.end(), [&](const auto& copy) {
      return copy->phase() == CopySource::Phase::done &&
             replica->raft().has_copy(now, copy->to()) && is_near(*replica, copy->to());
    });
    if (!copied) return false;
    if (job.members.empty()) {
      end_job(job, true, out);
      return true;
    }
    // Who was admitted just now has not answered yet; if the others do not, this ends with the
    // lead.
    if (!replica->can_change_members() || !replica->raft().decides_without_lost(now)) return false;
    if (!can_decide(now, *replica, job)) return give_up(now, job, *replica, out);
    replica->change_members(now, job.members);
    job.is_proposed = true;
    replica->flush(now, out);
    settle(now, *replica, out);
    replica = named(job.group);
  }
  if (replica == nullptr || !replica->leads()) {
    end_job(job, true, out);
    return true;
  }
  if (!replica->can_change_members()) return false;
  const bool is_done = names_all(replica->raft().roster(), job.members);
  if (is_done && job.primary && *job.primary != self_ &&
      hopring::find(replica->raft().roster(), *job.primary) != nullptr) {
    return hand_over(now, job, *replica, out);
  }
  end_job(job, is_done, out);  // else it has been taken back
  return true;
}

// Who would not be elected is waited for; meanwhile this peer serves. Then it keeps the lead. And
// what has been written is answered first, since nobody here would learn what has become of it.
bool ReplicaHost::hand_over(Now now, Job& job, Replica& replica, GroupOutbox& out) {
  if (!job.hands_over_by) job.hands_over_by = now.monotonic + options_.switch_timeout;
  const bool can = replica.raft().can_take_lead(now, *job.primary);
  const bool is_late = now.monotonic >= *job.hands_over_by;
  replica.hold_writes(can && !is_late);
  if (!is_late && (!can || replica.has_waiters())) return false;
  if (can) {
    replica.hand_lead_to(now, *job.primary, out);
    tell(replica, out);
  }
  end_job(job, can, out);
  return true;
}

bool ReplicaHost::give_up(Now now, const Job& job, Replica& replica, GroupOutbox& out) {
  if (!job.copies.empty()) replica.account().copies_again_at = now.monotonic + refused_pause;
  for (const auto& copy : job.copies) replica.end_learning(copy->to());
  end_job(job, false, out);
  return true;
}

void ReplicaHost::end_job(const Job& job, bool done, GroupOutbox& out) {
  if (Replica* replica = named(job.group)) replica->hold_writes(false);
  for (const auto& copy : job.copies) count_end(*copy);
  if (job.members.empty()) return;
  ++(done ? counters_.moves_done : counters_.moves_given_up);
  out.push_back(MoveEnded{job.group.end, job.newcomer, done});
}

// Time.

void ReplicaHost::on_deadline(Now now, GroupOutbox& out) {
  notice_pause(now, out);
  for (const GroupName& name : names()) {
    Replica* replica = named(name);
    if (replica == nullptr) continue;
    const bool is_forgotten = !replica->raft().is_primary() && !replica->raft().is_voter() &&
                              replica->heard_at() + options_.learner_timeout <= now.monotonic;
    if (is_forgotten && !replica->may_vote()) {
      forget(name, out);
      continue;
    }
    if (replica->next_deadline() <= now.monotonic) {
      replica->on_deadline(now, out);
      if (is_forgotten) replica->ask_whether_member(now, out);
      settle(now, *replica, out);
    }
    replica = named(name);
    if (replica != nullptr) give_missing_copies(now, *replica, out);
    if (options_.raft.bug == PlantedBug::goes_on_alone) go_on_alone(now, name, out);
  }
  for (Job& job : jobs_) {
    const Replica* replica = named(job.group);
    for (const auto& copy : job.copies) {
      if (copy->is_over() || replica == nullptr || !replica->raft().is_primary()) continue;
      if (copy->next_deadline() <= now.monotonic) copy->on_deadline(now, *replica, out);
    }
  }
  next_due_ = Time::never();
  for (const auto& each : replicas_) next_due_ = std::min(next_due_, each->next_deadline());
  advance_jobs(now, out);
  drop_useless(out);
  if (beat_at_ <= now.monotonic) beat_all(now, out);
  if (sweep_at_ <= now.monotonic) sweep(now, out);
}

Time ReplicaHost::next_deadline() const noexcept {
  if (replicas_.empty()) return Time::never();
  Time next = std::min({beat_at_, sweep_at_, next_due_});
  for (const Job& job : jobs_) {
    if (!job.is_proposed) next = std::min(next, job.ends_at);
    for (const auto& copy : job.copies) {
      if (!copy->is_over()) next = std::min(next, copy->next_deadline());
    }
  }
  return next;
}

}  // namespace hopring
