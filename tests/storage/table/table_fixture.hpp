#pragma once

// What the tests of the table share: positions that are good, bad and constant, and a fixture.

#include <cstdint>
#include <cstdlib>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.hpp"
#include "storage/table/hopscotch_table.hpp"

namespace hopring {

inline std::ostream& operator<<(std::ostream& os, PutResult result) {
  switch (result) {
    case PutResult::created:
      return os << "created";
    case PutResult::replaced:
      return os << "replaced";
    case PutResult::out_of_memory:
      return os << "out_of_memory";
  }
  return os;
}

// FNV-1a with a final mix: good enough to stand for the ring's keyed hash.
inline std::uint64_t good_position(const void*, std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return Rng(hash).next();
}
// Nine positions, three of which are neighbours.
inline std::uint64_t one_of_nine_position(const void*, std::string_view key) {
  const std::uint64_t which = good_position(nullptr, key) % 9;
  return which < 3 ? which : which << 60;
}
inline std::uint64_t constant_position(const void*, std::string_view) { return 42; }

inline constexpr PositionOf good_positions{&good_position, nullptr};
inline constexpr PositionOf bad_positions{&one_of_nine_position, nullptr};
inline constexpr PositionOf constant_positions{&constant_position, nullptr};
inline constexpr Range whole_ring{0, 0};

// What a spilled record takes at most beside key and value, and in the mean over many sizes, as
// docs/table.md says; with a short header and no expiry, of 9 bytes and more with its header.
inline constexpr std::size_t spilled_bytes_max = 89;
inline constexpr double spilled_bytes_mean = 81.5;

// The seed of a random test: HOPRING_TEST_SEED, else `fallback`.
inline std::uint64_t test_seed(std::uint64_t fallback) {
  const char* const text = std::getenv("HOPRING_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

// The first millisecond of 2026.
inline constexpr std::int64_t year_2026_ms = 1'767'225'600'000;

// Of four records one has an expiry in a short header, of 2026; one has one in a long header, in
// the days of short clocks; two have none.
inline std::int64_t random_expiry_ms(Rng& rng) {
  if (rng.chance(1, 2)) return 0;
  return (rng.chance(1, 2) ? year_2026_ms : 1) + static_cast<std::int64_t>(rng.below(1u << 30));
}
// Half of them fit into a short header.
inline std::uint8_t random_type(Rng& rng) {
  return static_cast<std::uint8_t>(rng.below(rng.chance(1, 2) ? 8 : record_type_max + 1u));
}

inline std::string key_number(std::uint64_t number) { return "key:" + std::to_string(number); }

// A table with its pool, called by key alone.
struct TestTable {
  explicit TestTable(PositionOf positions = good_positions, PoolOptions options = {},
                     Range range = whole_ring)
      : pool(options), position_of(positions), table(pool, range, positions) {}

  PutResult put(std::string_view key, std::string_view value, std::uint8_t type = 0,
                std::int64_t expiry_ms = 0) {
    return table.put({position_of(key), key, value, type, expiry_ms});
  }
  std::optional<RecordView> find(std::string_view key) const {
    return table.find(position_of(key), key);
  }
  bool erase(std::string_view key) { return table.erase(position_of(key), key); }
  void audit() const {
    table.audit();
    pool.audit();
  }

  BlockPool pool;
  PositionOf position_of;
  HopscotchTable table;
};

// The keys of the records after `from`, in the order of the scan.
inline std::vector<std::string> scanned_keys(const HopscotchTable& table, const Cursor& from) {
  std::vector<std::string> keys;
  table.scan(from, [&](const RecordView& record) {
    keys.emplace_back(record.key);
    return true;
  });
  return keys;
}

}  // namespace hopring
