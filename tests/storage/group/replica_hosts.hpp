#pragma once

// A few hosts whose messages are carried in order, except over ways that are cut.

#include <boost/test/unit_test.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/group/replica_host.hpp"
#include "support.hpp"

namespace hopring {

inline constexpr std::size_t keys = 40;

inline std::string key(std::size_t i) { return "key-" + std::to_string(i); }
inline Put put_of(std::size_t i) { return put_string(key(i), std::to_string(i)); }

inline const View first_view = view_of(peer(1), whole_ring());
inline const Position half = middle(whole_ring());

struct Hosts {
  explicit Hosts(std::uint16_t count, const GroupOptions& options = {}) {
    for (std::uint16_t n = 1; n <= count; ++n) {
      hosts.emplace(n, std::make_unique<ReplicaHost>(peer(n), test_hash_key, options, Rng(n)));
    }
    turn(1, [&](GroupOutbox& out) { hosts.at(1)->open(now(), first_view, out); });
  }

  Now now() const { return at(time); }

  // `act` with an outbox, whose messages are then on their way.
  template <class Act>
  void turn(std::uint16_t n, Act&& act) {
    GroupOutbox out;
    act(out);
    hosts.at(n)->end_turn(now(), out);
    for (GroupEffect& each : out) {
      if (auto* send = std::get_if<SendGroup>(&each)) {
        on_way.push_back({n, send->to.endpoint.port, std::move(send->message)});
      } else {
        told[n].push_back(std::move(each));
      }
    }
  }

  bool is_open(std::uint16_t from, std::uint16_t to) const {
    return hosts.contains(from) && hosts.contains(to) && !cut.contains({from, to}) &&
           !stopped.contains(to);
  }

  // What is on its way, and what that leads to, until nothing is; or what fits into `messages`.
  void carry(std::size_t messages = 100'000) {
    while (!on_way.empty() && messages-- > 0) {
      const auto [from, to, message] = std::move(on_way.front());
      on_way.pop_front();
      if (!is_open(from, to)) continue;
      turn(to, [&, to = to, from = from, text = message](GroupOutbox& out) mutable {
        hosts.at(to)->on_message(now(), peer(from), std::move(text), out);
      });
    }
  }

  void tick() {
    for (auto& [n, host] : hosts) {
      if (host->next_deadline() > now().monotonic || stopped.contains(n)) continue;
      turn(n, [&, &each = *host](GroupOutbox& out) { each.on_deadline(now(), out); });
    }
  }
  void run_for(Duration duration) {
    for (const Duration end = time + duration; time < end; time += 10ms) {
      tick();
      carry();
    }
  }
  // Looks after each message.
  template <class Condition>
  void run_until(Condition&& condition) {
    for (int i = 0; i < 10'000 && !condition(); ++i) {
      if (on_way.empty()) {
        time += 10ms;
        tick();
      }
      carry(1);
    }
    BOOST_REQUIRE(condition());
  }

  void isolate(std::uint16_t n) {
    for (const auto& [other, host] : hosts) {
      cut.insert({n, other});
      cut.insert({other, n});
    }
  }

  // The first one's arc gets these members, and all keys.
  void fill(const Members& members) {
    turn(1, [&](GroupOutbox& out) {
      BOOST_REQUIRE(hosts.at(1)->change(now(), whole_ring().end, members, std::nullopt, out));
    });
    run_for(2s);
    for (std::size_t i = 0; i < keys; ++i) write(1, put_of(i));
    run_for(1s);
    for (const PeerRef& each : members) {
      const Replica* copy = hosts.at(each.endpoint.port)->find(half);
      BOOST_REQUIRE(copy != nullptr && copy->is_complete() && copy->size() == keys);
    }
  }

  std::optional<OpResult> execute(std::uint16_t n, const Operation& operation,
                                  std::optional<Stamp> stamp = {}) {
    OpResultSink sink;
    ReplicaHost::Execution executed;
    turn(n, [&](GroupOutbox& out) {
      executed = hosts.at(n)->execute(now(), operation, {++waiter, false, stamp}, sink, out);
    });
    if (executed.view == nullptr || executed.is_pending) return std::nullopt;
    return sink.result;
  }
  void write(std::uint16_t n, const Operation& operation, std::optional<Stamp> stamp = {}) {
    BOOST_REQUIRE(!execute(n, operation, stamp).has_value());
    carry();
  }
  bool has(std::uint16_t n, std::size_t i) {
    const auto result = execute(n, Get{key(i)});
    return result && result->value && result->value->bytes == std::to_string(i);
  }
  std::size_t count_of(std::uint16_t n) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < keys; ++i) count += has(n, i) ? 1 : 0;
    return count;
  }

  Repaired repair(std::uint16_t n, const Repair& how) {
    Repaired repaired;
    turn(n, [&](GroupOutbox& out) { repaired = hosts.at(n)->repair(now(), how, out); });
    return repaired;
  }
  std::optional<RepairRefusal> refusal(std::uint16_t n, const Repair& how) {
    return repair(n, how).refused;
  }

  // The copy that `n` has of an arc with this end.
  const Replica* copy(std::uint16_t n, Position end = whole_ring().end) const {
    const Replica* found = hosts.at(n)->find(end);
    return found != nullptr && found->arc().end == end ? found : nullptr;
  }
  template <class Kind>
  std::vector<Kind> news(std::uint16_t n) {
    return all_of<Kind>(told[n]);
  }

  struct OnWay {
    std::uint16_t from;
    std::uint16_t to;
    GroupMessage message;
  };

  Duration time{};
  std::map<std::uint16_t, std::unique_ptr<ReplicaHost>> hosts;  // those that live
  std::deque<OnWay> on_way;
  std::set<std::pair<std::uint16_t, std::uint16_t>> cut;
  std::set<std::uint16_t> stopped;  // they do not run; what is sent to them is lost
  std::map<std::uint16_t, GroupOutbox> told;
  std::uint64_t waiter = 0;
};

}  // namespace hopring
