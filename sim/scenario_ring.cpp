#include "sim/scenario_ring.hpp"

#include <algorithm>

#include "routing/position.hpp"
#include "sim/repairer.hpp"
#include "sim/ring_checker.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t settings = 4;  // usages that stand before a ring
constexpr auto first_look = 1100ms;  // when the first peer takes writes
constexpr auto join_pause = 20ms;
constexpr auto operation_deadline = 5s;  // of an operation
constexpr auto repairs_look = 500ms;     // as often as those of `hopring ring repair`
constexpr auto change_lasts = 3s;        // an arc that nobody serves for so long has lost something
constexpr std::uint32_t nodes_each = 8;  // of a peer
constexpr std::size_t faults_told = 4;   // of one command

std::string key(std::uint64_t i) { return "key" + std::to_string(i); }
std::string value(std::uint64_t i) { return "value" + std::to_string(i); }

Operation put_of(const std::string& key, const std::string& text) {
  return Put{key, Value{ValueType::string, text}, {}, PutCondition::always};
}

}  // namespace

struct ScenarioRing::Entry {
  std::string_view usage;
  void (ScenarioRing::*play)(const Arguments&);
};

std::span<const ScenarioRing::Entry> ScenarioRing::entries() {
  static constexpr Entry all[] = {
      {"seeds COUNTS", &ScenarioRing::seeds},
      {"replicas COUNT", &ScenarioRing::replicas},
      {"nodes COUNT", &ScenarioRing::nodes},
      {"peers COUNT", &ScenarioRing::peers},
      {"join", &ScenarioRing::join},
      {"leave PEER", &ScenarioRing::leave},
      {"crash PEERS", &ScenarioRing::crash},
      {"stop PEERS for TIME", &ScenarioRing::stop},
      {"cut PEERS | PEERS", &ScenarioRing::cut},
      {"silence PEERS -> PEERS", &ScenarioRing::silence},
      {"mend", &ScenarioRing::mend},
      {"run TIME", &ScenarioRing::run},
      {"call NAMES the ROLES of KEY", &ScenarioRing::call},
      {"put KEY VALUE", &ScenarioRing::put},
      {"put KEY VALUE at PEER within TIME", &ScenarioRing::put_at},
      {"get KEY at PEER within TIME", &ScenarioRing::get_at},
      {"fill COUNT keys", &ScenarioRing::fill},
      {"read COUNT keys", &ScenarioRing::read},
      {"read COUNT keys at PEER", &ScenarioRing::read_at},
      {"read COUNT keys at PEER within TIME", &ScenarioRing::read_within},
      {"served within TIME", &ScenarioRing::served},
      {"repair within TIME", &ScenarioRing::repair},
      {"copies stay at COUNT for TIME", &ScenarioRing::copies_stay},
      {"gone PEER within TIME", &ScenarioRing::gone},
      {"whole within TIME", &ScenarioRing::whole},
  };
  return all;
}

std::span<const std::string_view> ScenarioRing::usages() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> usages;
    for (const Entry& each : entries()) usages.push_back(each.usage);
    return usages;
  }();
  return all;
}

ScenarioRing::ScenarioRing(std::uint64_t seed, const ScenarioOptions& options) : options_(options) {
  world_options_.seed = seed;
  world_options_.ring.replicas = 3;
  world_options_.ring.nodes_per_peer = nodes_each;
  world_options_.bug = options.bug;
  world_options_.print_log = options.print_log;
}

std::vector<std::string> ScenarioRing::play(const Command& command) {
  printed_.clear();
  const bool is_setting = command.usage < settings;
  if (is_setting == (world_ != nullptr)) {
    refuse(is_setting ? "this stands before the first peers" : "there are no peers yet");
  } else {
    (this->*entries()[command.usage].play)(command.arguments);
  }
  if (world_ && refusal_.empty()) look();
  return std::move(printed_);
}

void ScenarioRing::refuse(const std::string& why) {
  if (refusal_.empty()) refusal_ = why;
}

// Peers.

void ScenarioRing::seeds(const Arguments&) { refuse("this is the first command, and no other"); }

void ScenarioRing::replicas(const Arguments& arguments) {
  const std::uint64_t count = arguments[0].counts[0];
  if (count != 3 && count != 5) return refuse("there are 3 or 5 replicas");
  world_options_.ring.replicas = static_cast<std::uint32_t>(count);
}

