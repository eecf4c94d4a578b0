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
  const auto ended = burst.just_ended(Time{5s}, 450);
  BOOST_REQUIRE(ended);
  BOOST_TEST(ended->arcs == 2u);
  BOOST_TEST(ended->bytes == 400u);
  BOOST_TEST((ended->took == 3s));
  BOOST_TEST(!burst.just_ended(Time{6s}, 450));
  burst.on_begun(Position{3}, 7);
  BOOST_TEST(burst.just_begun(Time{7s}, 450).value().bytes == 7u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
