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
        if (!std::is_same_v<Each, EnterRing> && !host_) return;
        on_each(now, std::forward<decltype(each)>(each), news);
      },
      std::move(command));
}

void Shard::on_each(Now, EnterRing&& command, GroupOutbox&) {
  ring_ = command.ring;
  host_.emplace(self_, ring_.hash_key, options_, rng_.fork());
  takes_writes_ = false;
}

void Shard::on_each(Now, LeaveRing&&, GroupOutbox&) {
  host_.reset();
  takes_writes_ = false;
}

void Shard::on_each(Now, TakeWrites&&, GroupOutbox&) { takes_writes_ = true; }

void Shard::on_each(Now now, OpenArc&& command, GroupOutbox& news) {
  host_->open(now, command.view, news);
}

void Shard::on_each(Now now, TakeOverArc&& command, GroupOutbox& news) {
  View& claim = command.claim;
  if (host_->serves_part_of(claim.arc)) return;
  if (host_->has_copy(claim.arc)) ++claim.number.generation;
  host_->open(now, claim, news);
}

void Shard::on_each(Now now, DropArc&& command, GroupOutbox& news) {
  host_->drop(now, command.lost, news);
}

void Shard::on_each(Now now, GiveArc&& command, GroupOutbox& news) {
  bool sound = true;
  for (Position end = command.end; sound && end != command.part;) {
    const View* view = host_->find(end);
    const Position at = view != nullptr ? middle(view->arc) : end;
    sound = view != nullptr && host_->split(end, at, news);
    end = at;
  }
  if (sound && host_->move(now, command.part, command.to, news)) return;
  news.push_back(MoveEnded{command.part, command.to, false});
}

void Shard::on_each(Now now, PeerGone&& command, GroupOutbox& news) {
  host_->on_peer_gone(now, command.peer, news);
}

void Shard::on_each(Now now, FromPeer&& command, GroupOutbox& news) {
  host_->on_message(now, command.from, std::move(command.message), news);
}

bool Shard::execute(Now now, const Operation& operation, OpResult& result, View* view,
                    GroupOutbox& news) {
  if (!host_) return false;
  OpResultSink sink;
  const View* executed_in = host_->execute(now, operation, sink, news);
  if (executed_in == nullptr) return false;
  if (view != nullptr) *view = *executed_in;
  result = std::move(sink.result);
  return true;
}

ShardStatus Shard::status(std::uint32_t index) const {
  ShardStatus status;
  status.shard = index;
  if (!host_) return status;
  status.ring_id = ring_.ring_id;
  host_->for_each_arc([&](const View& view, std::uint64_t keys, std::uint64_t bytes) {
    status.arcs.push_back({view.arc.end, keys, bytes});
  });
  status.transfers = host_->transfers();
  status.counters = host_->counters();
  status.table_bytes = host_->resident_bytes();
  return status;
}

ShardNews Shard::news(std::uint32_t index, GroupOutbox&& news) const {
  ShardNews told;
  told.shard = index;
  told.news = std::move(news);
  if (!host_) return told;
  told.ring_id = ring_.ring_id;
  told.transfers = host_->transfers();
  for (const GroupEffect& effect : told.news) {
    const auto* opened = std::get_if<ArcOpened>(&effect);
    const auto* changed = std::get_if<ArcChanged>(&effect);
    if (opened == nullptr && changed == nullptr) continue;
    const Position end = (opened != nullptr ? opened->view : changed->view).arc.end;
    const GroupTotals totals = host_->totals_of(end);
    told.sizes.push_back({end, totals.keys, totals.bytes});
  }
  return told;
}

void Shard::on_deadline(Now now, GroupOutbox& news) {
  if (host_) host_->on_deadline(now, news);
}

Time Shard::next_deadline() const { return host_ ? host_->next_deadline() : Time::never(); }

}  // namespace hopring
