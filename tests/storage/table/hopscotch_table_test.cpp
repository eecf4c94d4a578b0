#include "storage/table/hopscotch_table.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/storage/table/table_fixture.hpp"

using namespace hopring;

namespace {
std::uint64_t position_of_number(const void*, std::string_view key) {
  return std::strtoull(std::string(key).c_str(), nullptr, 10);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(hopscotch_table)

BOOST_AUTO_TEST_CASE(an_empty_table_is_lent_nothing_and_is_tiny) {
  TestTable t;
  BOOST_TEST(t.pool.resident_bytes() == 0u);
  BOOST_TEST(t.table.resident_bytes() <= 512u);
  BOOST_TEST(!t.find("nobody").has_value());
  BOOST_TEST(!t.erase("nobody"));
  BOOST_TEST(scanned_keys(t.table, t.table.first_cursor()).empty());
  t.audit();
}

BOOST_AUTO_TEST_CASE(a_hundred_small_tables_share_the_blocks_of_a_pool) {
  BlockPool pool({.block_bytes = 4096});
  std::vector<HopscotchTable> tables;
  for (int i = 0; i < 100; ++i) {
    tables.emplace_back(pool, whole_ring, good_positions);
    const std::string key = key_number(static_cast<std::uint64_t>(i));
    BOOST_TEST(tables.back().put({good_position(nullptr, key), key, "small", 0, 0}) ==
               PutResult::created);
  }
  BOOST_TEST(pool.resident_bytes() <= 100u * 320);
  tables.clear();
  pool.audit();
}

// Goal: what one put moves is bounded by a segment, growth, cut and extents together.
// Method: records of one size, so that bytes copied tell records; short ones, of which an extent
// holds nearly as many as a segment, and usual ones.
BOOST_AUTO_TEST_CASE(one_put_moves_no_more_records_than_a_segment_holds) {
  constexpr std::uint64_t records_max = 889;  // a segment of 948 slots is full
  for (const std::size_t value_bytes : {std::size_t{0}, std::size_t{40}}) {
    TestTable t;
    const std::string value(value_bytes, 'v');
    std::uint64_t most = 0;
    for (std::uint64_t i = 0; i < 60'000; ++i) {
      const std::string key = std::to_string(10'000'000 + i);
      const TableWork before = t.table.work();
      const std::size_t segments = t.table.segments();
      BOOST_REQUIRE(t.put(key, value) == PutResult::created);
      const std::uint64_t copied =
          (t.table.work().bytes_copied - before.bytes_copied) / (2 + key.size() + value.size());
      const bool is_cut = t.table.segments() != segments;
      const std::uint64_t in_slots =
          is_cut ? 0 : t.table.work().growth_records - before.growth_records;
      most = std::max(most, copied + in_slots);
    }
    BOOST_TEST(most <= records_max);
    BOOST_TEST(most > records_max / 2);
    BOOST_TEST(t.table.work().records_moved_max <= records_max);
  }
}

BOOST_AUTO_TEST_CASE(a_record_comes_back_as_it_was_put) {
  TestTable t;
  BOOST_TEST(t.put("key", "value", 127, expiry_ms_max) == PutResult::created);
  const auto record = t.find("key");
  BOOST_REQUIRE(record.has_value());
  BOOST_TEST(record->position == good_position(nullptr, "key"));
  BOOST_TEST(record->key == "key");
  BOOST_TEST(record->value == "value");
  BOOST_TEST(unsigned{record->type} == 127u);
  BOOST_TEST(record->expiry_ms == expiry_ms_max);
  BOOST_TEST(t.put("key", "other", 3) == PutResult::replaced);
  BOOST_TEST(t.find("key")->expiry_ms == 0);
  BOOST_TEST(unsigned{t.find("key")->type} == 3u);
  t.audit();
}

// Goal: every length from the shortest to the longest, and any byte, goes through unharmed.
BOOST_AUTO_TEST_CASE(keys_and_values_of_all_sizes_go_through) {
  for (const std::size_t block_bytes : {std::size_t{4096}, std::size_t{65536}}) {
    TestTable t(good_positions, {.block_bytes = block_bytes});
    std::string all(65535, '\0');
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 7 + i / 256);
    const std::size_t sizes[] = {1, 2, 63, 64, 127, 128, 2045, 2048, 8191, 16383, 16384, 65535};
    for (const std::size_t key_size : sizes) {
      for (const std::size_t value_size : sizes) {
        const std::string_view key(all.data(), key_size);
        const std::string_view value(all.data(), value_size - 1);  // the first is empty
        BOOST_TEST(t.put(key, value) != PutResult::out_of_memory);
        BOOST_TEST((t.find(key)->key == key && t.find(key)->value == value));
        t.audit();
      }
    }
    BOOST_TEST(t.table.size() == std::size(sizes));
  }
}

BOOST_AUTO_TEST_CASE(values_of_16_mib_have_memory_of_their_own_and_give_it_back) {
  TestTable t;
  const std::string large(std::size_t{16} << 20, 'x');
  BOOST_TEST(t.put("a", large) == PutResult::created);
  BOOST_TEST(t.put("b", large) == PutResult::created);
  BOOST_TEST((t.find("a")->value == large));
  for (unsigned i = 0; i < 3000; ++i) {  // cuts hand large records over without copying them
    BOOST_REQUIRE(t.put(key_number(i), "small") == PutResult::created);
    BOOST_REQUIRE(t.pool.resident_bytes() < (std::size_t{33} << 20));
  }
  BOOST_TEST(t.table.segments() > 1u);
  BOOST_TEST((t.find("b")->value == large));
  BOOST_TEST(t.put("a", "short") == PutResult::replaced);
  BOOST_TEST(t.erase("b"));
  BOOST_TEST(t.pool.resident_bytes() < (std::size_t{1} << 20));
  t.audit();
}

BOOST_AUTO_TEST_CASE(a_range_that_wraps_past_zero_is_scanned_clockwise) {
  const PositionOf positions{&position_of_number, nullptr};
  TestTable t(positions, {}, {18446744073709551605ull, 10});
  for (const char* key : {"10", "0", "18446744073709551606", "18446744073709551615", "3"}) {
    BOOST_TEST(t.put(key, "") == PutResult::created);
  }
  const std::vector<std::string> expected{"18446744073709551606", "18446744073709551615", "0", "3",
                                          "10"};
  BOOST_TEST(scanned_keys(t.table, t.table.first_cursor()) == expected);
  BOOST_TEST(scanned_keys(t.table, {18446744073709551615ull, "18446744073709551615"}) ==
             std::vector<std::string>(expected.begin() + 2, expected.end()));
  HopscotchTable upper = t.table.split_off(0);
  BOOST_TEST(scanned_keys(upper, upper.first_cursor()) ==
             std::vector<std::string>(expected.begin() + 3, expected.end()));
  t.audit();
}

// Goal: no insertion waits for more than one segment, and segments end where arcs may end.
BOOST_AUTO_TEST_CASE(growth_is_by_segments_that_end_where_arcs_may_end) {
  TestTable t;
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const std::size_t before = t.table.segments();
    BOOST_REQUIRE(t.put(key_number(i), "value") == PutResult::created);
    BOOST_REQUIRE(t.table.segments() <= before + 1);
  }
  t.audit();
  BOOST_TEST(t.table.spilled() == 0u);
  BOOST_TEST(t.table.segments() >= 100000 / Segment::records_max);
  BOOST_TEST(t.table.segments() <= 100000 / (Segment::records_max / 4));
  const std::size_t segments = t.table.segments();
  HopscotchTable upper = t.table.split_off((1ull << 60) * 11 - 1);
  BOOST_TEST(t.table.segments() + upper.segments() == segments);  // none had to be rebuilt
  upper.audit();
  t.audit();
}

