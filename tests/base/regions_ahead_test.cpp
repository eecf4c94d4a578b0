#include "base/regions_ahead.hpp"

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <fstream>
#include <set>
#include <thread>

using namespace hopring;

namespace {

constexpr std::size_t size = std::size_t{2} << 20;

std::byte* wait_for_region(RegionsAhead& ahead) {
  ahead.prepare();
  while (true) {
    if (std::byte* const region = ahead.take()) return region;
    std::this_thread::yield();
  }
}

// Pages of the region that are resident.
std::size_t resident_pages(std::byte* region) {
  unsigned char pages[size / 4096];
  BOOST_REQUIRE(mincore(region, size, pages) == 0);
  std::size_t count = 0;
  for (const unsigned char page : pages) count += page & 1u;
  return count;
}

// Of this process.
std::size_t mapped_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regions_ahead)

BOOST_AUTO_TEST_CASE(nothing_is_ready_before_it_was_asked_for) {
  RegionsAhead ahead(size);
  BOOST_TEST(ahead.take() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_region_that_is_ready_is_aligned_and_touched_as_a_whole) {
  RegionsAhead ahead(size);
  std::set<std::byte*> distinct;
  for (int i = 0; i < 5; ++i) {
    std::byte* const region = wait_for_region(ahead);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(region) % size == 0u);
    BOOST_TEST(resident_pages(region) == size / 4096);
    distinct.insert(region);
  }
  BOOST_TEST(distinct.size() == 5u);
  for (std::byte* const region : distinct) munmap(region, size);
}

BOOST_AUTO_TEST_CASE(asking_again_and_again_makes_one_region) {
  RegionsAhead ahead(size);
  std::byte* const first = wait_for_region(ahead);
  for (int i = 0; i < 100; ++i) ahead.prepare();
  std::byte* const second = wait_for_region(ahead);
  BOOST_TEST(first != second);
  BOOST_TEST(ahead.take() == nullptr);
  munmap(first, size);
  munmap(second, size);
}

// Goal: one that ends while it is at work ends, and takes what was ready with it.
BOOST_AUTO_TEST_CASE(nothing_stays_mapped_behind_one_that_ends) {
  const auto come_and_go = [] {
    RegionsAhead ahead(size);
    ahead.prepare();
  };
  come_and_go();  // the stack of a thread is kept for the next one
  const std::size_t before = mapped_bytes();
  for (int i = 0; i < 20; ++i) come_and_go();
  BOOST_TEST(mapped_bytes() < before + size);
}

BOOST_AUTO_TEST_SUITE_END()
