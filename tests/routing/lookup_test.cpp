// An iterative lookup as a dialogue: whom it asks, what it makes of answers.

#include "routing/lookup.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/routing/support.hpp"

namespace hopring {
namespace {

struct Fixture {
  PeerHealth health{PeerHealth::Options{}};

  // As an answer has them: the closest first.
  static std::vector<Hint> hints(std::initializer_list<std::uint16_t> peers) {
    std::vector<Hint> all;
    for (const std::uint16_t n : peers) all.push_back(Hint{arc(n, n + 1u), peer(n)});
    return all;
  }
  std::optional<PeerRef> next(Lookup& lookup) { return lookup.next(health); }
};

BOOST_FIXTURE_TEST_SUITE(lookup, Fixture)

BOOST_AUTO_TEST_CASE(asks_the_closest_first_then_what_it_names_then_the_alternatives) {
  Lookup lookup(Position{100}, hints({2, 3}));
  BOOST_TEST(next(lookup).value() == peer(2));
  lookup.on_closer(hints({5, 6}));
  BOOST_TEST(next(lookup).value() == peer(5));
  BOOST_TEST(next(lookup).value() == peer(6), "5 did not answer");
  BOOST_TEST(next(lookup).value() == peer(3));
  BOOST_TEST(!next(lookup).has_value());
  BOOST_TEST(lookup.asked() == 4u);
}

BOOST_AUTO_TEST_CASE(fails_at_once_without_anybody_to_ask) {
  Lookup lookup(Position{100}, {});
  BOOST_TEST(!next(lookup).has_value());
  BOOST_TEST(lookup.asked() == 0u);
}

BOOST_AUTO_TEST_CASE(an_answer_without_hints_leaves_the_alternatives) {
  Lookup lookup(Position{100}, hints({2, 3}));
  next(lookup);
  lookup.on_closer({});
  BOOST_TEST(next(lookup).value() == peer(3));
}

BOOST_AUTO_TEST_CASE(asks_nobody_twice_when_peers_name_each_other) {
  Lookup lookup(Position{100}, hints({2}));
  BOOST_TEST(next(lookup).value() == peer(2));
  lookup.on_closer(hints({3, 2}));
  BOOST_TEST(next(lookup).value() == peer(3));
  lookup.on_closer(hints({2, 3}));
  BOOST_TEST(!next(lookup).has_value());
}

BOOST_AUTO_TEST_CASE(skips_the_silent_and_the_dead) {
  health.on_unanswered(Time{}, peer(2));
  health.on_dead(Time{}, peer(3));
  Lookup lookup(Position{100}, hints({2, 3, 4}));
  BOOST_TEST(next(lookup).value() == peer(4));
  BOOST_TEST(lookup.asked() == 1u);
}

BOOST_AUTO_TEST_CASE(keeps_the_closest_of_too_many_candidates) {
  std::vector<Hint> many;
  for (std::uint16_t n = 1; n <= 100; ++n) many.push_back(hints({n}).front());
  Lookup lookup(Position{100}, many);
  for (std::uint16_t n = 1; n <= Lookup::candidates_max; ++n) {
    BOOST_TEST(next(lookup).value() == peer(n));
  }
  BOOST_TEST(!next(lookup).has_value());
}

// Goal: peers that name ever new ones, on purpose or not, cannot keep a lookup going.
BOOST_AUTO_TEST_CASE(ends_after_a_bounded_number_of_hops) {
  Lookup lookup(Position{100}, hints({1}));
  std::uint16_t n = 1;
  while (next(lookup)) {
    ++n;
    lookup.on_closer(hints({n}));
    BOOST_REQUIRE(n < 1000u);
  }
  BOOST_TEST(lookup.asked() == Lookup::hops_max);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
