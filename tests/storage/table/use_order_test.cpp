// What a table knows of when its records were used: ages that go with their slots, the records that
// it names to be removed, and what that costs.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <unordered_map>

#include "storage/table/slot_array.hpp"
#include "tests/storage/table/checked_table.hpp"
#include "tests/storage/table/table_fixture.hpp"
#include "tests/support/use_pattern.hpp"

using namespace hopring;

namespace {

constexpr PoolOptions with_ages(std::size_t bytes_max = 0, std::size_t block_bytes = 32768) {
  PoolOptions options;
  options.block_bytes = block_bytes;
  options.bytes_max = bytes_max;
  options.keeps_ages = true;
  return options;
}

// A table whose uses are also counted one by one.
struct AgedTable : TestTable {
  explicit AgedTable(PoolOptions options = with_ages(), PositionOf positions = good_positions)
      : TestTable(positions, options) {}

  void use(const std::string& key) {
    BOOST_REQUIRE(table.find_and_mark(position_of(key), key).has_value());
    used_at[key] = ++uses;
  }
  void store(const std::string& key, std::string_view value = "value") {
    BOOST_REQUIRE(put(key, value) != PutResult::out_of_memory);
    used_at[key] = ++uses;
  }
  void remove(const std::string& key) {
    BOOST_REQUIRE(erase(key));
    used_at.erase(key);
  }

  // What the table names for positions drawn is among the oldest quarter of all.
  void check_victims(Rng& rng, int draws) const {
    for (int i = 0; i < draws; ++i) {
      const std::uint64_t near = rng.next();
      const auto victim = table.oldest(near, {}, 0);
      if (!victim) continue;
      const std::uint64_t used = used_at.at(std::string(victim->key));
      const std::uint64_t older = static_cast<std::uint64_t>(std::count_if(
          used_at.begin(), used_at.end(), [&](const auto& each) { return each.second < used; }));
      BOOST_REQUIRE_MESSAGE(older <= used_at.size() / 4,
                            older << " of " << used_at.size() << " are older than " << victim->key);
    }
  }

