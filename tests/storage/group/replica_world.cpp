#include "replica_world.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace hopring {
namespace {

constexpr Duration call_deadline = 3s;
constexpr Duration wall_skew_max = 250ms;
constexpr std::uint64_t brief_keys = 4;  // whose values expire
constexpr std::uint64_t sum_keys = 4;    // that count

bool alternates(const Members& members, const PeerRef& peer) {
  return std::find(members.begin(), members.end(), peer) == members.end();
}

}  // namespace

struct ReplicaWorld::Call {
  std::size_t client = 0;
  Operation operation;
  Duration called{};
  std::uint64_t requests = 0;
  std::optional<Stamp> stamp = {};
  bool is_in_doubt = false;
  bool is_brief = false;
  bool is_over = false;
};

ReplicaWorld::ReplicaWorld(const ReplicaWorldOptions& options)
    : FaultWorld({.seed = options.seed,
                  .delay_max = 2ms,
                  .slow_max_after_faults = 50ms,
                  .wall_skew_max = wall_skew_max,
                  .resume_delay = options.clients_come_first ? 1us : 0us,
                  .wrong_clock_lasts_max = options.has_wrong_clocks ? 4s : 0s}),
      options_(options) {
  if (options.has_faults) {
    const std::uint64_t slow_one_in = 20u << rng().below(5);
    set_weather(slow_one_in, 100ms * (1 << rng().below(5)));
  }
  fault_interval_ = 200ms * (1 << rng().below(4));
  for (std::size_t i = 0; i < options_.hosts; ++i) add_host();
  GroupOutbox out;
  for (std::uint32_t i = 0; i < options_.arcs; ++i) {
    hosts_[0]->open(clock(0), view_of(peer_at(0).self, equal_arc(i, options_.arcs)), out);
  }
  perform(0, out);
  every(100ms, [this] { place(); });
  if (!options_.has_wrong_clocks) every(5ms, [this] { look_for_two(); });
  every(200ms, [this] { compare_copies(); });
  if (options_.has_faults) every(fault_interval_, [this] { fault(2s); });
  if (options_.has_faults) every(500ms * (1 << rng().below(3)), [this] { lose_copy(); });
  for (std::size_t i = 0; i < options_.clients; ++i) begin_call(i);
}

ReplicaWorld::~ReplicaWorld() = default;

std::size_t ReplicaWorld::add_host() {
  const std::size_t index = add_peer();
  hosts_.push_back(std::make_unique<ReplicaHost>(peer_at(index).self, test_hash_key,
                                                 options_.groups, rng().fork()));
  told_.emplace_back();
  every(5ms, [this, index] { tick(index); });
  return index;
}

void ReplicaWorld::tick(std::size_t index) {
  if (!is_running(index)) return;
  const Now now = clock(index);
  if (hosts_[index]->next_deadline() > now.monotonic) return;
  GroupOutbox out;
  hosts_[index]->on_deadline(now, out);
  perform(index, out);
}

void ReplicaWorld::send(std::size_t from, const PeerRef& to, GroupMessage message) {
  const std::size_t target = number_of(to);
  carry(from, target, [this, from, target, message = std::move(message)]() mutable {
    GroupOutbox out;
    hosts_[target]->on_message(clock(target), peer_at(from).self, std::move(message), out);
    perform(target, out);
  });
}

void ReplicaWorld::perform(std::size_t index, GroupOutbox& out) {
  hosts_[index]->end_turn(clock(index), out);
  for (GroupEffect& effect : out) {
    told_[index].hear(effect);
    if (auto* each = std::get_if<SendGroup>(&effect)) {
      send(index, each->to, std::move(each->message));
    } else if (const auto* answered = std::get_if<Answered>(&effect)) {
      const auto found = waiting_.find(answered->waiter);
      if (found == waiting_.end()) {
        violation("an answer that nobody waits for");
        continue;
      }
      const Request request = found->second;
      waiting_.erase(found);
      post(below(3ms),
           [this, request, each = *answered] { on_answer(request, each.result, each.mark); });
    } else if (const auto* ended = std::get_if<MoveEnded>(&effect)) {
      if (ended->done) ++figures_.changes;
    }
  }
}

// Clients: one operation at a time each, on keys that all share.

