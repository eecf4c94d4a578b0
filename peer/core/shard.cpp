#include "peer/core/shard.hpp"

#include <algorithm>
#include <utility>

#include "base/count.hpp"
#include "peer/core/membership.hpp"

namespace hopring {

GroupOptions group_options(const PeerOptions& options) {
  GroupOptions groups;
  groups.pool.bytes_max = options.memory_bytes_max / options.shards;
  groups.pool.keeps_ages = options.evicts;
  groups.pool.block_bytes = options.block_bytes;
  if (options.copy_rate != 0) {
    groups.copy_rate = std::max<std::uint64_t>(options.copy_rate / options.shards, 1);
  } else {
    groups.copy_rate = 0;
  }
  groups.moves_max = Membership::giving_max;
  groups.raft.bug = options.bug;
  return groups;
}

void Shard::on(Now now, ShardCommand&& command, GroupOutbox& news) {
  std::visit(
      [&](auto&& each) {
        using Each = std::decay_t<decltype(each)>;
        if (!std::is_same_v<Each, EnterRing> && !is_in_ring()) return;
        on_each(now, std::forward<decltype(each)>(each), news);
      },
      std::move(command));
  go_on_cutting(now, news);
}

void Shard::on_each(Now now, EnterRing&& command, GroupOutbox& news) {
  on_each(now, LeaveRing{}, news);
  ring_ = command.ring;
  if (ring_.replicas == 1) {
    host_.emplace(self_, ring_.hash_key, options_, rng_.fork());
  } else {
    GroupOptions options = options_;
    options.reads_by_majority = ring_.reads == Reads::majority;
    replicas_.emplace(self_, ring_.hash_key, options, rng_.fork());
  }
}

void Shard::on_each(Now, LeaveRing&&, GroupOutbox&) {
  host_.reset();
  replicas_.reset();
  cuttings_.clear();
  takes_writes_ = false;
}

void Shard::on_each(Now, TakeWrites&&, GroupOutbox&) { takes_writes_ = true; }

void Shard::on_each(Now now, OpenArc&& command, GroupOutbox& news) {
  if (host_) {
    host_->open(now, command.view, news);
  } else {
    replicas_->open(now, command.view, news);
  }
}

// Where an arc has several copies its members see to it that it is served.
void Shard::on_each(Now now, TakeOverArc&& command, GroupOutbox& news) {
  View& claim = command.claim;
  if (!host_ || host_->serves_part_of(claim.arc)) return;
  if (!may_count_from(claim.number.generation)) return;
  if (host_->has_copy(claim.arc)) ++claim.number.generation;
  host_->open(now, claim, news);
}

void Shard::on_each(Now now, DropArc&& command, GroupOutbox& news) {
  if (host_) host_->drop(now, command.lost, news);
  if (replicas_) replicas_->drop(now, command.lost, command.to, news);
}

void Shard::on_each(Now now, GiveArc&& command, GroupOutbox& news) {
  if (replicas_) {
    cuttings_.push_back({command, now.monotonic + cutting_patience});
  } else if (!give(now, command, news)) {
    news.push_back(MoveEnded{command.part, command.to, false});
  }
}

bool Shard::give(Now now, const GiveArc& command, GroupOutbox& news) {
  for (Position end = command.end; end != command.part;) {
    const View* view = host_->find(end);
    if (view == nullptr) return false;
    const Position at = middle(view->arc);
    if (!host_->split(end, at, news)) return false;
    end = at;
  }
  return host_->move(now, command.part, command.to, news);
}

// A cut takes its time where others must agree: what is to be given is looked at after each input.
void Shard::go_on_cutting(Now now, GroupOutbox& news) {
  for (std::size_t i = 0; i < cuttings_.size();) {
    const Cutting each = cuttings_[i];
    const bool is_late = each.until <= now.monotonic;
    if (is_late) news.push_back(MoveEnded{each.gift.part, each.gift.to, false});
    if (is_late || give_copied(now, each.gift, news)) {
      cuttings_.erase(cuttings_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

// Has the move begun, or ended? Otherwise it may be cut by one more step.
bool Shard::give_copied(Now now, const GiveArc& gift, GroupOutbox& news) {
  const Replica* replica = replicas_->find(gift.part);
  if (replica == nullptr || !replica->leads()) return false;
  if (replica->arc().end != gift.part) {
    (void)replicas_->split(now, replica->arc().end, middle(replica->arc()), news);
    return false;
  }
  Members members = replica->view().members;
  auto goal = ReplicaHost::Goal::copies;
  if (!is_member(replica->view(), gift.to)) {
    if (members.size() >= ring_.replicas) {
      if (!gift.is_leaving && crowds(members, self_, gift.to)) {  // they have changed since
        news.push_back(MoveEnded{gift.part, gift.to, false});
        return true;
      }
      erase_if(members, [&](const PeerRef& each) { return each == self_; });
      if (!gift.is_leaving) goal = ReplicaHost::Goal::balance;
    }
    members.push_back(gift.to);
  }
  return replicas_->change(now, gift.part, members, gift.to, news, goal);
}

void Shard::on_each(Now now, SetMembers&& command, GroupOutbox& news) {
  if (!replicas_) return;
  const Members members(command.members.begin(), command.members.end());
  const auto goal = command.for_balance ? ReplicaHost::Goal::balance : ReplicaHost::Goal::copies;
  if (replicas_->change(now, command.end, members, std::nullopt, news, goal)) return;
  const Replica* replica = replicas_->find(command.end);
  const auto newcomer = std::find_if(members.begin(), members.end(), [&](const PeerRef& each) {
    return replica != nullptr && !is_member(replica->view(), each);
  });
  const PeerRef to = newcomer != members.end() ? *newcomer : PeerRef{};
  news.push_back(MoveEnded{command.end, to, false});
}

void Shard::on_each(Now now, AskPrimary&& command, GroupOutbox& news) {
  if (replicas_) replicas_->ask_whether_member(now, command.end, command.served, news);
}

void Shard::on_each(Now now, PeerGone&& command, GroupOutbox& news) {
  if (host_) host_->on_peer_gone(now, command.peer, news);
  if (replicas_) replicas_->on_peer_gone(now, command.peer, news);
}

void Shard::on_each(Now now, FromPeer&& command, GroupOutbox& news) {
  if (host_) host_->on_message(now, command.from, std::move(command.message), news);
  if (replicas_) replicas_->on_message(now, command.from, std::move(command.message), news);
}

Shard::Executed Shard::execute(Now now, const Operation& operation, const Replica::Asked& asked,
                               ResultSink& sink, Told told, GroupOutbox& news) {
  ReplicaHost::Execution executed;
  if (host_) executed.view = host_->execute(now, operation, sink, news);
  if (replicas_) executed = replicas_->execute(now, operation, asked, sink, news);
  if (executed.view == nullptr) return Executed::unserved;
  if (told.view != nullptr) *told.view = executed.view;
  if (told.mark != nullptr) *told.mark = executed.mark;
  return executed.is_pending ? Executed::pending : Executed::answered;
}

void Shard::expect(std::span<const std::string_view> keys) const {
  if (host_) host_->expect(keys);
  if (replicas_) replicas_->expect(keys);
}

std::size_t Shard::try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink) {
  if (host_) return host_->try_read(now, keys, sink);
  return replicas_ ? replicas_->try_read(now, keys, sink) : 0;
}

ReplicaHost::Execution Shard::scan(Now now, const Scan& scan, std::uint64_t waiter, ScanStep& step,
                                   GroupOutbox& news) {
  if (replicas_) return replicas_->scan(now, scan, waiter, step, news);
  return {host_ ? host_->scan(now, scan, step, news) : nullptr, false, {}};
}

std::size_t Shard::transfers() const {
  if (host_) return host_->transfers();
  return replicas_ ? replicas_->transfers() : 0;
}

// One that is not complete has no size that counts, but may be an orphan, too.
void Shard::add_copies(Now now, ShardStatus& status) const {
  for (const auto& each : replicas_->replicas()) {
    if (each->leads()) continue;
    const bool is_orphan = each->is_orphan(now);
    const std::uint64_t keys = is_orphan ? each->size_at_most() : each->size();
    if (each->is_complete() || is_orphan) {
      status.arcs.push_back({each->arc().end, keys, each->bytes()});
      status.arcs.back().is_orphan = is_orphan;
    }
    if (status.copies.size() == copies_reported_max) {
      ++status.copies_left_out;
      continue;
    }
    const Raft::Ballot ballot = each->raft().ballot();
    status.copies.push_back({each->view(), keys, each->is_complete(), ballot.stands, is_orphan,
                             ballot.last_term, ballot.last_index, ballot.begun_at,
                             each->raft().roster()});
  }
}

ShardStatus Shard::status(Now now, std::uint32_t index) const {
  ShardStatus status;
  status.shard = index;
  if (!is_in_ring()) return status;
  status.ring_id = ring_.ring_id;
  for_each_arc([&](const View& view, std::uint64_t, std::uint64_t) {
    status.arcs.push_back(size_of(now, view.arc.end));
  });
  if (replicas_) add_copies(now, status);
  if (replicas_) status.room = replicas_->room();
  status.transfers = transfers();
  status.counters = host_ ? host_->counters() : replicas_->counters();
  status.table_bytes = host_ ? host_->resident_bytes() : replicas_->resident_bytes();
  return status;
}

ShardNews Shard::news(Now now, std::uint32_t index, GroupOutbox&& news) const {
  ShardNews told;
  told.shard = index;
  told.news = std::move(news);
  if (!is_in_ring()) return told;
  told.ring_id = ring_.ring_id;
  told.transfers = transfers();
  for (const GroupEffect& effect : told.news) {
    const View* view = nullptr;
    if (const auto* opened = std::get_if<ArcOpened>(&effect)) view = &opened->view;
    if (const auto* changed = std::get_if<ArcChanged>(&effect)) view = &changed->view;
    if (const auto* followed = std::get_if<ArcFollowed>(&effect)) view = &followed->view;
    if (view == nullptr) continue;
    told.sizes.push_back(size_of(now, view->arc.end));
  }
  return told;
}

ArcSize Shard::size_of(Now now, Position end) const {
  if (host_) {
    const GroupTotals totals = host_->totals_of(end);
    return {end, totals.keys, totals.bytes};
  }
  const Replica* replica = replicas_->find(end);
  if (replica == nullptr || replica->arc().end != end) return {end};
  ArcSize size{end, replica->size(), replica->bytes()};
  if (replica->leads()) {
    size.copies = static_cast<std::uint32_t>(replica->raft().copies(now));
    size.silent = replica->raft().silent_voters(now, options_.member_silence_max);
  }
  return size;
}

Repaired Shard::repair(Now now, const Repair& repair, GroupOutbox& news) {
  if (!replicas_) return {RepairRefusal::one_copy};
  const bool is_arc = is_straight(repair.arc) && is_in_one_cell(repair.arc, ring_.nodes_per_peer);
  if (!is_arc) return {RepairRefusal::no_arc};
  return replicas_->repair(now, repair, news);
}

void Shard::on_deadline(Now now, GroupOutbox& news) {
  if (host_) host_->on_deadline(now, news);
  if (replicas_) replicas_->on_deadline(now, news);
  go_on_cutting(now, news);
}

Time Shard::next_deadline() const {
  if (host_) return host_->next_deadline();
  Time next = replicas_ ? replicas_->next_deadline() : Time::never();
  for (const Cutting& each : cuttings_) next = std::min(next, each.until);
  return next;
}

}  // namespace hopring
