// Balance without a network: what one decision must do, and where many of them come to rest.

#include "peer/core/balancer.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <initializer_list>

#include "base/rng.hpp"
#include "routing/ring_config.hpp"
#include "tests/routing/support.hpp"

namespace hopring {
namespace {

using Candidates = std::vector<Balancer::Candidate>;

constexpr std::uint64_t mebibyte = 1 << 20;

std::uint64_t parts(const Arc& arc) {
  return static_cast<std::uint64_t>(std::llround(ring_share(arc) * 4294967296.0));
}

PeerLoad load(std::uint64_t bytes, std::uint64_t ring_parts, std::uint32_t weight = 1) {
  return PeerLoad{bytes, ring_parts, 1, weight, ring_parts};
}

PeerLoad load_of_arcs(const Candidates& arcs, std::uint32_t weight) {
  PeerLoad sum{0, 0, static_cast<std::uint32_t>(arcs.size()), weight};
  for (const Balancer::Candidate& each : arcs) {
    sum.bytes += each.bytes;
    sum.ring_parts += parts(each.arc);
    sum.copy_parts += parts(each.arc);
  }
  return sum;
}

struct Fixture {
  Balancer balancer{32};
  PeerRef self = peer(1);
  Time now{100s};

  void sample(std::uint16_t n, const PeerLoad& load) { balancer.on_sample(now, peer(n), load); }
  auto giver(const PeerLoad& own) const {
    return balancer.giver(now, own, balancer.estimate(self, own));
  }
};

BOOST_FIXTURE_TEST_SUITE(balancer, Fixture)

// Estimates.

BOOST_AUTO_TEST_CASE(a_peer_that_knows_nobody_estimates_a_ring_of_one) {
  const PeerLoad own{5000, ring_parts_whole, 32, 1};
  const Balancer::Estimate estimate = balancer.estimate(self, own);
  BOOST_TEST(estimate.peers == 1.0);
  BOOST_TEST(estimate.arcs == 32.0);
  BOOST_TEST(estimate.fair.bytes == 5000u);
  BOOST_TEST(!giver(own).has_value());
}

BOOST_AUTO_TEST_CASE(a_ring_that_is_wholly_known_is_summed_up) {
  sample(2, PeerLoad{3000, ring_parts_whole / 2, 20, 2});
  const PeerLoad own{1000, ring_parts_whole / 2, 12, 1};
  const Balancer::Estimate estimate = balancer.estimate(self, own);
  BOOST_TEST(estimate.peers == 2.0);
  BOOST_TEST(estimate.arcs == 32.0);
  BOOST_TEST(estimate.fair.bytes == 1333u, "of a peer of weight 1");
}

BOOST_AUTO_TEST_CASE(a_joiner_counts_itself) {
  sample(2, load(3000, ring_parts_whole));
  BOOST_TEST(balancer.estimate(self, load(0, 0)).peers == 2.0);
  BOOST_TEST(balancer.estimate(self, load(0, 0)).fair.bytes == 1500u);
}

// Goal: a ring too large to be known is judged by its owners of random positions.
// Method: 100 peers with shares from 1 to 3, drawn with the probability of their shares.
BOOST_AUTO_TEST_CASE(a_large_ring_is_estimated_from_random_positions) {
  Rng rng(test_seed());
  std::vector<std::uint16_t> owners;
  for (std::uint16_t n = 2; n < 102; ++n) owners.insert(owners.end(), 1u + n % 3u, n);
  for (int i = 0; i < 48; ++i) {
    const std::uint16_t n = owners[rng.below(owners.size())];
    const std::uint64_t share = 1 + n % 3u;
    sample(n, load(share * 1000, share * ring_parts_whole / owners.size()));
  }
  const Balancer::Estimate estimate = balancer.estimate(self, load(0, 0));
  BOOST_TEST(estimate.peers > 70.0);
  BOOST_TEST(estimate.peers < 135.0);
  BOOST_TEST(estimate.fair.bytes > 1400u);
  BOOST_TEST(estimate.fair.bytes < 2700u);
}

BOOST_AUTO_TEST_CASE(an_owner_without_a_share_does_not_upset_the_estimate) {
  sample(2, load(1000, 0));
  const Balancer::Estimate estimate = balancer.estimate(self, load(0, 0));
  BOOST_TEST(std::isfinite(estimate.peers));
  BOOST_TEST(estimate.peers == 1.0);
}

BOOST_AUTO_TEST_CASE(remembers_a_bounded_number_of_peers_the_latest) {
  for (std::uint16_t n = 1; n <= 2000; ++n) {
    balancer.on_load(Time{n * 1ms}, peer(n), load(n, 1));
  }
  const std::vector<PeerRef> known = balancer.lightest(Time{3s});
  BOOST_TEST(known.size() == Balancer::samples_max);
  BOOST_TEST(known.front() == peer(2000 - Balancer::samples_max + 1));
}

// Whom to ask.

BOOST_AUTO_TEST_CASE(asks_the_heaviest_peer_above_the_fair_share) {
  sample(2, load(3000 * mebibyte, ring_parts_whole / 4));
  sample(3, load(5000 * mebibyte, ring_parts_whole / 2));
  BOOST_TEST(giver(load(1000 * mebibyte, ring_parts_whole / 4)).value() == peer(3));
}

BOOST_AUTO_TEST_CASE(asks_nobody_when_it_has_its_share) {
  sample(2, load(5000 * mebibyte, ring_parts_whole / 2));
  BOOST_TEST(!giver(load(5000 * mebibyte, ring_parts_whole / 2)).has_value());
  BOOST_TEST(!giver(load(9000 * mebibyte, ring_parts_whole / 2)).has_value());
}

// The last grains cost more bytes than they level.
BOOST_AUTO_TEST_CASE(asks_nobody_whose_load_differs_from_its_own_by_less_than_a_gap) {
  const auto hold = [](double percent) {
    return load(static_cast<std::uint64_t>(percent * 40 * mebibyte), ring_parts_whole / 2);
  };
  sample(2, hold(101.4));
  BOOST_TEST(!giver(hold(98.6)).has_value());
  sample(2, hold(101.8));
  BOOST_TEST(giver(hold(98.2)).value() == peer(2));
}

// Goal: a join copies 1.2 times the joiner's share at most, also in a ring of 1,000.
BOOST_AUTO_TEST_CASE(in_a_large_ring_the_gap_is_wider_than_an_arc) {
  sample(2, load(1025 * mebibyte, ring_parts_whole / 1000));
  Balancer::Estimate estimate;
  estimate.fair = load(1000 * mebibyte, ring_parts_whole / 1000);
  const auto asked = [&](double peers, std::uint64_t own) {
    estimate.peers = peers;
    return balancer.giver(now, load(own * mebibyte, ring_parts_whole / 1000), estimate);
  };
  BOOST_TEST(asked(100, 980).has_value());
  BOOST_TEST(!asked(1000, 980).has_value());
  BOOST_TEST(asked(1000, 970).has_value());
}

// In a large ring many have a little more than their share, and nobody has a step more.
BOOST_AUTO_TEST_CASE(who_lacks_much_asks_all_that_have_their_share) {
  sample(2, load(5001 * mebibyte, ring_parts_whole / 2));
  sample(3, load(5001 * mebibyte, ring_parts_whole / 2));
  Balancer::Estimate estimate;
  estimate.fair = load(5000 * mebibyte, ring_parts_whole / 2);
  const auto asked = [&](std::uint64_t own) {
    return balancer.giver(now, load(own * mebibyte, ring_parts_whole / 2), estimate);
  };
  BOOST_TEST(asked(4600).has_value());
  BOOST_TEST(!asked(4800).has_value());
}

BOOST_AUTO_TEST_CASE(what_a_peer_was_promised_counts_until_its_load_is_learnt) {
  sample(2, load(1000 * mebibyte, 1));
  sample(3, load(2000 * mebibyte, 1));
  balancer.on_promised(peer(2), 1500 * mebibyte, 10);
  BOOST_TEST(balancer.lightest(now).front() == peer(3));
  sample(2, load(1000 * mebibyte, 1));
  BOOST_TEST(balancer.lightest(now).front() == peer(2));
}

BOOST_AUTO_TEST_CASE(asks_nobody_whose_load_is_old_news) {
  sample(2, load(5000 * mebibyte, ring_parts_whole));
  now = now + Balancer::sample_age_max + 1ms;
  BOOST_TEST(!giver(load(0, 0)).has_value());
  sample(2, load(5000 * mebibyte, ring_parts_whole));
  BOOST_TEST(giver(load(0, 0)).value() == peer(2));
}

BOOST_AUTO_TEST_CASE(asks_nobody_that_had_nothing_until_a_new_load_is_learnt) {
  sample(2, load(5000 * mebibyte, ring_parts_whole));
  balancer.pass_over(peer(2));
  BOOST_TEST(!giver(load(0, 0)).has_value());
  sample(2, load(5000 * mebibyte, ring_parts_whole));
  BOOST_TEST(giver(load(0, 0)).value() == peer(2));
}

// A ring that is wholly known stays so: the estimate does not fall back on few samples.
BOOST_AUTO_TEST_CASE(one_that_has_nothing_to_give_counts_all_the_same) {
  balancer.on_load(now, peer(2), load(3000, ring_parts_whole / 2));
  balancer.on_load(now, peer(3), load(3000, ring_parts_whole / 2));
  balancer.pass_over(peer(2));
  BOOST_TEST(balancer.estimate(self, load(0, 0)).fair.bytes == 2000u);
  balancer.forget(peer(2));
  BOOST_TEST(balancer.estimate(self, load(0, 0)).fair.bytes != 2000u);
}

BOOST_AUTO_TEST_CASE(the_lightest_come_first_for_one_that_leaves) {
  sample(2, load(9000 * mebibyte, 1));
  sample(3, load(12000 * mebibyte, 1, 2));
  sample(4, load(1000 * mebibyte, 1));
  BOOST_TEST(balancer.lightest(now) == (std::vector{peer(4), peer(3), peer(2)}),
             boost::test_tools::per_element());
}

// Gifts.

// A round of random arcs and loads of two peers, and the fair share between them.
struct Pair {
  explicit Pair(Rng& rng) {
    const auto count = static_cast<std::uint32_t>(1u << rng.below(7));
    for (std::uint32_t n = 0; n < count; ++n) {
      const std::uint64_t bytes = rng.below(3) == 0 ? 0 : rng.below(64 * mebibyte);
      arcs.push_back({equal_arc_of(n, count), bytes});
    }
    own = load_of_arcs(arcs, 1 + static_cast<std::uint32_t>(rng.below(4)));
    want.load = load(rng.below(own.bytes + 1), 0, 1 + static_cast<std::uint32_t>(rng.below(4)));
    const double weights = own.weight + want.load.weight;
    const double bytes = static_cast<double>(own.bytes + want.load.bytes);
    want.fair.bytes = static_cast<std::uint64_t>(bytes / weights);
    want.fair.ring_parts = static_cast<std::uint64_t>(4294967296.0 / weights);
    want.peers = 2;
    want.arcs = rng.chance(1, 2) ? 64 : 32;
  }
  // Of the half ring that this peer holds.
  static Arc equal_arc_of(std::uint32_t n, std::uint32_t count) {
    const std::uint64_t width = (std::uint64_t{1} << 63) / count;
    return Arc{Position{n * width}, Position{(n + 1) * width}};
  }

