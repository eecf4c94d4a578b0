// A peer that was cut off: how soon it serves its clients again once the network is whole.

#include <boost/test/unit_test.hpp>
#include <set>

#include "sim/ring_checker.hpp"
#include "sim/world.hpp"
#include "tests/support/seeds.hpp"

using namespace hopring;
using namespace hopring::sim;
using namespace std::chrono_literals;

namespace {

// Once the network is whole: a dial that is under way is sent again within a second, or ends and is
// followed by another; answers may find their way a little later; and copies whose groups have gone
// on without them are asked about every half second.
constexpr Duration meets_within = 3s;
// Those who took each other for dead call every five seconds.
constexpr Duration dead_meet_within = meets_within + 5s;
constexpr Duration taken_for_dead_after = 60s;

constexpr Duration look_pause = 50ms;
constexpr Duration watched_for = 4s;  // after all is well
constexpr Duration operation_deadline = 3s;
constexpr std::size_t keys = 48;

// A ring of three copies under load, of which one peer is cut off for a time.
class PartitionedRing {
 public:
  explicit PartitionedRing(std::uint64_t seed) : world_(options_of(seed)), rng_(seed) {
    const std::size_t count = 5 + rng_.below(3);
    while (peers_.size() < count) {
      peers_.push_back(world_.start_peer(contacts()));
      world_.run_for(peers_.size() == 1 ? 1100ms : 20ms);
    }
    BOOST_REQUIRE(world_.run_until_true(60s, [&] { return is_healthy(); }));
    alone_ = peers_[rng_.below(count)];
    witness_ = peers_[peers_[0] == alone_ ? 1 : 0];
    if (rng_.chance(1, 2)) world_.set_weather({20, 100ms, 200, 50ms});
    ask_all(witness_, true);
  }

  // Nothing reaches the peer, or leaves it, for so long.
  void cut_off_for(Duration lasts) {
    for (const ProcessId other : peers_) {
      if (other == alone_) continue;
      world_.block(alone_, other);
      world_.block(other, alone_);
    }
    for (const Time until = now() + lasts; now() < until;) {
      world_.run_for(std::min<Duration>(1s, until - now()));
      ask_all(witness_, true);
    }
    world_.heal();
  }

  // How long it takes from now on until all copies at all peers have a primary, and clients that
  // know nobody but the peer read and write every key, without an error from then on. More than a
  // minute: never.
  Duration meets() {
    const Time healed = now();
    Time well_since = healed;
    bool has_met = false;
    while (now() - healed < 60s) {
      const Time looked = now();
      // Later one may come and be given up, for the sake of balance.
      has_met = has_met || check_met(world_).empty();
      const auto errors = ask_all(alone_, rng_.chance(1, 2));
      if (!has_met || !errors.empty()) well_since = looked + look_pause;
      if (looked - well_since >= watched_for) return well_since - healed;
      world_.run_for(look_pause);
    }
    return Duration::max();
  }

 private:
  static WorldOptions options_of(std::uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    options.ring.replicas = 3;
    options.ring.nodes_per_peer = 8;
    return options;
  }

  std::vector<Endpoint> contacts() const {
    return peers_.empty() ? std::vector<Endpoint>{} : std::vector{world_.endpoint(peers_[0])};
  }
  Time now() const { return world_.now().monotonic; }
  bool is_healthy() const { return check_tiling(world_).empty() && check_copies(world_).empty(); }

  // A client for each key, as a command is: it knows this peer and nothing else. The errors.
  std::set<std::string> ask_all(ProcessId at, bool puts) {
    std::set<std::string> errors;
    std::size_t ended = 0;
    std::vector<ProcessId> clients;
    for (std::size_t i = 0; i < keys; ++i) {
      const ProcessId client = world_.start_client({world_.endpoint(at)});
      clients.push_back(client);
      world_.on_finish(client, [&](Finish&& finish) {
        ++ended;
        const auto& error = std::get<OpResult>(finish.result).error;
        if (error) errors.insert(std::string(name(*error)));
      });
      const std::string key = "key" + std::to_string(i);
      const Value value{ValueType::string, "v"};
      const Now read = world_.clock(client);
      world_.client(client).start(
          read, Token{1},
          puts ? Operation(Put{key, value, {}, PutCondition::always}) : Operation(Get{key}),
          read.monotonic + operation_deadline);
      world_.perform(client);
    }
    BOOST_REQUIRE(world_.run_until_true(10s, [&] { return ended == keys; }));
    for (const ProcessId client : clients) {
      world_.on_finish(client, {});
      world_.crash(client);
    }
    return errors;
  }

  World world_;
  Rng rng_;
  std::vector<ProcessId> peers_;
  ProcessId alone_ = 0;
  ProcessId witness_ = 0;
};

struct Spread {
  Duration shortest{};
  Duration longest{};
};

// The longest time to meet again, of HOPRING_TEST_SEED or of 1 to `count`.
Duration longest_of(std::uint64_t count, const Spread& cuts, Duration bound) {
  Duration longest{};
  for (const std::uint64_t seed : seeds(count)) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      PartitionedRing ring(seed);
      const auto range = static_cast<std::uint64_t>((cuts.longest - cuts.shortest).count());
      ring.cut_off_for(cuts.shortest + Duration(static_cast<std::int64_t>(Rng(seed).below(range))));
      const Duration met = ring.meets();
      BOOST_TEST(met.count() <= bound.count());
      longest = std::max(longest, met);
    }
  }
  return longest;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(partition)

// Goal: however long it lasted, a partition is over for all soon after the network is whole again.
// Method: 5 to 7 peers, half of the rings with messages that are late and processes that sleep; one
// peer is cut off for half a second to 20 s: its arcs are elected elsewhere, and after 10 s its
// copies have gone elsewhere, too. Then each key is asked for at the peer that was cut off.
BOOST_AUTO_TEST_CASE(who_was_cut_off_serves_every_key_within_three_seconds) {
  const Duration longest = longest_of(100, {500ms, 20s}, meets_within);
  BOOST_TEST_MESSAGE("the longest: " << seconds(longest) << " s");
}

BOOST_AUTO_TEST_CASE(peers_that_took_each_other_for_dead_meet_again) {
  const Duration longest =
      longest_of(20, {taken_for_dead_after + 5s, 3 * taken_for_dead_after}, dead_meet_within);
  BOOST_TEST_MESSAGE("the longest: " << seconds(longest) << " s");
}

BOOST_AUTO_TEST_SUITE_END()
