#pragma once

// Ours: the table of one shard, called by key. The position of a key is its hash under the
// ring's key, and its time is counted.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/check.hpp"
#include "base/huge_pages.hpp"
#include "base/system_pages.hpp"
#include "storage/table/hopscotch_table.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

class HopringMap {
 public:
  static constexpr std::size_t batch_max = 16;

  // REQUIRES: the map stays where it is.
  explicit HopringMap(const Workload& workload, Range range = {last, last})
      : hash_(workload.ring_key),
        position_of_{hash_.function(), &hash_},
        table_(pool_, range, position_of_) {}
  // REQUIRES: the context of `position_of` outlives the map.
  explicit HopringMap(PositionOf position_of, Range range = {last, last})
      : hash_(HashKey{}), position_of_(position_of), table_(pool_, range, position_of_) {}

  const HopscotchTable& table() const noexcept { return table_; }
  std::uint64_t size() const noexcept { return table_.size(); }
  std::uint64_t position(std::string_view key) const { return position_of_(key); }

  void put(std::string_view key, std::string_view value, std::int64_t expiry_ms = 0) {
    const PutResult result = table_.put({position(key), key, value, 0, expiry_ms});
    HOPRING_CHECK(result != PutResult::out_of_memory);
  }

  void get(std::string_view key, Reader& reader) const {
    if (const auto record = table_.find(position(key), key)) reader.read(record->value);
  }

  std::optional<RecordView> find(std::string_view key) const {
    return table_.find(position(key), key);
  }

  bool erase(std::string_view key) { return table_.erase(position(key), key); }

  // Gets as a server does that has several requests at hand. REQUIRES: at most batch_max keys.
  void get_batch(std::span<const Key> keys, Reader& reader) const {
    std::array<HopscotchTable::Lookup, batch_max> lookups;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      lookups[i] = {position(keys[i].view()), keys[i].view()};
    }
    table_.find_each(std::span(lookups).first(keys.size()), [&](const RecordView* record) {
      if (record != nullptr) reader.read(record->value);
    });
  }

  // In the order of the ring, ties broken.
  void read_all(Reader& reader) const {
    table_.scan(table_.first_cursor(), [&](const RecordView& record) {
      reader.read(record.value);
      return true;
    });
  }

  // Hands the positions after `at` to a table that uses the same pool.
  HopscotchTable split_off(std::uint64_t at) { return table_.split_off(at); }

 private:
  static constexpr std::uint64_t last = ~std::uint64_t{0};  // the ring is cut before position 0

  HugePages memory_{PoolOptions::block_bytes_default};
  SystemPages pages_;
  BlockPool pool_{PoolOptions{.source = source_of(memory_), .pages = page_source_of(pages_)}};
  KeyedHash hash_;
  PositionOf position_of_;
  HopscotchTable table_;
};

}  // namespace hopring::bench
