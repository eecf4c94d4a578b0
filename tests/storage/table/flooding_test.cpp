// Hash flooding: somebody who knows the hash but not its key, or even the key, sends what collides.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "base/keyed_hash.hpp"
#include "tests/storage/table/table_fixture.hpp"
#include "tests/storage/table/table_insides.hpp"

using namespace hopring;

namespace {

using Keys = std::vector<std::string>;

std::uint64_t ring_position(const void* hash_key, std::string_view key) {
  return KeyedHash(*static_cast<const HashKey*>(hash_key))(key);
}
// Equal in all but the low eight bits, on both sides of zero.
std::uint64_t narrow_band_position(const void*, std::string_view key) {
  return good_position(nullptr, key) % 256 - 128;
}
constexpr PositionOf narrow_band_positions{&narrow_band_position, nullptr};
constexpr Range narrow_band{~0ull - 128, 127};  // those positions and no others

constexpr HashKey ring_keys[] = {{{0x0123456789abcdef, 0xfedcba9876543210}}, {{1, 0}}, {{7, 11}}};

// The hash of strings in many languages: no key, and as good as no mixing.
std::uint64_t unkeyed_position(const void*, std::string_view key) {
  std::uint64_t hash = 0;
  for (const char c : key) hash = 31 * hash + static_cast<unsigned char>(c);
  return hash;
}
constexpr PositionOf unkeyed_positions{&unkeyed_position, nullptr};

// All have one hash there: 31 * 'A' + 'a' == 31 * 'B' + 'B'.
Keys keys_that_collide_unkeyed(std::size_t count) {
  Keys keys;
  for (std::size_t number = 0; number < count; ++number) {
    std::string key;
    for (unsigned bit = 0; bit < 17; ++bit) key += (number >> bit & 1) != 0 ? "Aa" : "BB";
    keys.push_back(key);
  }
  return keys;
}

// So many numbered keys of 12 bytes, those in the first 256th of a ring whose hash key is zero.
Keys keys_that_crowd_under_the_zero_key(std::size_t count) {
  const KeyedHash zero{HashKey{}};
  Keys keys;
  std::string key(12, 'k');
  for (std::uint64_t number = 0; keys.size() < count; ++number) {
    std::copy_n(reinterpret_cast<const char*>(&number), sizeof number, key.begin());
    if (zero(key) >> 56 == 0) keys.push_back(key);
  }
  return keys;
}

Keys random_keys(std::size_t count, std::size_t bytes, Rng& rng) {
  Keys keys;
  for (std::size_t i = 0; i < count; ++i) {
    std::string key(bytes, '\0');
    for (char& c : key) c = static_cast<char>(rng.next());
    keys.push_back(key);
  }
  return keys;
}

// What the same keys cost every time, whatever the machine.
struct Work {
  std::uint64_t steps_of_puts;  // buckets looked at and keys compared, before each is there
  std::uint64_t steps_of_gets;
  std::uint64_t records_moved;  // by growing and cutting
  std::uint64_t bytes_copied;
  std::uint64_t positions_computed;  // of records that were walked
};

struct Figures {
  std::uint64_t spilled;
  double segments;
  double resident_bytes;
  Work work;
};

// Positions as another says, and how often somebody asked.
struct CountedPositions {
  PositionOf positions;
  mutable std::uint64_t computed = 0;