Operation ReplicaWorld::random_operation() {
  const std::string key = "key" + std::to_string(rng().below(options_.keys));
  const std::uint64_t dice = rng().below(10);
  if (rng().chance(1, 4)) {
    const std::string sum = "sum" + std::to_string(rng().below(sum_keys));
    return dice < 2 ? Operation(Get{sum}) : Operation(Add{sum, 1});
  }
  const Value value{ValueType::string, "v" + std::to_string(++values_made_)};
  if (dice < 5) return Get{key};
  if (dice < 7) return Put{key, value, {}, PutCondition::always};
  if (dice < 8) return Put{key, value, {}, PutCondition::if_absent};
  if (dice < 9) return Erase{key};
  const Value expected{ValueType::string,
                       "v" + std::to_string(values_made_ - rng().below(values_made_ % 20 + 1))};
  return CompareAndSet{key, expected, value, {}};
}

Operation ReplicaWorld::brief_operation() {
  const std::string key = "brief" + std::to_string(rng().below(brief_keys));
  if (rng().chance(1, 2)) return Get{key};
  const auto ms = static_cast<std::int64_t>(50 + rng().below(1500));
  return Put{key, Value{ValueType::string, "b" + std::to_string(++values_made_)},
             Expiry{Expiry::Kind::after, ms}, PutCondition::always};
}

// Two clocks may have judged: one when it was written, one when it was read.
void ReplicaWorld::judge_brief(const Call& call, const OpResult& result) {
  if (const auto* put = std::get_if<Put>(&call.operation)) {
    brief_until_[put->value.bytes] =
        now() + std::chrono::milliseconds(put->expiry.ms) + 2 * wall_skew_max;
  } else if (result.value) {
    const auto found = brief_until_.find(result.value->bytes);
    if (found != brief_until_.end() && found->second < call.called) {
      violation("a read returned " + result.value->bytes + ", which was due");
    }
  }
}

void ReplicaWorld::begin_call(std::size_t client) {
  if (!calls_) return;
  post(below(60ms), [this, client] {
    if (!calls_) return;
    auto call = std::make_shared<Call>();
    call->client = client;
    call->is_brief = rng().chance(1, 6);
    call->operation = call->is_brief ? brief_operation() : random_operation();
    call->called = now();
    ++calls_open_;
    post(call_deadline + 3s, [this, call] {
      OpResult unknown = error_result(OpError::timed_out);
      if (!call->is_over) end_call(call, unknown);
    });
    try_again(call, below(3ms));
  });
}

void ReplicaWorld::try_again(const std::shared_ptr<Call>& call, Duration after) {
  post(after, [this, call] { try_call(call); });
}

void ReplicaWorld::try_call(const std::shared_ptr<Call>& call) {
  if (call->is_over) return;
  if (now() > call->called + call_deadline) {
    return end_call(call,
                    error_result(call->is_in_doubt ? OpError::timed_out : OpError::unavailable));
  }
  const std::size_t node = rng().below(peer_count());
  if (!is_alive(node)) return try_again(call, 1ms);
  const Request request{call, ++call->requests, node, stamp(*call)};
  if (request.stamp && request.stamp->is_again) ++figures_.sent_again;
  const bool is_bad = options_.has_faults && !is_healed();
  if (is_bad && rng().chance(1, 8)) {
    post(below(20ms), [this, request] { lose_connection(request); });
  }
  const Duration delay = is_bad && rng().chance(1, 8) ? below(rng().chance(1, 4) ? 2s : 30ms) : 0s;
  post(delay, [this, request] { receive(request, clock(request.node)); });
}

// As client/core does it.
std::optional<Stamp> ReplicaWorld::stamp(Call& call) {
  if (std::holds_alternative<Get>(call.operation)) return std::nullopt;
  if (call.is_in_doubt) {
    call.stamp->is_again = true;
    return call.stamp;
  }
  const Position position{hash_(key_of(call.operation))};
  call.stamp = Stamp{call.client + 1, ++sequences_, 0, 0, false};
  for (const ArcMark& each : marks_) {
    if (!contains(each.arc, position)) continue;
    call.stamp->order = each.order;
    call.stamp->index = std::max(call.stamp->index, each.index);
  }
  return call.stamp;
}

// What has been sent may arrive yet, and be executed.
void ReplicaWorld::lose_connection(const Request& request) {
  Call& call = *request.call;
  if (call.is_over || call.requests != request.number) return;
  ++call.requests;
  call.is_in_doubt = request.stamp.has_value();
  try_again(request.call, below(20ms));
}