void ScenarioRing::nodes(const Arguments& arguments) {
  const std::uint64_t count = arguments[0].counts[0];
  if (count < 1 || count > nodes_per_peer_max || (count & (count - 1)) != 0) {
    return refuse("the nodes of a peer are a power of two, up to 128");
  }
  world_options_.ring.nodes_per_peer = static_cast<std::uint32_t>(count);
}

void ScenarioRing::peers(const Arguments& arguments) {
  const std::uint64_t count = arguments[0].counts[0];
  if (count < 1 || count > 100) return refuse("a ring begins with 1 to 100 peers");
  world_ = std::make_unique<World>(world_options_);
  start({});
  run_for(first_look);
  while (started_ < count) {
    start({world_->endpoint(named_["1"])});
    run_for(join_pause);
  }
}

void ScenarioRing::start(const std::vector<Endpoint>& contacts) {
  named_[std::to_string(++started_)] = world_->start_peer(contacts);
}

// Those of whom all are alive.
std::vector<ProcessId> ScenarioRing::alive(const Argument& argument) {
  std::vector<ProcessId> ids;
  for (const std::string& each : argument.words) {
    const auto found = named_.find(each);
    if (found == named_.end()) {
      refuse("there is no peer " + each);
    } else if (!world_->is_alive(found->second)) {
      refuse("peer " + each + " is gone");
    } else {
      ids.push_back(found->second);
    }
  }
  return ids;
}

std::vector<ProcessId> ScenarioRing::all_but(const std::set<ProcessId>& some) const {
  std::vector<ProcessId> ids = world_->alive_peers();
  std::erase_if(ids, [&](ProcessId id) { return some.contains(id); });
  return ids;
}

std::pair<std::vector<ProcessId>, std::vector<ProcessId>> ScenarioRing::two_sides(
    const Arguments& arguments) {
  const std::vector<std::string> others{"others"};
  const auto a = arguments[0].words == others ? std::vector<ProcessId>{} : alive(arguments[0]);
  const auto b = arguments[1].words == others ? std::vector<ProcessId>{} : alive(arguments[1]);
  std::set<ProcessId> some(a.begin(), a.end());
  some.insert(b.begin(), b.end());
  if (a.size() + b.size() != some.size()) refuse("a peer stands on both sides, or twice");
  return {a.empty() ? all_but(some) : a, b.empty() ? all_but(some) : b};
}

void ScenarioRing::join(const Arguments&) {
  const auto ready = world_->ready_peers();
  if (ready.empty()) return refuse("no peer is ready");
  start({world_->endpoint(ready.front())});
}

void ScenarioRing::leave(const Arguments& arguments) {
  for (const ProcessId id : alive(arguments[0])) world_->leave(id);
}

void ScenarioRing::crash(const Arguments& arguments) {
  const auto victims = alive(arguments[0]);
  if (victims.size() == world_->alive_peers().size()) refuse("one peer must stay");
  if (!refusal_.empty()) return;
  for (const ProcessId id : victims) world_->crash(id);
}

void ScenarioRing::stop(const Arguments& arguments) {
  for (const ProcessId id : alive(arguments[0])) world_->pause(id, arguments[1].time);
}

// The network.

void ScenarioRing::block(const std::vector<ProcessId>& from, const std::vector<ProcessId>& to) {
  is_silent_ = true;
  for (const ProcessId a : from) {
    for (const ProcessId b : to) world_->block(a, b);
  }
}

void ScenarioRing::cut(const Arguments& arguments) {
  const auto [a, b] = two_sides(arguments);
  block(a, b);
  block(b, a);
}

void ScenarioRing::silence(const Arguments& arguments) {
  const auto [from, to] = two_sides(arguments);
  block(from, to);
}

void ScenarioRing::mend(const Arguments&) {
  is_silent_ = false;
  world_->heal();
}

// Time.

void ScenarioRing::look() {
  for (std::string& each : check_service(*world_)) {
    if (violations_.size() < faults_told) violations_.push_back(std::move(each));
  }
}

bool ScenarioRing::run_until(Duration timeout, const std::function<bool()>& condition,
                             Duration interval) {
  const Time end = world_->now().monotonic + timeout;
  while (!condition()) {
    const Duration left = end - world_->now().monotonic;
    if (left <= 0s || !violations_.empty()) return false;
    world_->run_for(std::min(left, interval));
    look();
  }
  return true;
}

