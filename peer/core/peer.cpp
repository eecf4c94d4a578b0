#include "peer/core/peer.hpp"

#include <algorithm>
#include <deque>

#include "base/check.hpp"
#include "peer/core/front.hpp"
#include "peer/core/shard.hpp"

namespace hopring {
namespace {

bool is_write(const Operation& operation) { return !std::holds_alternative<Get>(operation); }

GroupOptions group_options(const PeerOptions& options) {
  GroupOptions groups;
  groups.pool.bytes_max = options.memory_bytes_max / options.shards;
  groups.pool.block_bytes = options.block_bytes;
  groups.moves_max = Membership::giving_max;
  return groups;
}

OpAnswer refuse(OpError error) {
  OpResult result;
  result.error = error;
  return OpAnswer(std::move(result));
}

}  // namespace

struct Peer::Parts {
  Parts(Options options, Rng generator)
      : front(std::move(options), generator.fork()), rng(generator.fork()) {
    const PeerOptions& given = front.options();
    for (std::uint32_t i = 0; i < given.shards; ++i) {
      shards.push_back(std::make_unique<Shard>(given.self, group_options(given), rng.fork()));
    }
  }

  void look_at_sizes();
  void settle(Now now, Outbox& out);
  void carry_out(Now now, Front::ToShard&& each, Outbox& out);
  void on_news(Now now, GroupOutbox& news, Outbox& out);
  void put_on_way(Now now, std::variant<Front::ToShard, GroupOutbox> what);
  void arrive(Now now, Outbox& out);
  Shard& shard_at(Position position) { return *shards[front.shard_of(position)]; }
  OpAnswer execute(Now now, const Operation& operation, GroupOutbox& news, View* executed_in);
  ClientReplyMessage answer(Now now, const OpRequest& request, GroupOutbox& news);
  ClientReplyMessage answer(Now now, const BatchRequest& request, GroupOutbox& news);
  ClientReplyMessage answer(Now now, const ScanRequest& request, GroupOutbox& news);
  ClientReplyMessage answer(Now now, const ReportRequest& request, GroupOutbox& news);
  ReportReply report();

  struct OnWay {
    Time due;
    std::variant<Front::ToShard, GroupOutbox> what;
  };

