#pragma once

// The bounded fallback of a table: records whose neighbourhood is full because too many positions
// are equal or nearly so, which but for a few in a million only happens to those who know the
// ring's hash key and mean it. An ordered set and an allocation a record: dear in memory (82 bytes
// beside key and value in the mean, see docs/table.md), O(log n) in time.
//
// Not thread-safe. Invariants (audit() checks them):
//   (1) records are ordered by (position, key), each key once, all positions in the table's range.
//   (2) totals() and resident_bytes() are the sums over the records.

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "storage/table/block_pool.hpp"
#include "storage/table/interval.hpp"
#include "storage/table/record.hpp"
#include "storage/table/segment.hpp"

namespace hopring {

class Spill {
 public:
  explicit Spill(BlockPool& pool) : pool_(&pool), due_hand_(records_.end()) {}
  Spill(Spill&& other) noexcept;
  Spill& operator=(Spill&& other) noexcept;
  ~Spill() { clear(); }

  // Is there a record at a position of the interval?
  bool has_any_in(const Interval& interval) const noexcept;
  const Totals& totals() const noexcept { return totals_; }
  std::size_t resident_bytes() const noexcept { return resident_bytes_; }

  // The encoded record, or nullptr.
  const std::byte* find(std::uint64_t position, std::string_view key) const;

  // Adds a record whose key is not there. False, and nothing changed, if the pool refuses. Throws
  // std::bad_alloc, and nothing changed.
  [[nodiscard]] bool insert(const RecordView& record);
  // Overwrites the record of the same key. REQUIRES: it is there. Else as insert().
  [[nodiscard]] bool replace(const RecordView& record);
  bool erase(std::uint64_t position, std::string_view key) noexcept;

  // Takes all records of `other`, which has none with a key that is here.
  void merge(Spill& other) noexcept;
  // Takes out the records in `range`. Cost: those.
  Spill split(Range range);
  void clear() noexcept;

  // The record that follows (position, key) clockwise, before the circle from `origin` closes.
  std::optional<RecordView> next(std::uint64_t origin, std::uint64_t position,
                                 std::string_view key) const;

  // visit(const RecordView&) -> bool (go on?) for the due ones among the next `records_max`
  // records.
  template <class Visit>
  void for_each_due(std::int64_t now_ms, std::size_t records_max, Visit&& visit);

  void audit(Range range, const PositionOf& position_of) const;

 private:
  struct Node {
    std::uint64_t position;
    mutable Piece piece;  // replace() changes what follows the key; the order stays

    RecordView record() const;
  };
  struct Place {
    std::uint64_t position;
    std::string_view key;
  };
  struct Order {
    using is_transparent = void;
    static Place place(const Node& node) { return {node.position, node.record().key}; }
    static Place place(const Place& place) { return place; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      const Place left = place(a);
      const Place right = place(b);
      return left.position != right.position ? left.position < right.position
                                             : left.key < right.key;
    }
  };
  using Records = std::set<Node, Order>;
  // With what a set adds to each element.
  static constexpr std::size_t node_bytes =
      BlockPool::packed_cost(sizeof(Node) + 4 * sizeof(void*));

  static std::size_t cost_of(const Node& node) noexcept {
    return node_bytes + BlockPool::cost_of(node.piece);
  }
  void forget(Records::const_iterator at) noexcept;
  void take(std::uint64_t first, std::uint64_t last, Spill& to) noexcept;

  BlockPool* pool_;
  Records records_;
  Records::const_iterator due_hand_;  // where for_each_due() goes on
  Totals totals_;
  std::size_t resident_bytes_ = 0;
};

template <class Visit>
void Spill::for_each_due(std::int64_t now_ms, std::size_t records_max, Visit&& visit) {
  for (std::size_t i = 0; i < records_max && i < records_.size(); ++i) {
    if (due_hand_ == records_.end()) due_hand_ = records_.begin();
    const RecordView record = due_hand_->record();
    if (record.expiry_ms != 0 && record.expiry_ms <= now_ms && !visit(record)) return;
    ++due_hand_;
  }
}

}  // namespace hopring
