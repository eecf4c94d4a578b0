// An iterative lookup as a dialogue: whom it asks, what it makes of answers.

#include "routing/lookup.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/routing/support.hpp"

namespace hopring {
namespace {

struct Fixture {
  PeerHealth health{PeerHealth::Options{}};

  // Peer n's arc ends n before the target.
  static std::vector<Hint> hints(std::initializer_list<std::uint16_t> peers) {
    std::vector<Hint> all;
    for (const std::uint16_t n : peers) {
      all.push_back(Hint{arc(target - n - 1u, target - n), peer(n)});
    }
    return all;
  }
  static constexpr std::uint64_t target = 100000;
  std::optional<PeerRef> next(Lookup& lookup) { return lookup.next(health); }
};

BOOST_FIXTURE_TEST_SUITE(lookup, Fixture)

BOOST_AUTO_TEST_CASE(asks_the_closest_of_all_that_were_named_first) {
  Lookup lookup(Position{target}, hints({60, 50}));
  BOOST_TEST(next(lookup).value() == peer(50));
  lookup.on_closer(hints({20, 70, 10}));
  BOOST_TEST(next(lookup).value() == peer(10));
  BOOST_TEST(next(lookup).value() == peer(20), "10 did not answer");
  lookup.on_closer({});
  BOOST_TEST(next(lookup).value() == peer(60));
  BOOST_TEST(next(lookup).value() == peer(70));
  BOOST_TEST(!next(lookup).has_value());
  BOOST_TEST(lookup.asked() == 5u);
}

BOOST_AUTO_TEST_CASE(fails_at_once_without_anybody_to_ask) {
  Lookup lookup(Position{target}, {});
  BOOST_TEST(!next(lookup).has_value());
  BOOST_TEST(lookup.asked() == 0u);
}

BOOST_AUTO_TEST_CASE(an_answer_without_hints_leaves_the_alternatives) {
  Lookup lookup(Position{target}, hints({2, 3}));
  next(lookup);
  lookup.on_closer({});
  BOOST_TEST(next(lookup).value() == peer(3));
}

BOOST_AUTO_TEST_CASE(asks_nobody_twice_when_peers_name_each_other) {
  Lookup lookup(Position{target}, hints({2}));
  BOOST_TEST(next(lookup).value() == peer(2));
  lookup.on_closer(hints({3, 2}));
  BOOST_TEST(next(lookup).value() == peer(3));
  lookup.on_closer(hints({2, 3}));
  BOOST_TEST(!next(lookup).has_value());
}

BOOST_AUTO_TEST_CASE(skips_the_silent_and_the_dead) {
  health.on_unanswered(Time{}, peer(2));
  health.on_dead(Time{}, peer(3));
  Lookup lookup(Position{target}, hints({2, 3, 4}));
  BOOST_TEST(next(lookup).value() == peer(4));
  BOOST_TEST(lookup.asked() == 1u);
}

BOOST_AUTO_TEST_CASE(keeps_the_closest_of_too_many_candidates) {
  std::vector<Hint> many;
  for (std::uint16_t n = 1; n <= 100; ++n) many.push_back(hints({n}).front());
  Lookup lookup(Position{target}, many);
  for (std::uint16_t n = 1; n <= Lookup::candidates_max; ++n) {
    BOOST_TEST(next(lookup).value() == peer(n));
  }
  BOOST_TEST(!next(lookup).has_value());
}

BOOST_AUTO_TEST_CASE(who_is_said_to_hold_the_target_is_asked_before_those_that_precede_it) {
  Lookup lookup(Position{target}, hints({1}));
  lookup.on_closer(std::vector{Hint{arc(target - 1, target + 1), peer(2)}});
  BOOST_TEST(next(lookup).value() == peer(2));
  BOOST_TEST(next(lookup).value() == peer(1));
}

// Goal: an arc that nobody serves at the moment is not looked for in half the ring.
BOOST_AUTO_TEST_CASE(gives_up_when_answers_in_turn_bring_it_no_closer) {
  Lookup lookup(Position{target}, hints({10}));
  std::uint16_t n = 10;
  while (next(lookup)) {
    ++n;
    lookup.on_closer(hints({n}));
    BOOST_REQUIRE(n < 1000u);
  }
  BOOST_TEST(lookup.asked() == Lookup::stuck_max);
}

// Goal: peers that name ever new ones, on purpose or not, cannot keep a lookup going.
BOOST_AUTO_TEST_CASE(ends_after_a_bounded_number_of_hops) {
  Lookup lookup(Position{target}, hints({1000}));
  std::uint16_t n = 1000;
  while (next(lookup)) {
    --n;
    lookup.on_closer(hints({n}));
    BOOST_REQUIRE(n > 0u);
  }
  BOOST_TEST(lookup.asked() == Lookup::hops_max);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
