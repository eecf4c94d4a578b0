#include "raft_world.hpp"

#include <algorithm>
#include <functional>

#include "base/check.hpp"

namespace hopring {

using namespace std::chrono_literals;

namespace {

constexpr GroupName group{Position{~0ull}, 1, 0};
constexpr std::size_t violations_kept = 10;

Duration below(Rng& rng, Duration bound) {
  return Duration(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(bound.count()))));
}

}  // namespace

struct RaftWorld::Node {
  PeerRef self;
  std::unique_ptr<Raft> raft;  // none: no member and no learner
  bool alive = true;
  Duration offset{};
  std::int64_t drift_ppm = 0;
  Duration paused_until{};
};

struct RaftWorld::Event {
  Duration at;
  std::uint64_t number;
  std::function<void()> run;
};

struct RaftWorld::Later {
  bool operator()(const Event& a, const Event& b) const {
    return a.at != b.at ? a.at > b.at : a.number > b.number;
  }
};

RaftWorld::RaftWorld(const RaftWorldOptions& options)
    : options_(options),
      rng_(options.seed),
      fault_interval_(50ms * (1 << rng_.below(4))),
      fault_lasts_max_(400ms * (1 << rng_.below(4))),
      change_interval_(100ms * (1 << rng_.below(4))),
      slow_one_in_(options.has_faults ? 10u << rng_.below(5) : 50),
      slow_max_(options.has_faults ? 100ms * (1 << rng_.below(6)) : 200ms) {
  for (std::size_t i = 0; i < options_.members + options_.spares; ++i) add_node();
  Roster roster;
  for (std::size_t i = 0; i < options_.members; ++i) roster.voters.push_back({nodes_[i]->self, 1});
  for (std::size_t i = 0; i < options_.members; ++i) {
    Node& node = *nodes_[i];
    node.raft = std::make_unique<Raft>(options_.raft, group, node.self,
                                       Raft::Start{0, 0, 0, roster}, rng_.fork(), clock(node));
  }
  every(3ms, [this] { write(); });
  every(2ms, [this] { read(); });
  every(350ms, [this] { give_copies(); });
  every(200ms, [this] { drop_removed(); });
  if (options_.has_faults) every(fault_interval_, [this] { fault(); });
  if (options_.has_faults) every(change_interval_, [this] { hand_over(); });
  if (options_.changes_members) every(change_interval_, [this] { change_members(); });
}

RaftWorld::~RaftWorld() = default;

std::size_t RaftWorld::add_node() {
  auto node = std::make_unique<Node>();
  const auto n = static_cast<std::uint16_t>(nodes_.size() + 1);
  node->self = PeerRef{ipv4_endpoint(0x7f000001, n), n};
  node->offset = below(rng_, 1000s);
  // By half a percent each, so that two differ by less than the bound.
  node->drift_ppm = static_cast<std::int64_t>(rng_.below(9001)) - 4500;
  nodes_.push_back(std::move(node));
  const std::size_t index = nodes_.size() - 1;
  every(options_.raft.heartbeat_interval, [this, index] { beat(index); });
  every(10ms, [this, index] { tick(index); });
  return index;
}

Now RaftWorld::clock(const Node& node) const {
  return Now{Time{node.offset + now_ + now_ / 1'000'000 * node.drift_ppm}, {}};
}

std::size_t RaftWorld::index_of(const PeerRef& peer) const { return peer.incarnation - 1; }

void RaftWorld::violation(const std::string& text) {
  if (violations_.size() < violations_kept) {
    violations_.push_back("at " + std::to_string(now_.count() / 1'000'000) + " ms: " + text);
  }
}

// Events.

void RaftWorld::post(Duration after, std::function<void()> action) {
  events_.push_back(Event{now_ + after, events_added_++, std::move(action)});
  std::push_heap(events_.begin(), events_.end(), Later{});
}

template <class Action>
void RaftWorld::every(Duration interval, Action action) {
  post(rng_.jittered(interval), [this, interval, action] {
    action();
    every(interval, action);
  });
}

void RaftWorld::run_for(Duration duration) {
  const Duration end = now_ + duration;
  while (!events_.empty() && events_.front().at <= end) {
    std::pop_heap(events_.begin(), events_.end(), Later{});
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.at;
    event.run();
  }
  now_ = end;
}

bool RaftWorld::recovers_within(Duration duration) {
  const Duration end = now_ + duration;
  const std::uint64_t before = figures_.writes;
  while (now_ < end) {
    run_for(50ms);
    if (figures_.writes > before + 10 && serving()) return true;
  }
  return false;
}

