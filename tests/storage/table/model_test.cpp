// The table against std::map, under good, bad and constant positions, without and with ages.
// A failure prints the seed; run again with HOPRING_TEST_SEED=<seed>.

#include <array>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <map>

#include "tests/storage/table/checked_table.hpp"
#include "tests/storage/table/table_fixture.hpp"

using namespace hopring;

namespace {

struct Case {
  const char* name;
  PositionOf position_of;
  std::size_t block_bytes;
  std::uint64_t keys;
  Range range;
  bool keeps_ages = false;

  PoolOptions pool() const {
    PoolOptions options;
    options.block_bytes = block_bytes;
    options.keeps_ages = keeps_ages;
    return options;
  }
};
std::ostream& operator<<(std::ostream& os, const Case& c) { return os << c.name; }

constexpr std::uint64_t half = 1ull << 63;

const Case cases[] = {
    {"good positions", good_positions, 65536, 300, whole_ring},
    {"good positions, small blocks", good_positions, 4096, 300, {half, half}},
    {"many keys", good_positions, 32768, 4000, {77, 77}},
    {"half a ring that wraps past zero", good_positions, 4096, 1000, {3ull << 62, 1ull << 62}},
    {"nine positions", bad_positions, 4096, 1200, {half, half}},
    {"nine positions, a range that wraps past zero", bad_positions, 65536, 1200, {2, 2}},
    {"one position", constant_positions, 4096, 400, whole_ring},
    {"one position, of a range of one", constant_positions, 65536, 400, {41, 42}},
    {"ages, good positions", good_positions, 65536, 300, whole_ring, true},
    {"ages, many keys, small blocks", good_positions, 4096, 4000, {half, half}, true},
    {"ages, nine positions", bad_positions, 4096, 1200, {2, 2}, true},
    {"ages, one position", constant_positions, 32768, 400, whole_ring, true},
};

std::string random_bytes(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(rng.next());
  return bytes;
}

// A key whose position is in the table's range, if a few draws find one; else empty.
std::string random_key(Rng& rng, const CheckedTable& table, const Case& c) {
  for (int i = 0; i < 64; ++i) {
    std::string key = key_number(rng.below(c.keys));
    if (table.owns(c.position_of(key))) return key;
  }
  return {};
}

StoredRecord random_record(Rng& rng) {
  const std::size_t size = rng.chance(1, 20) ? rng.below(6000) : rng.below(80);
  return {random_bytes(rng, size), random_type(rng), random_expiry_ms(rng)};
}

// A use of a record, and a question for the oldest one.
void step_of_ages(Rng& rng, CheckedTable& table, const Case& c) {
  const std::string used = random_key(rng, table, c);
  if (used.empty()) return;
  if (rng.chance(2, 3)) table.find_and_mark(used);
  const std::string spared = rng.chance(1, 2) ? random_key(rng, table, c) : "";
  table.check_oldest(c.position_of(used), spared, rng.chance(1, 4) ? 5000 : 50);
}

// A moment of 1970 or of 2026, at which about half of the expiries near it are due.
std::int64_t random_moment_ms(Rng& rng) {
  return (rng.chance(1, 2) ? year_2026_ms : 1) + static_cast<std::int64_t>(rng.below(1u << 30));
}

// One random operation, and a look at a record; at times at all that is due.
void step(Rng& rng, CheckedTable& table, const Case& c, unsigned puts_of_ten) {
  const std::string key = random_key(rng, table, c);
  if (key.empty()) return;
  if (rng.chance(puts_of_ten, 10)) {
    table.put(key, random_record(rng), 0);
  } else {
    table.erase(key);
  }
  if (const std::string other = random_key(rng, table, c); !other.empty()) table.find(other);
  if (c.keeps_ages) step_of_ages(rng, table, c);
  if (rng.chance(1, 100)) table.name_all_due(random_moment_ms(rng));
}

// Where a table is cut.
enum class Cut {
  anywhere,
  after_the_first_position,
  before_the_first_record,
  at_the_first_record,
  at_a_record,
  before_a_record,
  after_a_record,
  at_the_last_record,
  before_the_last_position,
  where_arcs_end,
  count
};

// A position to cut at; nullopt if the table has none of the kind.
std::optional<std::uint64_t> position_of_cut(Rng& rng, const CheckedTable& table, const Case& c,
                                             Cut cut) {
  const Range range = table.table().range();
  const std::uint64_t extent = range.end - range.begin - 1;
  if (extent == 0 || table.empty()) return std::nullopt;
  const std::uint64_t record = c.position_of(table.key_from(key_number(rng.below(c.keys))));
  const std::uint64_t anywhere = range.begin + 1 + rng.below(extent);
  const auto position = [&]() -> std::uint64_t {
    switch (cut) {
      case Cut::after_the_first_position:
        return range.begin + 1;
      case Cut::before_the_first_record:
        return table.first_position() - 1;
      case Cut::at_the_first_record:
        return table.first_position();
      case Cut::at_a_record:
        return record;
      case Cut::before_a_record:
        return record - 1;
      case Cut::after_a_record:
        return record + 1;
      case Cut::at_the_last_record:
        return table.last_position();
      case Cut::before_the_last_position:
        return range.end - 1;
      case Cut::where_arcs_end:
        return anywhere | ((std::uint64_t{1} << rng.below(64)) - 1);
      default:
        return anywhere;
    }
  }();
  if (!range.contains(position) || position == range.end) return std::nullopt;
  return position;
}

// Erases whatever is there.
void empty(CheckedTable& table) {
  while (!table.empty()) table.erase(table.key_from({}));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(table_model)

// Goal: the table and std::map agree whatever the order of operations.
// Method: random operations on both, in phases that fill and phases that empty. After each one the
// invariants are audited, and now and then all records are compared.
BOOST_DATA_TEST_CASE(agrees_with_the_standard_map_after_each_step, cases, c) {
  const std::uint64_t seed = test_seed(1);
  BOOST_TEST_CONTEXT("seed " << seed) {
    Rng rng(seed);
    BlockPool pool(c.pool());
    CheckedTable table(pool, c.range, c.position_of, Audits::always);
    const unsigned steps = c.keys > 1000 ? 1500 : 700;  // of a phase
    std::size_t segments_most = 0;
    std::uint64_t spilled_most = 0;
    for (unsigned phase = 0; phase < 6; ++phase) {
      for (unsigned i = 0; i < steps; ++i) {
        step(rng, table, c, phase % 2 == 0 ? 8 : 2);
        segments_most = std::max(segments_most, table.table().segments());
        spilled_most = std::max(spilled_most, table.table().spilled());
      }
    }
    const bool is_good = c.position_of.function == good_positions.function;
    BOOST_TEST((spilled_most > 0) == !is_good);
    if (is_good && c.keys > 1000) BOOST_TEST(segments_most > 2u);
    empty(table);
    BOOST_TEST(pool.lent_bytes() == 0u);
  }
}

// Goal: a cut leaves each half with exactly its records, wherever it falls.
// Method: a full table is cut at each kind of place again and again; all parts live on meanwhile.
BOOST_DATA_TEST_CASE(parts_have_exactly_their_records_wherever_a_cut_falls, cases, c) {
  const std::uint64_t seed = test_seed(2);
  BOOST_TEST_CONTEXT("seed " << seed) {
    Rng rng(seed);
    std::array<unsigned, static_cast<std::size_t>(Cut::count)> cuts{};
    for (unsigned round = 0; round < cuts.size(); ++round) {
      BlockPool pool(c.pool());
      std::vector<CheckedTable> tables;
      tables.emplace_back(pool, c.range, c.position_of);
      for (unsigned i = 0; i < 3000; ++i) step(rng, tables[0], c, 8);
      for (unsigned i = 0; i < 3 * cuts.size(); ++i) {
        const std::size_t kind = (i + round) % cuts.size();
        CheckedTable& lower = tables[rng.below(tables.size())];
        const auto at = position_of_cut(rng, lower, c, static_cast<Cut>(kind));
        if (!at) continue;
        tables.push_back(lower.split_off(*at));
        ++cuts[kind];
        for (int k = 0; k < 20; ++k) step(rng, tables[rng.below(tables.size())], c, 5);
      }
      for (CheckedTable& table : tables) {
        table.check_all();
        empty(table);
      }
      BOOST_TEST(pool.lent_bytes() == 0u);
    }
    const bool can_be_cut = interval_of(c.range).extent > 0;
    for (const unsigned times : cuts) BOOST_TEST((times > 0) == can_be_cut);
  }
}
// Goal: a cursor survives whatever happens between two calls.
// Method: scan in small steps while keys come and go; those that stay must be met exactly once.
BOOST_DATA_TEST_CASE(a_scan_meets_each_key_that_stays_once, cases, c) {
  const std::uint64_t seed = test_seed(3);
  BOOST_TEST_CONTEXT("seed " << seed) {
    Rng rng(seed);
    BlockPool pool(c.pool());
    HopscotchTable table(pool, c.range, c.position_of);
    std::map<std::string, unsigned> met;
    for (std::uint64_t i = 0; i < c.keys; i += 2) {
      if (!c.range.contains(c.position_of(key_number(i)))) continue;
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
        if (!c.range.contains(c.position_of(key))) continue;
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
