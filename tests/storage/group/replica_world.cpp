#include "replica_world.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {
namespace {

constexpr std::size_t violations_kept = 5;
constexpr Duration call_deadline = 3s;

Duration below(Rng& rng, Duration bound) {
  return Duration(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(bound.count()))));
}

bool alternates(const Members& members, const PeerRef& peer) {
  return std::find(members.begin(), members.end(), peer) == members.end();
}

}  // namespace

struct ReplicaWorld::Node {
  PeerRef self;
  std::unique_ptr<ReplicaHost> host;
  bool alive = true;
  Duration offset{};
  std::int64_t drift_ppm = 0;
  Duration paused_until{};
};

struct ReplicaWorld::Event {
  Duration at;
  std::uint64_t number;
  std::function<void()> run;
};

struct ReplicaWorld::Later {
  bool operator()(const Event& a, const Event& b) const {
    return a.at != b.at ? a.at > b.at : a.number > b.number;
  }
};

struct ReplicaWorld::Call {
  std::size_t client = 0;
  Operation operation;
  Duration called{};
  std::size_t node = 0;  // where it waits
  std::uint64_t waiter = 0;
  bool is_over = false;
};

ReplicaWorld::ReplicaWorld(const ReplicaWorldOptions& options)
    : options_(options),
      rng_(options.seed),
      slow_one_in_(options.has_faults ? 20u << rng_.below(5) : 50),
      slow_max_(options.has_faults ? 100ms * (1 << rng_.below(5)) : 50ms),
      fault_interval_(200ms * (1 << rng_.below(4))) {
  for (std::size_t i = 0; i < options_.hosts; ++i) add_node();
  GroupOutbox out;
  for (std::uint32_t i = 0; i < options_.arcs; ++i) {
    nodes_[0]->host->open(clock(*nodes_[0]), view_of(nodes_[0]->self, equal_arc(i, options_.arcs)),
                          out);
  }
  perform(0, out);
  every(100ms, [this] { place(); });
  every(5ms, [this] { look_for_two(); });
  if (options_.has_faults) every(fault_interval_, [this] { fault(); });
  for (std::size_t i = 0; i < options_.clients; ++i) begin_call(i);
}

ReplicaWorld::~ReplicaWorld() = default;

std::size_t ReplicaWorld::add_node() {
  auto node = std::make_unique<Node>();
  node->self = peer(static_cast<std::uint16_t>(nodes_.size() + 1));
  node->offset = below(rng_, 1000s);
  node->drift_ppm = static_cast<std::int64_t>(rng_.below(9001)) - 4500;
  node->host =
      std::make_unique<ReplicaHost>(node->self, test_hash_key, options_.groups, rng_.fork());
  nodes_.push_back(std::move(node));
  const std::size_t index = nodes_.size() - 1;
  every(5ms, [this, index] { tick(index); });
  return index;
}

Now ReplicaWorld::clock(const Node& node) const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_).count();
  return Now{Time{node.offset + now_ + now_ / 1'000'000 * node.drift_ppm},
             WallTime{test_epoch_ms + ms}};
}

bool ReplicaWorld::is_running(const Node& node) const {
  return node.alive && node.paused_until <= now_;
}

ReplicaHost& ReplicaWorld::host(std::size_t index) { return *nodes_[index]->host; }

void ReplicaWorld::violation(const std::string& text) {
  if (violations_.size() < violations_kept) {
    violations_.push_back("at " + std::to_string(now_.count() / 1'000'000) + " ms: " + text);
  }
}

// Events.

void ReplicaWorld::post(Duration after, std::function<void()> action) {
  events_.push_back(Event{now_ + after, events_added_++, std::move(action)});
  std::push_heap(events_.begin(), events_.end(), Later{});
}

template <class Action>
void ReplicaWorld::every(Duration interval, Action action) {
  post(rng_.jittered(interval), [this, interval, action] {
    action();
    every(interval, action);
  });
}