// Goal: the bytes beyond keys and values stay within the budget of docs/table.md.
// Method: 24-byte keys and 32-byte values, at many sizes over a doubling.
BOOST_AUTO_TEST_CASE(the_overhead_of_a_record_stays_within_its_budget) {
  TestTable t;
  double sum = 0;
  double worst = 0;
  unsigned samples = 0;
  for (std::uint64_t i = 0; i < 200000; ++i) {
    std::string key = key_number(i);
    key.resize(24, '.');
    BOOST_REQUIRE(t.put(key, "01234567890123456789012345678901") == PutResult::created);
    if (i < 100000 || i % 5000 != 0) continue;
    const double records = static_cast<double>(t.table.size());
    const double overhead = static_cast<double>(t.table.resident_bytes()) / records - 56;
    const double pooled = static_cast<double>(t.pool.resident_bytes()) / records - 56;
    sum += std::max(overhead, pooled);
    worst = std::max({worst, overhead, pooled});
    ++samples;
  }
  BOOST_TEST_MESSAGE("overhead: mean " << sum / samples << ", worst " << worst);
  BOOST_TEST(sum / samples <= 16.0);
  BOOST_TEST(worst <= 20.0);  // 200,000 records are 240 segments: a few blocks weigh 3 bytes
}

// Goal: an arc that is copied or handed over, whose records come in the order of their positions,
// costs its new peer what it cost the old one. One that spills costs three times as much.
BOOST_AUTO_TEST_CASE(records_that_come_in_the_order_of_their_positions_cost_no_more) {
  using Records = std::vector<std::pair<std::uint64_t, std::string>>;
  const Range arc{~0ull >> 5, ~0ull >> 4};
  Records ascending;
  for (std::uint64_t i = 0; ascending.size() < 100000; ++i) {
    std::string key = key_number(i);
    key.resize(24, '.');
    const std::uint64_t position = good_position(nullptr, key);
    if (arc.contains(position)) ascending.emplace_back(position, std::move(key));
  }
  std::sort(ascending.begin(), ascending.end());
  const Records descending(ascending.rbegin(), ascending.rend());
  Records outwards;
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    const std::size_t half = ascending.size() / 2;
    outwards.push_back(ascending[i % 2 == 0 ? half + i / 2 : half - 1 - i / 2]);
  }
  const Records* const orders[] = {&ascending, &descending, &outwards};
  for (const Records* records : orders) {
    TestTable t(good_positions, {}, arc);
    for (const auto& [position, key] : *records) {
      BOOST_REQUIRE(t.put(key, "01234567890123456789012345678901") == PutResult::created);
    }
    t.table.audit();
    BOOST_TEST(t.table.size() == records->size());
    BOOST_TEST(t.table.spilled() <= 20u);
    BOOST_TEST(t.table.work().records_moved_max <= 1024u);
    const double count = static_cast<double>(records->size());
    BOOST_TEST(static_cast<double>(t.pool.resident_bytes()) / count - 56 <= 16.0);
  }
}

