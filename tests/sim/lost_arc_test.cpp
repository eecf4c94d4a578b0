// How long clients wait to be told that an arc has lost the majority of its members, where no copy
// of it may be left: peers die, or are stopped, at one moment, and nobody comes for them.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "routing/position.hpp"
#include "sim/ring_checker.hpp"
#include "sim/world.hpp"
#include "tests/support/seeds.hpp"

using namespace hopring;
using namespace hopring::sim;
using namespace std::chrono_literals;

namespace {

// Until then it may be that whoever serves an arc is only late.
constexpr Duration told_after = 8s;
constexpr Duration told_within = 1s;
constexpr Duration served_within = 2s;  // what is not lost, by those who are left
constexpr Duration watched_for = 20s;
constexpr Duration back_after = 3s;  // once those who were stopped go on
constexpr Duration operation_deadline = 5s;
constexpr Duration ask_pause = 20ms;
constexpr std::size_t keys = 300;
constexpr std::size_t asked_at_once = 10;

// A ring of three copies with a client at each peer, as there is one inside for RESP.
class StruckRing {
 public:
  StruckRing(std::uint64_t seed, std::size_t peers) : world_(options_of(seed)), rng_(seed) {
    while (peers_.size() < peers) start_peer();
    BOOST_REQUIRE(world_.run_until_true(60s, [&] { return is_healthy(); }));
    for (const ProcessId each : peers_) {
      clients_.push_back(world_.start_client({world_.endpoint(each)}));
      world_.on_finish(clients_.back(),
                       [this, at = clients_.back()](Finish&& finish) { on_finish(at, finish); });
    }
    ask_for(2s);
  }

  // Of the peers so many, at one moment: they die, or hear nothing from now on.
  void strike(std::size_t count, bool die) {
    std::set<ProcessId> victims;
    while (victims.size() < count) victims.insert(peers_[rng_.below(peers_.size())]);
    const std::vector<Arc> kept = arcs_that_keep_majorities_without(world_, victims);
    for (std::size_t i = 0; i < keys; ++i) {
      const Position position = position_of(world_.ring_config().hash_key, name(i));
      const auto has_it = [&](const Arc& arc) { return contains(arc, position); };
      if (std::any_of(kept.begin(), kept.end(), has_it)) kept_.insert(i);
    }
    for (std::size_t i = peers_.size(); i-- > 0;) {
      if (!victims.contains(peers_[i])) continue;
      if (die) {
        world_.crash(peers_[i]);
      } else {
        world_.pause(peers_[i], told_after + watched_for);
      }
      peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i));
      clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    struck_at_ = now();
  }

  void ask_for(Duration lasts) {
    for (const Time until = now() + lasts; now() < until;) {
      for (std::size_t i = 0; i < asked_at_once; ++i) ask();
      world_.run_for(ask_pause);
    }
  }

  // Those who were stopped go on just now: everything is served again, in a moment.
  void on_going_on() { gone_on_at_ = now(); }

  void end() {
    BOOST_REQUIRE(world_.run_until_true(operation_deadline, [&] { return begun_.empty(); }));
  }

  const std::map<std::string, int>& wrong() const { return wrong_; }
  std::size_t told() const { return told_; }

 private:
  struct Begun {
    Time at{};
    std::size_t key = 0;
  };

  static WorldOptions options_of(std::uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    options.ring.replicas = 3;
    options.ring.nodes_per_peer = 32;
    return options;
  }
  static std::string name(std::size_t key) { return "key" + std::to_string(key); }

  Time now() const { return world_.now().monotonic; }
  bool is_healthy() const { return check_tiling(world_).empty() && check_copies(world_).empty(); }

  void start_peer() {
    std::vector<Endpoint> contacts;
    if (!peers_.empty()) contacts.push_back(world_.endpoint(peers_.front()));
    peers_.push_back(world_.start_peer(contacts));
    world_.run_for(peers_.size() == 1 ? 1100ms : 20ms);
  }

  void ask() {
    const ProcessId client = clients_[rng_.below(clients_.size())];
    const Token token{++tokens_};
    const std::size_t key = rng_.below(keys);
    begun_[token.value] = {now(), key};
    const Now read = world_.clock(client);
    world_.client(client).start(read, token, Get{name(key)}, read.monotonic + operation_deadline);
    world_.perform(client);
  }

  void on_finish(ProcessId client, const Finish& finish) {
    const Begun begun = begun_.at(finish.token.value);
    begun_.erase(finish.token.value);
    if (struck_at_ == Time{} || begun.at < struck_at_ + told_after) return;
    const auto& error = std::get<OpResult>(finish.result).error;
    const Duration took = now() - begun.at;
    if (error == OpError::unavailable) ++told_;
    const bool may_be_either =
        begun.at + operation_deadline > gone_on_at_ && begun.at < gone_on_at_ + back_after;
    if (may_be_either) return;
    const bool is_kept = begun.at > gone_on_at_ || kept_.contains(begun.key);
    const bool is_right = !error || (!is_kept && error == OpError::unavailable);
    const Duration within = error ? told_within : served_within;
    if (is_right && took <= within) return;
    ++wrong_[name(begun.key) + " at client " + std::to_string(client) +
             (is_kept ? ", which is kept, ends with " : " ends with ") +
             (error ? std::string(hopring::name(*error)) : "a result") +
             (took > within ? ", late" : "")];
  }

  World world_;
  Rng rng_;
  std::vector<ProcessId> peers_;
  std::vector<ProcessId> clients_;
  std::uint64_t tokens_ = 0;
  std::map<std::uint64_t, Begun> begun_;  // by token
  std::set<std::size_t> kept_;            // keys whose arcs keep their majority
  Time struck_at_{};
  Time gone_on_at_ = Time::never();
  std::size_t told_ = 0;
  std::map<std::string, int> wrong_;  // what, and how often
};

void check_told(std::uint64_t seed_count, std::size_t peers, std::size_t victims, bool die) {
  for (const std::uint64_t seed : seeds(seed_count)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      StruckRing ring(seed, peers);
      ring.strike(victims, die);
      ring.ask_for(told_after + watched_for);
      BOOST_TEST(ring.told() > 0u);
      if (!die) {
        ring.on_going_on();
        ring.ask_for(2 * back_after);
      }
      ring.end();
      BOOST_TEST(ring.wrong().size() == 0u);
      for (const auto& [what, count] : ring.wrong()) {
        BOOST_TEST_MESSAGE("  " << count << " times: " << what);
      }
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_arc)

BOOST_AUTO_TEST_CASE(keys_that_three_of_six_peers_took_with_them_are_unavailable_at_once) {
  check_told(6, 6, 3, true);
}

BOOST_AUTO_TEST_CASE(keys_that_four_of_seven_peers_took_with_them_are_unavailable_at_once) {
  check_told(6, 7, 4, true);
}

BOOST_AUTO_TEST_CASE(keys_of_three_of_six_peers_that_are_stopped_are_unavailable_at_once) {
  check_told(4, 6, 3, false);
}

BOOST_AUTO_TEST_SUITE_END()
