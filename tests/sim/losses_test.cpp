// What the judge of lost majorities lets pass, and what it objects to.

#include "sim/losses.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "routing/position.hpp"
#include "sim/repairer.hpp"
#include "sim/ring_checker.hpp"

using namespace hopring;
using namespace hopring::sim;
using namespace std::chrono_literals;

namespace {

constexpr Duration stopped_for = 12s;

// Eight peers, of whom three crash or more: of sixty keys some are lost, and some are not.
struct Struck {
  explicit Struck(Losses::How how = Losses::How::crash) : world(options()) {
    const ProcessId first = world.start_peer({});
    world.run_for(1100ms);
    for (int i = 1; i < 8; ++i) {
      world.start_peer({world.endpoint(first)});
      world.run_for(20ms);
    }
    BOOST_REQUIRE(becomes_whole());
    world.run_for(10s);  // for balance: of arcs whose members change the judge cannot say much
    for (int i = 0; i < 60; ++i) keys.push_back("key" + std::to_string(i));
    losses.emplace(world, Rng(3), keys);
    losses->resume_at(world.now().monotonic + stopped_for);
    struck = losses->strike(5, how).size();
  }

  static WorldOptions options() {
    WorldOptions options;
    options.ring.replicas = 3;
    options.ring.nodes_per_peer = 8;
    return options;
  }
  bool is_whole() const { return check_tiling(world).empty() && check_copies(world).empty(); }
  bool becomes_whole() {
    for (int i = 0; i < 1200 && !is_whole(); ++i) world.run_for(50ms);
    return is_whole();
  }
  Duration now() const { return world.now().monotonic.since_start; }
  // A key whose arc is lost, or one whose arc is not, as far as the judge says.
  std::string one(bool is_lost) const {
    for (const std::string& each : keys) {
      if (losses->judge(each, now(), OpError::unavailable).empty() == is_lost) return each;
    }
    BOOST_FAIL("there is none");
    return "";
  }
  bool objects(const std::string& key, std::optional<OpError> error, Duration took = 0s) const {
    return !losses->judge(key, now() - took, error).empty();
  }

  World world;
  std::vector<std::string> keys;
  std::optional<Losses> losses;
  std::size_t struck = 0;
};

// They are stopped.
struct Stopped : Struck {
  Stopped() : Struck(Losses::How::stop) {}
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(losses, Struck)

BOOST_AUTO_TEST_CASE(what_is_lost_is_unavailable_at_once_until_it_is_repaired_and_then_never) {
  BOOST_TEST(struck >= 3u);
  world.run_for(10s);
  BOOST_TEST(losses->look().empty());
  BOOST_TEST(losses->on_calm().empty());
  BOOST_TEST((losses->keys_lost() > 0 && losses->keys_lost() < keys.size()));
  const std::string lost = one(true);
  BOOST_TEST(!objects(lost, OpError::unavailable, 900ms));
  BOOST_TEST(objects(lost, OpError::unavailable, 1100ms), "too late");
  BOOST_TEST(objects(lost, OpError::no_route));
  BOOST_TEST(objects(lost, OpError::unknown));
  BOOST_TEST(objects(lost, {}), "nobody can know");
  losses->on_repair();
  BOOST_TEST(objects(lost, OpError::no_route), "it has a copy");
  Repairer repairer(world);
  while (losses->look().empty()) {
    repairer.look();
    world.run_for(500ms);
  }
  BOOST_TEST(becomes_whole());
  static_cast<void>(losses->look());
  BOOST_TEST(losses->anew_at(lost).has_value());
  BOOST_TEST(!objects(lost, {}));
  world.run_for(4s);
  BOOST_TEST(objects(lost, OpError::unavailable));
}

// All crash but one, which has not all arcs.
BOOST_AUTO_TEST_CASE(an_arc_without_a_copy_is_unavailable_at_once_until_others_are_repaired) {
  while (world.alive_peers().size() > 1) losses->strike(5, Losses::How::crash);
  world.run_for(10s);
  static_cast<void>(losses->look());
  static_cast<void>(losses->on_calm());
  const auto& left = world.peer(world.alive_peers().front());
  const auto has_copy = [&](const std::string& key) {
    const Position position = position_of(world.ring_config().hash_key, key);
    const auto copies = left.copies_now();
    return std::any_of(copies.begin(), copies.end(),
                       [&](const Replica* copy) { return contains(copy->arc(), position); });
  };
  const auto nowhere = std::find_if_not(keys.begin(), keys.end(), has_copy);
  BOOST_REQUIRE((nowhere != keys.end()));
  BOOST_TEST(objects(*nowhere, OpError::no_route));
  losses->on_repair();
  BOOST_TEST(!objects(*nowhere, OpError::no_route));
  BOOST_TEST(!objects(*nowhere, OpError::timed_out));
  BOOST_TEST(objects(*nowhere, {}));
}

BOOST_FIXTURE_TEST_CASE(what_the_stopped_took_with_them_is_lost_until_they_go_on, Stopped) {
  BOOST_TEST(struck == losses->stopped().size());
  world.run_for(10s);
  static_cast<void>(losses->look());
  BOOST_TEST(losses->on_calm().empty());
  BOOST_TEST((losses->keys_lost() > 0 && losses->keys_lost() < keys.size()));
  const std::string lost = one(true);
  BOOST_TEST(!objects(lost, OpError::unavailable, 900ms));
  BOOST_TEST(objects(lost, OpError::no_route));
  BOOST_TEST(!losses->on_back().empty(), "nobody has gone on");
  world.run_for(stopped_for - 10s);
  losses->on_resumed();
  BOOST_TEST(!objects(lost, OpError::no_route), "in a moment");
  world.run_for(5s);
  static_cast<void>(losses->look());
  BOOST_TEST(losses->on_back().empty());
  BOOST_TEST(!objects(lost, {}));
  world.run_for(4s);
  BOOST_TEST(objects(lost, OpError::unavailable));
  BOOST_TEST(is_whole());
}

BOOST_AUTO_TEST_CASE(what_is_not_lost_is_served) {
  world.run_for(10s);
  static_cast<void>(losses->look());
  static_cast<void>(losses->on_calm());
  const std::string kept = one(false);
  BOOST_TEST(!objects(kept, {}));
  BOOST_TEST(objects(kept, OpError::unavailable));
  BOOST_TEST(objects(kept, OpError::moving));
  BOOST_TEST(!losses->anew_at(kept).has_value());
}

// By who has not looked since the crashes.
BOOST_AUTO_TEST_CASE(an_arc_that_kept_its_majority_and_is_not_served_is_found) {
  world.run_for(10s);
  BOOST_TEST(!losses->on_calm().empty());
}

BOOST_AUTO_TEST_SUITE_END()