void ScenarioRing::run_for(Duration time) {
  run_until(time, [] { return false; });
}

void ScenarioRing::run(const Arguments& arguments) { run_for(arguments[0].time); }

// What is so by then, or what is wrong.

void ScenarioRing::await(const std::string& what, Duration timeout,
                         const std::function<std::vector<std::string>()>& faults) {
  if (run_until(timeout, [&] { return faults().empty(); })) return print(what);
  tell_of(faults(), what);
}

void ScenarioRing::tell_of(std::vector<std::string> faults, const std::string& what) {
  if (faults.size() > faults_told) faults.resize(faults_told);
  for (const std::string& each : faults) print("not " + what + ": " + each);
}

std::vector<std::string> ScenarioRing::what_is_not_served() const { return check_tiling(*world_); }

std::vector<std::string> ScenarioRing::what_is_not_whole() const {
  std::vector<std::string> faults;
  for (const ProcessId id : world_->alive_peers()) {
    if (!world_->is_ready(id)) faults.push_back(to_string(world_->endpoint(id)) + " is not ready");
  }
  for (const auto& found : {check_tiling(*world_), check_copies(*world_), check_met(*world_),
                            check_applied(*world_, applied_by_primaries(*world_))}) {
    faults.insert(faults.end(), found.begin(), found.end());
  }
  return faults;
}

void ScenarioRing::served(const Arguments& arguments) {
  await("served", arguments[0].time, [this] { return what_is_not_served(); });
}

void ScenarioRing::whole(const Arguments& arguments) {
  await("whole", arguments[0].time, [this] { return what_is_not_whole(); });
  for (std::string& each : check_equality(*world_)) violations_.push_back(std::move(each));
}

void ScenarioRing::repair(const Arguments& arguments) {
  Repairer repairer(*world_);
  const auto is_whole = [&] {
    repairer.look();
    return what_is_not_whole().empty();
  };
  if (run_until(arguments[0].time, is_whole, repairs_look)) {
    return print(repairer.done().empty() ? "there is nothing to repair" : "repaired");
  }
  tell_of(what_is_not_whole(), "repaired");
  print(repairer.describe());
}

void ScenarioRing::copies_stay(const Arguments& arguments) {
  const std::uint64_t least = arguments[0].counts[0];
  const View* fewer = nullptr;
  const auto are_fewer = [&] {
    for (const ProcessId id : world_->alive_peers()) {
      for (const View* view : world_->peer(id).served_now()) {
        if (view->members.size() < least) fewer = view;
      }
    }
    return fewer != nullptr;
  };
  run_until(arguments[1].time, are_fewer, 1ms);
  print(fewer == nullptr ? "they stay" : "fewer copies: " + to_string(*fewer));
}

void ScenarioRing::gone(const Arguments& arguments) {
  const auto found = named_.find(arguments[0].words[0]);
  if (found == named_.end()) return refuse("there is no peer " + arguments[0].words[0]);
  const ProcessId id = found->second;
  if (!run_until(arguments[1].time, [&] { return !world_->is_alive(id); })) {
    return print("it is still there");
  }
  const auto& left = world_->left(id);
  const bool is_good = left && left->not_handed_over.empty();
  print(is_good ? "gone" : "gone, and has not handed over everything");
}

// Who has what.

const View* ScenarioRing::served_at(Position position) const {
  const View* found = nullptr;
  for (const ProcessId id : world_->alive_peers()) {
    for (const View* view : world_->peer(id).served_now()) {
      if (contains(view->arc, position)) found = view;
    }
  }
  return found;
}

void ScenarioRing::call(const Arguments& arguments) {
  const std::vector<std::string>& names = arguments[0].words;
  const std::string& role = arguments[1].words[0];
  if (role != "primary" && role != "members") return refuse("a role is primary or members");
  const Position position = position_of(world_->ring_config().hash_key, arguments[2].words[0]);
  bool is_served = false;
  std::vector<ProcessId> some;
  const auto find_all = [&] {
    some.clear();
    const View* found = served_at(position);
    is_served = found != nullptr;
    for (const ProcessId id : world_->ready_peers()) {
      const PeerRef& self = world_->peer(id).self();
      const bool is_it = found != nullptr &&
                         (role == "primary" ? primary_of(*found) == self : is_member(*found, self));
      if (is_it) some.push_back(id);
    }
    return some.size() >= names.size();
  };
  run_until(change_lasts, find_all);
  if (!is_served) return refuse("nobody serves it");
  if (some.size() < names.size()) return refuse("they are only " + std::to_string(some.size()));
  for (std::size_t i = 0; i < names.size(); ++i) named_[names[i]] = some[i];
}

