#include "base/huge_pages.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

using namespace hopring;

namespace {

constexpr std::size_t block_bytes = std::size_t{64} << 10;
constexpr std::size_t blocks_per_region = HugePages::region_bytes / block_bytes;

std::uintptr_t address(const void* block) { return reinterpret_cast<std::uintptr_t>(block); }

struct Fixture {
  ~Fixture() {
    for (void* block : blocks) pages.give_back(block);
  }
  void take(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      blocks.push_back(pages.take(block_bytes));
      BOOST_REQUIRE(blocks.back() != nullptr);
    }
  }
  void give_back(std::size_t index) {
    pages.give_back(blocks[index]);
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(index));
  }

  HugePages pages{block_bytes};
  std::vector<void*> blocks;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(huge_pages, Fixture)

BOOST_AUTO_TEST_CASE(blocks_are_aligned_and_do_not_overlap) {
  take(3 * blocks_per_region);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    BOOST_TEST(address(blocks[i]) % block_bytes == 0u);
    std::memset(blocks[i], static_cast<int>(i), block_bytes);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto* const bytes = static_cast<const unsigned char*>(blocks[i]);
    BOOST_TEST(bytes[0] == i);
    BOOST_TEST(bytes[block_bytes - 1] == i);
  }
  BOOST_TEST(pages.regions() == 3u);
}

BOOST_AUTO_TEST_CASE(more_than_the_small_regions_are_taken_and_given_back) {
  take((HugePages::small_regions + 2) * blocks_per_region);
  BOOST_TEST(pages.regions() == HugePages::small_regions + 2);
  while (!blocks.empty()) give_back(blocks.size() / 2);
  BOOST_TEST(pages.regions() == 0u);
}

BOOST_AUTO_TEST_CASE(a_block_that_was_given_back_is_taken_again_and_is_zero) {
  take(2);
  std::memset(blocks[0], 1, block_bytes);
  const std::uintptr_t first = address(blocks[0]);
  give_back(0);
  take(1);
  BOOST_TEST(address(blocks.back()) == first);
  BOOST_TEST(static_cast<const char*>(blocks.back())[block_bytes / 2] == 0, "the system had it");
  BOOST_TEST(pages.regions() == 1u);
}

// Goal: what is left of a large table ends in few regions, and the others go.
BOOST_AUTO_TEST_CASE(the_lowest_region_is_filled_first) {
  take(3 * blocks_per_region);
  std::set<std::uintptr_t> regions;
  for (const void* block : blocks) regions.insert(address(block) / HugePages::region_bytes);
  const std::uintptr_t lowest = *regions.begin();
  for (std::size_t i = blocks.size(); i-- > 0;) {
    if (i % 2 == 0) give_back(i);
  }
  take(1);
  BOOST_TEST(address(blocks.back()) / HugePages::region_bytes == lowest);
}

// Goal: regions that were touched ahead and others are memory alike.
// Method: many regions one after the other, so that some were; written, and read again.
BOOST_AUTO_TEST_CASE(what_was_touched_ahead_is_handed_out_once) {
  take((HugePages::small_regions + 40) * blocks_per_region);
  std::set<std::uintptr_t> distinct;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    distinct.insert(address(blocks[i]));
    std::memcpy(blocks[i], &i, sizeof i);
  }
  BOOST_TEST(distinct.size() == blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    BOOST_TEST(std::memcmp(blocks[i], &i, sizeof i) == 0);
  }
  BOOST_TEST(pages.regions() == HugePages::small_regions + 40);
}

BOOST_AUTO_TEST_CASE(other_sizes_are_refused) {
  BOOST_TEST(pages.take(block_bytes / 2) == nullptr);
  BOOST_TEST(pages.regions() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
