// The table against std::map, under good, bad and constant positions.
// A failure prints the seed; run again with HOPRING_TEST_SEED=<seed>.

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <tuple>

#include "tests/storage/table/table_fixture.hpp"

using namespace hopring;

namespace {

struct Stored {
  std::string value;
  std::uint8_t type = 0;
  std::int64_t expiry_ms = 0;
  bool operator==(const Stored&) const = default;
};

// Records by (position counted from the range's begin, key): the order that a scan promises.
struct Model {
  std::map<std::pair<std::uint64_t, std::string>, Stored> records;
  std::uint64_t origin = 0;
  PositionOf position_of;

  std::pair<std::uint64_t, std::string> place(std::string_view key) const {
    return {position_of(key) - origin, std::string(key)};
  }
};

void require_equal(const HopscotchTable& table, const Model& model) {
  BOOST_REQUIRE(table.size() == model.records.size());
  auto expected = model.records.begin();
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  table.scan(table.first_cursor(), [&](const RecordView& record) {
    BOOST_REQUIRE((expected != model.records.end()));
    BOOST_REQUIRE(record.position - model.origin == expected->first.first);
    BOOST_REQUIRE(record.key == expected->first.second);
    BOOST_REQUIRE(
        (Stored{std::string(record.value), record.type, record.expiry_ms} == expected->second));
    key_bytes += record.key.size();
    value_bytes += record.value.size();
    ++expected;
    return true;
  });
  BOOST_REQUIRE((expected == model.records.end()));
  BOOST_REQUIRE(table.key_bytes() == key_bytes);
  BOOST_REQUIRE(table.value_bytes() == value_bytes);
}

std::string random_bytes(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(rng.next());
  return bytes;
}

struct Case {
  const char* name;
  PositionOf position_of;
  std::size_t block_bytes;
  std::uint64_t keys;
  Range range;
};
std::ostream& operator<<(std::ostream& os, const Case& c) { return os << c.name; }

const Case cases[] = {
    {"good positions", good_positions, 65536, 300, whole_ring},
    {"good positions, small blocks", good_positions, 4096, 300, {1ull << 63, 1ull << 63}},
    {"many keys, small blocks", good_positions, 4096, 4000, {77, 77}},
    {"nine positions", bad_positions, 4096, 700, whole_ring},
    {"nine positions, a range that wraps past zero", bad_positions, 65536, 700, {2, 2}},
    {"one position", constant_positions, 4096, 500, whole_ring},
    {"one position, of a range of one", constant_positions, 65536, 500, {41, 42}},
};

// One random operation on both.
void step(Rng& rng, HopscotchTable& table, Model& model, std::uint64_t keys, unsigned puts_of_ten) {
  const std::string key = key_number(rng.below(keys));
  const std::uint64_t position = model.position_of(key);
  const auto place = model.place(key);
  if (rng.chance(puts_of_ten, 10)) {
    const std::size_t size = rng.chance(1, 20) ? rng.below(6000) : rng.below(80);
    const Stored stored{random_bytes(rng, size), static_cast<std::uint8_t>(rng.below(128)),
                        rng.chance(1, 4) ? static_cast<std::int64_t>(rng.below(1u << 30)) : 0};
    const PutResult result =
        table.put({position, key, stored.value, stored.type, stored.expiry_ms});
    BOOST_REQUIRE(result ==
                  (model.records.contains(place) ? PutResult::replaced : PutResult::created));
    model.records[place] = stored;
  } else {
    BOOST_REQUIRE(table.erase(position, key) == (model.records.erase(place) == 1));
  }
  const std::string other = key_number(rng.below(keys));
  const auto found = table.find(model.position_of(other), other);
  const auto expected = model.records.find(model.place(other));
  BOOST_REQUIRE(found.has_value() == (expected != model.records.end()));
  if (found) BOOST_REQUIRE(found->value == expected->second.value);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(table_model)

// Goal: the table and std::map agree whatever the order of operations.
// Method: random operations on both, in phases that fill and phases that empty; an audit after
// each, or after each eighth where there are many keys, since an audit looks at all of them.
BOOST_DATA_TEST_CASE(agrees_with_the_standard_map, cases, c) {
  const std::uint64_t seed = test_seed(1);
  BOOST_TEST_CONTEXT("seed " << seed) {
    Rng rng(seed);
    BlockPool pool({.block_bytes = c.block_bytes});
    HopscotchTable table(pool, c.range, c.position_of);
    Model model{{}, c.range.begin + 1, c.position_of};
    for (unsigned phase = 0; phase < 6; ++phase) {
      for (unsigned i = 0; i < 1500; ++i) {
        step(rng, table, model, c.keys, phase % 2 == 0 ? 8 : 2);
        if (i % 8 == 0 || c.keys < 500) table.audit();
      }
      pool.audit();
      require_equal(table, model);
    }
    for (const auto& [place, stored] : std::map(model.records)) {
      BOOST_REQUIRE(table.erase(place.first + model.origin, place.second));
    }
    table.audit();
    BOOST_TEST(table.size() == 0u);
    BOOST_TEST(pool.lent_bytes() == 0u);
  }
}

// Goal: a cut leaves each half with exactly its records, wherever it falls.
// Method: fill, cut at random positions again and again, compare each part with its part of a
// model.
BOOST_DATA_TEST_CASE(halves_have_exactly_their_records, cases, c) {
  const std::uint64_t seed = test_seed(2);
  BOOST_TEST_CONTEXT("seed " << seed) {
    Rng rng(seed);
    BlockPool pool({.block_bytes = c.block_bytes});
    HopscotchTable rest(pool, c.range, c.position_of);
    Model model{{}, c.range.begin + 1, c.position_of};
    for (unsigned i = 0; i < 5000; ++i) step(rng, rest, model, c.keys, 8);
    while (rest.range().begin + 1 != rest.range().end) {
      const Range range = rest.range();
      const std::uint64_t others = range.end - range.begin - 1;
      const std::uint64_t kept = rng.chance(1, 2) ? rng.below(others) : rng.below(others) / 8;
      const std::uint64_t at = range.begin + 1 + kept;
      HopscotchTable upper = rest.split_off(at);
      rest.audit();
      upper.audit();
      BOOST_REQUIRE((rest.range() == Range{range.begin, at}));
      BOOST_REQUIRE((upper.range() == Range{at, range.end}));
      Model lower_model{{}, model.origin, c.position_of};
      while (!model.records.empty() && model.records.begin()->first.first <= kept) {
        lower_model.records.insert(model.records.extract(model.records.begin()));
      }
      Model upper_model{{}, at + 1, c.position_of};
      for (const auto& [place, stored] : model.records) {
        upper_model.records[upper_model.place(place.second)] = stored;
      }
      require_equal(rest, lower_model);
      require_equal(upper, upper_model);
      for (unsigned i = 0; i < 20; ++i) {  // both live on
        if (lower_model.records.empty()) break;
        const std::string key = lower_model.records.begin()->first.second;
        BOOST_REQUIRE(rest.erase(c.position_of(key), key));
        lower_model.records.erase(lower_model.records.begin());
      }
      rest.audit();
      rest = std::move(upper);
      model = std::move(upper_model);
    }
  }
}

// Goal: a cursor survives whatever happens between two calls.
// Method: scan in small steps while keys come and go; those that stay must be met exactly once.
BOOST_DATA_TEST_CASE(a_scan_meets_each_key_that_stays_once, cases, c) {
  const std::uint64_t seed = test_seed(3);
  BOOST_TEST_CONTEXT("seed " << seed) {
    Rng rng(seed);
    BlockPool pool({.block_bytes = c.block_bytes});
    HopscotchTable table(pool, c.range, c.position_of);
    std::map<std::string, unsigned> met;
    for (std::uint64_t i = 0; i < c.keys; i += 2) {
      met[key_number(i)] = 0;
      BOOST_REQUIRE(table.put({c.position_of(key_number(i)), key_number(i), "stays", 0, 0}) ==
                    PutResult::created);
    }
    Cursor cursor = table.first_cursor();
    for (bool is_done = false; !is_done;) {
      unsigned left = 1 + static_cast<unsigned>(rng.below(7));
      is_done = true;
      table.scan(cursor, [&](const RecordView& record) {
        if (record.value == "stays") ++met[std::string(record.key)];
        cursor = {record.position, std::string(record.key)};
        is_done = --left > 0;
        return is_done;
      });
      for (unsigned i = 0; i < 30; ++i) {
        const std::string key = key_number(rng.below(c.keys / 2) * 2 + 1);
        if (rng.chance(1, 2)) {
          BOOST_REQUIRE(table.put({c.position_of(key), key, "comes and goes", 0, 0}) !=
                        PutResult::out_of_memory);
        } else {
          table.erase(c.position_of(key), key);
        }
      }
    }
    for (const auto& [key, times] : met) BOOST_TEST(times == 1u, key << " met " << times);
    table.audit();
  }
}

BOOST_AUTO_TEST_SUITE_END()
