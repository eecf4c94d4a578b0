#pragma once

// The results of the newest writes of an arc, so that a write which comes again is not executed
// again.
//
//   forgotten()                      the newest
//       |  result  result  ...  result  |          one queue, in the order of their entries
//       +-------------------------------+
//   slots_: stamp -> its place in the queue (open addressing, linear probing). A slot has the
//           stamp's hash, too, so that mostly no other result is touched than the one sought
//
// Which stamps it holds is a function of the order alone, of no record: so a copy that is still
// coming, and lacks records, holds the same ones. What it cannot know is the result of a write to
// a record that it lacked: such a one is kept as `unknown`.
//
// A stamp that is not here was never executed, unless its index is below forgotten(): that may
// have been executed and forgotten.
//
// Bounds: results_max results; older than age_max none, once an entry tells the time. Of a result's
// value at most value_bytes_max bytes are kept, longer ones are not: then the outcome stands alone.
// 40 bytes a result, 32 more if it has a value, and twice that at most while the queue grows; an
// empty window has none. They are lent by the shard's pool, beyond its limit if need be.
//
// Not thread-safe. Throws std::bad_alloc if the system has no memory.
//
// Invariants (audit() checks them):
//   (1) indices grow from the oldest to the newest, and are above forgotten().
//   (2) every result has one slot, found from its stamp's home without a gap; others are free.
//   (3) values_ has one for each result that is marked so, in their order.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "storage/group/pool_ring.hpp"
#include "storage/operation/operation.hpp"
#include "storage/operation/stamp.hpp"

namespace hopring {

// Where many clients send more to one arc at a time than this, some are refused once and stamp
// anew. Those that come again after the primary has died find nothing newer before them.
inline constexpr std::size_t window_results_max = 4096;
// Longer than anybody tries again: a client's calls end after 5 s, unless told otherwise.
inline constexpr std::chrono::seconds window_age_max{30};
inline constexpr std::size_t window_value_bytes_max = 20;
// What a result takes, about, while many are kept.
inline constexpr std::size_t window_result_bytes = 40;

// A result as it travels to a copy.
struct RememberedResult {
  std::uint64_t client = 0;
  std::uint64_t sequence = 0;
  std::uint64_t index = 0;    // of the entry that executed it
  std::uint32_t as_of_s = 0;  // that entry's clock, in s since the epoch
  OpResult result;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& client& sequence& index& as_of_s& result;
  }
  friend bool operator==(const RememberedResult&, const RememberedResult&) = default;
};

class ResultWindow {
 public:
  // REQUIRES: the pool outlives it; 0 < results_max <= 32768.
  explicit ResultWindow(BlockPool& pool, std::size_t results_max = window_results_max);
  ResultWindow copy() const;

  // Index: of entries up to this one the results may have been forgotten.
  std::uint64_t forgotten() const noexcept { return forgotten_; }
  std::size_t size() const noexcept { return results_.size(); }
  std::size_t bytes() const noexcept { return results_.bytes() + values_.bytes() + slots_.bytes(); }
  // Index of the newest result; forgotten() if there is none.
  std::uint64_t newest() const noexcept {
    return results_.empty() ? forgotten_ : results_.back().index;
  }

  // The result of what was stamped so.
  std::optional<OpResult> find(const Stamp& stamp) const;
  // It is not here, but may have been.
  bool may_have_forgotten(const Stamp& stamp) const noexcept { return stamp.index < forgotten_; }

  // REQUIRES: find(stamp) has found nothing; index > newest().
  void remember(const Stamp& stamp, std::uint64_t index, std::int64_t as_of_ms,
                const OpResult& result);
  // Time has come so far, says an entry.
  void forget_old(std::int64_t as_of_ms);
  // Would forget_old() leave none?
  bool is_old(std::int64_t as_of_ms) const noexcept;