  std::unordered_map<std::string, std::uint64_t> used_at;
  std::uint64_t uses = 0;
};

// Stores a record, and makes room for it as long as there is none.
void store_evicting(TestTable& t, const std::string& key, std::string_view value) {
  for (int i = 0; i < 64; ++i) {
    if (t.put(key, value) != PutResult::out_of_memory) return;
    const auto victim =
        t.table.oldest(t.position_of(key), {t.position_of(key), key}, key.size() + value.size());
    BOOST_REQUIRE(victim.has_value());
    BOOST_REQUIRE(t.table.erase(victim->position, std::string(victim->key)));
  }
  BOOST_FAIL("no room after 64 removals");
}

// Of 50,000 keys.
HitRates hit_rates_of_table(std::size_t bytes_max, std::uint64_t seed) {
  const std::string value(100, 'v');
  TestTable t(good_positions, with_ages(bytes_max));
  const auto use = [&](const std::string& key) {
    if (t.table.find_and_mark(t.position_of(key), key)) return true;
    store_evicting(t, key, value);
    return false;
  };
  const HitRates rates = hit_rates(50'000, 800'000, seed, use, [&] { return t.table.size(); });
  t.audit();
  BOOST_TEST(t.pool.resident_bytes() <= bytes_max);
  return rates;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(use_order)

// Goal: a mark goes wherever displacement moves its slot.
// Method: random changes to arrays of few tags, each mark derived from its reference.
BOOST_AUTO_TEST_CASE(marks_follow_their_slots_through_displacement) {
  const auto mark_of = [](Reference reference) {
    return static_cast<UseClock::Mark>(reference * 7 + 3);
  };
  for (const std::uint32_t buckets : {1u, 17u, 40u, 79u}) {
    for (const std::size_t block_bytes : {4096u, 32768u}) {
      BlockPool pool(with_ages(0, block_bytes));
      Rng rng(buckets);
      SlotArray slots(pool);
      BOOST_REQUIRE(slots.allocate(buckets, 999));
      for (Reference i = 0; i < 6000; ++i) {
        if (rng.chance(3, 5)) {
          const auto tag = static_cast<Tag>(rng.chance(1, 4) ? rng.below(30) : rng.below(1000));
          static_cast<void>(slots.insert(tag, i, mark_of(i)));
        } else {
          const auto slot = static_cast<SlotArray::SlotId>(rng.below(slots.capacity()));
          SlotArray::SlotId full = SlotArray::no_slot;
          slots.for_each([&](SlotArray::SlotId each) { full = each <= slot ? each : full; });
          if (full != SlotArray::no_slot) slots.erase(full);
        }
        if (i % 16 != 0) continue;
        slots.audit();
        slots.for_each([&](SlotArray::SlotId slot) {
          BOOST_REQUIRE(slots.mark(slot) == mark_of(slots.reference(slot)));
        });
      }
    }
  }
}

// Goal: ages survive growth, cuts, merges, compaction and a cut of the table.
// Method: use records in an order; after each kind of change, the victims named are among the
// oldest quarter of what is there.
BOOST_AUTO_TEST_CASE(victims_are_among_the_oldest_whatever_has_moved_them) {
  const std::uint64_t seed = test_seed(11);
  BOOST_TEST_CONTEXT("seed " << seed) {
    for (const std::size_t block_bytes : {4096u, 32768u}) {
      Rng rng(seed);
      AgedTable t(with_ages(0, block_bytes));
      for (std::uint64_t i = 0; i < 6000; ++i) t.store(key_number(i));
      BOOST_TEST(t.table.segments() > 4u);  // grown and cut
      t.check_victims(rng, 40);
      for (std::uint64_t i = 0; i < 3000; ++i) t.use(key_number(i));  // the other half is older now
      t.check_victims(rng, 40);
      for (std::uint64_t i = 0; i < 3000; i += 2) {
        t.store(key_number(i), std::string(1 + rng.below(200), 'w'));  // compacts
      }
      t.check_victims(rng, 40);
      const std::size_t before = t.table.segments();
      for (std::uint64_t i = 0; i < 6000; ++i) {
        if (i % 8 != 0) t.remove(key_number(i));  // merges
      }
      BOOST_TEST(t.table.segments() < before);
      t.audit();
      t.check_victims(rng, 40);
      HopscotchTable upper = t.table.split_off(~std::uint64_t{0} / 3);
      t.table = std::move(upper);
      std::erase_if(t.used_at, [&](const auto& each) {
        return !t.table.range().contains(t.position_of(each.first));
      });
      for (int i = 0; i < 40; ++i) {
        const auto victim = t.table.oldest(t.table.range().end - rng.below(1ull << 60), {}, 0);
        BOOST_REQUIRE(victim.has_value());
        BOOST_TEST(t.used_at.contains(std::string(victim->key)));
      }
      t.audit();
    }
  }
}

// Goal: a record that is never used does not look young again after 256 ticks.
// Method: leave every eighth of the records alone for many uses, and draw victims all the while.
BOOST_AUTO_TEST_CASE(what_is_never_used_stays_the_oldest) {
  Rng rng(5);
  AgedTable t;
  for (std::uint64_t i = 0; i < 4000; ++i) t.store(key_number(i));
  for (int i = 0; i < 300000; ++i) {
    const std::uint64_t number = rng.below(4000);
    if (number % 8 != 0) t.use(key_number(number));
    if (i < 60000 || i % 500 != 0) continue;
    const auto victim = t.table.oldest(rng.next(), {}, 0);
    BOOST_REQUIRE(victim.has_value());
    BOOST_TEST(std::stoul(std::string(victim->key.substr(4))) % 8 == 0u, victim->key);
  }
}

// Goal: nor while a table grows many times over, when a round of its segments takes longer.
// Method: a few records, all but one of which are used for a while; then only new ones come. After
// each the model says whether what is named is the oldest.
BOOST_AUTO_TEST_CASE(what_is_never_used_stays_the_oldest_while_a_table_grows) {
  for (const unsigned few : {8u, 17u, 31u, 60u}) {
    for (unsigned uses = 100; uses <= 600; uses += 20) {
      BlockPool pool(with_ages());
      CheckedTable table(pool, whole_ring, good_positions);
      for (unsigned i = 0; i < few; ++i) table.put(key_number(i), {"value"}, 0);
      for (unsigned i = 0; i < uses; ++i) table.find_and_mark(key_number(1 + i % (few - 1)));
      for (unsigned i = few; i < 3000; ++i) {
        table.put(key_number(i), {"value"}, 0);
        if (i % 16 == 0) table.check_oldest(good_position(nullptr, key_number(i)), "", 0);
        if (i % 64 == 0) table.check_oldest(good_position(nullptr, key_number(0)), "", 0);
      }
      BOOST_TEST(table.table().segments() > 2u);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_record_that_room_is_made_for_is_spared) {
  AgedTable t;
  BOOST_TEST(!t.table.oldest(7, {}, 0).has_value());
  t.store("old");
  const HopscotchTable::Lookup old{t.position_of("old"), "old"};
  const HopscotchTable::Lookup young{t.position_of("young"), "young"};
  BOOST_TEST(!t.table.oldest(old.position, old, 0).has_value());
  t.store("young");
  BOOST_TEST(t.table.oldest(old.position, old, 0)->key == "young");
  BOOST_TEST(t.table.oldest(young.position, young, 0)->key == "old");
}

BOOST_AUTO_TEST_CASE(a_large_record_takes_the_place_of_a_large_one) {
  AgedTable t;
  for (std::uint64_t i = 0; i < 100; ++i) t.store(key_number(i));
  BOOST_TEST(!t.table.oldest(7, {}, 5000).has_value());
  t.store("large", std::string(5000, 'v'));
  BOOST_TEST(t.table.oldest(7, {}, 5000)->key == "large");
  BOOST_TEST(t.table.oldest(7, {}, 100)->key != "large");
}

// Goal: those who fill one position cannot fill the memory with what is never named.
BOOST_AUTO_TEST_CASE(what_is_spilled_is_named_once_it_outweighs_its_segment) {
  AgedTable t(with_ages(), constant_positions);
  for (std::uint64_t i = 0; i < 1000; ++i) t.store(key_number(i));
  BOOST_TEST(t.table.spilled() > 0u);
  const std::string spared = key_number(77);
  while (t.table.size() > 1) {
    const auto victim = t.table.oldest(42, {42, spared}, 0);
    BOOST_REQUIRE(victim.has_value());
    BOOST_REQUIRE(victim->key != spared);
    t.remove(std::string(victim->key));
  }
  t.audit();
}

// Goal: making room by ages finds nearly as many records as an exact order would.
// Method: Zipf 0.99 over 50,000 keys with room for about a tenth and a fifth of them.
BOOST_AUTO_TEST_CASE(hits_are_within_two_points_of_an_exact_order) {
  for (const std::size_t bytes_max : {640u << 10, 1150u << 10}) {
    const HitRates rates = hit_rates_of_table(bytes_max, test_seed(3));
    BOOST_TEST_MESSAGE(rates.records << " of 50000 records: " << 100 * rates.found
                                     << " % hits, exact " << 100 * rates.exact << " %");
    BOOST_TEST(rates.records > 5000u);
    BOOST_TEST(rates.records < 10000u);
    BOOST_TEST(rates.found > rates.exact - 0.02);
  }
}

// Goal: ages cost what they say, and nobody else pays for them.
// Method: the same records into a table with and one without; the mean over a doubling.
BOOST_AUTO_TEST_CASE(an_age_costs_at_most_a_byte_and_a_third_an_entry) {
  TestTable without;
  TestTable with(good_positions, with_ages());
  double more = 0;
  int samples = 0;
  for (std::uint64_t i = 0; i < 200000; ++i) {
    const std::string key = key_number(i);
    BOOST_REQUIRE(without.put(key, "a value of thirty-two bytes .....") == PutResult::created);
    BOOST_REQUIRE(with.put(key, "a value of thirty-two bytes .....") == PutResult::created);
    if (i < 100000 || i % 1000 != 0) continue;
    const double difference = static_cast<double>(with.table.resident_bytes()) -
                              static_cast<double>(without.table.resident_bytes());
    more += difference / static_cast<double>(i + 1);
    ++samples;
  }
  BOOST_TEST_MESSAGE(more / samples << " bytes an entry more with ages");
  BOOST_TEST(more / samples <= 1.3);
  static_assert(SlotArray::bytes_of(78) == 80 * sizeof(SlotArray::Bucket),
                "without ages: the leads and the buckets");
  static_assert(SlotArray::bytes_of(78, true) == 80 * 64 + 78 * 12);
}

BOOST_AUTO_TEST_SUITE_END()