  Front front;
  Rng rng;
  std::vector<std::unique_ptr<Shard>> shards;
  std::deque<OnWay> on_way;  // between front and shards, if that takes time; in order
};

Peer::Peer(Options options, Rng rng, Now)
    : parts_(std::make_unique<Parts>(std::move(options), rng)) {}

Peer::~Peer() = default;

const PeerRef& Peer::self() const { return parts_->front.options().self; }
const RingConfig* Peer::ring() const { return parts_->front.ring(); }
ReportReply Peer::report() const { return parts_->report(); }
bool Peer::settled() const { return parts_->front.settled(); }

bool Peer::is_moving(Position position) const {
  const ArcDirectory& arcs = parts_->front.directory();
  const ArcEntry* entry = arcs.holding(position);
  return entry != nullptr && arcs.is_moving(entry->view.arc.end);
}

std::vector<View> Peer::served() const {
  std::vector<View> views;
  for (const auto& shard : parts_->shards) {
    if (shard->host() == nullptr) continue;
    shard->host()->for_each_arc(
        [&](const View& view, std::uint64_t, std::uint64_t) { views.push_back(view); });
  }
  const auto before = [](const View& a, const View& b) { return a.arc.end < b.arc.end; };
  if (parts_->shards.size() > 1) std::sort(views.begin(), views.end(), before);
  return views;
}

// Inputs: the front's, and then whatever it and the shards have to say to each other.

void Peer::start(Now now, Outbox& out) {
  parts_->front.start(now, out);
  parts_->settle(now, out);
}

void Peer::on_connected(Now now, const PeerRef&, const PeerRef& actual, const RingConfig& ring,
                        Outbox& out) {
  parts_->front.on_connected(now, actual, ring, out);
  parts_->settle(now, out);
}

void Peer::on_message(Now now, const PeerRef& from, PeerMessage&& message, Outbox& out) {
  const auto* ring = std::get_if<RingMessage>(&message);
  if (ring != nullptr && std::holds_alternative<WantArc>(*ring)) parts_->look_at_sizes();
  parts_->front.on_message(now, from, std::move(message), out);
  parts_->settle(now, out);
}

void Peer::on_unreachable(Now now, const PeerRef& peer, Unreachable why, Outbox& out) {
  parts_->front.on_unreachable(now, peer, why, out);
  parts_->settle(now, out);
}

void Peer::on_stranger(Now now, const PeerRef& from, std::uint64_t ring_id, Outbox& out) {
  parts_->front.on_stranger(now, from, ring_id, out);
  parts_->settle(now, out);
}

void Peer::on_deadline(Now now, Outbox& out) {
  parts_->arrive(now, out);
  for (const auto& shard : parts_->shards) {
    if (shard->next_deadline() > now.monotonic) continue;
    GroupOutbox news;
    shard->on_deadline(now, news);
    parts_->on_news(now, news, out);
  }
  if (parts_->front.next_deadline() <= now.monotonic) {
    if (parts_->front.looks_at_sizes(now)) parts_->look_at_sizes();
    parts_->front.on_deadline(now, out);
  }
  parts_->settle(now, out);
}

Time Peer::next_deadline() const {
  Time next = parts_->front.next_deadline();
  if (next == Time::never()) return next;
  if (!parts_->on_way.empty()) next = std::min(next, parts_->on_way.front().due);
  for (const auto& shard : parts_->shards) next = std::min(next, shard->next_deadline());
  return next;
}

void Peer::leave(Now now, Outbox& out) {
  parts_->look_at_sizes();
  parts_->front.leave(now, out);
  parts_->settle(now, out);
}

void Peer::Parts::look_at_sizes() {
  ArcDirectory& arcs = front.directory();
  std::size_t transfers = 0;
  for (const auto& shard : shards) {
    if (shard->host() == nullptr) continue;
    shard->host()->for_each_arc([&](const View& view, std::uint64_t keys, std::uint64_t bytes) {
      arcs.set_size(view.arc.end, keys, bytes);
    });
    transfers += shard->host()->transfers();
  }
  arcs.set_transfers(transfers);
}

void Peer::Parts::settle(Now now, Outbox& out) {
  while (!front.commands().empty()) {
    std::vector<Front::ToShard> commands;
    commands.swap(front.commands());
    const bool at_once = front.options().shard_delay_max.count() == 0;
    for (Front::ToShard& each : commands) {
      if (at_once) {
        carry_out(now, std::move(each), out);
      } else {
        put_on_way(now, std::move(each));
      }
    }
  }
}

void Peer::Parts::carry_out(Now now, Front::ToShard&& each, Outbox& out) {
  GroupOutbox news;
  shards[each.shard]->on(now, std::move(each.command), news);
  on_news(now, news, out);
}

void Peer::Parts::on_news(Now now, GroupOutbox& news, Outbox& out) {
  if (news.empty()) return;
  if (front.options().shard_delay_max.count() == 0) return front.on_news(now, news, out);
  put_on_way(now, std::move(news));
}

void Peer::Parts::put_on_way(Now now, std::variant<Front::ToShard, GroupOutbox> what) {
  const auto delay_max = Duration(front.options().shard_delay_max).count();
  const Duration delay(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(delay_max))));
  const Time earliest = on_way.empty() ? now.monotonic : on_way.back().due;
  on_way.push_back(OnWay{std::max(earliest, now.monotonic + delay), std::move(what)});
}

void Peer::Parts::arrive(Now now, Outbox& out) {
  while (!on_way.empty() && on_way.front().due <= now.monotonic) {
    OnWay each = std::move(on_way.front());
    on_way.pop_front();
    if (auto* command = std::get_if<Front::ToShard>(&each.what)) {
      carry_out(now, std::move(*command), out);
    } else {
      front.on_news(now, std::get<GroupOutbox>(each.what), out);
    }
  }
}