// Goal: what overwrites and deletes leave behind is won back.
// Method: 20,000 records overwritten eight times by values of other sizes; then nine in ten erased.
BOOST_AUTO_TEST_CASE(overwrites_and_deletes_win_space_back) {
  TestTable t;
  Rng rng(5);
  const std::string bytes(512, 'v');
  const auto random_value = [&] { return std::string_view(bytes.data(), 16 + rng.below(497)); };
  for (unsigned i = 0; i < 20000; ++i) {
    BOOST_REQUIRE(t.put(key_number(i), random_value()) == PutResult::created);
  }
  for (unsigned i = 0; i < 160000; ++i) {
    const std::string key = key_number(rng.below(20000));
    BOOST_REQUIRE(t.put(key, random_value()) == PutResult::replaced);
  }
  const auto live = [&] {
    return static_cast<double>(t.table.key_bytes() + t.table.value_bytes() + 14 * t.table.size());
  };
  BOOST_TEST_MESSAGE("after overwrites: " << double(t.pool.resident_bytes()) / live());
  BOOST_TEST(static_cast<double>(t.pool.resident_bytes()) <= 1.15 * live());
  for (unsigned i = 0; i < 20000; ++i) {
    if (i % 10 != 0) BOOST_REQUIRE(t.erase(key_number(i)));
  }
  BOOST_TEST_MESSAGE("after deletes: " << double(t.table.resident_bytes()) / live());
  BOOST_TEST(static_cast<double>(t.table.resident_bytes()) <= 1.4 * live());
  t.audit();
  for (unsigned i = 0; i < 20000; i += 10) BOOST_REQUIRE(t.erase(key_number(i)));
  BOOST_TEST(t.pool.lent_bytes() == 0u);
  BOOST_TEST(t.table.segments() == 1u);
  t.audit();
}

