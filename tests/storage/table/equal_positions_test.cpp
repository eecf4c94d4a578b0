// A million records of one position, as somebody makes them who knows the ring's hash key: none is
// lost, and an operation costs what docs/table.md says.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <ctime>

#include "tests/storage/table/table_fixture.hpp"
#include "tests/support/counted_memory.hpp"

using namespace hopring;

namespace {

constexpr std::uint64_t records = 1'000'000;
constexpr std::uint64_t records_of_cut = 100'000;

// Bounds of docs/table.md. Of time: a walk of all records would take a thousand times as long.
constexpr double operation_us_max = 50;                // in the mean of a batch
constexpr std::uint64_t positions_computed_max = 192;  // by one operation: those in a neighbourhood
constexpr std::uint64_t records_moved_max = 889;

// One position for all, and how often somebody asked for it.
struct OnePosition {
  std::uint64_t position = 42;
  mutable std::uint64_t computed = 0;

  static std::uint64_t of(const void* one, std::string_view) {
    const auto* const self = static_cast<const OnePosition*>(one);
    ++self->computed;
    return self->position;
  }
};

// One for keys with an even last digit, and one for the others.
struct TwoPositions {
  std::uint64_t low;
  std::uint64_t high;
  mutable std::uint64_t computed = 0;

  static std::uint64_t of(const void* two, std::string_view key) {
    const auto* const self = static_cast<const TwoPositions*>(two);
    ++self->computed;
    return (key.back() - '0') % 2 == 0 ? self->low : self->high;
  }
};

// Runs an operation for the numbers from `first` to before `end`, in batches whose cost is looked
// at.
struct Costs {
  const OnePosition& one;
  std::uint64_t computed_most = 0;

