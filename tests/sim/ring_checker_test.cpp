#include "sim/ring_checker.hpp"

#include <boost/test/unit_test.hpp>

using namespace hopring;
using namespace hopring::sim;

namespace {

View view(std::uint64_t begin, std::uint64_t end) {
  return View{Arc{Position{begin}, Position{end}}, {1, 0, 1}, 0, {PeerRef{{}, 1}}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ring_checker)

BOOST_AUTO_TEST_CASE(arcs_that_tile_the_ring_pass_in_any_order) {
  BOOST_TEST(check_tiling({view(20, 10), view(10, 20)}).empty());
  BOOST_TEST(check_tiling({view(7, 7)}).empty());
}

BOOST_AUTO_TEST_CASE(a_gap_an_overlap_and_an_empty_ring_are_told_apart) {
  const auto gap = check_tiling({view(20, 10), view(11, 20)});
  BOOST_REQUIRE(gap.size() == 1u);
  BOOST_TEST(gap[0].starts_with("gap"));
  const auto overlap = check_tiling({view(20, 10), view(9, 20)});
  BOOST_REQUIRE(overlap.size() == 1u);
  BOOST_TEST(overlap[0].starts_with("overlap"));
  BOOST_TEST(check_tiling({}).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