  Candidates arcs;
  PeerLoad own;
  WantArc want;
};

double moved_load(const Pair& pair, const Balancer::Gift& gift) {
  const auto at = std::find_if(pair.arcs.begin(), pair.arcs.end(),
                               [&](const auto& each) { return each.arc.end == gift.end; });
  BOOST_REQUIRE((at != pair.arcs.end()));
  const double whole = static_cast<double>(at->bytes) + ring_share(at->arc) * empty_ring_bytes;
  return std::ldexp(whole, -static_cast<int>(gift.cuts));
}

BOOST_AUTO_TEST_CASE(nothing_is_given_to_who_has_no_room_for_it) {
  const Balancer levels(1, 3);
  const Arc lower{Position{0}, Position{1000}};
  const Arc upper{Position{1000}, Position{2000}};
  const Candidates arcs{{lower, 400, false}, {upper, 600, false}};
  WantArc want;
  want.fair.bytes = 500;
  want.peers = 2;
  want.arcs = 64;
  const auto end_given = [&](std::uint64_t room) -> std::optional<Position> {
    want.load.rooms = {room};
    const auto gift = levels.gift(PeerLoad{1000, 0, 2, 1}, arcs, want);
    return gift ? std::optional(gift->end) : std::nullopt;
  };
  BOOST_TEST((end_given(400) == lower.end));
  BOOST_TEST(!end_given(399).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_given_goes_to_a_shard_that_has_room_for_it) {
  const Balancer levels(2, 3);
  const Position middle = equal_arc(0, 2).end;
  const Arc lower{Position{0}, Position{1000}};
  const Arc upper{middle, advance(middle, 1000)};
  const Candidates arcs{{lower, 400, false}, {upper, 400, false}};
  WantArc want;
  want.fair.bytes = 500;
  want.peers = 2;
  want.arcs = 64;
  const auto end_given = [&](std::vector<std::uint64_t> rooms) -> std::optional<Position> {
    want.load.rooms = std::move(rooms);
    const auto gift = levels.gift(PeerLoad{1000, 0, 2, 1}, arcs, want);
    return gift ? std::optional(gift->end) : std::nullopt;
  };
  BOOST_TEST((end_given({400, 0}) == lower.end));
  BOOST_TEST((end_given({0, 400}) == upper.end));
  BOOST_TEST(!end_given({399, 399}).has_value());
}

// Goal: no gift makes matters worse; so balance comes to rest.
// Method: random pairs of peers; the heavier of the two must get lighter by a step, and a giver
// above its fair share must not fall further below it than by what it gave.
BOOST_AUTO_TEST_CASE(a_gift_lowers_the_peak_by_a_step_and_overshoots_by_less_than_itself) {
  BOOST_TEST_CONTEXT("seed " << test_seed()) {
    Rng rng(test_seed());
    int gifts = 0;
    for (int round = 0; round < 20000; ++round) {
      const Pair pair(rng);
      const auto gift = balancer.gift(pair.own, pair.arcs, pair.want);
      if (!gift) continue;
      ++gifts;
      const double moved = moved_load(pair, *gift);
      const double mine = load_of(pair.own) - moved / pair.own.weight;
      const double theirs = load_of(pair.want.load) + moved / pair.want.load.weight;
      const double fair = load_of(pair.want.fair);
      const double before = std::max(load_of(pair.own), load_of(pair.want.load));
      BOOST_TEST(std::max(mine, theirs) <= before - fair / Balancer::step_parts * 0.999);
      if (load_of(pair.own) < fair) continue;
      BOOST_TEST(mine >= fair - moved / pair.own.weight);
    }
    BOOST_TEST(gifts > 5000);
  }
}

BOOST_AUTO_TEST_CASE(gives_the_largest_arc_that_fits) {
  const Candidates arcs{{arc(0, 10), 10 * mebibyte},
                        {arc(10, 20), 30 * mebibyte},
                        {arc(20, 30), 50 * mebibyte},
                        {arc(30, 40), 110 * mebibyte}};
  WantArc want;
  want.load = load(60 * mebibyte, 0);
  want.fair = load(100 * mebibyte, 0);
  want.peers = 1;
  want.arcs = 32;
  const auto gift = balancer.gift(load(200 * mebibyte, 0), arcs, want);
  BOOST_TEST(gift.value().end == Position{20});
  BOOST_TEST(gift.value().cuts == 0u);
}

// 40 of a difference of 48 would leave 32: as many bytes again would have to go back.
BOOST_AUTO_TEST_CASE(gives_no_arc_that_would_close_less_than_half_of_the_difference) {
  WantArc want;
  want.load = load(76 * mebibyte, 0);
  want.fair = load(100 * mebibyte, 0);
  want.peers = 1;
  want.arcs = 32;
  const auto gives = [&](std::uint64_t bytes) {
    const Candidates arcs{{arc(0, 10), bytes * mebibyte}};
    return balancer.gift(load(124 * mebibyte, 0), arcs, want).has_value();
  };
  BOOST_TEST(gives(24));
  BOOST_TEST(gives(35));
  BOOST_TEST(!gives(40));
}

BOOST_AUTO_TEST_CASE(gives_nothing_when_every_move_would_only_swap_the_two) {
  const Candidates arcs{{arc(0, 10), 100 * mebibyte}};
  WantArc want;
  want.load = load(0, 0);
  want.fair = load(50 * mebibyte, 0);
  want.peers = 1;
  want.arcs = 32;
  BOOST_TEST(!balancer.gift(load(100 * mebibyte, 0), arcs, want).has_value());
}

BOOST_AUTO_TEST_CASE(splits_while_arcs_are_scarce_but_not_an_arc_of_one_position) {
  WantArc want;
  want.load = load(0, 0);
  want.fair = load(50 * mebibyte, 0);
  want.peers = 2;
  want.arcs = 63;
  const Candidates wide{{arc(0, 1024), 100 * mebibyte}};
  BOOST_TEST(balancer.gift(load(100 * mebibyte, 0), wide, want).value().cuts == 1u);
  const Candidates narrow{{arc(9, 10), 40 * mebibyte}, {arc(10, 11), 60 * mebibyte}};
  const auto gift = balancer.gift(load(100 * mebibyte, 0), narrow, want);
  BOOST_TEST(gift.value().cuts == 0u);
}

BOOST_AUTO_TEST_CASE(a_want_of_a_stranger_to_arithmetic_gets_an_answer) {
  const Candidates arcs{{arc(0, 10), mebibyte}};
  WantArc want;
  want.load = PeerLoad{~0ull, ~0ull, ~0u, 0};
  want.fair = PeerLoad{~0ull, ~0ull, ~0u, 0};
  want.peers = ~0ull;
  want.arcs = ~0ull;
  BOOST_TEST(!balancer.gift(load(mebibyte, 1), arcs, want).has_value());
  want = WantArc{};
  want.load.weight = 0;
  balancer.gift(load(mebibyte, 1), arcs, want);
  BOOST_TEST(!balancer.gift(load(0, 0), {}, want).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

// Balancers alone: each holds arcs, looks at all the others, asks and is given at once.
class Economy {
 public:
  Economy(std::uint64_t seed, std::uint16_t peers, std::uint32_t weight_max, bool empty)
      : rng_(seed) {
    for (std::uint16_t n = 1; n <= peers; ++n) {
      const auto weight = 1 + static_cast<std::uint32_t>(rng_.below(weight_max));
      members_.push_back(Member{peer(n), weight, Balancer(32), {}});
    }
    for (std::uint32_t n = 0; n < 32; ++n) {
      const std::uint64_t width = std::uint64_t{1} << 59;
      const Arc each{Position{n * width - 1}, Position{(n + 1) * width - 1}};
      // Uneven by a factor of up to three.
      const std::uint64_t bytes = empty ? 0 : 64 * mebibyte + rng_.below(128 * mebibyte);
      members_.front().arcs.push_back({each, bytes});
    }
  }

  // Every peer looks at the loads of the others and asks once. Returns the number of moves.
  int round() {
    now_ = now_ + 2s;
    int moves = 0;
    for (Member& taker : members_) {
      look(taker);
      moves += ask(taker) ? 1 : 0;
    }
    return moves;
  }

  // Of loads per weight.
  double peak_over_mean() const {
    double peak = 0;
    double total = 0;
    double weights = 0;
    for (const Member& each : members_) {
      const double load = load_of(load_of_arcs(each.arcs, each.weight));
      peak = std::max(peak, load);
      total += load * each.weight;
      weights += each.weight;
    }
    return peak / (total / weights);
  }
  std::size_t arcs() const {
    std::size_t sum = 0;
    for (const Member& each : members_) sum += each.arcs.size();
    return sum;
  }

 private:
  struct Member {
    PeerRef self;
    std::uint32_t weight;
    Balancer balancer;
    Candidates arcs;
  };

  void look(Member& taker) {
    taker.balancer.begin_round();
    for (const Member& each : members_) {
      if (each.arcs.empty() || each.self == taker.self) continue;
      taker.balancer.on_load(now_, each.self, load_of_arcs(each.arcs, each.weight));
    }
  }

  bool ask(Member& taker) {
    const PeerLoad own = load_of_arcs(taker.arcs, taker.weight);
    const Balancer::Estimate estimate = taker.balancer.estimate(taker.self, own);
    while (const auto asked = taker.balancer.giver(now_, own, estimate)) {
      Member& giver = members_[asked->incarnation - 1];
      const WantArc want{1, own, estimate.fair,
                         static_cast<std::uint64_t>(std::llround(estimate.peers)),
                         static_cast<std::uint64_t>(std::llround(estimate.arcs))};
      const auto gift =
          giver.balancer.gift(load_of_arcs(giver.arcs, giver.weight), giver.arcs, want);
      if (gift) {
        give(giver, taker, *gift);
        return true;
      }
      taker.balancer.pass_over(*asked);
    }
    return false;
  }

  void give(Member& giver, Member& taker, const Balancer::Gift& gift) {
    const auto at = std::find_if(giver.arcs.begin(), giver.arcs.end(),
                                 [&](const auto& each) { return each.arc.end == gift.end; });
    Balancer::Candidate given = *at;
    giver.arcs.erase(at);
    for (unsigned i = 0; i < gift.cuts; ++i) {
      // The halves of an arc are nearly equal: keys are spread by a hash.
      const std::uint64_t lower = given.bytes * (45 + rng_.below(11)) / 100;
      const Position cut = middle(given.arc);
      giver.arcs.push_back({Arc{cut, given.arc.end}, given.bytes - lower});
      given = {Arc{given.arc.begin, cut}, lower};
    }
    taker.arcs.push_back(given);
  }

  Rng rng_;
  Time now_{};
  std::vector<Member> members_;
};

// Rounds until a round moves nothing. Fails beyond `rounds_max`.
int moves_until_rest(Economy& economy, int rounds_max) {
  int moves = 0;
  for (int round = 0; round < rounds_max; ++round) {
    const int moved = economy.round();
    moves += moved;
    if (moved == 0) return moves;
  }
  BOOST_ERROR("balance has not come to rest");
  return moves;
}

BOOST_AUTO_TEST_SUITE(economies)

// Goal: from one peer that has everything, all come to their fair share and then rest.
// Method: rings of many sizes and seeds, weights up to 4; count the moves, and see that the next
// rounds have none.
BOOST_AUTO_TEST_CASE(comes_to_rest_near_the_fair_share_in_a_bounded_number_of_moves) {
  for (const std::uint16_t peers : std::initializer_list<std::uint16_t>{2, 3, 5, 8, 16, 40}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      BOOST_TEST_CONTEXT(peers << " peers, seed " << seed) {
        Economy economy(seed, peers, seed % 2 == 0 ? 4 : 1, false);
        const int moves = moves_until_rest(economy, 2000);
        BOOST_TEST(moves <= 64 * peers);
        BOOST_TEST(economy.peak_over_mean() <= 1.05);
        BOOST_TEST(economy.arcs() <= 64u * peers);
        for (int i = 0; i < 10; ++i) BOOST_TEST(economy.round() == 0);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_empty_ring_is_balanced_by_width) {
  for (const std::uint16_t peers : std::initializer_list<std::uint16_t>{2, 5, 16}) {
    BOOST_TEST_CONTEXT(peers << " peers") {
      Economy economy(1, peers, 1, true);
      moves_until_rest(economy, 2000);
      BOOST_TEST(economy.peak_over_mean() <= 1.05);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
