#include "sim/workload.hpp"

#include <algorithm>
#include <cstdio>

#include "base/check.hpp"

namespace hopring::sim {
namespace {

constexpr std::size_t violations_kept = 20;

bool has_value(const OpResult& result, const std::optional<std::string>& expected) {
  if (!expected) return result.outcome == Outcome::not_found;
  return result.outcome == Outcome::done && result.value && result.value->bytes == *expected;
}

}  // namespace

struct Workload::Client {
  ProcessId process = 0;
  std::vector<std::string> keys;
  bool busy = false;
  std::uint64_t token = 0;
  std::string key;  // of the operation under way
  Operation operation;
  Time started{};
};

Workload::Workload(World& world, WorkloadOptions options, const std::vector<Endpoint>& contacts)
    : world_(world), options_(options), rng_(world.rng().fork()) {
  for (std::uint32_t c = 0; c < options_.clients; ++c) {
    auto client = std::make_unique<Client>();
    client->process = world_.start_client(contacts);
    for (std::uint32_t k = 0; k < options_.keys_per_client; ++k) {
      client->keys.push_back("client-" + std::to_string(c) + "/key-" + std::to_string(k));
      keys_.emplace(client->keys.back(), Key{});
    }
    Client* owner = client.get();
    world_.on_finish(client->process, [this, owner](Finish&& finish) {
      on_finish(*owner, std::get<OpResult>(finish.result));
    });
    clients_.push_back(std::move(client));
  }
  Scanner::Options scans{options_.scan_pause, options_.deadline};
  scans.on_begun = [this] { scan_began_ = steps_; };
  scans.on_ended = [this](const Seen& seen) { judge(seen); };
  scanner_ = std::make_unique<Scanner>(world_, rng_, std::move(scans), contacts);
}

Workload::~Workload() = default;

void Workload::start() {
  running_ = true;
  for (const auto& client : clients_) next_operation(*client);
  scanner_->start();
}

void Workload::stop() {
  running_ = false;
  scanner_->stop();
}

bool Workload::is_idle() const {
  const auto busy = [](const auto& client) { return client->busy; };
  return scanner_->is_idle() && std::none_of(clients_.begin(), clients_.end(), busy);
}

void Workload::violation(std::string text) {
  if (violations_.size() < violations_kept) violations_.push_back(std::move(text));
}

std::string Workload::named(const std::string& key) const {
  char position[20];
  std::snprintf(
      position, sizeof position, "%016llx",
      static_cast<unsigned long long>(position_of(world_.ring_config().hash_key, key).value));
  const auto seconds = std::chrono::duration<double>(world_.now().monotonic.since_start).count();
  return key + " position=" + position + " at=" + std::to_string(seconds);
}

std::string Workload::random_value() {
  std::string value = "value-" + std::to_string(++values_made_) + "-";
  value.resize(value.size() + rng_.below(options_.value_bytes_max), 'x');
  return value;
}

// Operations on single keys.

void Workload::next_operation(Client& client) {
  if (!running_) return;
  const auto pause = Duration(options_.pause_max).count();
  const auto wait =
      Duration(static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(pause) + 1)));
  client.busy = true;
  world_.at(world_.now().monotonic + wait, [this, &client] { start_operation(client); });
}

void Workload::start_operation(Client& client) {
  client.key = client.keys[rng_.below(client.keys.size())];
  Key& key = keys_.at(client.key);
  const std::uint64_t dice = rng_.below(100);
  if (dice < 45) {
    client.operation = Get{client.key};
  } else if (dice < 80) {
    client.operation = Put{client.key, Value{ValueType::string, random_value()}, {}, {}};
  } else if (dice < 90) {
    client.operation = Erase{client.key};
  } else if (key.value) {
    client.operation = CompareAndSet{client.key,
                                     Value{ValueType::string, *key.value},
                                     Value{ValueType::string, random_value()},
                                     {}};
  } else {
    client.operation =
        Put{client.key, Value{ValueType::string, random_value()}, {}, PutCondition::if_absent};
  }
  if (!std::holds_alternative<Get>(client.operation)) key.in_flight = true;
  if (std::holds_alternative<Erase>(client.operation)) key.stays_since = ~0ull;
  client.started = world_.now().monotonic;
  world_.client(client.process)
      .start(world_.now(), Token{++client.token}, client.operation,
             client.started + options_.deadline);
  world_.perform(client.process);
}

void Workload::on_finish(Client& client, const OpResult& result) {
  client.busy = false;
  ++figures_.operations;
  ++steps_;
  if (std::holds_alternative<Put>(client.operation)) {
    const Duration wait = world_.now().monotonic - client.started;
    figures_.put_wait_max = std::max(figures_.put_wait_max, wait);
    if (wait > options_.put_wait_max) {
      const auto seconds = [](Duration d) {
        return std::to_string(std::chrono::duration<double>(d).count());
      };
      violation("a put waited " + seconds(wait) + " s from " + seconds(client.started.since_start) +
                " s on: key=" + named(client.key));
    }
  }
  judge(client, result);
  keys_.at(client.key).in_flight = false;
  next_operation(client);
}

