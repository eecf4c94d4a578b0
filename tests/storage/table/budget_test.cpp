// The figures that docs/table.md promises of memory and of copying, at sizes where they hold. What
// is held is counted where malloc hands it out, so that no figure depends on the machine.

#include <malloc.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "base/huge_pages.hpp"
#include "base/keyed_hash.hpp"
#include "tests/bench/resident.hpp"
#include "tests/bench/workload.hpp"
#include "tests/storage/table/table_fixture.hpp"
#include "tests/support/counted_memory.hpp"

using namespace hopring;

namespace {

using bench::Key;

// Growth is looked at from so many entries to twice as many.
constexpr std::uint64_t entries = 400'000;
constexpr std::size_t value_bytes = 32;
constexpr std::int64_t expiry_ms = 1'800'000'000'000;

// The hash of a ring, whose key is always the same.
const KeyedHash ring_hash(HashKey{{0x243f6a8885a308d3, 0x13198a2e03707344}});
const PositionOf ring_positions{ring_hash.function(), &ring_hash};

double share(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// What the table and its pool say that they hold, each byte once. REQUIRES: nothing is spilled.
std::size_t counted_bytes(const TestTable& t) {
  BOOST_REQUIRE(t.table.spilled() == 0u);
  return t.pool.resident_bytes() + t.table.resident_bytes() - t.pool.lent_bytes();
}

// What a table shows that grows from `entries` to twice as many, by keys of 16 to 24 bytes.
struct Growth {
  double overhead_mean = 0;   // bytes an entry beside key and value, at every entry
  double overhead_worst = 0;  // at any moment, within insertions too
  double load_mean = 0;       // records for each slot, looked at now and then
  double load_at_growth = 0;  // of the segments that were full
  double uncounted = 0;       // bytes an entry that malloc counts and the table does not, at most
};

Growth grow(std::int64_t expiry) {
  constexpr std::uint64_t looks = 400;
  constexpr std::uint64_t entries_per_look = entries / looks;
  const std::string value(value_bytes, 'v');
  const std::size_t start = allocated_bytes();
  TestTable t(ring_positions);
  Growth growth;
  TableWork before;
  std::uint64_t payload = 0;
  for (std::uint64_t i = 1; i <= 2 * entries; ++i) {
    const Key key(i);
    BOOST_REQUIRE(t.put(key.view(), value, 0, expiry) == PutResult::created);
    payload += key.view().size() + value.size();
    const std::size_t peak = take_allocated_peak() - start;
    if (i <= entries) {
      before = t.table.work();
      continue;
    }
    const std::size_t held = allocated_bytes() - start;
    growth.overhead_mean += share(held - payload, i) / entries;
    growth.overhead_worst = std::max(growth.overhead_worst, share(peak - payload, i));
    if (i % entries_per_look != 0) continue;
    growth.load_mean += share(t.table.size(), t.table.slots()) / looks;
    BOOST_REQUIRE(counted_bytes(t) <= held);
    growth.uncounted = std::max(growth.uncounted, share(held - counted_bytes(t), i));
  }
  const TableWork& after = t.table.work();
  growth.load_at_growth =
      share(after.growth_records - before.growth_records, after.growth_slots - before.growth_slots);
  BOOST_TEST_MESSAGE("overhead " << growth.overhead_mean << ", worst " << growth.overhead_worst
                                 << ", not counted by the table " << growth.uncounted << "; load "
                                 << growth.load_mean << ", at growth " << growth.load_at_growth);
  return growth;
}

// Keys whose values of 16 to 512 bytes are overwritten and, one in eight that is drawn, erased.
class Rewriting {
 public:
  explicit Rewriting(std::uint64_t keys) : sizes_(keys), start_(allocated_bytes()) {
    for (std::uint64_t key = 0; key < keys; ++key) put(key);
  }

  // Goes on until `times` as many bytes were written as the keys held at first.
  void rewrite(std::uint64_t times) {
    const std::uint64_t until = written_ + times * written_;
    while (written_ < until) {
      const std::uint64_t key = rng_.below(sizes_.size());
      if (sizes_[key] != 0 && rng_.chance(1, 8)) {
        BOOST_REQUIRE(t_.erase(Key(key).view()));
        sizes_[key] = 0;
      } else {
        put(key);
      }
    }
  }

  const TestTable& table() const { return t_; }
  std::size_t held() const { return allocated_bytes() - start_; }
  std::uint64_t written() const { return written_; }
  // Of keys and values, and the 14 bytes that an entry may cost.
  std::uint64_t allowed() const {
    return t_.table.key_bytes() + t_.table.value_bytes() + 14 * t_.table.size();
  }

 private:
  void put(std::uint64_t number) {
    const Key key(number);
    const std::size_t size = 16 + rng_.below(497);
    BOOST_REQUIRE(t_.put(key.view(), std::string_view(bytes_).substr(0, size)) !=
                  PutResult::out_of_memory);
    sizes_[number] = size;
    written_ += key.view().size() + size;
  }

  Rng rng_{test_seed(1)};
  const std::string bytes_ = std::string(512, 'v');
  std::vector<std::size_t> sizes_;  // of the value of each key; 0: it is not there
  std::uint64_t written_ = 0;
  std::size_t start_;
  TestTable t_{ring_positions};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(table_budget)

// Goal: what an entry costs, in the mean and at the worst moment of growth; and that slots are full
// when a segment grows, and well used always.
BOOST_AUTO_TEST_CASE(an_entry_costs_14_bytes_and_17_at_the_worst_moment_of_growth) {
  const Growth growth = grow(0);
  BOOST_TEST(growth.overhead_mean <= 14.0);
  BOOST_TEST(growth.overhead_worst <= 17.0);
  BOOST_TEST(growth.load_at_growth >= 0.92);
  BOOST_TEST(growth.load_mean >= 0.84);
  BOOST_TEST(growth.uncounted <= 0.3);
}

BOOST_AUTO_TEST_CASE(an_entry_with_an_expiry_costs_18_bytes) {
  const Growth growth = grow(expiry_ms);
  BOOST_TEST(growth.overhead_mean <= 18.0);
  BOOST_TEST(growth.uncounted <= 0.3);
}

// Goal: what is overwritten and erased is won back, and not by copying without end.
// Method: three times as many bytes are written as there are.
BOOST_AUTO_TEST_CASE(rewriting_holds_115_percent_and_copies_four_and_a_half_bytes_for_each) {
  Rewriting rewriting(150'000);
  const std::uint64_t copied_before = rewriting.table().table.work().bytes_copied;
  const std::uint64_t written_before = rewriting.written();
  rewriting.rewrite(3);
  const std::uint64_t copied = rewriting.table().table.work().bytes_copied - copied_before;
  const double copies = share(copied, rewriting.written() - written_before);
  const double resident = share(rewriting.held(), rewriting.allowed());
  BOOST_TEST_MESSAGE("resident " << resident << " of what lives, copied " << copies
                                 << " for each byte written");
  BOOST_TEST(resident <= 1.15);
  BOOST_TEST(copies <= 4.5);
  rewriting.table().audit();
}

// Goal: the counters are what the process holds, where blocks come from huge pages as in a peer.
// Method: resident bytes of the process before and after; beside the counters there may be the
// region of 2 MiB that is being filled, the one that is touched ahead, and pages of malloc's.
BOOST_AUTO_TEST_CASE(the_counters_of_table_and_pool_are_what_the_process_holds) {
  constexpr std::size_t beside = 2 * HugePages::region_bytes + (std::size_t{1} << 20);
  const std::string value(value_bytes, 'v');
  HugePages memory(PoolOptions::block_bytes_default);
  ::malloc_trim(0);  // what tests before this one gave back is not given back meanwhile
  const std::size_t start = bench::resident_bytes();
  TestTable t(ring_positions, {.source = source_of(memory)});
  for (std::uint64_t i = 1; i <= entries; ++i) {
    BOOST_REQUIRE(t.put(Key(i).view(), value) == PutResult::created);
    if (i % (entries / 8) != 0) continue;
    const std::size_t held = bench::resident_bytes() - start;
    BOOST_TEST_MESSAGE(held << " bytes held, " << counted_bytes(t) << " counted");
    BOOST_TEST(held >= counted_bytes(t) * 99 / 100);
    BOOST_TEST(held <= counted_bytes(t) + beside);
    BOOST_TEST(memory.regions() * HugePages::region_bytes >= t.pool.resident_bytes());
    BOOST_TEST(memory.regions() * HugePages::region_bytes <=
               t.pool.resident_bytes() + HugePages::region_bytes);
  }
}

BOOST_AUTO_TEST_SUITE_END()