// Operations, of clients that begin and end with them.

std::vector<Endpoint> ScenarioRing::alive_endpoints() const {
  std::vector<Endpoint> contacts;
  for (const ProcessId id : world_->alive_peers()) contacts.push_back(world_->endpoint(id));
  return contacts;
}

std::vector<OpResult> ScenarioRing::ask(const std::vector<Endpoint>& contacts,
                                        const std::vector<Operation>& operations,
                                        Duration deadline) {
  std::vector<OpResult> results(operations.size());
  std::size_t ended = 0;
  const ProcessId client = world_->start_client(contacts);
  world_->on_finish(client, [&](Finish&& finish) {
    results[finish.token.value] = std::get<OpResult>(std::move(finish.result));
    ++ended;
  });
  const Now now = world_->clock(client);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    world_->client(client).start(now, Token{i}, operations[i], now.monotonic + deadline);
  }
  world_->perform(client);
  run_until(deadline + 1s, [&] { return ended == operations.size(); });
  world_->on_finish(client, {});
  world_->crash(client);
  return results;
}

void ScenarioRing::write(const Operation& put, const std::vector<Endpoint>& contacts,
                         Duration deadline) {
  const OpResult result = ask(contacts, {put}, deadline)[0];
  print(result.error ? name(*result.error) : "done");
}

void ScenarioRing::put(const Arguments& arguments) {
  write(put_of(arguments[0].words[0], arguments[1].words[0]), alive_endpoints(),
        operation_deadline);
}

void ScenarioRing::put_at(const Arguments& arguments) {
  const auto at = alive(arguments[2]);
  if (at.empty()) return;
  write(put_of(arguments[0].words[0], arguments[1].words[0]), {world_->endpoint(at[0])},
        arguments[3].time);
}

void ScenarioRing::get_at(const Arguments& arguments) {
  const auto at = alive(arguments[1]);
  if (at.empty()) return;
  const std::string& key = arguments[0].words[0];
  const OpResult result = ask({world_->endpoint(at[0])}, {Get{key}}, arguments[2].time)[0];
  if (result.error) return print(name(*result.error));
  print(key + (result.value ? " = " + result.value->bytes : " is absent"));
}

void ScenarioRing::print(const Counts& counts) {
  for (const auto& [what, how_many] : counts) print(std::to_string(how_many) + " " + what);
}

void ScenarioRing::fill(const Arguments& arguments) {
  std::vector<Operation> puts;
  for (std::uint64_t i = 0; i < arguments[0].counts[0]; ++i)
    puts.push_back(put_of(key(i), value(i)));
  Counts counts;
  for (const OpResult& each : ask(alive_endpoints(), puts, operation_deadline)) {
    ++counts[each.error ? name(*each.error) : "done"];
  }
  print(counts);
}

void ScenarioRing::read(const Arguments& arguments) {
  print(read_keys(arguments[0].counts[0], alive_endpoints(), operation_deadline));
}

void ScenarioRing::read_at(const Arguments& arguments) {
  const auto at = alive(arguments[1]);
  if (at.empty()) return;
  print(read_keys(arguments[0].counts[0], {world_->endpoint(at[0])}, operation_deadline));
}

void ScenarioRing::read_within(const Arguments& arguments) {
  const auto at = alive(arguments[1]);
  if (at.empty()) return;
  const std::uint64_t count = arguments[0].counts[0];
  const Counts counts = read_keys(count, {world_->endpoint(at[0])}, arguments[2].time);
  for (const auto& [what, how_many] : counts) print(what);
}

ScenarioRing::Counts ScenarioRing::read_keys(std::uint64_t count,
                                             const std::vector<Endpoint>& contacts,
                                             Duration deadline) {
  std::vector<Operation> gets;
  for (std::uint64_t i = 0; i < count; ++i) gets.push_back(Get{key(i)});
  const std::vector<OpResult> results = ask(contacts, gets, deadline);
  Counts counts;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const OpResult& each = results[i];
    const bool is_right = each.value && each.value->bytes == value(i);
    ++counts[each.error ? name(*each.error) : is_right ? "right" : each.value ? "wrong" : "absent"];
  }
  return counts;
}

}  // namespace hopring::sim