// Clients.

OpAnswer Peer::Parts::execute(Now now, const Operation& operation, GroupOutbox& news,
                              View* executed_in) {
  const RingConfig* ring = front.ring();
  if (ring == nullptr) return refuse(OpError::unavailable);
  if (const auto error = problem(operation, ring->value_bytes_max)) return refuse(*error);
  if (is_write(operation)) {
    if (!front.takes_writes()) return refuse(OpError::moving);
    front.on_write();
  }
  const Position position = position_of(ring->hash_key, key_of(operation));
  OpResult result;
  if (shard_at(position).execute(now, operation, result, executed_in, news)) return result;
  return front.elsewhere(position);
}

ClientReplyMessage Peer::Parts::answer(Now now, const OpRequest& request, GroupOutbox& news) {
  OpReply reply;
  View view;
  reply.answer = execute(now, request.operation, news, &view);
  if (!view.members.empty()) reply.view = std::move(view);
  return reply;
}

ClientReplyMessage Peer::Parts::answer(Now now, const BatchRequest& request, GroupOutbox& news) {
  BatchReply reply;
  reply.answers.reserve(request.operations.size());
  for (const Operation& operation : request.operations) {
    View view;
    reply.answers.push_back(execute(now, operation, news, &view));
    if (view.members.empty()) continue;
    const bool told = std::find(reply.views.begin(), reply.views.end(), view) != reply.views.end();
    if (!told) reply.views.push_back(std::move(view));
  }
  return reply;
}

ClientReplyMessage Peer::Parts::answer(Now now, const ScanRequest& request, GroupOutbox& news) {
  const Scan& scan = request.scan;
  const bool sound = scan.records_max >= 1 && scan.records_max <= scan_records_max &&
                     scan.cursor.last_key.size() <= key_bytes_max &&
                     scan.prefix.size() <= key_bytes_max;
  if (!sound) return ErrorReply{OpError::invalid_argument};
  if (front.ring() == nullptr) return ErrorReply{OpError::unavailable};
  ScanReply reply;
  ScanStep step;
  GroupHost* host = shard_at(scan.cursor.position).host();
  const View* view = host != nullptr ? host->scan(now, scan, step, news) : nullptr;
  if (view != nullptr) {
    reply.answer = std::move(step);
    reply.view = *view;
  } else {
    reply.answer = front.elsewhere(scan.cursor.position);
  }
  return reply;
}

ClientReplyMessage Peer::Parts::answer(Now, const ReportRequest&, GroupOutbox&) { return report(); }

ClientReplyMessage Peer::answer(Now now, const ClientRequestMessage& request, Outbox& out) {
  Parts& p = *parts_;
  GroupOutbox news;
  ClientReplyMessage reply =
      std::visit([&](const auto& each) { return p.answer(now, each, news); }, request);
  p.on_news(now, news, out);
  p.settle(now, out);
  return reply;
}

ReportReply Peer::Parts::report() {
  look_at_sizes();
  ReportReply reply = front.report();
  if (front.ring() == nullptr) return reply;
  GroupCounters sum;
  std::size_t table_bytes = 0;
  for (const auto& shard : shards) {
    if (shard->host() == nullptr) continue;
    sum += shard->host()->counters();
    table_bytes += shard->host()->resident_bytes();
  }
  reply.counters.insert(reply.counters.end(), {{"moves_begun", sum.moves_begun},
                                               {"moves_done", sum.moves_done},
                                               {"moves_given_up", sum.moves_given_up},
                                               {"arcs_received", sum.arcs_received},
                                               {"copies_used", sum.copies_used},
                                               {"splits", sum.splits},
                                               {"records_expired", sum.records_expired},
                                               {"records_dropped", sum.records_dropped},
                                               {"table_bytes", table_bytes}});
  return reply;
}

}  // namespace hopring
