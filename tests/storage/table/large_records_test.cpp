// Records with memory of their own: what the pool counts for them is what they take, whatever their
// sizes and their history.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <string>

#include "table_fixture.hpp"
#include "watched_pages.hpp"

using namespace hopring;

namespace {

constexpr std::size_t block_bytes = PoolOptions::block_bytes_default;
constexpr std::size_t limit = std::size_t{24} << 20;

struct CountedBlocks {
  void* take(std::size_t bytes) noexcept {
    ++out;
    return std::aligned_alloc(64, bytes);
  }
  void give_back(void* block) noexcept {
    --out;
    std::free(block);
  }
  std::size_t out = 0;
};

// A table at a limit, and what the system says about its memory.
struct Fixture {
  Fixture()
      : t(good_positions,
          {.bytes_max = limit, .source = source_of(blocks), .pages = page_source_of(pages)}) {}

  bool put(unsigned number, std::size_t bytes) {
    return t.put(key_number(number), {value.data(), bytes}) != PutResult::out_of_memory;
  }
  std::size_t live_bytes() const { return t.table.key_bytes() + t.table.value_bytes(); }
  void check() const {
    t.audit();
    BOOST_TEST(t.pool.resident_bytes() == blocks.out * block_bytes + pages.resident_bytes());
    BOOST_TEST(t.pool.resident_bytes() <= limit);
  }
  // With records of 2,500 bytes; how many.
  unsigned fill(double part) {
    unsigned number = 0;
    while (static_cast<double>(t.pool.resident_bytes()) < part * limit) {
      BOOST_REQUIRE(put(number++, 2500));
    }
    return number;
  }
  double held() const {
    return static_cast<double>(t.pool.resident_bytes()) / static_cast<double>(live_bytes());
  }

  const std::string value = std::string(std::size_t{2} << 20, 'v');
  WatchedPages pages;
  CountedBlocks blocks;
  TestTable t;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(large_records, Fixture)

BOOST_AUTO_TEST_CASE(records_of_one_size_lie_densely) {
  for (const std::size_t bytes : {2500u, 6500u, 17000u, 70000u, 300000u}) {
    for (unsigned i = 0; i * bytes < limit * 3 / 4; ++i) BOOST_REQUIRE(put(i, bytes));
    check();
    BOOST_TEST(held() < 1.06, bytes << " bytes: " << held());
    t.table.clear();
  }
}

// Goal: values that give way to larger ones leave no holes that nobody counts, nor many that are
// counted.
// Method: a random half of the values of 2,500 bytes, or every second one, is replaced by 4,000.
BOOST_AUTO_TEST_CASE(a_random_half_gives_way_to_larger_ones) {
  const unsigned count = fill(0.7);
  Rng rng(test_seed(3));
  for (unsigned i = 0; i < count; ++i) {
    if (rng.chance(1, 2)) BOOST_REQUIRE(put(i, 4000));
    if (i % 1000 == 0) check();
  }
  check();
  BOOST_TEST(held() < 1.15, held());
}

BOOST_AUTO_TEST_CASE(every_second_one_gives_way_to_a_larger_one) {
  const unsigned count = fill(0.7);
  for (unsigned i = 0; i < count; i += 2) {
    BOOST_REQUIRE(put(i, 4000));
    if (i % 1000 == 0) check();
  }
  check();
  BOOST_TEST(held() < 1.15, held());
}

// Goal: the limit holds for any history, and refuses no sooner than holes force it to.
// Method: random sizes, as many of each power of two, in place of each other at the limit; what
// is refused makes room by erasing.
BOOST_AUTO_TEST_CASE(random_sizes_replace_each_other_at_the_limit) {
  struct Sizes {
    double least, most;
    unsigned puts;
    double held_max;
  };
  for (const auto& [least, most, puts, held_max] :
       {Sizes{600, 3000, 60000, 1.2}, Sizes{2100, 16000, 20000, 1.2}, Sizes{50, 50000, 30000, 1.2},
        Sizes{1e5, 2e6, 500, 1.05}}) {
    Rng rng(test_seed(4));
    const auto keys = static_cast<unsigned>(2.0 * limit / least);
    for (unsigned i = 0; i < puts; ++i) {
      const double power = static_cast<double>(rng.below(1000)) / 1000;
      const auto bytes = static_cast<std::size_t>(least * std::pow(most / least, power));
      const auto number = static_cast<unsigned>(rng.below(keys));
      while (!put(number, bytes)) t.erase(key_number(static_cast<unsigned>(rng.below(keys))));
      if (i % (puts / 20) == 0) check();
    }
    check();
    BOOST_TEST(held() < held_max, least << " to " << most << " bytes: " << held());
    BOOST_TEST(t.pool.resident_bytes() > limit * 9 / 10);
    t.table.clear();
  }
}

BOOST_AUTO_TEST_SUITE_END()
