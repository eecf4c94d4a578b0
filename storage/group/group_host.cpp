#include "storage/group/group_host.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "storage/group/arc_search.hpp"
#include "storage/group/reads_together.hpp"

namespace hopring {

GroupHost::GroupHost(const PeerRef& self, const HashKey& hash_key, const GroupOptions& options,
                     Rng rng)
    : self_(self), hash_(hash_key), options_(options), rng_(rng), pool_(options.pool) {
  HOPRING_CHECK(!problem(options));
}

Group* GroupHost::served_at(Position position) const noexcept {
  const Served* const found =
      first_not_before(served_, position, [](const Served& each) { return each.end; });
  if (found == served_.data() + served_.size() || !contains(found->group->view().arc, position))
    return nullptr;
  return found->group.get();
}

Group* GroupHost::served_ending_at(Position end) const noexcept {
  Group* group = served_at(end);
  return group != nullptr && group->view().arc.end == end ? group : nullptr;
}

GroupCounters& GroupCounters::operator+=(const GroupCounters& other) {
  moves_begun += other.moves_begun;
  moves_done += other.moves_done;
  moves_given_up += other.moves_given_up;
  arcs_received += other.arcs_received;
  offers_refused += other.offers_refused;
  learners_given_up += other.learners_given_up;
  copies_begun += other.copies_begun;
  copies_done += other.copies_done;
  copies_given_up += other.copies_given_up;
  copy_bytes_sent += other.copy_bytes_sent;
  copies_used += other.copies_used;
  splits += other.splits;
  records_expired += other.records_expired;
  records_evicted += other.records_evicted;
  records_dropped += other.records_dropped;
  arcs_repaired += other.arcs_repaired;
  return *this;
}

bool GroupHost::serves_part_of(const Arc& arc) const {
  return std::any_of(served_.begin(), served_.end(),
                     [&](const Served& each) { return overlaps(each.group->view().arc, arc); });
}

void GroupHost::serve(std::unique_ptr<Group> group, GroupOutbox& out) {
  const View& view = group->view();
  HOPRING_CHECK(primary_of(view) == self_);
  HOPRING_CHECK(!serves_part_of(view.arc));
  out.push_back(ArcOpened{view});
  const Position end = view.arc.end;
  const auto after = std::find_if(served_.begin(), served_.end(),
                                  [&](const Served& each) { return each.end > end; });
  served_.insert(after, Served{end, std::move(group)});
}

std::unique_ptr<Group> GroupHost::stop_serving(Position end) {
  const auto found = std::find_if(served_.begin(), served_.end(),
                                  [&](const Served& each) { return each.end == end; });
  HOPRING_CHECK(found != served_.end());
  std::unique_ptr<Group> group = std::move(found->group);
  served_.erase(found);
  counters_.records_expired += group->records_expired();
  counters_.records_evicted += group->records_evicted();
  return group;
}

void GroupHost::open(Now, const View& view, GroupOutbox& out) {
  HOPRING_CHECK(!serves_part_of(view.arc));
  std::optional<Copy> copy = take_copy(view.arc, out);
  if (!copy) {
    serve(std::make_unique<Group>(options_, view, Group::Progress{},
                                  ArcRecords(pool_, hash_, view.arc)),
          out);
    return;
  }
  ++counters_.copies_used;
  const std::uint64_t records = copy->records.size();
  serve(std::make_unique<Group>(options_, view, copy->progress, std::move(copy->records)), out);
  std::get<ArcOpened>(out.back()).copied = records;
}

void GroupHost::drop(Now, const Arc& arc, GroupOutbox& out) {
  if (!is_whole_ring(arc)) {
    cut_back(arc.begin, arc, out);
    cut_back(arc.end, arc, out);
  }
  std::vector<Position> lost;
  for (const Served& each : served_) {
    if (covers(arc, each.group->view().arc)) lost.push_back(each.end);
  }
  for (const Position end : lost) lose(end, out);
  drop_copies(arc, out);
}

// If `at` is a boundary of the lost positions inside a served arc, cuts that arc there.
void GroupHost::cut_back(Position at, const Arc& lost, GroupOutbox& out) {
  Group* group = served_at(at);
  if (group == nullptr || !overlaps(group->view().arc, lost)) return;
  if (!can_cut(group->view().arc, at)) return;
  if (Move* move = move_of(*group)) give_up(*move, out);
  cut(*group, at, out);
}

void GroupHost::lose(Position end, GroupOutbox& out) {
  if (Move* move = move_of(*served_ending_at(end))) give_up(*move, out);
  const std::unique_ptr<Group> group = stop_serving(end);
  counters_.records_dropped += group->size();
  out.push_back(ArcLost{group->view(), group->size()});
}

bool GroupHost::split(Position end, Position at, GroupOutbox& out) {
  Group* group = served_ending_at(end);
  if (group == nullptr || !group->can_split(at)) return false;
  if (served_.size() >= options_.arcs_max) return false;
  ++counters_.splits;
  cut(*group, at, out);
  return true;
}

void GroupHost::cut(Group& group, Position at, GroupOutbox& out) {
  std::unique_ptr<Group> lower = group.split(at);
  out.push_back(ArcChanged{group.view()});
  serve(std::move(lower), out);
}

const View* GroupHost::execute(Now now, const Operation& operation, ResultSink& sink,
                               GroupOutbox& out) {
  const Position position{hash_(key_of(operation))};
  Group* group = served_at(position);
  if (group == nullptr) return nullptr;
  Change change = group->execute(now, position, operation, sink);
  if (change == Change::out_of_memory && options_.pool.keeps_ages) {
    change = execute_evicting({now, *group, position, operation, sink}, out);
  }
  if (change == Change::out_of_memory) sink.on_error(OpError::out_of_memory);
  appended(now, *group, out);
  return &group->view();
}

void GroupHost::expect(std::span<const std::string_view> keys) const {
  expect_each(hash_, keys, [this](Position position) { return served_at(position); });
}

std::size_t GroupHost::try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink) {
  return try_read_each(now, hash_, keys, sink,
                       [this](Position position) { return served_at(position); });
}

