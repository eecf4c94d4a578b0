#include "storage/group/replica.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "storage/group/walks.hpp"

namespace hopring {
namespace {

// The write as it stands in the order. REQUIRES: it is no Get.
struct CommandOf {
  WallTime now;

  Command operator()(const Get&) const {
    HOPRING_CHECK(false);
    return Nothing{};
  }
  Command operator()(const Put& put) const {
    Put settled = put;
    settled.expiry = absolute(put.expiry, now);
    return settled;
  }
  Command operator()(const CompareAndSet& operation) const {
    CompareAndSet settled = operation;
    settled.expiry = absolute(operation.expiry, now);
    return settled;
  }
  Command operator()(const Erase& erase) const { return erase; }
  Command operator()(const Add& add) const { return add; }
};

GroupName name_of(const View& view) {
  return {view.arc.end, view.number.generation, view.number.claimant};
}

void send_all(RaftOutbox& sent, GroupOutbox& out) {
  for (SendRaft& each : sent) {
    std::visit(
        [&](auto& message) {
          out.push_back(SendGroup{each.to, std::move(message)});
        },
        each.message);
  }
}

}  // namespace

Replica::Replica(const GroupOptions& options, const PeerRef& self, View view, Raft::Start start,
                 ArcRecords records, Rng rng, Now now)
    : options_(&options),
      self_(self),
      view_(std::move(view)),
      rng_(rng),
      raft_(options.raft, name_of(view_), self, std::move(start), rng_.fork(), now),
      records_(std::move(records)),
      held_(options),
      results_(records_.pool(), options.results_max),
      heard_at_(now.monotonic) {
  HOPRING_CHECK(is_straight(view_.arc));
}

// The primary.

bool Replica::splits_off(Position position) const {
  return splits_at_ && contains(Arc{arc().begin, *splits_at_}, position);
}

// May it answer for the position now? Not for what a split that is under way takes off.
bool Replica::serves(Now now, Position position) const {
  return !splits_off(position) && raft_.may_serve(now);
}

std::optional<Replica::Executed> Replica::recall(Now now, Position position, const Asked& asked,
                                                 ResultSink& sink) {
  if (!asked.stamp || !serves(now, position)) return std::nullopt;
  const Stamp& stamp = *asked.stamp;
  if (const auto result = results_.find(stamp)) {
    tell(*result, sink);
    return Executed::answered;
  }
  // What this primary has not proposed itself it has applied before it began to lead.
  const auto waits = [&](const Waiter& each) {
    return each.stamp && each.stamp->client == stamp.client &&
           each.stamp->sequence == stamp.sequence;
  };
  if (stamp.is_again && !has(PlantedBug::no_look_at_stamps)) {
    const auto found = std::find_if(waiters_.begin(), waiters_.end(), waits);
    if (found != waiters_.end()) {
      waiters_.insert(std::next(found), Waiter{found->index, asked.waiter, {}, stamp});
      return Executed::pending;
    }
  }
  const bool is_stale = stamp.order != order_of(view_.number) || results_.may_have_forgotten(stamp);
  if (!is_stale) return std::nullopt;
  sink.on_error(OpError::stale_stamp);
  return Executed::answered;
}

Replica::Executed Replica::execute(Now now, Position position, const Operation& operation,
                                   const Asked& asked, ResultSink& sink) {
  HOPRING_CHECK(leads() && contains(arc(), position));
  if (!serves(now, position)) {
    sink.on_error(OpError::moving);
    return Executed::answered;
  }
  if (const auto* get = std::get_if<Get>(&operation)) {
    return options_->reads_by_majority ? read_and_hold(now, position, *get, asked, sink)
                                       : read(now, position, *get, asked, sink);
  }
  if (is_handing_over_ || is_leaving_) {
    sink.on_error(OpError::moving);
    return Executed::answered;
  }
  return propose(now, std::visit(CommandOf{now.wall}, operation), asked, sink);
}

Replica::Executed Replica::propose(Now now, Command command, const Asked& asked, ResultSink& sink) {
  if (!raft_.has_room()) {
    sink.on_error(OpError::overloaded);
    return Executed::answered;
  }
  const std::uint64_t bytes = memory_of(command) + (asked.stamp ? window_result_bytes : 0);
  const bool is_put = std::holds_alternative<Put>(command);
  const std::uint64_t index =
      raft_.propose(std::move(command), now.wall.ms_since_epoch, bytes, asked.stamp);
  if (has(PlantedBug::answered_before_applied) && is_put) {
    sink.on_outcome(Outcome::done);
    return Executed::answered;
  }
  waiters_.push_back({index, asked.waiter, {}, asked.stamp});
  return Executed::pending;
}

std::size_t Replica::memory_at(Position position, std::string_view key) const {
  const auto record = records_.find(position, key);
  return record ? memory_of_record(record->key.size(), record->value.size()) : 0;
}

// Not while a split is under way: what belongs to the half that comes off is not ours any more when
// these are applied.
void Replica::remove_due(std::vector<RemoveExpired>&& due) {
  if (splits_at_) return;
  for (RemoveExpired& each : due) {
    if (raft_.has_room()) raft_.propose(std::move(each));
  }
}

// Once, when the arc has been idle for long: as long as writes come, their clocks do it.
bool Replica::forget_results(Now now) {
  const bool is_wanted = results_.is_old(now.wall.ms_since_epoch) &&
                         raft_.applied() == raft_.last_index() && raft_.may_serve(now);
  if (is_wanted) raft_.propose(Nothing{}, now.wall.ms_since_epoch);
  return is_wanted;
}

std::size_t Replica::sweep(Now now, std::size_t records_max) {
  if (!raft_.may_serve(now) || splits_at_) return 0;
  std::vector<RemoveExpired> due;
  records_.for_each_due(now.wall, options_->sweep_segments_max, [&](const RecordView& record) {
    due.push_back({std::string(record.key), record.expiry_ms});
    return due.size() < records_max;
  });
  const std::size_t found = due.size();
  remove_due(std::move(due));
  return found;
}

std::optional<std::size_t> Replica::evict(Position near, Position spared,
                                          std::string_view spared_key, std::size_t bytes_wanted) {
  if (!raft_.has_room()) return std::nullopt;
  const auto victim = records_.oldest(near, spared, spared_key, bytes_wanted);
  if (!victim) return std::nullopt;
  const Position position{victim->position};
  Erase erase{std::string(victim->key)};
  const std::size_t bytes = memory_of_record(victim->key.size(), victim->value.size());
  // It stays until the entry is applied, and must not be named again meanwhile.
  records_.find_and_mark(position, erase.key);
  raft_.propose(std::move(erase));
  return bytes;
}

bool Replica::can_split(Position at) const {
  return can_change_members() && raft_.all_have_copies() && can_cut(arc(), at);
}

void Replica::split(Position at) {
  HOPRING_CHECK(can_split(at));
  splits_at_ = at;
  raft_.propose(SplitArc{at});
}

void Replica::hand_lead_to(Now now, const PeerRef& to, GroupOutbox& out) {
  RaftOutbox sent;
  raft_.hand_lead_to(now, to, sent);
  after_input(now, sent, out);
}

// Inputs.

void Replica::on_message(Now now, const PeerRef& from, RaftMessage&& message, GroupOutbox& out) {
  RaftOutbox sent;
  raft_.on_message(now, from, std::move(message), sent);
  after_input(now, sent, out);
}

HeartbeatAnswer Replica::on_heartbeat(Now now, const PeerRef& from, const Heartbeat& heartbeat,
                                      GroupOutbox& out) {
  const HeartbeatAnswer answer = raft_.on_heartbeat(now, from, heartbeat);
  if (answer.promised) heard_at_ = now.monotonic;
  if (has(PlantedBug::follower_expires)) expire_by_own_clock(now);
  RaftOutbox sent;
  after_input(now, sent, out);
  return answer;
}

void Replica::on_heartbeat_answer(Now now, const PeerRef& from, const HeartbeatAnswer& answer,
                                  Time sent_at, GroupOutbox& out) {
  RaftOutbox sent;
  raft_.on_heartbeat_answer(now, from, answer, sent_at, sent);
  after_input(now, sent, out);
}

void Replica::on_deadline(Now now, GroupOutbox& out) {
  RaftOutbox sent;
  raft_.on_deadline(now, sent);
  after_input(now, sent, out);
}

void Replica::stand_soon(Now now, GroupOutbox& out) {
  RaftOutbox sent;
  raft_.stand_soon(now, sent);
  after_input(now, sent, out);
}

void Replica::ask_whether_member(Now now, const PeerRef& to, GroupOutbox& out) {
  RaftOutbox sent;
  raft_.ask_whether_member(now, to, sent);
  after_input(now, sent, out);
}

void Replica::wake(Now now, GroupOutbox& out) {
  heard_at_ = now.monotonic;
  raft_.wake(now);
  ask_whether_member(now, out);
}

void Replica::ask_whether_member(Now now, GroupOutbox& out) {
  RaftOutbox sent;
  for_each_voter(raft_.roster(),
                 [&](const Voter& voter) { raft_.ask_whether_member(now, voter.peer, sent); });
  after_input(now, sent, out);
}

void Replica::flush(Now now, GroupOutbox& out) {
  RaftOutbox sent;
  raft_.flush(now, sent);
  after_input(now, sent, out);
}

void Replica::end_waiting(GroupOutbox& out) {
  held_.end(out);
  if (waiters_.empty()) return;
  for (const Waiter& each : std::exchange(waiters_, {})) {
    const OpError error = each.get ? OpError::moving : OpError::unknown;
    out.push_back(Answered{each.waiter, error_result(error)});
  }
}

void Replica::after_input(Now now, RaftOutbox& sent, GroupOutbox& out) {
  send_all(sent, out);
  const bool was_primary = std::exchange(was_primary_, raft_.is_primary());
  if (was_primary && !was_primary_) heard_at_ = now.monotonic;
  if (has(PlantedBug::primary_drops_results) && !was_primary && was_primary_) {
    results_ = ResultWindow(records_.pool(), options_->results_max);
  }
  if (!raft_.is_primary()) {
    splits_at_.reset();
    end_waiting(out);
    is_handing_over_ = false;
  }
  if (!raft_.is_primary() || raft_.can_change_members()) is_leaving_ = false;
  apply_committed(now, out);
  held_.release(raft_, out);
  if (!newer_.empty()) end_copying();
  is_removed_ = raft_.is_removed();
  update_hint();
  if (std::exchange(reads_again_, false)) flush(now, out);
}

// The state machine.

void Replica::apply_committed(Now now, GroupOutbox& out) {
  const std::uint64_t committed = raft_.committed();
  const std::uint64_t last = missing_ ? std::min(copied_at_, committed) : committed;
  while (!is_lost_ && raft_.applied() < last) {
    const std::uint64_t index = raft_.applied() + 1;
    const Entry& entry = raft_.entry(index);
    if (std::holds_alternative<SplitArc>(entry.command)) {
      end_copying();
      if (!is_complete()) return;
    }
    apply(now, entry, out);
    raft_.on_applied(index);
  }
}

void Replica::apply(Now now, const Entry& entry, GroupOutbox& out) {
  OpResult result;
  if (const auto* split = std::get_if<SplitArc>(&entry.command)) {
    apply_split(now, entry, split->at);
  } else if (const auto* change = std::get_if<ChangeRoster>(&entry.command)) {
    apply_roster(change->roster);
  } else if (key_in(entry.command) != nullptr) {
    apply_write(entry, result);
  } else if (!std::holds_alternative<Nothing>(entry.command)) {
    is_lost_ = true;
  }
  if (entry.as_of_ms > 0) results_.forget_old(entry.as_of_ms);
  answer(entry.index, result, out);
}

void Replica::apply_write(const Entry& entry, OpResult& result) {
  const std::string& key = *key_in(entry.command);
  const Position position = records_.position_of(key);
  if (!is_applicable(entry.command) || !contains(arc(), position)) {
    is_lost_ = true;
    return;
  }
  if (const auto before = recalled(entry)) {
    result = *before;
    return;
  }
  if (!is_here(position, entry.index)) {
    // It is executed elsewhere, and what has come of it will not be known here.
    remember(entry, error_result(OpError::unknown));
    return;
  }
  if (!std::holds_alternative<RemoveExpired>(entry.command)) {
    records_.remove_due(position, key, entry.as_of_ms);
  }
  OpResultSink sink;
  // It was let in by what memory was left: what others have taken since goes beyond the limit.
  if (records_.apply_at_any_cost(position, entry.command, sink) == Change::out_of_memory) {
    is_lost_ = true;  // the system has none
    sink.on_error(OpError::unknown);
  }
  result = std::move(sink.result);
  remember(entry, result);
}

// What to answer where the entry must not be executed. The window was read when those up to
// results_at_ had been applied; of them, none is executed here.
std::optional<OpResult> Replica::recalled(const Entry& entry) const {
  if (!entry.stamp || entry.index <= results_at_) return std::nullopt;
  if (has(PlantedBug::no_look_at_stamps)) return std::nullopt;
  if (auto result = results_.find(*entry.stamp)) return result;
  if (!results_.may_have_forgotten(*entry.stamp)) return std::nullopt;
  return error_result(OpError::stale_stamp);
}

void Replica::remember(const Entry& entry, const OpResult& result) {
  if (!entry.stamp || entry.index <= results_at_) return;
  if (has(PlantedBug::no_look_at_stamps) && results_.find(*entry.stamp)) return;
  results_.remember(*entry.stamp, entry.index, entry.as_of_ms, result);
}

// Both halves go on with the members of the whole. The lower one's order is a new one: nobody has
// promised or voted in it yet, and its voters are its first. But who does not answer for its vote
// in the whole has lost a copy: it may have had the half, too, and have voted there.
void Replica::apply_split(Now now, const Entry& entry, Position at) {
  splits_at_.reset();
  if (!can_cut(arc(), at) || lower_halves_.size() == halves_max) {
    is_lost_ = true;
    return;
  }
  ArcRecords upper = records_.split_off(at);
  view_.number = next(view_.number);
  View lower = view_;
  lower.arc.end = at;
  lower.term = 0;
  view_.arc.begin = at;
  Raft::Start start{entry.term, entry.index, entry.term, raft_.start_of_copy().roster};
  const Voter* self = hopring::find(start.roster, self_);
  const bool answers = self != nullptr && raft_.answers_for(*self);
  for (Voter& each : start.roster.voters) each.admitted = entry.index + 1;
  if (has(PlantedBug::split_forgets_member)) {
    start.roster.voters.resize(std::max<std::size_t>(start.roster.voters.size(), 2) - 1);
  }
  lower_halves_.push_back(
      std::make_unique<Replica>(*options_, self_, std::move(lower), std::move(start),
                                std::exchange(records_, std::move(upper)), rng_.fork(), now));
  if (!answers) lower_halves_.back()->raft_.disown(entry.index + 1);
  if (!has(PlantedBug::split_drops_results)) lower_halves_.back()->results_ = results_.copy();
  raft_.want_heartbeat();  // the others should have their lower halves soon, too
}

void Replica::apply_roster(const Roster& roster) {
  view_.number = next(view_.number);
  if (roster.is_joint()) return;
  view_.members.clear();
  for (const Voter& each : roster.voters) view_.members.push_back(each.peer);
}

// The first of those that wait for an entry has written it, the others read.
void Replica::answer(std::uint64_t index, const OpResult& result, GroupOutbox& out) {
  while (!waiters_.empty() && waiters_.front().index == index) {
    Waiter waiter = std::move(waiters_.front());
    waiters_.pop_front();
    if (waiter.get) {
      answer_read(std::move(waiter), out);
    } else {
      out.push_back(Answered{waiter.waiter, result, ArcMark{arc(), order_of(view_.number), index}});
    }
  }
}

void Replica::expire_by_own_clock(Now now) {
  std::vector<std::string> due;
  records_.for_each_due(now.wall, options_->sweep_segments_max, [&](const RecordView& record) {
    due.emplace_back(record.key);
    return true;
  });
  for (const std::string& key : due) {
    records_.remove_due(records_.position_of(key), key, now.wall.ms_since_epoch);
  }
}

// The primary, as far as is known, stands first among the members.
void Replica::update_hint() {
  const std::optional<PeerRef>& primary = raft_.primary();
  if (!primary || (view_.term == raft_.term() && primary_of(view_) == *primary)) return;
  const auto found = std::find(view_.members.begin(), view_.members.end(), *primary);
  if (found == view_.members.end()) return;
  std::rotate(view_.members.begin(), found, found + 1);
  view_.term = raft_.term();
}

}  // namespace hopring