// Goal: what died is won back in few, large steps, not in one a call.
// Method: erase all but a few of 800 records and count how often the memory of the table changes.
BOOST_AUTO_TEST_CASE(erases_do_not_rebuild_without_gain) {
  TestTable t;
  for (unsigned i = 0; i < 800; ++i) {
    BOOST_REQUIRE(t.put(key_number(i), "value") == PutResult::created);
  }
  unsigned changes = 0;
  const char* place = t.find(key_number(799))->key.data();
  for (unsigned i = 0; i < 790; ++i) {
    BOOST_REQUIRE(t.erase(key_number(i)));
    const char* const now = t.find(key_number(799))->key.data();
    changes += now != place ? 1 : 0;
    place = now;
  }
  BOOST_TEST(changes >= 2u);
  BOOST_TEST(changes <= 20u);  // a seventh less each time, from 11 KiB to a unit
  t.audit();
}

// Goal: a put at the limit is refused and changes nothing; erase and small overwrites still work.
BOOST_AUTO_TEST_CASE(at_the_limit_a_put_changes_nothing_and_erase_makes_room) {
  TestTable t(good_positions, {.bytes_max = 1000000});
  std::uint64_t count = 0;
  while (t.put(key_number(count), std::string(100, 'v')) == PutResult::created) ++count;
  BOOST_TEST(count > 1000000u / 140);
  const auto keys = scanned_keys(t.table, t.table.first_cursor());
  BOOST_TEST(keys.size() == count);
  BOOST_TEST(!t.find(key_number(count)).has_value());
  BOOST_TEST(t.pool.resident_bytes() <= 1000000u);
  BOOST_TEST(t.put(key_number(0), std::string(100, 'w')) == PutResult::replaced);
  BOOST_TEST(t.put(key_number(1), std::string(100000, 'w')) == PutResult::out_of_memory);
  BOOST_TEST(t.find(key_number(1))->value == std::string(100, 'v'));
  t.audit();
  for (std::uint64_t i = 0; i < count; i += 2) BOOST_REQUIRE(t.erase(key_number(i)));
  t.audit();
  BOOST_TEST(t.put(key_number(count), std::string(10000, 'w')) == PutResult::created);
  BOOST_TEST(t.pool.resident_bytes() <= 1000000u);
}

// Goal: a hundred thousand records of one position are all kept, found and given back.
BOOST_AUTO_TEST_CASE(many_records_of_one_position_are_kept) {
  TestTable t(constant_positions);
  for (unsigned i = 0; i < 100000; ++i) {
    BOOST_REQUIRE(t.put(key_number(i), "value") == PutResult::created);
  }
  BOOST_TEST(t.table.spilled() > 0u);
  for (unsigned i = 0; i < 100000; ++i) BOOST_REQUIRE(t.find(key_number(i)).has_value());
  const auto keys = scanned_keys(t.table, t.table.first_cursor());
  BOOST_TEST(keys.size() == 100000u);
  BOOST_TEST(std::is_sorted(keys.begin(), keys.end()));
  t.audit();
  for (unsigned i = 0; i < 100000; ++i) BOOST_REQUIRE(t.erase(key_number(i)));
  BOOST_TEST(t.pool.lent_bytes() == 0u);
  t.audit();
}

