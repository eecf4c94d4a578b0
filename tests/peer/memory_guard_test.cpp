#include "peer/net/memory_guard.hpp"

#include <boost/test/unit_test.hpp>

using namespace hopring;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t limit = 64'000'000;
constexpr Time at(std::chrono::seconds since) { return Time{since}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_guard)

BOOST_AUTO_TEST_CASE(without_a_limit_nothing_is_ever_looked_at) {
  BOOST_TEST(!MemoryGuard(0).is_due(at(1000s)));
}

BOOST_AUTO_TEST_CASE(memory_is_given_back_near_the_limit_alone) {
  const MemoryGuard guard(limit);
  BOOST_TEST(!guard.is_near(limit / 2));
  BOOST_TEST(!guard.is_near(limit - limit / 64));
  BOOST_TEST(guard.is_near(limit));
}

BOOST_AUTO_TEST_CASE(looks_are_a_second_apart) {
  MemoryGuard guard(limit);
  BOOST_TEST(guard.is_due(at(5s)));
  guard.on_looked(at(5s), limit / 2, limit / 2);
  BOOST_TEST(!guard.is_due(at(5s)));
  BOOST_TEST(guard.is_due(at(6s)));
  guard.on_looked(at(6s), limit, limit * 9 / 10);
  BOOST_TEST(guard.is_due(at(7s)));
}

BOOST_AUTO_TEST_CASE(what_has_not_helped_is_not_tried_again_at_once) {
  MemoryGuard guard(limit);
  guard.on_looked(at(5s), limit, limit - 1000);
  BOOST_TEST(!guard.is_due(at(14s)));
  BOOST_TEST(guard.is_due(at(15s)));
}

BOOST_AUTO_TEST_SUITE_END()
