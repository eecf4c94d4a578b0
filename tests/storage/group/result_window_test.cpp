#include "storage/group/result_window.hpp"

#include <boost/test/unit_test.hpp>
#include <deque>

#include "base/rng.hpp"
#include "support.hpp"

namespace hopring {
namespace {

constexpr std::int64_t second = 1000;
constexpr std::int64_t age = window_age_max.count() * second;

Stamp stamp_of(std::uint64_t sequence, std::uint64_t index = 0, std::uint64_t client = 7) {
  return {client, sequence, 1, index, false};
}

OpResult with_value(std::string bytes) {
  return {std::nullopt, Outcome::mismatch, Value{ValueType::string, std::move(bytes)}, 5};
}

struct Fixture {
  BlockPool pool;
  ResultWindow window{pool, 100};

  void fill(std::uint64_t from, std::uint64_t to, std::int64_t as_of_ms = second) {
    for (std::uint64_t i = from; i <= to; ++i) window.remember(stamp_of(i), i, as_of_ms, {});
    window.audit();
  }
};

BOOST_FIXTURE_TEST_SUITE(result_window, Fixture)

BOOST_AUTO_TEST_CASE(what_is_remembered_is_found_and_nothing_else) {
  window.remember(stamp_of(1), 10, second, {});
  window.remember(stamp_of(2), 12, second, error_result(OpError::wrong_type));
  window.remember(stamp_of(3), 13, second, with_value("there"));
  BOOST_TEST((window.find(stamp_of(1)) == OpResult{}));
  BOOST_TEST((window.find(stamp_of(2)) == error_result(OpError::wrong_type)));
  BOOST_TEST((window.find(stamp_of(3)) == with_value("there")));
  BOOST_TEST(!window.find(stamp_of(4)).has_value());
  BOOST_TEST(!window.find(stamp_of(1, 0, 8)).has_value());
  BOOST_TEST(window.newest() == 13u);
}

BOOST_AUTO_TEST_CASE(a_long_value_is_not_kept_but_its_outcome_is) {
  window.remember(stamp_of(1), 1, second, with_value(std::string(21, 'v')));
  const auto found = window.find(stamp_of(1));
  BOOST_TEST((found->outcome == Outcome::mismatch));
  BOOST_TEST(!found->value.has_value());
}

BOOST_AUTO_TEST_CASE(the_oldest_goes_where_there_are_too_many_and_is_known_to_be_gone) {
  fill(1, 103);
  BOOST_TEST(window.size() == 100u);
  BOOST_TEST(window.forgotten() == 3u);
  BOOST_TEST(!window.find(stamp_of(3)).has_value());
  BOOST_TEST(window.find(stamp_of(4)).has_value());
  BOOST_TEST(window.may_have_forgotten(stamp_of(3, 2)));
  BOOST_TEST(!window.may_have_forgotten(stamp_of(200, 3)));  // it came after what is forgotten
}

BOOST_AUTO_TEST_CASE(what_is_old_goes_when_an_entry_tells_the_time) {
  fill(1, 2, 10 * second);
  fill(3, 4, 20 * second);
  window.forget_old(10 * second + age);
  BOOST_TEST(window.size() == 4u);
  window.forget_old(11 * second + age);
  BOOST_TEST(window.size() == 2u);
  BOOST_TEST(window.forgotten() == 2u);
  BOOST_TEST(!window.is_old(20 * second + age));
  BOOST_TEST(window.is_old(21 * second + age));
  window.forget_old(21 * second + age);
  BOOST_TEST(window.size() == 0u);
  BOOST_TEST(window.forgotten() == 4u);
  BOOST_TEST(!window.is_old(1000 * second + age));  // there is nothing to forget
}

BOOST_AUTO_TEST_CASE(a_clock_that_went_ahead_keeps_nothing_from_going) {
  window.remember(stamp_of(1), 1, 100 * second, {});
  window.remember(stamp_of(2), 2, 10 * second, {});
  BOOST_TEST(!window.is_old(20 * second + age));
  BOOST_TEST(window.is_old(101 * second + age));
  window.forget_old(101 * second + age);
  BOOST_TEST(window.size() == 0u);
}

// Goal: it costs what it holds, and nothing when it is empty.
BOOST_AUTO_TEST_CASE(its_memory_is_lent_by_the_pool_and_comes_back) {
  BOOST_TEST(pool.lent_bytes() == 0u);
  {
    ResultWindow large(pool);
    for (std::uint64_t i = 1; i <= window_results_max; ++i) {
      large.remember(stamp_of(i), i, second, {});
    }
    BOOST_TEST(large.bytes() == pool.lent_bytes());
    BOOST_TEST(large.bytes() <= 42 * window_results_max);
    for (std::uint64_t i = 1; i <= 1000; ++i) {
      large.remember(stamp_of(window_results_max + i), window_results_max + i, second, {});
    }
    BOOST_TEST(large.bytes() <= 42 * window_results_max);
    large.forget_to(window_results_max + 980);
    BOOST_TEST(large.size() == 20u);
    BOOST_TEST(large.bytes() <= 256 * 40u);
    large.forget_old(2 * second + age);
    BOOST_TEST(large.bytes() == 0u);
    large.remember(stamp_of(1), 2 * window_results_max, second, {});
  }
  BOOST_TEST(pool.lent_bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(it_grows_beyond_the_limit_of_the_pool) {
  BlockPool small(PoolOptions{.block_bytes = 4096, .bytes_max = 4096});
  ResultWindow grows(small);
  for (std::uint64_t i = 1; i <= 1000; ++i) grows.remember(stamp_of(i), i, second, {});
  BOOST_TEST(small.resident_bytes() > 4096u);
  BOOST_TEST(grows.find(stamp_of(1000)).has_value());
}

// Goal: a copy, and one that was brought in parts while the window went on, is the same.
BOOST_AUTO_TEST_CASE(parts_make_the_same_window) {
  fill(1, 90);
  ResultWindow other(pool, 100);
  std::uint64_t upto = 0;
  std::uint64_t next = 91;
  for (auto part = window.after(upto, 7); !part.empty(); part = window.after(upto, 7)) {
    for (const RememberedResult& each : part) BOOST_REQUIRE(other.append(each));
    upto = part.back().index;
    if (next <= 120) fill(next, next + 2);
    if (next <= 120) next += 3;
  }
  other.forget_to(window.forgotten());
  other.audit();
  BOOST_TEST(other.forgotten() == window.forgotten());
  BOOST_TEST((other.after(0, 1000) == window.after(0, 1000)));
  BOOST_TEST((window.copy().after(0, 1000) == window.after(0, 1000)));
}

BOOST_AUTO_TEST_CASE(a_part_that_makes_no_sense_is_not_taken) {
  fill(1, 5);
  BOOST_TEST(!window.append({7, 6, 5, 1, {}}));  // an index that is there already
  BOOST_TEST(!window.append({7, 5, 6, 1, {}}));  // a stamp that is
  BOOST_TEST(window.append({7, 6, 6, 1, {}}));
}

// Goal: probing and places stay right, whatever comes and goes.
BOOST_AUTO_TEST_CASE(it_agrees_with_a_map_of_results) {
  Rng rng(1);
  std::deque<std::pair<Stamp, OpResult>> model;
  std::uint64_t index = 0;
  std::int64_t now = 0;
  for (int step = 0; step < 200'000; ++step) {
    const Stamp stamp{rng.below(3), rng.below(400), 1, 0, false};
    const auto known = std::find_if(model.begin(), model.end(), [&](const auto& each) {
      return each.first.client == stamp.client && each.first.sequence == stamp.sequence;
    });
    const auto found = window.find(stamp);
    BOOST_REQUIRE(found.has_value() == (known != model.end()));
    if (found) BOOST_REQUIRE((*found == known->second));
    if (!found) {
      const OpResult result =
          rng.chance(1, 3) ? with_value(std::to_string(rng.next())) : OpResult{};
      window.remember(stamp, index += 1 + rng.below(3), now, result);
      model.emplace_back(stamp, result);
      if (result.value && result.value->bytes.size() > window_value_bytes_max) {
        model.back().second.value.reset();
        model.back().second.expiry_ms = 0;
      }
      if (model.size() > 100) model.pop_front();
    }
    if (rng.chance(1, 500)) {
      const auto some = window.after(0, 1 + rng.below(100));
      if (!some.empty()) window.forget_to(some.back().index);
      for (std::size_t i = 0; i < some.size(); ++i) model.pop_front();
    }
    if (rng.chance(1, 1000)) window.audit();
    BOOST_REQUIRE(window.size() == model.size());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