void ReplicaWorld::run_for(Duration duration) {
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

void ReplicaWorld::heal() {
  healed_ = true;
  cuts_.clear();
  ++cut_;
  last_arrival_.clear();
  slow_one_in_ = 50;
  slow_max_ = 50ms;
  for (const auto& node : nodes_) node->paused_until = now_;
}

void ReplicaWorld::tick(std::size_t index) {
  Node& node = *nodes_[index];
  if (!is_running(node)) return;
  const Now now = clock(node);
  if (node.host->next_deadline() > now.monotonic) return;
  GroupOutbox out;
  node.host->on_deadline(now, out);
  perform(index, out);
}

// The network: in order on each way, unless cut.

void ReplicaWorld::send(std::size_t from, const PeerRef& to, GroupMessage message) {
  const std::size_t target = index_of(to);
  if (is_cut(from, target)) return;
  Duration& last = last_arrival_[{from, target}];
  last = std::max(last, now_ + 100us + below(rng_, rng_.chance(1, slow_one_in_) ? slow_max_ : 2ms));
  post(last - now_, [this, from, target, cut = cut_, message = std::move(message)]() mutable {
    if (cut == cut_ && !is_cut(from, target)) deliver(from, target, std::move(message));
  });
}

void ReplicaWorld::deliver(std::size_t from, std::size_t to, GroupMessage message) {
  Node& node = *nodes_[to];
  if (!node.alive) return;
  if (node.paused_until > now_) {
    post(node.paused_until - now_, [this, from, to, message = std::move(message)]() mutable {
      deliver(from, to, std::move(message));
    });
    return;
  }
  GroupOutbox out;
  node.host->on_message(clock(node), nodes_[from]->self, std::move(message), out);
  perform(to, out);
}

void ReplicaWorld::perform(std::size_t index, GroupOutbox& out) {
  for (GroupEffect& effect : out) {
    if (auto* each = std::get_if<SendGroup>(&effect)) {
      send(index, each->to, std::move(each->message));
    } else if (const auto* answered = std::get_if<Answered>(&effect)) {
      const auto found = waiting_.find(answered->waiter);
      if (found == waiting_.end()) {
        violation("an answer that nobody waits for");
        continue;
      }
      const std::shared_ptr<Call> call = found->second;
      waiting_.erase(found);
      post(below(rng_, 3ms), [this, call, result = answered->result] { end_call(call, result); });
    } else if (const auto* ended = std::get_if<MoveEnded>(&effect)) {
      if (ended->done) ++figures_.changes;
    }
  }
}

// Clients: one operation at a time each, on keys that all share.

Operation ReplicaWorld::random_operation(const std::string& key) {
  const std::uint64_t dice = rng_.below(10);
  const Value value{ValueType::string, "v" + std::to_string(++values_made_)};
  if (dice < 5) return Get{key};
  if (dice < 7) return Put{key, value, {}, PutCondition::always};
  if (dice < 8) return Put{key, value, {}, PutCondition::if_absent};
  if (dice < 9) return Erase{key};
  const Value expected{ValueType::string,
                       "v" + std::to_string(values_made_ - rng_.below(values_made_ % 20 + 1))};
  return CompareAndSet{key, expected, value, {}};
}

void ReplicaWorld::begin_call(std::size_t client) {
  if (!calls_) return;
  post(below(rng_, 60ms), [this, client] {
    if (!calls_) return;
    auto call = std::make_shared<Call>();
    call->client = client;
    call->operation = random_operation("key" + std::to_string(rng_.below(options_.keys)));
    call->called = now_;
    ++calls_open_;
    post(call_deadline + 3s, [this, call] {
      OpResult unknown = error_result(OpError::timed_out);
      if (!call->is_over) end_call(call, unknown);
    });
    try_again(call, below(rng_, 3ms));
  });
}

void ReplicaWorld::try_again(const std::shared_ptr<Call>& call, Duration after) {
  post(after, [this, call] { try_call(call); });
}

void ReplicaWorld::try_call(const std::shared_ptr<Call>& call) {
  if (call->is_over) return;
  if (now_ > call->called + call_deadline) {
    return end_call(call, error_result(OpError::unavailable));
  }
  call->node = rng_.below(nodes_.size());
  Node& node = *nodes_[call->node];
  if (!node.alive) return try_again(call, 1ms);
  if (node.paused_until > now_) return try_again(call, node.paused_until - now_);
  OpResultSink sink;
  GroupOutbox out;
  call->waiter = ++waiters_;
  waiting_[call->waiter] = call;
  const auto executed = node.host->execute(clock(node), call->operation, {call->waiter}, sink, out);
  if (!executed.is_pending) waiting_.erase(call->waiter);
  perform(call->node, out);
  if (executed.is_pending) return;
  const bool refused =
      executed.view == nullptr || (sink.result.error && is_definite(*sink.result.error));
  if (refused) return try_again(call, below(rng_, 20ms));
  post(below(rng_, 3ms), [this, call, result = sink.result] { end_call(call, result); });
}

void ReplicaWorld::end_call(const std::shared_ptr<Call>& call, const OpResult& result) {
  if (call->is_over) return;
  call->is_over = true;
  --calls_open_;
  sim::HistoryEntry entry{call->operation, call->called, now_, result};
  if (!result.error) {
    ++figures_.done;
    history_.add(std::move(entry));
  } else if (is_definite(*result.error)) {
    ++figures_.refused;
  } else {
    ++figures_.unknown;
    entry.returned = Duration::max();
    history_.add(std::move(entry));
  }
  begin_call(call->client);
}

void ReplicaWorld::stop_clients() {
  calls_ = false;
  run_for(call_deadline + 4s);
  HOPRING_CHECK(calls_open_ == 0);
}

// Faults.

std::vector<std::size_t> ReplicaWorld::alive() const {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->alive) indices.push_back(i);
  }
  return indices;
}