// What comes to a peer that is paused waits there. `read_before`: the clock as the peer read it
// last, before the request came.
void ReplicaWorld::receive(const Request& request, Now read_before) {
  const std::size_t node = request.node;
  if (!is_alive(node)) return lose_connection(request);
  if (is_paused(node)) {
    const Now paused = clock_at(node, peer_at(node).paused_from);
    post(peer_at(node).paused_until - now(), [this, request, paused] { receive(request, paused); });
    return;
  }
  const bool is_early = options_.groups.raft.bug == PlantedBug::clock_read_early;
  execute(request, is_early ? read_before : clock(node));
}

void ReplicaWorld::execute(const Request& request, Now now) {
  OpResultSink sink;
  GroupOutbox out;
  const std::uint64_t waiter = ++waiters_;
  waiting_[waiter] = request;
  const Replica::Asked asked{waiter, false, request.stamp};
  const auto executed =
      hosts_[request.node]->execute(now, request.call->operation, asked, sink, out);
  if (!executed.is_pending) waiting_.erase(waiter);
  perform(request.node, out);
  if (executed.is_pending) return;
  if (executed.view == nullptr) sink.result = error_result(OpError::no_route);
  post(below(3ms), [this, request, result = sink.result, mark = executed.mark] {
    on_answer(request, result, mark);
  });
}

void ReplicaWorld::on_answer(const Request& request, const OpResult& result,
                             const std::optional<ArcMark>& mark) {
  Call& call = *request.call;
  if (call.is_over || call.requests != request.number) return;
  if (mark) {
    std::erase_if(marks_, [&](const ArcMark& each) {
      return each.arc == mark->arc && each.index <= mark->index;
    });
    marks_.push_back(*mark);
  }
  const bool is_stale = result.error == OpError::stale_stamp;
  if (is_stale) ++figures_.stale_stamps;
  if (is_stale && call.is_in_doubt) return end_call(request.call, error_result(OpError::unknown));
  if (is_stale) return try_again(request.call, 0s);
  if (result.error == OpError::unknown && request.stamp) return lose_connection(request);
  if (result.error && is_definite(*result.error)) return try_again(request.call, below(20ms));
  end_call(request.call, result);
}