  template <class Operation>
  void run(const char* name, std::uint64_t first, std::uint64_t end, Operation&& operation) {
    constexpr std::uint64_t batch = 10'000;
    double worst = 0;
    for (; first < end; first += batch) {
      const std::clock_t start = std::clock();
      for (std::uint64_t i = first; i < first + batch; ++i) {
        const std::uint64_t before = one.computed;
        operation(i, key_number(i));
        computed_most = std::max(computed_most, one.computed - before);
      }
      const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      const double us = seconds * 1e6 / static_cast<double>(batch);
      BOOST_REQUIRE(us <= operation_us_max);
      worst = std::max(worst, us);
    }
    BOOST_TEST_MESSAGE(name << ": at most " << worst << " us in the mean of " << batch);
  }
};

void require_all_once(const HopscotchTable& table) {
  std::uint64_t visited = 0;
  std::string last;
  table.scan(table.first_cursor(), [&](const RecordView& record) {
    BOOST_REQUIRE(last < record.key);
    last = record.key;
    ++visited;
    return true;
  });
  BOOST_TEST(visited == table.size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(equal_positions)

BOOST_AUTO_TEST_CASE(a_million_records_of_one_position_are_kept_at_a_bounded_cost) {
  const OnePosition one;
  const PositionOf position_of{&OnePosition::of, &one};
  const std::size_t start = allocated_bytes();
  BlockPool pool;
  HopscotchTable table(pool, whole_ring, position_of);
  Costs costs{one};
  const auto put = [&](const std::string& key, const char* value, PutResult expected) {
    BOOST_REQUIRE(table.put({one.position, key, value, 0, 0}) == expected);
  };
  costs.run("put", 0, records,
            [&](std::uint64_t, const std::string& key) { put(key, "value", PutResult::created); });
  BOOST_TEST(table.size() == records);
  BOOST_TEST(table.spilled() > records * 99 / 100);
  const std::size_t payload = table.key_bytes() + table.value_bytes();
  const double bytes = static_cast<double>(allocated_bytes() - start - payload) / records;
  BOOST_TEST_MESSAGE(bytes << " bytes a record beside key and value");
  BOOST_TEST(bytes <= static_cast<double>(spilled_bytes_max));
  table.audit();
  pool.audit();
  costs.run("put over", 0, records, [&](std::uint64_t i, const std::string& key) {
    put(key, i % 2 == 0 ? "another" : "other", PutResult::replaced);
  });
  costs.run("find", 0, records, [&](std::uint64_t i, const std::string& key) {
    const auto record = table.find(one.position, key);
    BOOST_REQUIRE(record.has_value());
    BOOST_REQUIRE(record->value == (i % 2 == 0 ? "another" : "other"));
  });
  costs.run("find of none", 0, records, [&](std::uint64_t, const std::string& key) {
    BOOST_REQUIRE(!table.find(one.position, key + "!").has_value());
  });
  require_all_once(table);
  const auto erase = [&](std::uint64_t, const std::string& key) {
    BOOST_REQUIRE(table.erase(one.position, key));
  };
  costs.run("erase", 0, records / 2, erase);
  table.audit();
  costs.run("erase", records / 2, records, erase);
  BOOST_TEST(table.work().records_moved_max <= records_moved_max);
  BOOST_TEST(costs.computed_most <= positions_computed_max);
  BOOST_TEST(table.size() == 0u);
  BOOST_TEST(pool.lent_bytes() == 0u);
  table.audit();
}

// Goal: a spilled record costs what docs/table.md says, and the pool is told all of it.
// Method: records of each size are spilled; what malloc has handed out for them is counted.
BOOST_AUTO_TEST_CASE(a_spilled_record_costs_what_its_bounds_say_beside_key_and_value) {
  constexpr std::size_t node_bytes = 64;
  BlockPool pool;
  std::size_t beside_all = 0;
  std::size_t beside_most = 0;
  std::size_t beside_least = ~std::size_t{0};
  constexpr std::size_t sizes = 96;  // a multiple of malloc's steps
  for (std::size_t value_bytes = 20; value_bytes < 20 + sizes; ++value_bytes) {
    const std::string key(16, 'k');
    const std::string value(value_bytes, 'v');
    const RecordView record{42, key, value, 0, 0};
    Spill spill(pool);
    const std::size_t start = allocated_bytes();
    BOOST_REQUIRE(spill.insert(record));
    const std::size_t taken = allocated_bytes() - start;
    BOOST_TEST(taken == spill.resident_bytes());
    BOOST_TEST(taken == pool.resident_bytes());
    BOOST_TEST(taken == node_bytes + BlockPool::packed_cost(encoded_bytes(record)));
    const std::size_t beside = taken - key.size() - value.size();
    beside_all += beside;
    beside_most = std::max(beside_most, beside);
    beside_least = std::min(beside_least, beside);
  }
  const double mean = static_cast<double>(beside_all) / sizes;
  BOOST_TEST_MESSAGE(mean << " bytes beside key and value, " << beside_least << " to "
                          << beside_most);
  BOOST_TEST(mean == spilled_bytes_mean);
  BOOST_TEST(beside_most == spilled_bytes_max);
}

// Goal: a cut of a table with many spilled records recomputes positions of one segment's records
// and of no spilled one, wherever it falls, moves no more than one segment, and lets each half have
// its own; giving all up looks at no record. Method: two positions with many records each; cuts
// before, between and behind them, and through the segment that holds one of them. Steps are
// counted, but for those within the ordered set.
BOOST_AUTO_TEST_CASE(a_cut_and_a_clear_recompute_no_position_of_a_spilled_record) {
  constexpr std::uint64_t low = 42;
  constexpr std::uint64_t high = 3ull << 62;
  for (const std::uint64_t at : {low - 1, low, std::uint64_t{1} << 63, high - 1, high, high + 9}) {
    const TwoPositions two{low, high};
    BlockPool pool;
    HopscotchTable table(pool, whole_ring, {&TwoPositions::of, &two});
    for (std::uint64_t i = 0; i < records_of_cut; ++i) {
      const std::string key = key_number(i);
      BOOST_REQUIRE(table.put({TwoPositions::of(&two, key), key, "value", 0, 0}) ==
                    PutResult::created);
    }
    BOOST_REQUIRE(table.spilled() > records_of_cut * 99 / 100);
    two.computed = 0;
    HopscotchTable upper = table.split_off(at);
    BOOST_TEST(two.computed <= records_moved_max);
    BOOST_TEST(table.work().records_moved_max <= records_moved_max);
    const std::uint64_t expected = at < low ? 0 : at < high ? records_of_cut / 2 : records_of_cut;
    BOOST_TEST(table.size() == expected);
    BOOST_TEST(upper.size() == records_of_cut - expected);
    table.audit();
    upper.audit();
    two.computed = 0;
    table.clear();
    upper.clear();
    BOOST_TEST(two.computed == 0u);
    BOOST_TEST(table.spilled() + upper.spilled() == 0u);
    BOOST_TEST(pool.lent_bytes() == 0u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