// Would every group, as any of its members knows it, still have a majority with its copies?
bool ReplicaWorld::may_crash(std::size_t index) const {
  for (const std::size_t each : alive()) {
    for (const auto& replica : nodes_[each]->host->replicas()) {
      const GroupName& group = replica->raft().group();
      const auto lives = [&](const Voter& voter) {
        const std::size_t member = index_of(voter.peer);
        if (member == index || !nodes_[member]->alive) return false;
        const Replica* copy = nodes_[member]->host->find(group.end);
        return copy != nullptr && copy->raft().group() == group && copy->is_complete() &&
               copy->raft().answers_for(voter);
      };
      if (!decides(replica->raft().roster(), lives)) return false;
      // Nor is it one that is about to become a voter.
      const bool comes = replica->raft().sends_to(nodes_[index]->self) &&
                         hopring::find(replica->raft().roster(), nodes_[index]->self) == nullptr;
      if (comes) return false;
    }
  }
  return true;
}

void ReplicaWorld::crash(std::size_t index) {
  nodes_[index]->alive = false;
  nodes_[index]->host.reset();
  std::erase_if(waiting_, [&](const auto& each) { return each.second->node == index; });
}

void ReplicaWorld::fault() {
  if (healed_) return;
  ++figures_.faults;
  const std::size_t victim = rng_.below(nodes_.size());
  const Duration lasts = below(rng_, 2s);
  const std::uint64_t dice = rng_.below(6);
  if (dice == 0) {
    if (!nodes_[victim]->alive || !may_crash(victim) || nodes_.size() >= 20) return;
    crash(victim);
    ++figures_.crashes;
    add_node();
  } else if (dice == 1) {
    nodes_[victim]->paused_until = now_ + lasts;
  } else if (dice == 2) {
    ++cut_;
  } else {
    std::set<Way> cuts;
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

// Sees to it that arcs have their copies, and now and then moves, splits and hands over.
void ReplicaWorld::place() {
  const std::vector<std::size_t> living = alive();
  const auto is_alive = [&](const PeerRef& each) { return nodes_[index_of(each)]->alive; };
  for (const std::size_t i : living) {
    Node& node = *nodes_[i];
    if (!is_running(node)) continue;
    std::vector<View> led;
    for (const auto& replica : node.host->replicas()) {
      if (replica->leads()) led.push_back(replica->view());
    }
    for (const View& view : led) {
      Members members;
      for (const PeerRef& each : view.members) {
        if (is_alive(each)) members.push_back(each);
      }
      GroupOutbox out;
      const bool plays = !healed_ && options_.has_faults;
      if (plays && led.size() < options_.arcs_max && rng_.chance(1, 100)) {
        if (node.host->split(clock(node), view.arc.end, middle(view.arc), out)) ++figures_.splits;
      }
      if (plays && members.size() == options_.copies && rng_.chance(1, 20)) {
        members.erase(members.begin() + static_cast<std::ptrdiff_t>(rng_.below(members.size())));
      }
      for (int tries = 0; tries < 50 && members.size() < options_.copies; ++tries) {
        const PeerRef& chosen = nodes_[living[rng_.below(living.size())]]->self;
        if (alternates(members, chosen)) members.push_back(chosen);
      }
      const std::optional<PeerRef> primary =
          plays && rng_.chance(1, 10) ? std::optional(members[rng_.below(members.size())])
                                      : std::nullopt;
      const bool differs = !std::is_permutation(members.begin(), members.end(),
                                                view.members.begin(), view.members.end());
      if (members.size() == std::min(options_.copies, living.size()) && (differs || primary)) {
        (void)node.host->change(clock(node), view.arc.end, members, primary, out);
      }
      perform(i, out);
    }
  }
}

// Judges.

std::optional<std::size_t> ReplicaWorld::serving(Position position) const {
  for (const std::size_t i : alive()) {
    const Replica* replica = nodes_[i]->host->find(position);
    if (replica != nullptr && replica->may_serve(clock(*nodes_[i]))) return i;
  }
  return std::nullopt;
}

void ReplicaWorld::look_for_two() {
  std::vector<View> served;
  for (const std::size_t i : alive()) {
    for (const auto& replica : nodes_[i]->host->replicas()) {
      if (replica->may_serve(clock(*nodes_[i]))) served.push_back(replica->view());
    }
  }
  for (std::size_t a = 0; a < served.size(); ++a) {
    for (std::size_t b = a + 1; b < served.size(); ++b) {
      if (overlaps(served[a].arc, served[b].arc)) {
        violation("two serve: " + to_string(served[a]) + " and " + to_string(served[b]));
      }
    }
  }
}

bool ReplicaWorld::run_until_whole(Duration limit) {
  const Duration end = now_ + limit;
  while (now_ < end) {
    run_for(100ms);
    double positions = 0;
    bool whole = true;
    for (const std::size_t i : alive()) {
      for (const auto& replica : nodes_[i]->host->replicas()) {
        if (!replica->may_serve(clock(*nodes_[i]))) continue;
        positions += ring_share(replica->arc());
        whole = whole && replica->raft().all_have_copies() && !replica->raft().roster().is_joint();
        for (const PeerRef& each : replica->view().members) {
          whole = whole && nodes_[index_of(each)]->alive;
        }
        whole =
            whole && replica->view().members.size() == std::min(options_.copies, alive().size());
      }
    }
    if (whole && positions > 0.999) return true;
  }
  return false;
}

void ReplicaWorld::judge() {
  const sim::HistoryChecker::Verdict verdict = history_.check();
  for (const std::string& each : verdict.violations) violation(each);
  if (verdict.undecided > 0) violation("keys of whose history nothing is known");
  std::map<std::pair<GroupName, std::uint64_t>, std::string> contents;
  for (const std::size_t i : alive()) {
    for (const auto& replica : nodes_[i]->host->replicas()) {
      if (!replica->is_complete()) continue;
      replica->audit();
      std::string text;
      replica->records().walk(
          ScanCursor{advance(replica->arc().begin, 1), {}}, [&](const RecordView& record) {
            text += std::string(record.key) + "=" + std::string(record.value) + " ";
            return true;
          });
      const auto [known, fresh] =
          contents.emplace(std::pair(replica->raft().group(), replica->raft().applied()), text);
      if (!fresh && known->second != text) {
        violation("copies differ: " + known->second + "and " + text);
      }
    }
  }
}

std::string ReplicaWorld::describe() const {
  std::string text;
  for (const std::size_t i : alive()) {
    text += std::to_string(i + 1) + ":\n";
    for (const auto& replica : nodes_[i]->host->replicas()) {
      const Raft& raft = replica->raft();
      text += "  " + to_string(replica->view()) + " role " +
              std::to_string(static_cast<int>(raft.role())) + " term " +
              std::to_string(raft.term()) + " applied " + std::to_string(raft.applied()) +
              " committed " + std::to_string(raft.committed()) + " last " +
              std::to_string(raft.last_index()) + (raft.is_voter() ? " votes" : "") +
              (replica->is_complete() ? "" : " incomplete") +
              (raft.is_primary() && !raft.all_have_copies() ? " lacks copies" : "") +
              (replica->may_serve(clock(*nodes_[i])) ? " serves" : "") + " roster";
      for (const Voter& each : raft.roster().voters) {
        text += " " + std::to_string(each.peer.incarnation) + "@" + std::to_string(each.admitted);
      }
      if (raft.roster().is_joint()) text += " and";
      for (const Voter& each : raft.roster().incoming) {
        text += " " + std::to_string(each.peer.incarnation) + "@" + std::to_string(each.admitted);
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace hopring
