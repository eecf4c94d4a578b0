// Silence, probes and death, as a dialogue with the clock.

#include "routing/peer_health.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/routing/support.hpp"

namespace hopring {
namespace {

using boost::test_tools::per_element;
using Peers = std::vector<PeerRef>;

struct Fixture {
  PeerHealth health{PeerHealth::Options{}};
  PeerRef b = peer(2);
  PeerRef c = peer(3);

  // Runs every deadline up to `until`; what fell due.
  PeerHealth::Due run_until(Duration until) {
    PeerHealth::Due all;
    while (health.next_deadline() <= Time{until}) {
      const Time now = health.next_deadline();
      const PeerHealth::Due due = health.on_deadline(now);
      BOOST_REQUIRE(health.next_deadline() > now);
      all.probes.insert(all.probes.end(), due.probes.begin(), due.probes.end());
      all.dead.insert(all.dead.end(), due.dead.begin(), due.dead.end());
    }
    return all;
  }
};

BOOST_FIXTURE_TEST_SUITE(peer_health, Fixture)

BOOST_AUTO_TEST_CASE(nobody_is_in_trouble_at_first) {
  BOOST_TEST(health.is_routable(b));
  BOOST_TEST(!health.is_dead(b));
  BOOST_TEST(!health.on_heard(b));
  BOOST_TEST(health.next_deadline() == Time::never());
}

BOOST_AUTO_TEST_CASE(a_silent_peer_is_skipped_and_probed_at_once) {
  health.on_unanswered(Time{1s}, b);
  BOOST_TEST(!health.is_routable(b));
  BOOST_TEST(!health.is_dead(b));
  BOOST_TEST(health.is_routable(c));
  BOOST_TEST(health.next_deadline() == Time{1s});
  BOOST_TEST(health.on_deadline(Time{1s}).probes == Peers{b}, per_element());
  BOOST_TEST(health.next_deadline() == Time{1250ms});
}

BOOST_AUTO_TEST_CASE(a_word_from_a_silent_peer_brings_it_back) {
  health.on_unanswered(Time{1s}, b);
  BOOST_TEST(health.on_heard(b));
  BOOST_TEST(health.is_routable(b));
  BOOST_TEST(!health.on_heard(b), "it is no news a second time");
  BOOST_TEST(health.next_deadline() == Time::never());
}

BOOST_AUTO_TEST_CASE(a_peer_that_stays_silent_dies_once) {
  health.on_unanswered(Time{1s}, b);
  health.on_unanswered(Time{50s}, b);
  BOOST_TEST(run_until(60999ms).dead.empty());
  BOOST_TEST(run_until(61s).dead == Peers{b}, per_element());
  BOOST_TEST(health.is_dead(b));
  BOOST_TEST(run_until(200s).dead.empty());
}

BOOST_AUTO_TEST_CASE(the_patience_with_silence_is_counted_in_milliseconds) {
  PeerHealth::Options options;
  options.dead_after = 1500ms;
  health = PeerHealth(options);
  health.on_unanswered(Time{1s}, b);
  BOOST_TEST(run_until(2499ms).dead.empty());
  BOOST_TEST(run_until(2500ms).dead == Peers{b}, per_element());
}

BOOST_AUTO_TEST_CASE(a_word_in_between_starts_the_silence_anew) {
  health.on_unanswered(Time{1s}, b);
  health.on_heard(b);
  health.on_unanswered(Time{50s}, b);
  BOOST_TEST(run_until(109s).dead.empty());
  BOOST_TEST(run_until(110s).dead == Peers{b}, per_element());
}

BOOST_AUTO_TEST_CASE(the_dead_are_never_revived) {
  BOOST_TEST(health.on_dead(Time{1s}, b));
  BOOST_TEST(!health.on_dead(Time{2s}, b), "dead is dead");
  BOOST_TEST(!health.on_heard(b));
  health.on_unanswered(Time{3s}, b);
  BOOST_TEST(health.is_dead(b));
  BOOST_TEST(!health.is_routable(b));
}

// A partition may last for longer than anybody waits.
BOOST_AUTO_TEST_CASE(who_was_only_silent_comes_back_where_silence_is_forgiven) {
  for (const bool is_forgiven : {false, true}) {
    health = PeerHealth(PeerHealth::Options{});
    if (is_forgiven) health.forgive_silence();
    health.on_unanswered(Time{1s}, b);
    run_until(2h);
    BOOST_TEST((health.next_deadline() < Time::never()) == is_forgiven, "still probed");
    health.on_unanswered(Time{2h}, c);
    run_until(2h + 61s);
    BOOST_TEST(health.is_dead(c));
    BOOST_TEST(health.on_heard(c) == is_forgiven);
    BOOST_TEST(health.is_dead(c) == !is_forgiven);
  }
}

BOOST_AUTO_TEST_CASE(who_was_silent_and_is_found_dead_does_not_come_back) {
  health.forgive_silence();
  for (const PeerRef& each : {b, c}) health.on_unanswered(Time{1s}, each);
  run_until(61s);
  BOOST_TEST(!health.on_dead(Time{62s}, b), "it is no news");
  health.on_departed(Time{62s}, c);
  BOOST_TEST(!health.on_heard(b));
  BOOST_TEST(!health.on_heard(c));
}

BOOST_AUTO_TEST_CASE(another_process_at_the_dead_ones_address_is_another_peer) {
  health.on_dead(Time{1s}, b);
  const PeerRef restarted{b.endpoint, 77};
  BOOST_TEST(health.is_routable(restarted));
  BOOST_TEST(!health.is_dead(restarted));
}

BOOST_AUTO_TEST_CASE(a_silent_peer_that_is_found_dead_is_news) {
  health.on_unanswered(Time{1s}, b);
  BOOST_TEST(health.on_dead(Time{5s}, b));
  BOOST_TEST(health.is_dead(b));
}

BOOST_AUTO_TEST_CASE(one_that_departed_is_dead_and_more) {
  health.on_dead(Time{1s}, b);
  BOOST_TEST(!health.has_departed(b));
  health.on_departed(Time{2s}, b);
  health.on_departed(Time{3s}, c);
  BOOST_TEST(health.has_departed(b));
  BOOST_TEST(health.is_dead(c));
  BOOST_TEST(!health.on_dead(Time{4s}, c));
  BOOST_TEST(health.has_departed(c), "a later refusal of its port changes nothing");
}

// Goal: a restarted process is found soon, a lost address is not probed for ever.
// Method: count the probes of a dead peer's address over time; they name no incarnation.
BOOST_AUTO_TEST_CASE(a_lost_address_is_probed_often_then_seldom_then_not_at_all) {
  health.on_dead(Time{0s}, b);
  const PeerHealth::Due soon = run_until(15s);
  BOOST_TEST(soon.probes.size() == 60u);
  BOOST_TEST(soon.probes.front() == anyone_at(b));
  BOOST_TEST(run_until(65s).probes.size() == 10u);
  run_until(61min);
  BOOST_TEST(health.next_deadline() == Time::never());
}

BOOST_AUTO_TEST_CASE(remembers_a_bounded_number_of_peers) {
  for (std::uint16_t n = 1; n <= 3000; ++n) health.on_unanswered(Time{n * 1ms}, peer(n));
  BOOST_TEST(health.on_deadline(Time{3s}).probes.size() == PeerHealth::peers_max);
  BOOST_TEST(!health.is_routable(peer(3000)));
  BOOST_TEST(health.is_routable(peer(1)), "in trouble longest, forgotten first");
}

BOOST_AUTO_TEST_CASE(the_longest_dead_are_forgotten_before_the_silent) {
  health.on_unanswered(Time{1s}, b);
  for (std::uint16_t n = 10; n < 10 + PeerHealth::peers_max; ++n) {
    health.on_dead(Time{n * 1s}, peer(n));
  }
  BOOST_TEST(!health.is_dead(peer(10)));
  BOOST_TEST(health.is_dead(peer(11)));
  BOOST_TEST(!health.is_routable(b));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
