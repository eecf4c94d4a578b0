// The part of Replica that reads for clients.

#include <utility>

#include "storage/group/replica.hpp"
#include "storage/group/walks.hpp"

namespace hopring {
namespace {

// What the planted bug of that name does. The halves of an arc are as wide as each other.
void skip_upper_half(const Arc& arc, ScanStep& step) {
  const std::uint64_t width = width_minus_one(arc) + 1;
  const bool is_lower = ((arc.end.value + 1) & width) != 0;
  if (!is_lower || !step.next || contains(arc, step.next->position)) return;
  step.next = ScanCursor{advance(arc.end, width + 1), {}};
  if (step.next->position == Position{0}) step.next.reset();
}

}  // namespace

Replica::Executed Replica::read(Now now, Position position, const Get& get, const Asked& asked,
                                ResultSink& sink) {
  if (asked.after_writes && !waiters_.empty()) {
    waiters_.push_back({waiters_.back().index, asked.waiter, get, {}, {}, now.wall});
    return Executed::pending;
  }
  const std::optional<RecordView> found = find(position, get.key);
  if (tell_unless_due(found, now.wall, sink)) return Executed::answered;
  const Executed executed = propose(now, RemoveExpired{get.key, found->expiry_ms}, asked, sink);
  if (executed == Executed::pending) {
    waiters_.back().get = get;
    waiters_.back().came = now.wall;
  }
  return executed;
}

std::optional<RecordView> Replica::find(Position position, std::string_view key) {
  return options_->pool.keeps_ages ? records_.find_and_mark(position, key)
                                   : records_.find(position, key);
}

bool Replica::try_read(Now now, Position position, std::string_view key, ResultSink& sink) {
  if (!leads() || options_->reads_by_majority || !serves(now, position)) return false;
  return tell_unless_due(find(position, key), now.wall, sink);
}

// What is read now is told when a majority has confirmed that nobody else was primary by now.
Replica::Executed Replica::read_and_hold(Now now, Position position, const Get& get,
                                         const Asked& asked, ResultSink& sink) {
  if (!held_.has_room()) {
    sink.on_error(OpError::overloaded);
    return Executed::answered;
  }
  OpResultSink found;
  const Executed executed = read(now, position, get, asked, found);
  if (executed == Executed::answered && found.result.error) {
    sink.on_error(*found.result.error);
    return Executed::answered;
  }
  const Time round = held_.begin(raft_);
  if (executed == Executed::pending) {
    waiters_.back().round = round;
  } else {
    held_.hold(round, Answered{asked.waiter, std::move(found.result)});
  }
  return Executed::pending;
}

std::optional<Replica::Executed> Replica::scan(Now now, const Scan& scan, std::uint64_t waiter,
                                               ScanStep& step) {
  if (!raft_.may_serve(now)) return std::nullopt;
  std::vector<RemoveExpired> due;
  step = scan_step(records_, arc(), now.wall, scan, options_->sweep_records_max, due);
  remove_due(std::move(due));
  if (has(PlantedBug::scan_skips_upper_half)) skip_upper_half(arc(), step);
  if (!options_->reads_by_majority) return Executed::answered;
  held_.hold(held_.begin(raft_), Answered{waiter, OpResult{}});
  return Executed::pending;
}

// A read that has waited is told what is there now. What has fallen due meanwhile counts as there:
// it was not due when the read came. What was due then must go first, lest a later primary, whose
// clock may be behind, shows it.
void Replica::answer_read(Waiter&& waiter, GroupOutbox& out) {
  const std::string& key = waiter.get->key;
  const Position position = records_.position_of(key);
  const std::optional<RecordView> found = records_.find(position, key);
  OpResultSink sink;
  if (!tell_unless_due(found, waiter.came, sink)) {
    if (!splits_off(position) && raft_.has_room()) {
      waiter.index = raft_.propose(RemoveExpired{key, found->expiry_ms});
      waiters_.push_back(std::move(waiter));
      reads_again_ = true;
      return;
    }
    sink.on_error(raft_.has_room() ? OpError::moving : OpError::overloaded);
  }
  Answered answer{waiter.waiter, std::move(sink.result)};
  if (waiter.round) {
    held_.hold(*waiter.round, std::move(answer));
  } else {
    out.push_back(std::move(answer));
  }
}

}  // namespace hopring