bool Workload::is_moving(const std::string& key) const {
  const Position position = position_of(world_.ring_config().hash_key, key);
  const auto peers = world_.alive_peers();
  return std::any_of(peers.begin(), peers.end(),
                     [&](ProcessId id) { return world_.peer(id).is_moving(position); });
}

void Workload::judge(Client& client, const OpResult& result) {
  Key& key = keys_.at(client.key);
  const bool read = std::holds_alternative<Get>(client.operation);
  if (result.error) {
    const bool definite = is_definite(*result.error);
    ++(definite ? figures_.refused : figures_.indefinite);
    if (!definite && !read) key.judged = false;
    if (definite && !read && key.value && key.stays_since == ~0ull) key.stays_since = steps_;
    return;
  }
  if (!read) ++figures_.writes_acknowledged;
  if (!read && is_moving(client.key)) ++figures_.writes_during_moves;
  if (!key.judged) return;
  const auto wrong = [&](const char* what) {
    violation(std::string(what) + " key=" + named(client.key) +
              " expected=" + key.value.value_or("(absent)") + " got=" +
              (result.value ? result.value->bytes
                            : "outcome " + std::to_string(static_cast<int>(result.outcome))));
  };
  const auto becomes = [&](std::optional<std::string> value) {
    if (value && (!key.value || key.stays_since == ~0ull)) key.stays_since = steps_;
    key.value = std::move(value);
  };
  if (read) {
    if (!has_value(result, key.value)) wrong("get");
  } else if (const auto* put = std::get_if<Put>(&client.operation)) {
    if (result.outcome != Outcome::done) wrong("put");
    becomes(put->value.bytes);
  } else if (std::holds_alternative<Erase>(client.operation)) {
    if ((result.outcome == Outcome::done) != key.value.has_value()) wrong("erase");
    becomes(std::nullopt);
  } else {
    const auto& cas = std::get<CompareAndSet>(client.operation);
    if ((result.outcome == Outcome::done) != key.value.has_value()) wrong("compare_and_set");
    if (result.outcome == Outcome::done) becomes(cas.desired.bytes);
  }
}

// Crashes.

void Workload::on_crash(ProcessId peer) {
  const HashKey& hash_key = world_.ring_config().hash_key;
  std::vector<View> gone = world_.peer(peer).served();
  std::vector<View> others;
  for (const ProcessId id : world_.alive_peers()) {
    if (id == peer) continue;
    for (View& view : world_.peer(id).served()) others.push_back(std::move(view));
  }
  const auto held_by = [](const std::vector<View>& views, Position position) {
    return std::any_of(views.begin(), views.end(),
                       [&](const View& view) { return contains(view.arc, position); });
  };
  for (auto& [name, key] : keys_) {
    const Position position = position_of(hash_key, name);
    if (held_by(others, position)) continue;
    const bool lost = held_by(gone, position);
    const auto others_alive = world_.alive_peers();
    const bool copied = std::any_of(others_alive.begin(), others_alive.end(), [&](ProcessId id) {
      return id != peer && world_.peer(id).has_copy_of(position);
    });
    if (lost && !copied && key.value) ++figures_.keys_lost;
    // A write under way, an arc that nobody serves for a moment, or one that may be taken over from
    // a copy: not judged.
    if (!lost || copied || key.in_flight) key.judged = false;
    key.value.reset();
    key.stays_since = ~0ull;
  }
}

// Scans.

void Workload::judge(const Seen& seen) {
  ++figures_.scans;
  std::vector<std::string> names;
  for (const auto& [name, key] : keys_) names.push_back(name);
  const auto presence = [&](const std::string& name) {
    const auto found = keys_.find(name);
    if (found == keys_.end()) return Presence::absent;
    const Key& key = found->second;
    const bool stayed = key.judged && key.value && key.stays_since <= scan_began_;
    return stayed ? Presence::stayed : Presence::unknown;
  };
  for (const ScanFault& each : judge_scan(seen, names, presence)) {
    violation(each.what + ": " + named(each.key));
  }
}

// The end.

void Workload::verify_all(const Endpoint& contact) {
  const ProcessId reader = world_.start_client({contact});
  std::vector<const std::string*> names;
  for (const auto& client : clients_) {
    for (const std::string& name : client->keys) names.push_back(&name);
  }
  std::size_t ended = 0;
  world_.on_finish(reader, [&](Finish&& finish) {
    const std::string& name = *names[finish.token.value];
    const Key& key = keys_.at(name);
    const auto& result = std::get<OpResult>(finish.result);
    ++ended;
    if (key.judged && (result.error || !has_value(result, key.value))) {
      violation("at the end: key=" + named(name) + " expected=" + key.value.value_or("(absent)") +
                (result.error ? std::string(" error=") + hopring::name(*result.error) : ""));
    }
  });
  for (std::size_t i = 0; i < names.size(); ++i) {
    world_.client(reader).start(world_.now(), Token{i}, Get{*names[i]},
                                world_.now().monotonic + options_.deadline);
  }
  world_.perform(reader);
  world_.run_until_true(std::chrono::seconds(30), [&] { return ended == names.size(); });
  if (ended != names.size()) violation("at the end: reads without an answer");
  world_.on_finish(reader, nullptr);
}

}  // namespace hopring::sim