void ReplicaWorld::end_call(const std::shared_ptr<Call>& call, const OpResult& result) {
  if (call->is_over) return;
  call->is_over = true;
  --calls_open_;
  if (call->is_brief && !result.error) judge_brief(*call, result);
  sim::HistoryEntry entry{call->operation, call->called, now(), result};
  if (!result.error) {
    ++figures_.done;
    if (!call->is_brief) history_.add(std::move(entry));
  } else if (is_definite(*result.error)) {
    ++figures_.refused;
  } else {
    ++figures_.unknown;
    entry.returned = Duration::max();
    if (!call->is_brief) history_.add(std::move(entry));
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
  for (std::size_t i = 0; i < peer_count(); ++i) {
    if (is_alive(i)) indices.push_back(i);
  }
  return indices;
}

// Would every group, as any of its members knows it, still have a majority with its copies?
bool ReplicaWorld::may_crash(std::size_t index) const {
  for (const std::size_t each : alive()) {
    for (const auto& replica : hosts_[each]->replicas()) {
      const GroupName& group = replica->raft().group();
      const auto lives = [&](const Voter& voter) {
        const std::size_t member = number_of(voter.peer);
        if (member == index || !is_alive(member)) return false;
        const Replica* copy = hosts_[member]->find(group.end);
        return copy != nullptr && copy->raft().group() == group && copy->is_complete() &&
               copy->raft().answers_for(voter);
      };
      if (!decides(replica->raft().roster(), lives)) return false;
      // Nor is it one that is about to become a voter.
      const bool comes = replica->raft().sends_to(peer_at(index).self) &&
                         hopring::find(replica->raft().roster(), peer_at(index).self) == nullptr;
      if (comes) return false;
    }
  }
  return true;
}

void ReplicaWorld::crash(std::size_t index) {
  bury(index);
  hosts_[index].reset();
  ++figures_.crashes;
  for (auto each = waiting_.begin(); each != waiting_.end();) {
    const Request request = each->second;
    each = request.node == index ? waiting_.erase(each) : std::next(each);
    if (request.node == index) lose_connection(request);
  }
}

// A peer that has run full drops its copy, as far as the group can spare it, and is given another.
void ReplicaWorld::lose_copy() {
  const std::size_t index = rng().below(peer_count());
  if (is_healed() || !is_running(index) || !may_crash(index)) return;
  const auto& replicas = hosts_[index]->replicas();
  if (replicas.empty()) return;
  ++figures_.copies_lost;
  GroupOutbox out;
  hosts_[index]->give_up(replicas[rng().below(replicas.size())]->arc().end, out);
  perform(index, out);
}

// Sees to it that arcs have their copies, and now and then moves, splits and hands over.
void ReplicaWorld::place() {
  const std::vector<std::size_t> living = alive();
  for (const std::size_t i : living) {
    if (!is_running(i)) continue;
    ReplicaHost& host = *hosts_[i];
    std::vector<View> led;
    for (const auto& replica : host.replicas()) {
      if (replica->leads()) led.push_back(replica->view());
    }
    for (const View& view : led) {
      Members members;
      for (const PeerRef& each : view.members) {
        if (is_alive(number_of(each))) members.push_back(each);
      }
      GroupOutbox out;
      const bool plays = !is_healed() && options_.has_faults;
      if (plays && led.size() < options_.arcs_max && rng().chance(1, 100)) {
        if (host.split(clock(i), view.arc.end, middle(view.arc), out)) ++figures_.splits;
      }
      if (plays && members.size() == options_.copies && rng().chance(1, 20)) {
        members.erase(members.begin() + static_cast<std::ptrdiff_t>(rng().below(members.size())));
      }
      for (int tries = 0; tries < 50 && members.size() < options_.copies; ++tries) {
        const PeerRef& chosen = peer_at(living[rng().below(living.size())]).self;
        if (alternates(members, chosen)) members.push_back(chosen);
      }
      const std::optional<PeerRef> primary =
          plays && rng().chance(1, 10) ? std::optional(members[rng().below(members.size())])
                                       : std::nullopt;
      const bool differs = !std::is_permutation(members.begin(), members.end(),
                                                view.members.begin(), view.members.end());
      if (members.size() == std::min(options_.copies, living.size()) && (differs || primary)) {
        (void)host.change(clock(i), view.arc.end, members, primary, out);
      }
      perform(i, out);
    }
  }
}

// Judges.

std::optional<std::size_t> ReplicaWorld::serving(Position position) const {
  for (const std::size_t i : alive()) {
    const Replica* replica = hosts_[i]->find(position);
    if (replica != nullptr && replica->may_serve(clock(i))) return i;
  }
  return std::nullopt;
}

void ReplicaWorld::look_for_two() {
  std::vector<View> served;
  for (const std::size_t i : alive()) {
    for (const auto& replica : hosts_[i]->replicas()) {
      if (replica->may_serve(clock(i))) served.push_back(replica->view());
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
  const Duration end = now() + limit;
  while (now() < end) {
    run_for(100ms);
    double positions = 0;
    bool whole = true;
    for (const std::size_t i : alive()) {
      for (const auto& replica : hosts_[i]->replicas()) {
        if (!replica->may_serve(clock(i))) continue;
        positions += ring_share(replica->arc());
        whole = whole && replica->raft().all_have_copies() && !replica->raft().roster().is_joint();
        for (const PeerRef& each : replica->view().members) {
          whole = whole && is_alive(number_of(each));
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
  compare_copies();
  look_for_laggards();
  compare_told();
  for (const std::size_t i : alive()) {
    for (const auto& replica : hosts_[i]->replicas()) replica->audit();
  }
}

void ReplicaWorld::compare_copies() {
  for (const std::size_t i : alive()) {
    for (const auto& replica : hosts_[i]->replicas()) {
      if (replica->is_complete()) compare(*replica);
    }
  }
}

// With what other copies were when they had applied the same index; and its view with its roster.
void ReplicaWorld::compare(const Replica& replica) {
  const Voters voters = replica.raft().start_of_copy().roster.voters;
  const Members& members = replica.view().members;
  const bool agrees = voters.size() == members.size() &&
                      std::all_of(members.begin(), members.end(), [&](const PeerRef& each) {
                        return find(voters, each) != nullptr;
                      });
  if (!agrees) violation("the view names others than vote: " + to_string(replica.view()));
  std::string text = std::to_string(replica.arc().begin.value) + " " +
                     std::to_string(replica.view().number.number) + ": ";
  replica.records().walk(ScanCursor{advance(replica.arc().begin, 1), {}},
                         [&](const RecordView& record) {
                           text += std::string(record.key) + "=" + std::string(record.value) + "@" +
                                   std::to_string(record.expiry_ms) + " ";
                           return true;
                         });
  text += "window after " + std::to_string(replica.results().forgotten()) + ": ";
  for (const RememberedResult& each : replica.results().after(0, window_results_max)) {
    text += std::to_string(each.client) + "." + std::to_string(each.sequence) + "@" +
            std::to_string(each.index) + " ";
  }
  const auto [known, fresh] =
      contents_.emplace(std::pair(replica.raft().group(), replica.raft().applied()), text);
  if (!fresh && known->second != text) {
    violation("copies differ: " + known->second + "and " + text);
  }
}

// What a primary has applied, the living members have applied a second later.
void ReplicaWorld::look_for_laggards() {
  struct Reached {
    View view;
    std::uint64_t applied;
  };
  std::vector<Reached> reached;
  for (const std::size_t i : alive()) {
    for (const auto& replica : hosts_[i]->replicas()) {
      if (replica->may_serve(clock(i))) {
        reached.push_back({replica->view(), replica->raft().applied()});
      }
    }
  }
  run_for(1s);
  for (const auto& [view, applied] : reached) {
    for (const PeerRef& each : view.members) {
      const std::size_t member = number_of(each);
      if (!is_alive(member)) continue;
      const Replica* copy = hosts_[member]->find(view.arc.end);
      if (copy == nullptr || !copy->is_complete() || copy->raft().applied() < applied) {
        violation(to_string(each) + " lags behind in " + to_string(view));
      }
    }
  }
}

void ReplicaWorld::Told::hear(const GroupEffect& effect) {
  if (const auto* opened = std::get_if<ArcOpened>(&effect))
    led[opened->view.arc.end] = opened->view;
  if (const auto* change = std::get_if<ArcChanged>(&effect))
    led[change->view.arc.end] = change->view;
  if (const auto* moved = std::get_if<ArcMoved>(&effect)) led.erase(moved->view.arc.end);
  if (const auto* copy = std::get_if<ArcFollowed>(&effect)) copies[copy->view.arc.end] = copy->view;
  if (const auto* lost = std::get_if<ArcLost>(&effect)) {
    led.erase(lost->view.arc.end);
    copies.erase(lost->view.arc.end);
  }
  for (const auto& [end, view] : led) copies.erase(end);
}

// Hosts have told of all that is served, as it is, and of nothing that they do not have.
void ReplicaWorld::compare_told() {
  std::vector<View> served;
  for (const std::size_t i : alive()) {
    for (const auto& replica : hosts_[i]->replicas()) {
      if (replica->may_serve(clock(i))) served.push_back(replica->view());
    }
  }
  for (const std::size_t i : alive()) {
    const PeerRef& self = peer_at(i).self;
    for (const View& view : served) {
      if (!is_member(view, self)) continue;
      const auto& told = primary_of(view) == self ? told_[i].led : told_[i].copies;
      const auto found = told.find(view.arc.end);
      const bool is_told = found != told.end() && found->second.arc == view.arc &&
                           found->second.number == view.number &&
                           primary_of(found->second) == primary_of(view);
      if (!is_told) violation(to_string(self) + " has not told of " + to_string(view));
    }
    for (const auto* told : {&told_[i].led, &told_[i].copies}) {
      for (const auto& [end, view] : *told) {
        const Replica* replica = hosts_[i]->find(end);
        const bool is_here =
            replica != nullptr && replica->arc() == view.arc && replica->is_complete();
        if (!is_here) violation(to_string(self) + " has told of " + to_string(view));
      }
    }
  }
}

std::string ReplicaWorld::describe() const {
  std::string text;
  for (const std::size_t i : alive()) {
    text += std::to_string(i + 1) + ":\n";
    for (const auto& replica : hosts_[i]->replicas()) {
      const Raft& raft = replica->raft();
      text += "  " + to_string(replica->view()) + " role " +
              std::to_string(static_cast<int>(raft.role())) + " term " +
              std::to_string(raft.term()) + " applied " + std::to_string(raft.applied()) +
              " committed " + std::to_string(raft.committed()) + " last " +
              std::to_string(raft.last_index()) + (raft.is_voter() ? " votes" : "") +
              (replica->is_complete() ? "" : " incomplete") +
              (raft.is_primary() && !raft.all_have_copies() ? " lacks copies" : "") +
              (replica->may_serve(clock(i)) ? " serves" : "") + " roster";
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