  static std::uint64_t of(const void* self, std::string_view key) {
    const auto* const counted = static_cast<const CountedPositions*>(self);
    ++counted->computed;
    return counted->positions(key);
  }
};

Figures figures_of(const Keys& keys, PositionOf positions) {
  const CountedPositions counted{positions};
  BlockPool pool;
  HopscotchTable table(pool, whole_ring, {&CountedPositions::of, &counted});
  Work work{};
  const auto steps = [&](const std::string& key) {
    return TableInsides::steps_of_find(table, positions(key), key);
  };
  for (const std::string& key : keys) {
    work.steps_of_puts += steps(key);
    BOOST_REQUIRE(table.put({positions(key), key, "value", 0, 0}) == PutResult::created);
  }
  for (const std::string& key : keys) work.steps_of_gets += steps(key);
  work.records_moved = table.work().growth_records;
  work.bytes_copied = table.work().bytes_copied;
  work.positions_computed = counted.computed;
  table.audit();
  pool.audit();
  return {table.spilled(), static_cast<double>(table.segments()),
          static_cast<double>(table.resident_bytes()), work};
}

constexpr std::uint64_t Work::*all_work[] = {&Work::steps_of_puts, &Work::steps_of_gets,
                                             &Work::records_moved, &Work::bytes_copied,
                                             &Work::positions_computed};
// What a flood may cost, relative to as many random keys.
constexpr std::uint64_t flood_work_max = 2;

// Under each ring key, are `keys` to the table what random ones of their size are?
void require_harmless(const Keys& keys) {
  Rng rng(1);
  for (const HashKey& ring_key : ring_keys) {
    const PositionOf positions{&ring_position, &ring_key};
    const Figures hostile = figures_of(keys, positions);
    const Figures random = figures_of(random_keys(keys.size(), keys[0].size(), rng), positions);
    BOOST_TEST_MESSAGE("segments " << hostile.segments << " to " << random.segments << ", bytes "
                                   << hostile.resident_bytes << " to " << random.resident_bytes);
    BOOST_TEST(hostile.spilled == 0u);
    BOOST_TEST(random.spilled == 0u);
    BOOST_TEST(hostile.segments == random.segments, boost::test_tools::tolerance(0.03));
    BOOST_TEST(hostile.resident_bytes == random.resident_bytes, boost::test_tools::tolerance(0.01));
    for (const auto what : all_work) {
      BOOST_TEST_MESSAGE("work " << hostile.work.*what << " to " << random.work.*what);
      BOOST_TEST((random.work.*what) > 0u);
      BOOST_TEST((hostile.work.*what) <= flood_work_max * (random.work.*what));
    }
  }
}

// Puts `count` records, looks at all of them in every way and erases them.
void require_kept_and_given_back(PositionOf positions, Range range, unsigned count) {
  TestTable t(positions, {}, range);
  std::set<std::pair<std::uint64_t, std::string>> model;  // in the order of a scan
  for (unsigned i = 0; i < count; ++i) {
    const std::string key = key_number(i);
    BOOST_REQUIRE(t.put(key, "value of " + key) == PutResult::created);
    model.emplace(positions(key) - t.table.first_cursor().position, key);
  }
  BOOST_TEST(t.table.size() == count);
  BOOST_TEST(t.table.spilled() > 0u);
  BOOST_TEST_MESSAGE("spilled " << t.table.spilled() << ", segments " << t.table.segments()
                                << ", bytes " << t.table.resident_bytes());
  const std::uint64_t payload = t.table.key_bytes() + t.table.value_bytes();
  BOOST_TEST(t.table.resident_bytes() <= payload + spilled_bytes_max * count);
  for (unsigned i = 0; i < count; ++i) {
    const auto record = t.find(key_number(i));
    BOOST_REQUIRE(record.has_value());
    BOOST_REQUIRE(record->value == "value of " + key_number(i));
  }
  BOOST_TEST(!t.find("nobody").has_value());
  t.audit();
  Keys expected;
  for (const auto& [distance, key] : model) expected.push_back(key);
  BOOST_TEST((scanned_keys(t.table, t.table.first_cursor()) == expected));
  for (unsigned i = 0; i < count; ++i) {
    BOOST_REQUIRE(t.erase(key_number(i)));
    if (i == count / 2) t.audit();
  }
  BOOST_TEST(t.table.size() == 0u);
  BOOST_TEST(t.table.spilled() == 0u);
  BOOST_TEST(t.pool.lent_bytes() == 0u);
  t.audit();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(flooding)

// Goal: who does not know the ring's key cannot choose keys that crowd.
// Method: keys with one and the same unkeyed hash, which do crowd under it, against random keys:
// how they lie, and the work of putting and getting them, in steps and not in time. Of what the
// table does under the unkeyed hash, the steps show it.
BOOST_AUTO_TEST_CASE(keys_that_collide_in_an_unkeyed_hash_are_as_random_ones_to_the_ring) {
  const Keys keys = keys_that_collide_unkeyed(100000);
  const Figures crowded = figures_of(keys, unkeyed_positions);
  BOOST_TEST(crowded.spilled > keys.size() * 9 / 10);
  Rng rng(2);
  const Figures random = figures_of(random_keys(keys.size(), keys[0].size(), rng), good_positions);
  for (const auto what : {&Work::steps_of_puts, &Work::steps_of_gets}) {
    BOOST_TEST_MESSAGE("work " << crowded.work.*what << " to " << random.work.*what);
    BOOST_TEST((crowded.work.*what) > flood_work_max * (random.work.*what));
  }
  require_harmless(keys);
}

// Goal: the same for who knows the keyed hash, and takes the key to be zero.
// Method: one in 256 keys is chosen by trial.
BOOST_AUTO_TEST_CASE(keys_that_crowd_under_another_key_are_as_random_ones_to_the_ring) {
  require_harmless(keys_that_crowd_under_the_zero_key(100000));
}

// Goal: who does know the key and makes all positions equal costs memory, and harms no record.
BOOST_AUTO_TEST_CASE(two_hundred_thousand_records_of_one_position_are_kept_and_given_back) {
  require_kept_and_given_back(constant_positions, whole_ring, 200000);
}

// Goal: likewise where positions differ by less than a tag of the whole ring tells apart.
BOOST_AUTO_TEST_CASE(two_hundred_thousand_records_in_a_narrow_band_are_kept_and_given_back) {
  require_kept_and_given_back(narrow_band_positions, whole_ring, 200000);
}

// Goal: likewise where segments can be cut, and each part is crowded all the same.
BOOST_AUTO_TEST_CASE(two_hundred_thousand_records_of_a_narrow_range_are_kept_and_given_back) {
  require_kept_and_given_back(narrow_band_positions, narrow_band, 200000);
}

BOOST_AUTO_TEST_SUITE_END()
