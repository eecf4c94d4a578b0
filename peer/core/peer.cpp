#include "peer/core/peer.hpp"

#include <algorithm>
#include <deque>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "peer/core/desk.hpp"
#include "peer/core/front.hpp"
#include "peer/core/shard.hpp"

namespace hopring {

struct Peer::Parts {
  Parts(Options options, Rng generator)
      : front(std::move(options), generator.fork()), rng(generator.fork()) {
    const PeerOptions& given = front.options();
    for (std::uint32_t i = 0; i < given.shards; ++i) {
      shards.push_back(std::make_unique<Shard>(given.self, group_options(given), rng.fork()));
      desks.push_back(std::make_unique<Desk>(*shards[i], i, given.shards));
    }
    deadlines.resize(given.shards, Time::never());
  }

  using Message = std::variant<Front::ToShard, ShardNews, FrontNote, ToDesk>;
  struct OnWay {
    Time due;
    Message message;
  };

  void look_at_sizes(Now now);
  void ask_for_deadline(std::uint32_t shard) {
    deadlines[shard] = shards[shard]->next_deadline();
    shards_deadline = *std::min_element(deadlines.begin(), deadlines.end());
  }
  void post(Now now, Message&& message);
  // After each call of the shard or its desk.
  void post_all(Now now, std::uint32_t shard, DeskOutbox& from);
  // Delivers what is due, and what that leads to at once.
  void settle(Now now, Outbox& out);
  void deliver(Now now, Front::ToShard&& command, Outbox&);
  void deliver(Now now, ShardNews&& news, Outbox& out) { front.on_news(now, std::move(news), out); }
  void deliver(Now now, FrontNote&& note, Outbox& out);
  void deliver(Now now, ToDesk&& to, Outbox&);

  Front front;
  Rng rng;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::unique_ptr<Desk>> desks;
  std::vector<Time> deadlines;  // the shards'
  Time shards_deadline = Time::never();
  std::vector<SendReply> replies;
  std::deque<OnWay> on_way;  // between front, shards and desks; in order
};

Peer::Peer(Options options, Rng rng, Now)
    : parts_(std::make_unique<Parts>(std::move(options), rng)) {}

Peer::~Peer() = default;

const PeerRef& Peer::self() const { return parts_->front.options().self; }
const RingConfig* Peer::ring() const { return parts_->front.ring(); }

ReportReply Peer::report(Now now) const {
  parts_->look_at_sizes(now);
  return parts_->front.report();
}

std::vector<SendReply>& Peer::replies() { return parts_->replies; }
bool Peer::settled() const { return parts_->front.settled(); }

bool Peer::is_moving(Position position) const {
  const ArcDirectory& arcs = parts_->front.directory();
  const ArcEntry* entry = arcs.holding(position);
  return entry != nullptr && arcs.is_moving(entry->view.arc.end);
}

bool Peer::has_copy_of(Position position) const {
  return std::any_of(parts_->shards.begin(), parts_->shards.end(), [&](const auto& shard) {
    if (shard->replicas() != nullptr) return shard->replicas()->find(position) != nullptr;
    return shard->host() != nullptr && shard->host()->has_copy_of(position);
  });
}

std::vector<const View*> Peer::served_now() const {
  std::vector<const View*> views;
  for (const auto& shard : parts_->shards) {
    shard->for_each_arc(
        [&](const View& view, std::uint64_t, std::uint64_t) { views.push_back(&view); });
  }
  return views;
}

std::vector<const Replica*> Peer::copies_now() const {
  std::vector<const Replica*> copies;
  for (const auto& shard : parts_->shards) {
    if (shard->replicas() == nullptr) continue;
    for (const auto& each : shard->replicas()->replicas()) copies.push_back(each.get());
  }
  return copies;
}

std::vector<View> Peer::served() const {
  std::vector<View> views;
  for (const View* view : served_now()) views.push_back(*view);
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
  if (ring != nullptr && std::holds_alternative<WantArc>(*ring)) parts_->look_at_sizes(now);
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

void Peer::on_request(Now now, const Ticket& asker, ClientRequestMessage&& request, Outbox& out) {
  const auto desk = static_cast<std::uint32_t>(asker.connection % parts_->desks.size());
  DeskOutbox from;
  auto reply = parts_->desks[desk]->on_request(now, asker, std::move(request), from);
  if (reply) parts_->replies.push_back(SendReply{asker, std::move(*reply)});
  parts_->post_all(now, desk, from);
  parts_->settle(now, out);
}

void Peer::on_deadline(Now now, Outbox& out) {
  parts_->settle(now, out);
  for (std::uint32_t i = 0; i < parts_->shards.size(); ++i) {
    if (parts_->deadlines[i] > now.monotonic) continue;
    DeskOutbox from;
    parts_->shards[i]->on_deadline(now, from.news);
    parts_->post_all(now, i, from);
  }
  if (parts_->front.next_deadline() <= now.monotonic) {
    if (parts_->front.looks_at_sizes(now)) parts_->look_at_sizes(now);
    parts_->front.on_deadline(now, out);
  }
  parts_->settle(now, out);
}

Time Peer::next_deadline() const {
  Time next = parts_->front.next_deadline();
  if (next == Time::never()) return next;
  if (!parts_->on_way.empty()) next = std::min(next, parts_->on_way.front().due);
  return std::min(next, parts_->shards_deadline);
}

void Peer::leave(Now now, Outbox& out) {
  parts_->look_at_sizes(now);
  parts_->front.leave(now, out);
  parts_->settle(now, out);
}

void Peer::Parts::look_at_sizes(Now now) {
  for (std::uint32_t i = 0; i < shards.size(); ++i) front.on_status(shards[i]->status(now, i));
}

void Peer::Parts::post(Now now, Message&& message) {
  const auto delay_max = Duration(front.options().shard_delay_max).count();
  Time due = now.monotonic;
  if (delay_max > 0) {
    due =
        due + Duration(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(delay_max))));
  }
  if (!on_way.empty()) due = std::max(due, on_way.back().due);
  on_way.push_back(OnWay{due, std::move(message)});
}

