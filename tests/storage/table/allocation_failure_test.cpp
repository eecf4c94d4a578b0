// Every allocation fails in turn: a put that meets one must leave the table as it was. Replaces the
// allocation functions of this executable.

#include <boost/test/unit_test.hpp>
#include <limits>
#include <new>

#include "base/huge_pages.hpp"
#include "tests/storage/table/table_fixture.hpp"

using namespace hopring;

namespace {
constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
std::uint64_t allocations_left = never;

bool is_refused() {
  if (allocations_left == never) return false;
  if (allocations_left == 0) return true;
  --allocations_left;
  return false;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (is_refused()) return nullptr;
  return std::aligned_alloc(alignment, (size + alignment) / alignment * alignment);
}
void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* const data = allocate(size, alignment);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}
// Out of line: g++ 12 takes std::free for the wrong counterpart where it sees both.
[[gnu::noinline]] void give_back(void* data) noexcept { std::free(data); }
}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size, 16); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 16); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* data) noexcept { give_back(data); }
void operator delete(void* data, std::size_t) noexcept { give_back(data); }
void operator delete(void* data, std::align_val_t) noexcept { give_back(data); }
void operator delete(void* data, std::size_t, std::align_val_t) noexcept { give_back(data); }

namespace {

struct Stored {
  std::string key;
  std::string value;
  std::uint8_t type;
  std::int64_t expiry_ms;
  bool operator==(const Stored&) const = default;
};

// In the order of a scan.
struct Contents {
  std::vector<Stored> records;
  std::uint64_t key_bytes;
  std::uint64_t value_bytes;
  bool operator==(const Contents&) const = default;
};

Contents contents_of(const HopscotchTable& table) {
  std::vector<Stored> records;
  table.scan(table.first_cursor(), [&](const RecordView& record) {
    records.push_back(
        {std::string(record.key), std::string(record.value), record.type, record.expiry_ms});
    return true;
  });
  return {std::move(records), table.key_bytes(), table.value_bytes()};
}

// A record of one of 1100 keys.
Stored random_stored(Rng& rng) {
  const std::size_t size = rng.chance(1, 10) ? rng.below(9000) : rng.below(60);
  return {key_number(rng.below(1100)), std::string(size, static_cast<char>(rng.next())),
          random_type(rng), random_expiry_ms(rng)};
}

PutResult put(TestTable& t, const Stored& stored) {
  return t.put(stored.key, stored.value, stored.type, stored.expiry_ms);
}

// So many keys, with values, types and expiries that differ.
void fill(TestTable& t, unsigned records) {
  Rng rng(records);
  for (unsigned i = 0; i < records; ++i) {
    const std::string value = "value " + std::to_string(i);
    BOOST_REQUIRE(put(t, {key_number(i), value, random_type(rng), random_expiry_ms(rng)}) ==
                  PutResult::created);
  }
}

// Repeats `operation` with the first, the second, ... allocation failing until it succeeds, and
// returns how often it failed. After each failure the table must be as before.
template <class Operation>
unsigned fail_in_turn(const TestTable& t, const Contents* before, Operation&& operation) {
  for (unsigned failures = 0;; ++failures) {
    allocations_left = failures;
    const bool is_done = operation();
    allocations_left = never;
    if (is_done) return failures;
    if (before == nullptr) continue;
    t.audit();
    BOOST_REQUIRE((contents_of(t.table) == *before));
  }
}

// Puts 1500 random records; those that may cut or spill, and one in twenty, with every allocation
// failing in turn. Returns how many puts failed.
unsigned put_failing_in_turn(TestTable& t, Rng& rng) {
  unsigned failures = 0;
  for (unsigned i = 0; i < 1500; ++i) {
    const Stored stored = random_stored(rng);
    std::optional<Contents> before;
    if (i % 20 == 0 || i > 880) before = contents_of(t.table);
    failures += fail_in_turn(t, before ? &*before : nullptr,
                             [&] { return put(t, stored) != PutResult::out_of_memory; });
    const auto found = t.find(stored.key);
    BOOST_REQUIRE(found.has_value());
    BOOST_REQUIRE(
        (Stored{stored.key, std::string(found->value), found->type, found->expiry_ms} == stored));
  }
  return failures;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(allocation_failure)

// Goal: no allocation is one whose failure harms.
// Method: puts that create, grow, cut, overwrite and spill; keys, values, types and expiries are
// compared where something failed.
BOOST_AUTO_TEST_CASE(a_put_that_fails_leaves_the_table_as_it_was) {
  for (const PositionOf positions : {good_positions, bad_positions, constant_positions}) {
    TestTable t(positions, {.block_bytes = 4096});
    Rng rng(11);
    BOOST_TEST(put_failing_in_turn(t, rng) > 90u);
    t.audit();
  }
}

BOOST_AUTO_TEST_CASE(an_erase_needs_no_memory) {
  TestTable t(good_positions, {.block_bytes = 4096});
  for (unsigned i = 0; i < 3000; ++i) {
    BOOST_REQUIRE(t.put(key_number(i), "value") == PutResult::created);
  }
  Rng rng(12);
  for (unsigned i = 0; i < 3000; ++i) {
    const std::string key = key_number(i);
    allocations_left = rng.below(6);
    const bool erased = t.erase(key);
    allocations_left = never;
    BOOST_REQUIRE(erased);
    BOOST_REQUIRE(!t.find(key).has_value());
    if (i % 50 == 0) t.audit();
  }
  t.audit();
  BOOST_TEST(t.table.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_cut_that_fails_leaves_the_table_as_it_was) {
  for (const PositionOf positions : {good_positions, bad_positions}) {
    TestTable t(positions, {.block_bytes = 4096});
    fill(t, 2000);
    const Contents before = contents_of(t.table);
    std::optional<HopscotchTable> upper;
    const unsigned failures = fail_in_turn(t, &before, [&] {
      try {
        upper.emplace(t.table.split_off((1ull << 62) + 12345));
        return true;
      } catch (const std::bad_alloc&) {
        return false;
      }
    });
    BOOST_TEST(failures > 3u);
    BOOST_TEST(t.table.size() + upper->size() == 2000u);
    std::vector<Stored> records = contents_of(t.table).records;
    for (Stored& stored : contents_of(*upper).records) records.push_back(std::move(stored));
    BOOST_TEST((records == before.records));
    upper->audit();
    t.audit();
  }
}

// Goal: the same where each slot has a mark, and slots are lent in whole units.
BOOST_AUTO_TEST_CASE(a_put_that_fails_where_ages_are_kept_leaves_the_table_as_it_was) {
  TestTable t(good_positions, {.block_bytes = 4096, .keeps_ages = true});
  Rng rng(13);
  BOOST_TEST(put_failing_in_turn(t, rng) > 90u);
  t.audit();
}

BOOST_AUTO_TEST_CASE(an_erase_needs_no_memory_where_ages_are_kept) {
  TestTable t(good_positions, {.block_bytes = 4096, .keeps_ages = true});
  for (unsigned i = 0; i < 3000; ++i) {
    BOOST_REQUIRE(t.put(key_number(i), "value") == PutResult::created);
  }
  allocations_left = 0;
  unsigned erased = 0;
  for (unsigned i = 0; i < 3000; ++i) erased += t.erase(key_number(i)) ? 1u : 0u;
  allocations_left = never;
  BOOST_TEST(erased == 3000u);
  t.audit();
}

BOOST_AUTO_TEST_CASE(a_clear_that_fails_leaves_the_table_as_it_was) {
  for (const PositionOf positions : {good_positions, constant_positions}) {
    TestTable t(positions, {.block_bytes = 4096});
    fill(t, 2000);
    const Contents before = contents_of(t.table);
    const unsigned failures = fail_in_turn(t, &before, [&] {
      try {
        t.table.clear();
        return true;
      } catch (const std::bad_alloc&) {
        return false;
      }
    });
    BOOST_TEST(failures > 2u);
    BOOST_TEST(t.table.size() == 0u);
    BOOST_TEST(t.pool.lent_bytes() == 0u);
    t.audit();
  }
}

BOOST_AUTO_TEST_CASE(a_region_that_cannot_be_noted_is_not_kept) {
  constexpr std::size_t block_bytes = std::size_t{32} << 10;
  HugePages pages(block_bytes);
  allocations_left = 0;
  void* const refused = pages.take(block_bytes);
  allocations_left = never;
  BOOST_TEST(refused == nullptr);
  BOOST_TEST(pages.regions() == 0u);
  void* const block = pages.take(block_bytes);
  BOOST_TEST(block != nullptr);
  BOOST_TEST(pages.regions() == 1u);
  pages.give_back(block);
}

// Goal: puts are refused, and no more, where neither a region nor a block can be noted, nor a
// thread made that would touch the next region.
BOOST_AUTO_TEST_CASE(puts_that_fail_on_huge_pages_harm_nothing) {
  HugePages pages(PoolOptions::block_bytes_default);
  TestTable t(good_positions, {.source = source_of(pages)});
  unsigned failures = 0;
  std::uint64_t regions = 0;
  const std::string value(100, 'v');
  for (unsigned i = 0; regions < 3; ++i) {
    const bool is_new = i % 500 == 0 || pages.regions() != regions;
    regions = pages.regions();
    const std::string key = key_number(i);
    failures +=
        fail_in_turn(t, nullptr, [&] { return t.put(key, value) != PutResult::out_of_memory; });
    if (!is_new) continue;
    BOOST_REQUIRE(t.table.size() == i + 1);
    t.audit();
  }
  BOOST_TEST(failures > 10u);
}

BOOST_AUTO_TEST_SUITE_END()
