#include "storage/table/page_arena.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "table_fixture.hpp"
#include "watched_pages.hpp"

using namespace hopring;

namespace {

constexpr std::size_t page_bytes = PageArena::page_bytes;

// Pieces with their sizes; each is filled with a byte of its own, which is checked in the end.
struct Fixture {
  struct Lent {
    PageArena::Taken piece;
    std::size_t bytes;
    unsigned char fill;
  };

  ~Fixture() {
    while (!lent.empty()) give_back(lent.size() - 1);
  }
  void lend(std::size_t bytes) {
    const PageArena::Place place = arena.place_for(bytes);
    const std::size_t before = arena.resident_bytes();
    const PageArena::Taken piece = arena.take(place, bytes);
    BOOST_REQUIRE(piece.data != nullptr);
    BOOST_REQUIRE(arena.resident_bytes() == before + place.fresh_bytes);
    const auto fill = static_cast<unsigned char>(++lends % 251);
    std::memset(piece.data, fill, bytes);
    lent.push_back({piece, bytes, fill});
  }
  void give_back(std::size_t i) {
    const auto [piece, bytes, fill] = lent[i];
    for (std::size_t k = 0; k < bytes; ++k) {
      if (piece.data[k] != std::byte{fill}) BOOST_FAIL("pieces overlap");
    }
    arena.give_back(piece, bytes);
    lent[i] = lent.back();
    lent.pop_back();
  }

  WatchedPages pages;
  PageArena arena{page_source_of(pages)};
  std::vector<Lent> lent;
  unsigned lends = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(page_arena, Fixture)

BOOST_AUTO_TEST_CASE(pieces_share_pages_and_a_page_goes_with_the_last_one) {
  for (int i = 0; i < 3; ++i) lend(2500);  // of ten units each: two pages, all but two units
  BOOST_TEST(arena.lent_bytes() == 3 * 2560u);
  BOOST_TEST(arena.resident_bytes() == 2 * page_bytes);
  give_back(0);
  BOOST_TEST(arena.resident_bytes() == 2 * page_bytes);
  BOOST_TEST(arena.bytes_kept_by(lent[1].piece, lent[1].bytes) == page_bytes);
  give_back(0);
  BOOST_TEST(arena.resident_bytes() == 2 * page_bytes, "the one in between lies in both");
  give_back(0);
  BOOST_TEST(arena.resident_bytes() == 0u);
  BOOST_TEST(pages.regions() == 1u, "addresses cost nothing");
}

BOOST_AUTO_TEST_CASE(what_is_longer_than_half_a_region_has_one_of_its_own) {
  lend(PageArena::region_bytes / 2);
  lend(PageArena::region_bytes / 2 + 1);
  lend(5 * PageArena::region_bytes);
  BOOST_TEST(pages.regions() == 3u);
  BOOST_TEST(arena.resident_bytes() == 6 * PageArena::region_bytes + page_bytes);
  BOOST_TEST(pages.resident_bytes() == arena.resident_bytes());
  arena.audit();
}

BOOST_AUTO_TEST_CASE(a_piece_takes_the_tightest_hole_that_costs_no_page) {
  for (const std::size_t units : {16u, 20u, 16u, 18u, 16u, 50u, 2u, 32u})
    lend(units * PageArena::unit_bytes);
  PageArena::Taken hole = lent[3].piece;
  give_back(3);
  give_back(1);
  BOOST_TEST(arena.place_for(17 * PageArena::unit_bytes).first ==
             static_cast<unsigned>(hole.data - lent[0].piece.data) / 256);
  BOOST_TEST(arena.place_for(2 * PageArena::unit_bytes).fresh_bytes == 0u);
  arena.audit();
}

BOOST_AUTO_TEST_CASE(where_the_system_refuses_nothing_changes) {
  pages.takes_left = 0;
  for (const std::size_t bytes : {3000u, 3000000u}) {
    BOOST_TEST(arena.take(arena.place_for(bytes), bytes).data == nullptr);
    arena.audit();
  }
  BOOST_TEST(arena.resident_bytes() == 0u);
  pages.takes_left = 1;
  lend(3000);
  arena.audit();
}

// Goal: what is counted is what is resident, whatever comes and goes, and holes cost less than two
// pages each.
// Method: random sizes from 256 bytes to 2 MiB, as many of each power of two, first growing, then
// in place of others; the system is asked.
BOOST_AUTO_TEST_CASE(what_is_counted_is_resident) {
  Rng rng(test_seed(5));
  for (unsigned i = 0; i < 6000; ++i) {
    const bool gives = lent.size() > 400 || (!lent.empty() && rng.chance(1, 3));
    if (gives) give_back(rng.below(lent.size()));
    const double power = 8 + 13 * static_cast<double>(rng.below(1000)) / 1000;
    lend(static_cast<std::size_t>(std::exp2(power)));
    if (i % 100 != 0) continue;
    arena.audit();
    BOOST_REQUIRE(pages.resident_bytes() == arena.resident_bytes());
    BOOST_REQUIRE(arena.resident_bytes() >= arena.lent_bytes());
    BOOST_REQUIRE(arena.resident_bytes() - arena.lent_bytes() < 2 * page_bytes * lent.size());
  }
  while (!lent.empty()) give_back(rng.below(lent.size()));
  arena.audit();
  BOOST_TEST(arena.resident_bytes() == 0u);
  BOOST_TEST(pages.resident_bytes() == 0u);
  BOOST_TEST(pages.regions() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