void Peer::Parts::post_all(Now now, std::uint32_t shard, DeskOutbox& from) {
  shards[shard]->end_turn(now, from.news);
  desks[shard]->take_answers(from);
  ask_for_deadline(shard);
  if (!from.news.empty()) post(now, shards[shard]->news(now, shard, std::move(from.news)));
  for (FrontNote& note : from.notes) post(now, std::move(note));
  for (ToDesk& to : from.errands) post(now, std::move(to));
  for (SendReply& reply : from.replies) replies.push_back(std::move(reply));
}

void Peer::Parts::settle(Now now, Outbox& out) {
  const auto post_commands = [&] {
    for (Front::ToShard& each : front.commands()) post(now, std::move(each));
    front.commands().clear();
    for (ToDesk& each : front.errands()) post(now, std::move(each));
    front.errands().clear();
  };
  post_commands();
  while (!on_way.empty() && on_way.front().due <= now.monotonic) {
    OnWay each = std::move(on_way.front());
    on_way.pop_front();
    std::visit([&](auto& message) { deliver(now, std::move(message), out); }, each.message);
    post_commands();
  }
}

void Peer::Parts::deliver(Now now, Front::ToShard&& command, Outbox&) {
  DeskOutbox from;
  shards[command.shard]->on(now, std::move(command.command), from.news);
  post_all(now, command.shard, from);
}

void Peer::Parts::deliver(Now now, FrontNote&& note, Outbox& out) {
  if (auto* unserved = std::get_if<Unserved>(&note)) {
    post(now, front.answer(std::move(*unserved)));
  } else if (const auto* wanted = std::get_if<ReportWanted>(&note)) {
    look_at_sizes(now);
    post(now, ToDesk{wanted->desk, ErrandDone{wanted->number, front.report()}});
  } else if (const auto* repair = std::get_if<RepairWanted>(&note)) {
    front.on_repair(now, *repair, out);
  } else {
    front.on_write();
  }
}

void Peer::Parts::deliver(Now now, ToDesk&& to, Outbox&) {
  DeskOutbox from;
  std::visit([&](auto& each) { desks[to.desk]->on(now, std::move(each), from); }, to.message);
  post_all(now, to.desk, from);
}

}  // namespace hopring
