#include "peer/core/shard.hpp"

#include <utility>

#include "peer/core/membership.hpp"

namespace hopring {

GroupOptions group_options(const PeerOptions& options) {
  GroupOptions groups;
  groups.pool.bytes_max = options.memory_bytes_max / options.shards;
  groups.pool.keeps_ages = options.evicts;
  groups.pool.block_bytes = options.block_bytes;
  groups.moves_max = Membership::giving_max;
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
}

void Shard::on_each(Now now, EnterRing&& command, GroupOutbox& news) {
  on_each(now, LeaveRing{}, news);
  ring_ = command.ring;
  if (ring_.replicas == 1) {
    host_.emplace(self_, ring_.hash_key, options_, rng_.fork());
  } else {
    replicas_.emplace(self_, ring_.hash_key, options_, rng_.fork());
  }
}

void Shard::on_each(Now, LeaveRing&&, GroupOutbox&) {
  host_.reset();
  replicas_.reset();
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
  if (host_->has_copy(claim.arc)) ++claim.number.generation;
  host_->open(now, claim, news);
}

void Shard::on_each(Now now, DropArc&& command, GroupOutbox& news) {
  if (host_) host_->drop(now, command.lost, news);
}

void Shard::on_each(Now now, GiveArc&& command, GroupOutbox& news) {
  const bool given = host_ ? give(now, command, news) : give_copied(now, command, news);
  if (!given) news.push_back(MoveEnded{command.part, command.to, false});
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

// A cut takes its time where others must agree: whoever wants a part asks again when it is made.
bool Shard::give_copied(Now now, const GiveArc& command, GroupOutbox& news) {
  const Replica* replica = replicas_->find(command.end);
  if (replica == nullptr || !replica->leads() || replica->arc().end != command.end) return false;
  if (command.part != command.end) {
    (void)replicas_->split(now, command.end, middle(replica->arc()), news);
    replica = replicas_->find(command.part);
    if (replica == nullptr || !replica->leads() || replica->arc().end != command.part) return false;
  }
  Members members = replica->view().members;
  if (!is_member(replica->view(), command.to)) {
    if (members.size() >= ring_.replicas) {
      erase_if(members, [&](const PeerRef& each) { return each == self_; });
    }
    members.push_back(command.to);
  }
  return replicas_->change(now, command.part, members, command.to, news);
}

void Shard::on_each(Now now, SetMembers&& command, GroupOutbox& news) {
  if (!replicas_) return;
  const Members members(command.members.begin(), command.members.end());
  (void)replicas_->change(now, command.end, members, std::nullopt, news);
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
                               OpResult& result, View* view, GroupOutbox& news) {
  OpResultSink sink;
  ReplicaHost::Execution executed;
  if (host_) executed.view = host_->execute(now, operation, sink, news);
  if (replicas_) executed = replicas_->execute(now, operation, asked, sink, news);
  if (executed.view == nullptr) return Executed::unserved;
  if (view != nullptr) *view = *executed.view;
  if (executed.is_pending) return Executed::pending;
  result = std::move(sink.result);
  return Executed::answered;
}

const View* Shard::scan(Now now, const Scan& scan, ScanStep& step, GroupOutbox& news) {
  if (host_) return host_->scan(now, scan, step, news);
  return replicas_ ? replicas_->scan(now, scan, step, news) : nullptr;
}

std::size_t Shard::transfers() const {
  if (host_) return host_->transfers();
  return replicas_ ? replicas_->transfers() : 0;
}

ShardStatus Shard::status(std::uint32_t index) const {
  ShardStatus status;
  status.shard = index;
  if (!is_in_ring()) return status;
  status.ring_id = ring_.ring_id;
  for_each_arc([&](const View& view, std::uint64_t keys, std::uint64_t bytes) {
    status.arcs.push_back({view.arc.end, keys, bytes});
  });
  status.transfers = transfers();
  if (host_) status.counters = host_->counters();
  status.table_bytes = host_ ? host_->resident_bytes() : replicas_->resident_bytes();
  return status;
}

ShardNews Shard::news(std::uint32_t index, GroupOutbox&& news) const {
  ShardNews told;
  told.shard = index;
  told.news = std::move(news);
  if (!is_in_ring()) return told;
  told.ring_id = ring_.ring_id;
  told.transfers = transfers();
  for (const GroupEffect& effect : told.news) {
    const auto* opened = std::get_if<ArcOpened>(&effect);
    const auto* changed = std::get_if<ArcChanged>(&effect);
    if (opened == nullptr && changed == nullptr) continue;
    const Position end = (opened != nullptr ? opened->view : changed->view).arc.end;
    const GroupTotals totals = totals_of(end);
    told.sizes.push_back({end, totals.keys, totals.bytes});
  }
  return told;
}

GroupTotals Shard::totals_of(Position end) const {
  if (host_) return host_->totals_of(end);
  const Replica* replica = replicas_->find(end);
  if (replica == nullptr || !replica->leads()) return {};
  return {1, replica->size(), replica->bytes()};
}

void Shard::on_deadline(Now now, GroupOutbox& news) {
  if (host_) host_->on_deadline(now, news);
  if (replicas_) replicas_->on_deadline(now, news);
}

Time Shard::next_deadline() const {
  if (host_) return host_->next_deadline();
  return replicas_ ? replicas_->next_deadline() : Time::never();
}

}  // namespace hopring