void RaftWorld::heal() {
  healed_ = true;
  cuts_.clear();
  ++cut_;
  last_arrival_.clear();
  slow_one_in_ = 50;
  slow_max_ = 200ms;
  for (const auto& node : nodes_) node->paused_until = now_;
}

std::string RaftWorld::describe() const {
  std::string text;
  for (const auto& node : nodes_) {
    text += std::to_string(node->self.incarnation) + (node->alive ? ":" : ": dead");
    if (node->raft) {
      const Raft& raft = *node->raft;
      text += " role " + std::to_string(static_cast<int>(raft.role())) + " term " +
              std::to_string(raft.term()) + " committed " + std::to_string(raft.committed()) +
              " last " + std::to_string(raft.last_index()) + " votes " +
              std::to_string(raft.is_voter()) + " lacking " +
              std::to_string(raft.members_without_copy().size()) + " roster";
      for (const Voter& each : raft.roster().voters) {
        text += " " + std::to_string(each.peer.incarnation) + "@" + std::to_string(each.admitted);
      }
      if (raft.roster().is_joint()) text += " and";
      for (const Voter& each : raft.roster().incoming) {
        text += " " + std::to_string(each.peer.incarnation) + "@" + std::to_string(each.admitted);
      }
    }
    text += "\n";
  }
  return text;
}

// The network: in order on each way, unless cut.

bool RaftWorld::is_cut(std::size_t from, std::size_t to) const {
  return cuts_.contains({from, to});
}

void RaftWorld::send(std::size_t from, const PeerRef& to, Payload payload) {
  const std::size_t target = index_of(to);
  if (is_cut(from, target)) return;
  Duration& last = last_arrival_[{from, target}];
  last = std::max(last, now_ + 100us + below(rng_, rng_.chance(1, slow_one_in_) ? slow_max_ : 3ms));
  post(last - now_, [this, from, target, cut = cut_, payload = std::move(payload)]() mutable {
    if (cut == cut_ && !is_cut(from, target)) deliver(from, target, std::move(payload));
  });
}

void RaftWorld::deliver(std::size_t from, std::size_t to, Payload payload) {
  Node& node = *nodes_[to];
  if (!node.alive) return;
  if (node.paused_until > now_) {
    post(node.paused_until - now_, [this, from, to, payload = std::move(payload)]() mutable {
      deliver(from, to, std::move(payload));
    });
    return;
  }
  const PeerRef& sender = nodes_[from]->self;
  if (!node.raft) {
    const auto* message = std::get_if<RaftMessage>(&payload);
    const auto* append = message != nullptr ? std::get_if<AppendEntries>(message) : nullptr;
    if (append != nullptr) send(to, sender, NoCopy{group, append->term, append->admitted});
    return;
  }
  const Now now = clock(node);
  if (auto* message = std::get_if<RaftMessage>(&payload)) {
    RaftOutbox out;
    node.raft->on_message(now, sender, std::move(*message), out);
    send_all(to, out);
  } else if (const auto* beat = std::get_if<Beat>(&payload)) {
    send(to, sender, BeatAnswer{node.raft->on_heartbeat(now, sender, beat->heartbeat), beat->sent});
  } else {
    const auto& answered = std::get<BeatAnswer>(payload);
    RaftOutbox out;
    node.raft->on_heartbeat_answer(now, sender, answered.answer, answered.sent, out);
    send_all(to, out);
  }
  after_input(to);
}

void RaftWorld::send_all(std::size_t from, RaftOutbox& out) {
  for (SendRaft& each : out) send(from, each.to, std::move(each.message));
}

bool RaftWorld::is_running(const Node& node) const {
  return node.alive && node.raft && node.paused_until <= now_;
}

void RaftWorld::beat(std::size_t index) {
  Node& node = *nodes_[index];
  if (!is_running(node)) return;
  const Time sent = clock(node).monotonic;
  node.raft->beat([&](const PeerRef& to, const Heartbeat& heartbeat) {
    send(index, to, Beat{heartbeat, sent});
  });
}

void RaftWorld::tick(std::size_t index) {
  Node& node = *nodes_[index];
  if (!is_running(node)) return;
  const Now now = clock(node);
  if (now.monotonic < node.raft->next_deadline()) return;
  RaftOutbox out;
  node.raft->on_deadline(now, out);
  send_all(index, out);
  after_input(index);
}