const View* GroupHost::scan(Now now, const Scan& scan, ScanStep& step, GroupOutbox& out) {
  Group* group = served_at(scan.cursor.position);
  if (group == nullptr) return nullptr;
  step = group->scan(now, scan);
  appended(now, *group, out);
  return &group->view();
}

const View* GroupHost::find(Position position) const noexcept {
  const Group* group = served_at(position);
  return group == nullptr ? nullptr : &group->view();
}

void GroupHost::sweep(Now now, GroupOutbox& out) {
  sweep_at_ = now.monotonic + options_.sweep_interval;
  std::size_t room = options_.sweep_records_max;
  for (std::size_t i = 0; i < served_.size(); ++i) {
    next_swept_ = next_swept_ < served_.size() ? next_swept_ : 0;
    Group& group = *served_[next_swept_].group;
    room -= group.sweep(now, room);
    appended(now, group, out);
    if (room == 0) {
      sweep_at_ = now.monotonic + options_.sweep_pause;
      return;
    }
    ++next_swept_;
  }
}

GroupTotals GroupHost::totals_of(Position end) const {
  const Group* group = served_ending_at(end);
  return group != nullptr ? GroupTotals{1, group->size(), group->bytes()} : GroupTotals{};
}

GroupTotals GroupHost::totals() const {
  GroupTotals totals;
  for_each_arc([&](const View&, std::uint64_t keys, std::uint64_t bytes) {
    ++totals.arcs;
    totals.keys += keys;
    totals.bytes += bytes;
  });
  return totals;
}

GroupCounters GroupHost::counters() const {
  GroupCounters counters = counters_;
  for (const Served& each : served_) {
    counters.records_expired += each.group->records_expired();
    counters.records_evicted += each.group->records_evicted();
  }
  return counters;
}

void GroupHost::audit() const {
  for (std::size_t i = 0; i < served_.size(); ++i) {
    const View& view = served_[i].group->view();
    HOPRING_CHECK(view.arc.end == served_[i].end);
    HOPRING_CHECK(view.members == Members{self_});
    HOPRING_CHECK(served_[i].group->phase() != Group::Phase::handed_over);
    HOPRING_CHECK(i == 0 || served_[i - 1].end <= view.arc.begin);
    served_[i].group->audit();
  }
  for (const auto& move : moves_) {
    const bool committed = move->source.phase() == TransferSource::Phase::awaiting_serving;
    HOPRING_CHECK(!move->source.is_over());
    HOPRING_CHECK(committed == (move->kept != nullptr));
    HOPRING_CHECK(committed == (move->group->phase() == Group::Phase::handed_over));
  }
}

}  // namespace hopring