// Goal: all that is due is named, nothing else, and a call looks at a bounded number of segments.
BOOST_AUTO_TEST_CASE(what_is_due_is_named_in_bounded_steps) {
  for (const PositionOf positions : {good_positions, constant_positions}) {
    TestTable t(positions);
    for (unsigned i = 0; i < 5000; ++i) {
      const std::int64_t expiry_ms = i % 5 == 0 ? 1000 + i : 0;
      BOOST_REQUIRE(t.put(key_number(i), "value", 0, expiry_ms) == PutResult::created);
    }
    std::set<std::string> due;
    const auto sweep = [&](std::int64_t now_ms) {
      due.clear();
      for (unsigned i = 0; i < 200; ++i) {
        t.table.for_each_due(now_ms, 1, [&](const RecordView& record) {
          BOOST_REQUIRE((record.expiry_ms != 0 && record.expiry_ms <= now_ms));
          BOOST_REQUIRE(record.position == t.position_of(record.key));
          due.insert(std::string(record.key));
          return true;
        });
      }
    };
    sweep(999);
    BOOST_TEST(due.empty());
    sweep(1999);
    BOOST_TEST(due.size() == 200u);
    for (const std::string& key : due) BOOST_REQUIRE(t.erase(key));
    t.audit();
    sweep(1999);
    BOOST_TEST(due.empty());
    sweep(2004);
    BOOST_TEST(due.size() == 1u);
  }
}

// Goal: who takes only a few at a time and erases them gets to all.
BOOST_AUTO_TEST_CASE(what_is_due_can_be_taken_a_few_at_a_time) {
  for (const PositionOf positions : {good_positions, constant_positions}) {
    TestTable t(positions);
    for (unsigned i = 0; i < 3000; ++i) {
      BOOST_REQUIRE(t.put(key_number(i), "value", 0, 1000) == PutResult::created);
    }
    for (unsigned rounds = 0; t.table.size() > 0; ++rounds) {
      BOOST_REQUIRE(rounds < 1000u);
      std::vector<std::string> due;
      t.table.for_each_due(1000, 2, [&](const RecordView& record) {
        due.emplace_back(record.key);
        return due.size() < 10;
      });
      for (const std::string& key : due) BOOST_REQUIRE(t.erase(key));
    }
    t.audit();
  }
}

BOOST_AUTO_TEST_CASE(clear_gives_everything_back) {
  for (const PositionOf positions : {good_positions, constant_positions}) {
    TestTable t(positions);
    for (unsigned i = 0; i < 5000; ++i) {
      BOOST_REQUIRE(t.put(key_number(i), std::string(i % 3000, 'v')) == PutResult::created);
    }
    t.table.clear();
    BOOST_TEST(t.table.size() == 0u);
    BOOST_TEST(t.pool.lent_bytes() == 0u);
    t.audit();
    BOOST_TEST(t.put("again", "value") == PutResult::created);
    t.audit();
  }
}

// Goal: many lookups at once find what one by one would.
// Method: mixed hits and misses in batches around the size that is taken at once, with records that
// lie in their home, beside it, and in the spill.
BOOST_AUTO_TEST_CASE(lookups_of_many_keys_find_what_single_ones_do) {
  for (const PositionOf positions : {good_positions, bad_positions, constant_positions}) {
    TestTable t(positions);
    const auto find_each = [&](std::uint64_t first, std::size_t count) {
      std::vector<std::string> keys;
      std::vector<HopscotchTable::Lookup> lookups;
      for (std::size_t i = 0; i < count; ++i) keys.push_back(key_number(first + i));
      for (const std::string& key : keys) lookups.push_back({t.position_of(key), key});
      std::size_t visited = 0;
      t.table.find_each(lookups, [&](const RecordView* record) {
        const auto expected = t.find(keys[visited]);
        BOOST_REQUIRE((record != nullptr) == expected.has_value());
        if (record != nullptr) {
          BOOST_REQUIRE(record->key == keys[visited]);
          BOOST_REQUIRE((record->value == expected->value));
          BOOST_REQUIRE(record->position == lookups[visited].position);
        }
        ++visited;
      });
      BOOST_REQUIRE(visited == count);
    };
    find_each(0, 20);
    for (unsigned i = 0; i < 3000; i += 2) {
      BOOST_REQUIRE(t.put(key_number(i), key_number(i)) == PutResult::created);
    }
    for (const std::size_t count : {0u, 1u, 15u, 16u, 17u, 1000u}) find_each(2500, count);
    for (unsigned first = 0; first < 3000; first += 100) find_each(first, 100);
  }
}

BOOST_AUTO_TEST_SUITE_END()