void RaftWorld::after_input(std::size_t index) {
  Node& node = *nodes_[index];
  apply(index);
  if (!node.raft->is_primary()) return;
  const auto [known, fresh] = primary_of_.emplace(node.raft->term(), index);
  if (fresh) ++figures_.terms;
  if (known->second != index) {
    violation("two primaries in term " + std::to_string(node.raft->term()));
  }
  if (node.raft->wants_heartbeat()) beat(index);
}

void RaftWorld::apply(std::size_t index) {
  Raft& raft = *nodes_[index]->raft;
  while (raft.applied() < raft.committed()) {
    const Entry& entry = raft.entry(raft.applied() + 1);
    if (order_.size() < entry.index) {
      HOPRING_CHECK(order_.size() + 1 == entry.index);
      order_.push_back(entry);
    } else if (order_[entry.index - 1] != entry) {
      violation("index " + std::to_string(entry.index) + " was applied as two entries");
    }
    if (const auto* change = std::get_if<ChangeRoster>(&entry.command)) {
      if (entry.index > roster_index_) {
        roster_index_ = entry.index;
        roster_ = change->roster;
      }
    }
    raft.on_applied(entry.index);
  }
  // A primary answers those that it proposed itself, when it has applied them.
  while (!asked_.empty() && raft.is_primary()) {
    const auto mine = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& each) {
      return each.peer == index && each.index <= raft.applied();
    });
    if (mine == asked_.end()) break;
    if (mine->term == raft.term()) {
      ++figures_.writes;
      floor_ = std::max(floor_, mine->index);
    }
    asked_.erase(mine);
  }
}

// The client.

std::optional<std::size_t> RaftWorld::serving() const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (is_running(*nodes_[i]) && nodes_[i]->raft->may_serve(clock(*nodes_[i]))) return i;
  }
  return std::nullopt;
}

const Raft* RaftWorld::raft(std::size_t peer) const { return nodes_[peer]->raft.get(); }

void RaftWorld::write() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[i];
    if (!is_running(node) || !node.raft->is_primary() || !node.raft->has_room()) continue;
    const std::string value = std::to_string(++values_made_);
    const std::uint64_t index =
        node.raft->propose(Put{"key", Value{ValueType::string, value}, {}, {}});
    asked_.push_back({i, index, node.raft->term()});
    RaftOutbox out;
    node.raft->flush(clock(node), out);
    send_all(i, out);
    after_input(i);
  }
  if (asked_.size() > 1000) asked_.erase(asked_.begin(), asked_.begin() + 500);
}

// The clock is read when the request has come; the answer may take its time after that.
void RaftWorld::read() {
  std::size_t serving = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[i];
    if (!node.alive || !node.raft) continue;
    const Now now = clock(node);
    if (!node.raft->may_serve(now)) continue;
    if (++serving > 1) violation("two peers serve");
    const Duration takes = rng_.chance(1, 20) ? below(rng_, 2s) : Duration{};
    post(takes, [this, i, now, floor = floor_] {
      const Node& reader = *nodes_[i];
      if (!is_running(reader) || !reader.raft->may_serve(now)) return;
      ++figures_.reads;
      const std::uint64_t applied = reader.raft->applied();
      if (applied < floor) {
        violation("a read saw index " + std::to_string(applied) + " after " +
                  std::to_string(floor) + " had been seen");
      }
      floor_ = std::max(floor_, applied);
    });
  }
}

// Faults.

bool RaftWorld::may_crash(std::size_t index) const {
  const auto lives = [&](const Voter& voter) {
    const std::size_t peer = index_of(voter.peer);
    return peer != index && nodes_[peer]->alive;
  };
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return !node->alive || !node->raft || decides(node->raft->roster(), lives);
  });
}

void RaftWorld::crash(std::size_t peer) {
  nodes_[peer]->alive = false;
  nodes_[peer]->raft.reset();
  std::erase_if(asked_, [&](const Asked& each) { return each.peer == peer; });
}

void RaftWorld::isolate(std::size_t peer) {
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    cuts_.insert({peer, other});
    cuts_.insert({other, peer});
  }
}

