// When the log tells of copies that are made anew.

#include "peer/core/copy_burst.hpp"

#include <boost/test/unit_test.hpp>

namespace hopring {
namespace {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(copy_burst)

BOOST_AUTO_TEST_CASE(a_burst_is_told_once_when_it_begins_and_once_when_all_is_back) {
  CopyBurst burst;
  BOOST_TEST(!burst.just_begun(Time{1s}, 50));
  BOOST_TEST(!burst.just_ended(Time{1s}, 50));
  burst.on_begun(Position{1}, 100);
  burst.on_begun(Position{2}, 200);
  const auto begun = burst.just_begun(Time{2s}, 50);
  BOOST_REQUIRE(begun);
  BOOST_TEST(begun->arcs == 2u);
  BOOST_TEST(begun->bytes == 300u);
  burst.on_ended(Position{1}, true);
  burst.on_ended(Position{9}, true);  // another change
  BOOST_TEST(!burst.just_begun(Time{3s}, 150));
  BOOST_TEST(!burst.just_ended(Time{3s}, 150));
  burst.on_ended(Position{2}, false);
  burst.on_begun(Position{2}, 200);  // again, by the same look
  BOOST_TEST(!burst.just_ended(Time{4s}, 150));
  burst.on_ended(Position{2}, true);
  BOOST_TEST(!burst.just_ended(Time{5s}, 450));
  const auto ended = burst.just_ended(Time{8s}, 500);
  BOOST_REQUIRE(ended);
  BOOST_TEST(ended->arcs == 2u);
  BOOST_TEST(ended->bytes == 400u, "what was sent later is of no copy that was lost");
  BOOST_TEST((ended->took == 3s), "without the quiet time");
  BOOST_TEST(!burst.just_ended(Time{9s}, 500));
  burst.on_begun(Position{3}, 7);
  BOOST_TEST(burst.just_begun(Time{10s}, 500).value().bytes == 7u);
}

// One death: some arcs are led here, others only after an election.
BOOST_AUTO_TEST_CASE(arcs_that_are_found_a_moment_later_belong_to_the_same_burst) {
  CopyBurst burst;
  burst.on_begun(Position{1}, 100);
  BOOST_TEST(burst.just_begun(Time{1s}, 0).has_value());
  burst.on_ended(Position{1}, true);
  BOOST_TEST(!burst.just_ended(Time{2s}, 100));
  BOOST_TEST(!burst.just_ended(Time{4900ms}, 100));
  burst.on_begun(Position{2}, 100);
  BOOST_TEST(!burst.just_begun(Time{4900ms}, 100));
  burst.on_ended(Position{2}, true);
  BOOST_TEST(!burst.just_ended(Time{6s}, 200));
  const auto ended = burst.just_ended(Time{9s}, 200);
  BOOST_REQUIRE(ended);
  BOOST_TEST(ended->arcs == 2u);
  BOOST_TEST(ended->bytes == 200u);
  BOOST_TEST((ended->took == 5s));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
