// How fast bytes may go, against what the rule says of every window of time.

#include "storage/group/byte_bucket.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "base/rng.hpp"
#include "support.hpp"

namespace hopring {
namespace {

Time time_at(Duration since_start) { return Time{since_start}; }

BOOST_AUTO_TEST_SUITE(byte_bucket)

BOOST_AUTO_TEST_CASE(it_is_full_at_first_and_fills_at_its_rate) {
  ByteBucket bucket(1000, 300);
  BOOST_TEST(bucket.has(time_at(0s), 300));
  bucket.take(time_at(0s), 300);
  BOOST_TEST(!bucket.has(time_at(0s), 1));
  BOOST_TEST(bucket.has(time_at(0s), 0));
  BOOST_TEST((bucket.ready_at(100) == time_at(100ms)));
  BOOST_TEST(!bucket.has(time_at(99ms), 100));
  BOOST_TEST(bucket.has(time_at(100ms), 100));
  BOOST_TEST(bucket.has(time_at(10s), 300));
  BOOST_TEST(bucket.taken() == 300u);
}

BOOST_AUTO_TEST_CASE(what_was_more_than_was_asked_for_is_waited_for_afterwards) {
  ByteBucket bucket(1000, 300);
  bucket.take(time_at(0s), 2300);
  BOOST_TEST((bucket.ready_at(0) == time_at(2s)));
  BOOST_TEST((bucket.ready_at(300) == time_at(2300ms)));
  BOOST_TEST((bucket.ready_at(1000) == time_at(2300ms)), "it never holds more");
}

BOOST_AUTO_TEST_CASE(without_a_limit_everything_goes_at_once) {
  ByteBucket bucket(0, 0);
  bucket.take(time_at(0s), ~0ull);
  BOOST_TEST(bucket.has(time_at(0s), ~0ull));
  ByteBucket fastest(ByteBucket::rate_max, 1);
  fastest.take(time_at(0s), ByteBucket::rate_max + 1);
  BOOST_TEST((fastest.ready_at(1) == time_at(1s + 1ns)), "a part of a nanosecond is a whole one");
}

// Goal: in no window of time do more than rate * window + burst bytes go, and what may go does.
// Method: random rates, bursts, sizes and pauses; every window of each run is looked at. Things may
// be larger than what is asked for, and then so much more may go. A greedy sender gets its rate.
BOOST_AUTO_TEST_CASE(no_window_of_time_has_more_than_its_rate_and_a_burst) {
  struct Taken {
    Time at;
    double bytes;
  };
  for (const std::uint64_t seed : seeds(200)) {
    Rng rng(seed);
    const std::uint64_t rate = 1 + rng.below(1U << (1 + rng.below(30)));
    const std::uint64_t burst = 1 + rng.below(1U << (1 + rng.below(20)));
    const std::uint64_t least = 1 + rng.below(burst);
    const std::uint64_t larger = rng.chance(1, 3) ? rng.below(3 * burst) : 0;
    const bool is_greedy = rng.chance(1, 2);
    ByteBucket bucket(rate, burst);
    std::vector<Taken> all;
    Time now = time_at(Duration(static_cast<std::int64_t>(rng.below(1'000'000'000))));
    const Time began = now;
    double sum = 0;
    while (all.size() < 100) {
      const bool is_ready = bucket.ready_at(least) <= now;
      BOOST_REQUIRE_EQUAL(bucket.has(now, least), is_ready);
      if (is_ready) {
        const std::uint64_t bytes = rng.below(least + larger) + 1;
        bucket.take(now, bytes);
        sum += static_cast<double>(bytes);
        all.push_back({now, static_cast<double>(bytes)});
      } else if (is_greedy) {
        now = bucket.ready_at(least);
      } else {
        now = now + Duration(static_cast<std::int64_t>(rng.below(2'000'000'000)));
      }
    }
    const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
    BOOST_TEST_CONTEXT("seed " << seed) {
      for (std::size_t from = 0; from < all.size(); ++from) {
        double window = 0;
        for (std::size_t to = from; to < all.size(); ++to) {
          window += all[to].bytes;
          const double most = static_cast<double>(rate) * seconds(all[to].at - all[from].at) +
                              static_cast<double>(burst + larger);
          BOOST_REQUIRE(window <= most * (1 + 1e-9));
        }
      }
      // Before the last one so much had gone that it had to wait; 2 ns are lost each time.
      const double least_gone =
          static_cast<double>(rate) * (seconds(all.back().at - began) - 100 * 2e-9);
      if (is_greedy) {
        BOOST_TEST(sum + static_cast<double>(burst) >= least_gone * (1 - 1e-9));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