void RaftWorld::fault() {
  if (healed_) return;
  ++figures_.faults;
  const std::size_t victim = rng_.below(nodes_.size());
  const Duration lasts = below(rng_, fault_lasts_max_);
  const std::uint64_t dice = rng_.below(6);
  if (dice == 0 && nodes_[victim]->alive && may_crash(victim) && nodes_.size() < 30) {
    crash(victim);
    add_node();
  } else if (dice == 1) {
    nodes_[victim]->paused_until = now_ + lasts;
  } else if (dice == 2) {
    cut_++;
  } else {
    std::set<std::pair<std::size_t, std::size_t>> cuts;
    const std::uint64_t side = rng_.next();
    for (std::size_t a = 0; a < nodes_.size(); ++a) {
      for (std::size_t b = 0; b < nodes_.size(); ++b) {
        const bool split = (side >> a & 1) != (side >> b & 1);
        const bool one_way = rng_.chance(1, 6);
        if (dice == 3 ? one_way : dice == 4 ? split : (a == victim) != (b == victim)) {
          cuts.insert({a, b});
        }
      }
    }
    cuts_.insert(cuts.begin(), cuts.end());
    post(lasts, [this, cuts] {
      for (const auto& each : cuts) cuts_.erase(each);
    });
  }
}

// A primary that has had enough.
void RaftWorld::hand_over() {
  if (healed_) return;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[i];
    if (!is_running(node) || !node.raft->is_primary() || !rng_.chance(1, 2)) continue;
    const Voters& voters = node.raft->roster().voters;
    const PeerRef to = voters[rng_.below(voters.size())].peer;
    if (to == node.self) continue;
    RaftOutbox out;
    node.raft->hand_lead_to(clock(node), to, out);
    send_all(i, out);
  }
}

// Members that come and go.

void RaftWorld::give_copies() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!is_running(*nodes_[i]) || !nodes_[i]->raft->is_primary()) continue;
    for (const PeerRef& to : nodes_[i]->raft->members_without_copy()) give_copy(i, index_of(to));
  }
}

void RaftWorld::give_copy(std::size_t from, std::size_t to) {
  if (is_cut(from, to) || is_cut(to, from) || !nodes_[to]->alive) return;
  Raft& source = *nodes_[from]->raft;
  const Raft::Start start = source.start_of_copy();
  source.add_learner(clock(*nodes_[from]), nodes_[to]->self, start.index);
  post(below(rng_, 100ms), [this, to, start] {
    Node& node = *nodes_[to];
    if (!node.alive) return;
    ++figures_.copies;
    if (node.raft) {
      node.raft->install(clock(node), start);
    } else {
      node.raft =
          std::make_unique<Raft>(options_.raft, group, node.self, start, rng_.fork(), clock(node));
    }
    after_input(to);
  });
}

void RaftWorld::change_members() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[i];
    if (!is_running(node) || !node.raft->can_change_members()) continue;
    if (next_members_.empty() || rng_.chance(1, 5)) {
      next_members_.clear();
      const std::size_t wanted = 1 + rng_.below(4);
      for (std::size_t tries = 0; tries < 20 && next_members_.size() < wanted; ++tries) {
        const Node& chosen = *nodes_[rng_.below(nodes_.size())];
        const bool known = std::find(next_members_.begin(), next_members_.end(), chosen.self) !=
                           next_members_.end();
        if (chosen.alive && !known) next_members_.push_back(chosen.self);
      }
      for (const PeerRef& each : next_members_) {
        if (find(node.raft->roster(), each) == nullptr) give_copy(i, index_of(each));
      }
      return;
    }
    const bool near =
        std::all_of(next_members_.begin(), next_members_.end(), [&](const auto& each) {
          const bool alive = nodes_[index_of(each)]->alive;
          const std::uint64_t matched = node.raft->matched(each);
          return each == node.self ||
                 (alive && matched > 0 && matched + 50 > node.raft->committed());
        });
    if (!near) continue;
    ++figures_.changes;
    node.raft->change_members(std::exchange(next_members_, {}));
    RaftOutbox out;
    node.raft->flush(clock(node), out);
    send_all(i, out);
    after_input(i);
  }
}

// Whoever learns that it is no member any more drops its copy, and may become one again. Not so a
// learner that hears of a primary, or whose admission is on its way.
void RaftWorld::drop_removed() {
  if (roster_index_ == 0 || roster_.is_joint()) return;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = *nodes_[i];
    const auto names_it = [&](const auto& each) {
      return each->raft && each != nodes_[i] &&
             (find(each->raft->roster(), node.self) != nullptr || each->raft->sends_to(node.self));
    };
    const bool comes =
        std::find(next_members_.begin(), next_members_.end(), node.self) != next_members_.end();
    if (!is_running(node) || find(roster_, node.self) != nullptr || comes) continue;
    if (std::any_of(nodes_.begin(), nodes_.end(), names_it) || rng_.chance(1, 2)) continue;
    nodes_[i]->raft.reset();
    std::erase_if(asked_, [&](const Asked& each) { return each.peer == i; });
  }
}

}  // namespace hopring