  // For a stamp that is looked for, and perhaps remembered, soon: what that reads is asked for from
  // memory. The second step waits for what the first one has asked for. In line by force: g++ 12
  // leaves out calls of functions that only prefetch.
  [[gnu::always_inline]] void expect(const Stamp& stamp) const noexcept {
    if (results_.empty()) return;
    __builtin_prefetch(&slots_[home_of(hash_of(stamp.client, stamp.sequence))]);
    if (results_.size() == results_max_) __builtin_prefetch(&results_.front());
  }
  [[gnu::always_inline]] void go_on_expecting() const noexcept {
    if (results_.size() < results_max_) return;
    const Result& oldest = results_.front();
    __builtin_prefetch(&slots_[home_of(hash_of(oldest.client, oldest.sequence))]);
  }

  // The oldest results after that index, at most `count`.
  std::vector<RememberedResult> after(std::uint64_t index, std::size_t count) const;
  // What after() has given of another window; continues this one. False, and nothing changed, if it
  // does not, or makes no sense.
  [[nodiscard]] bool append(const RememberedResult& given);
  // Drops those up to this index, and will not have known them.
  void forget_to(std::uint64_t index);

  void audit() const;

 private:
  struct Result {
    std::uint64_t client;
    std::uint64_t sequence;
    std::uint64_t index;
    std::uint32_t as_of_s;
    std::uint8_t error;  // 0: none
    std::uint8_t outcome;
    std::uint16_t value;  // its place in values_; 0: it has none
  };
  struct ShortValue {
    std::int64_t expiry_ms;
    std::uint8_t type;
    std::uint8_t length;
    std::array<char, window_value_bytes_max + 2> bytes;
  };
  static_assert(sizeof(Result) == 32 && sizeof(ShortValue) == 32);

  // A place in a queue that does not change while others go: counted from some beginning, round
  // places_max; 0 is no place.
  using Place = std::uint16_t;
  static constexpr std::size_t places_max = 0xffff;

  using Hash = std::uint16_t;
  struct Slot {
    Place place = 0;  // 0: free
    Hash hash = 0;
  };
  class Slots {
   public:
    explicit Slots(BlockPool& pool) noexcept : pool_(&pool) {}
    Slots(Slots&& other) noexcept;
    Slots& operator=(Slots&& other) noexcept;
    ~Slots() { pool_->take_back(piece_); }
    void reset(std::size_t count);  // all free
    std::size_t count() const noexcept { return count_; }
    std::size_t bytes() const noexcept { return BlockPool::cost_of(piece_); }
    Slot& operator[](std::size_t i) const noexcept {
      return reinterpret_cast<Slot*>(piece_.data)[i];
    }

   private:
    BlockPool* pool_;
    Piece piece_;
    std::size_t count_ = 0;  // a power of two, or 0
  };

  static Place place_of(std::size_t i, std::size_t first) noexcept {
    return static_cast<Place>((first + i) % places_max + 1);
  }
  static std::size_t number_at(Place place, std::size_t first) noexcept {
    return (place - 1 + places_max - first) % places_max;
  }
  // Its low bits are the home slot's number: there are at most 2^16.
  static Hash hash_of(std::uint64_t client, std::uint64_t sequence) noexcept {
    std::uint64_t mixed = client ^ (sequence * 0x9e3779b97f4a7c15ull);
    mixed = (mixed ^ (mixed >> 32)) * 0xd6e8feb86659fd93ull;
    return static_cast<Hash>(mixed >> 40);
  }
  std::size_t home_of(Hash hash) const noexcept { return hash & (slots_.count() - 1); }
  std::size_t find_slot(std::uint64_t client, std::uint64_t sequence) const noexcept;
  OpResult told(std::size_t i) const;
  void add(Result result, const OpResult& given);
  void push(const Result& result);
  void pop();
  bool fit_slots();
  void take_slot(std::size_t i);
  void free_slot();

  std::size_t results_max_;
  std::uint64_t forgotten_ = 0;
  std::uint32_t newest_s_ = 0;  // the latest clock of the results here
  PoolRing<Result> results_;
  PoolRing<ShortValue> values_;
  Slots slots_;
  std::size_t first_result_ = 0;  // the place of the oldest one, less one
  std::size_t first_value_ = 0;
};

}  // namespace hopring
