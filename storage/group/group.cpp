#include "storage/group/group.hpp"

#include <utility>

#include "base/check.hpp"
#include "storage/group/walks.hpp"

namespace hopring {
namespace {

template <class Write>
Write with_expiry(Write write, const Expiry& expiry) {
  write.expiry = expiry;
  return write;
}

}  // namespace

Group::Group(const GroupOptions& options, View view, Progress progress, ArcRecords records)
    : options_(&options),
      view_(std::move(view)),
      progress_(progress),
      records_(std::move(records)),
      tail_(options.tail_bytes_max, options.tail_entries_max) {
  HOPRING_CHECK(view_.members.size() == 1);
  HOPRING_CHECK(is_straight(view_.arc));
}

template <class MakeCommand>
void Group::append(MakeCommand&& make_command) {
  ++progress_.index;
  if (tail_.is_kept()) tail_.push(Entry{progress_.index, progress_.term, make_command()});
}

template <class MakeCommand>
Change Group::append_if_made(Change change, MakeCommand&& make_command) {
  if (change == Change::made) append(make_command);
  return change;
}

Change Group::execute(Now now, Position position, const Operation& operation, ResultSink& sink) {
  HOPRING_CHECK(phase_ != Phase::handed_over);
  return std::visit([&](const auto& each) { return execute_one(now, position, each, sink); },
                    operation);
}

std::optional<RecordView> Group::find(Position position, std::string_view key) {
  return options_->pool.keeps_ages ? records_.find_and_mark(position, key)
                                   : records_.find(position, key);
}

bool Group::try_read(Now now, Position position, std::string_view key, ResultSink& sink) {
  return tell_unless_due(find(position, key), now.wall, sink);
}

Change Group::execute_one(Now now, Position position, const Get& get, ResultSink& sink) {
  const std::optional<RecordView> found = find(position, get.key);
  if (tell_unless_due(found, now.wall, sink)) return Change::none;
  if (refuses_write(sink)) return Change::none;
  propose_removal(position, {get.key, found->expiry_ms});
  sink.on_outcome(Outcome::not_found);
  return Change::none;
}

Change Group::execute_one(Now now, Position position, const Put& put, ResultSink& sink) {
  if (refuses_write(sink)) return Change::none;
  // What replaces a record without looking at it need not know whether it was due.
  if (put.condition != PutCondition::always || put.expiry.kind == Expiry::Kind::keep) {
    remove_if_due(now, position, put.key);
  }
  const Expiry expiry = absolute(put.expiry, now.wall);
  return append_if_made(records_.put(position, put, expiry, sink),
                        [&] { return Command(with_expiry(put, expiry)); });
}

Change Group::execute_one(Now now, Position position, const Erase& erase, ResultSink& sink) {
  if (refuses_write(sink)) return Change::none;
  remove_if_due(now, position, erase.key);
  return append_if_made(records_.erase(position, erase, sink), [&] { return Command(erase); });
}

Change Group::execute_one(Now now, Position position, const CompareAndSet& operation,
                          ResultSink& sink) {
  if (refuses_write(sink)) return Change::none;
  remove_if_due(now, position, operation.key);
  const Expiry expiry = absolute(operation.expiry, now.wall);
  return append_if_made(records_.compare_and_set(position, operation, expiry, sink),
                        [&] { return Command(with_expiry(operation, expiry)); });
}

Change Group::execute_one(Now now, Position position, const Add& add, ResultSink& sink) {
  if (refuses_write(sink)) return Change::none;
  remove_if_due(now, position, add.key);
  return append_if_made(records_.add(position, add, sink), [&] { return Command(add); });
}

bool Group::refuses_write(ResultSink& sink) const {
  if (phase_ == Phase::serving) return false;
  sink.on_error(OpError::moving);
  return true;
}

void Group::remove_if_due(Now now, Position position, const std::string& key) {
  const std::optional<RecordView> found = records_.find(position, key);
  if (found && is_due(*found, now.wall)) propose_removal(position, {key, found->expiry_ms});
}

void Group::propose_removal(Position position, RemoveExpired command) {
  if (records_.remove_expired(position, command) != Change::made) return;
  ++records_expired_;
  append([&] { return Command(std::move(command)); });
}

// The entry is a plain Erase: whatever copy applies it has the record that was chosen here, since
// all that was written before stands before it.
std::optional<std::size_t> Group::evict(Position near, Position spared, std::string_view spared_key,
                                        std::size_t bytes_wanted) {
  if (phase_ != Phase::serving) return std::nullopt;
  const std::optional<RecordView> victim = records_.oldest(near, spared, spared_key, bytes_wanted);
  if (!victim) return std::nullopt;
  const Position position{victim->position};
  const std::size_t bytes = victim->key.size() + victim->value.size();
  Command command{Erase{std::string(victim->key)}};
  HOPRING_CHECK(records_.apply(position, command) == Change::made);
  ++records_evicted_;
  append([&] { return std::move(command); });
  return bytes;
}

ScanStep Group::scan(Now now, const Scan& scan) {
  std::vector<RemoveExpired> due;
  ScanStep step = scan_step(records_, view_.arc, now.wall, scan, options_->sweep_records_max, due);
  if (phase_ == Phase::serving) {
    for (RemoveExpired& each : due) propose_removal(records_.position_of(each.key), each);
  }
  return step;
}

std::size_t Group::sweep(Now now, std::size_t records_max) {
  if (phase_ != Phase::serving) return 0;
  std::vector<RemoveExpired> due;
  records_.for_each_due(now.wall, options_->sweep_segments_max, [&](const RecordView& record) {
    due.push_back({std::string(record.key), record.expiry_ms});
    return due.size() < records_max;
  });
  for (RemoveExpired& each : due) propose_removal(records_.position_of(each.key), each);
  return due.size();
}

bool Group::can_split(Position at) const noexcept {
  return phase_ == Phase::serving && !tail_.is_kept() && can_cut(view_.arc, at);
}

std::unique_ptr<Group> Group::split(Position at) {
  HOPRING_CHECK(can_split(at));
  append([&] { return Command(SplitArc{at}); });
  ArcRecords upper = records_.split_off(at);
  view_.number = next(view_.number);
  View lower_view = view_;
  lower_view.arc.end = at;
  view_.arc.begin = at;
  auto lower = std::make_unique<Group>(*options_, std::move(lower_view), progress_,
                                       std::exchange(records_, std::move(upper)));
  return lower;
}

Chunk Group::read_chunk(Position first, std::size_t bytes_max) const {
  return hopring::read_chunk(records_, view_.arc, progress_.index, first, bytes_max);
}

void Group::begin_handover(const PeerRef& to) {
  HOPRING_CHECK(phase_ == Phase::serving);
  HOPRING_CHECK(tail_.is_kept());
  next_view_ = view_;
  next_view_->number = next(view_.number);
  next_view_->members = {to};
  append([&] { return Command(ChangeView{*next_view_}); });
  phase_ = Phase::switching;
}

void Group::commit_handover() {
  HOPRING_CHECK(phase_ == Phase::switching);
  view_ = std::move(*next_view_);
  next_view_.reset();
  phase_ = Phase::handed_over;
}

void Group::take_back() {
  HOPRING_CHECK(phase_ == Phase::switching);
  // Higher than the number that the learner may have seen.
  view_.number = next(next_view_->number);
  next_view_.reset();
  append([&] { return Command(ChangeView{view_}); });
  phase_ = Phase::serving;
}

}  // namespace hopring
