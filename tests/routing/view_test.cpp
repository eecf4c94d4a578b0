// Which of two views holds at a position, and which views from the network are none.

#include <boost/test/unit_test.hpp>

#include "base/rng.hpp"
#include "tests/routing/support.hpp"

namespace hopring {
namespace {

const PeerRef a = peer(1);
const PeerRef b = peer(2);
const PeerRef c = peer(3);
const PeerRef d = peer(4);

BOOST_AUTO_TEST_SUITE(views)

BOOST_AUTO_TEST_CASE(within_a_generation_the_higher_number_holds) {
  BOOST_TEST(beats(view(0, 9, b, 8), view(0, 9, a, 7)));
  BOOST_TEST(!beats(view(0, 9, a, 7), view(0, 9, b, 8)));
  BOOST_TEST(!beats(view(0, 9, a, 7), view(0, 9, a, 7)));
}

BOOST_AUTO_TEST_CASE(a_claim_beats_every_view_of_the_dead_one) {
  for (const std::uint64_t number : {1u, 7u, 1000u}) {
    BOOST_TEST(beats(claim(0, 9, c, a), view(0, 9, a, number)));
    BOOST_TEST(!beats(view(0, 9, a, number), claim(0, 9, c, a)));
  }
}

BOOST_AUTO_TEST_CASE(a_claim_yields_to_an_arc_that_had_moved_on) {
  const View moved_on = view(0, 9, b, 8);
  BOOST_TEST(beats(moved_on, claim(0, 9, c, a)));
  BOOST_TEST(!beats(claim(0, 9, c, a), moved_on));
}

// Goal: a cache that has missed a view does not stand against a valid claim.
// Method: a gave the arc to b in view 8; b died, and c claims it. Views up to 8 are out of date,
// whoever they name; view 9 of d is what the claimant has missed.
BOOST_AUTO_TEST_CASE(a_claim_beats_what_its_claimant_knew_to_be_out_of_date) {
  const View claimed = claim(0, 9, c, b, 2, ViewNumber{1, 0, 8});
  BOOST_TEST(beats(claimed, view(0, 9, a, 7)));
  BOOST_TEST(!beats(view(0, 9, a, 7), claimed));
  BOOST_TEST(beats(view(0, 9, d, 9), claimed));
}

BOOST_AUTO_TEST_CASE(a_claim_of_what_nobody_was_known_to_hold_yields_to_whoever_held_it) {
  BOOST_TEST(beats(view(0, 9, a, 1), claim(0, 9, c, c)));
}

BOOST_AUTO_TEST_CASE(a_claim_yields_to_more_than_one_member) {
  View two = view(0, 9, a, 8);
  two.members.push_back(b);
  BOOST_TEST(beats(two, claim(0, 9, c, a)));
}

BOOST_AUTO_TEST_CASE(of_two_claims_the_higher_generation_then_the_higher_claimant_holds) {
  BOOST_TEST(beats(claim(0, 9, d, a), claim(0, 9, c, a)));
  BOOST_TEST(!beats(claim(0, 9, c, a), claim(0, 9, d, a)));
  // b has taken from a, and c from b in its turn.
  BOOST_TEST(beats(claim(0, 9, c, b, 3), claim(0, 9, b, a)));
}

BOOST_AUTO_TEST_CASE(a_claim_of_a_claimed_arc_yields_when_that_one_had_moved_on) {
  View moved_on = claim(0, 9, b, a);
  moved_on.number = next(moved_on.number);
  moved_on.members = {d};
  BOOST_TEST(beats(moved_on, claim(0, 9, c, b, 3)));
}

BOOST_AUTO_TEST_CASE(a_repair_names_no_dead_one_and_beats_all_of_lower_generations) {
  View repaired = claim(0, 9, c, a);
  repaired.taken_from = 0;
  BOOST_TEST(beats(repaired, view(0, 9, b, 1000)));
  BOOST_TEST(!beats(view(0, 9, b, 1000), repaired));
}

// Goal: two peers that compare the same two views come to the same end, and come to one.
// Method: random views of few peers, generations and numbers; a seed repeats a failure.
BOOST_AUTO_TEST_CASE(of_two_views_with_different_numbers_exactly_one_beats_the_other) {
  BOOST_TEST_CONTEXT("seed " << test_seed()) {
    Rng rng(test_seed());
    const auto draw = [&] {
      const PeerRef holder = peer(static_cast<std::uint16_t>(1 + rng.below(4)));
      View drawn = view(0, 9, holder, 1 + rng.below(3));
      drawn.number.generation = 1 + rng.below(3);
      if (drawn.number.generation > 1) {
        drawn.number.claimant = 1 + rng.below(4);
        drawn.taken_from = rng.below(5);
        drawn.taken_at = ViewNumber{rng.below(drawn.number.generation), 0, rng.below(4)};
      }
      return drawn;
    };
    for (int i = 0; i < 20000; ++i) {
      const View x = draw();
      const View y = draw();
      if (x.number == y.number) continue;
      BOOST_TEST_CONTEXT(x << " and " << y) { BOOST_TEST(beats(x, y) != beats(y, x)); }
    }
  }
}

// Hosts.

BOOST_AUTO_TEST_CASE(members_crowd_where_several_live_at_one_address) {
  const auto at_host = [](std::uint32_t host, std::uint16_t port) {
    return PeerRef{ipv4_endpoint(0x0a000000 + host, port), port};
  };
  const PeerRef a1 = at_host(1, 1);
  const PeerRef a2 = at_host(1, 2);
  const PeerRef a3 = at_host(1, 3);
  const PeerRef b1 = at_host(2, 4);
  BOOST_TEST(crowding(Members{}) == 0u);
  BOOST_TEST(crowding(Members{a1, b1}) == 0u);
  BOOST_TEST(crowding(Members{a1, b1, a2}) == 1u);
  BOOST_TEST(crowding(Members{a1, a2, a3}) == 2u);
  BOOST_TEST(crowds(Members{a1, b1}, b1, a2));
  BOOST_TEST(!crowds(Members{a1, b1}, a1, a2));
  BOOST_TEST(!crowds(Members{a1, a2}, a2, b1));
  const PeerRef former{a1.endpoint, 77};  // another run of the process: one of them is dead
  BOOST_TEST(crowding(Members{a1, former}) == 0u);
}

BOOST_AUTO_TEST_CASE(a_view_without_members_or_with_too_many_is_malformed) {
  View none = view(0, 9, a);
  none.members.clear();
  BOOST_TEST(!is_well_formed(none));
  View many = none;
  for (std::uint16_t n = 1; n <= members_max; ++n) many.members.push_back(peer(n));
  BOOST_TEST(is_well_formed(many));
  many.members.push_back(peer(99));
  BOOST_TEST(!is_well_formed(many));
}

BOOST_AUTO_TEST_CASE(a_view_that_names_a_member_twice_or_nobody_is_malformed) {
  View twice = view(0, 9, a);
  twice.members.push_back(a);
  BOOST_TEST(!is_well_formed(twice));
  BOOST_TEST(!is_well_formed(view(0, 9, anyone_at(a))));
  BOOST_TEST(!is_well_formed(view(0, 9, peer(0))));
}

BOOST_AUTO_TEST_CASE(a_view_of_generation_0_is_malformed) {
  View before_all = view(0, 9, a);
  before_all.number.generation = 0;
  BOOST_TEST(!is_well_formed(before_all));
}

BOOST_AUTO_TEST_CASE(a_view_prints_its_arc_its_number_and_its_members) {
  BOOST_TEST(to_string(view(15, 31, a, 7)) ==
             "(000000000000000f, 000000000000001f] 1.0.7 {127.0.0.1:1#0000000000000001}");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
