#pragma once

// The records of one arc, and what a command does to them: the state machine of a group.
//
// Deterministic: what a call does depends on the records and its arguments alone, so that every
// copy which starts alike and applies the same commands stays alike. No clock: a record is there
// until a command removes it, and relative expiries have been made absolute (group.hpp).
//
// The primary calls the operations and answers the client from them; a learner, whose commands come
// as entries, calls apply(). Both end in the same functions.
//
// Not thread-safe: belongs to one shard.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "routing/arc.hpp"
#include "storage/group/messages.hpp"
#include "storage/operation/operation.hpp"
#include "storage/table/hopscotch_table.hpp"

namespace hopring {

// What became of a command. Only `made` changed a record.
enum class Change : std::uint8_t { none, made, out_of_memory };

// Does an arc lie in the order of its positions' numbers? All arcs of a ring do (ring_config.hpp).
constexpr bool is_straight(const Arc& arc) noexcept { return advance(arc.begin, 1) <= arc.end; }

// The key that a command is about; nullptr if it is about the arc.
const std::string* key_in(const Command& command);

// Is `command` one that apply() takes? Those from the network are asked first.
bool is_applicable(const Command& command);
bool is_installable(const Record& record);

// Bytes of memory that it takes once it is applied, about; 0 of one that takes none.
std::size_t memory_of(const Command& command);
std::size_t memory_of(const Operation& operation);
std::size_t memory_of_record(std::size_t key_bytes, std::size_t value_bytes);

class ArcRecords {
 public:
  // Operations that come soon, on records of any arcs: what they will read is asked for together.
  class Expected {
   public:
    // REQUIRES: at most keys_expected_max calls.
    void add(const ArcRecords& records, Position position) {
      lookups_[count_++] = HopscotchTable::Ahead(records.table_, position.value);
    }
    // After the last add().
    void ask() const {
      for (std::size_t i = 0; i < count_; ++i) lookups_[i].go_on();
    }

   private:
    std::array<HopscotchTable::Ahead, keys_expected_max> lookups_;
    std::size_t count_ = 0;
  };

  // The same for one. REQUIRES: the position is in the arc.
  [[gnu::always_inline]] HopscotchTable::Ahead ahead(Position position) const noexcept {
    return {table_, position.value};
  }

  // No records yet. REQUIRES: pool and hash outlive it; is_straight(arc).
  ArcRecords(BlockPool& pool, const KeyedHash& hash, const Arc& arc);

  Position position_of(std::string_view key) const { return Position{(*hash_)(key)}; }

  // REQUIRES of all that take a position: it is the key's, and in the arc. The answer goes to
  // `sink`; see Outcome for what is told when. Not so out_of_memory, which is only returned:
  // nothing was changed, and the caller may make room and try again.
  std::optional<RecordView> find(Position position, std::string_view key) const {
    return table_.find(position.value, key);
  }
  // Also counts as a use. REQUIRES: the pool keeps ages.
  std::optional<RecordView> find_and_mark(Position position, std::string_view key) {
    return table_.find_and_mark(position.value, key);
  }
  // `expiry` stands for the operation's own. REQUIRES: its kind is not `after`.
  Change put(Position position, const Put& put, const Expiry& expiry, ResultSink& sink);
  Change compare_and_set(Position position, const CompareAndSet& operation, const Expiry& expiry,
                         ResultSink& sink);
  Change add(Position position, const Add& add, ResultSink& sink);
  Change erase(Position position, const Erase& erase, ResultSink& sink);
  Change remove_expired(Position position, const RemoveExpired& command);

  // Removes the key's record if it was due by then.
  void remove_due(Position position, std::string_view key, std::int64_t as_of_ms);
  // An entry's command, on a copy. REQUIRES: is_applicable(command), it is no SplitArc and no
  // ChangeView, its key is in the arc.
  Change apply(Position position, const Command& command);
  Change apply(Position position, const Command& command, ResultSink& sink);
  // The same beyond the pool's limit, if it must be.
  Change apply_at_any_cost(Position position, const Command& command, ResultSink& sink);

  // A record of a chunk. REQUIRES: is_installable(record).
  Change install(Position position, const Record& record);

  // visit(const RecordView&) -> bool (go on?) from `from` on, in the order of (position, key). The
  // visitor changes nothing. REQUIRES: from.position is in the arc.
  template <class Visit>
  void walk(const ScanCursor& from, Visit&& visit) const {
    table_.scan(Cursor{from.position.value, from.last_key}, visit);
  }

  // visit(const RecordView&) -> bool for records that are due, in the next segments_max segments.
  template <class Visit>
  void for_each_due(WallTime now, std::size_t segments_max, Visit&& visit) {
    table_.for_each_due(now.ms_since_epoch, segments_max, visit);
  }

  // The record to give up for one of `bytes_wanted`; see HopscotchTable::oldest().
  std::optional<RecordView> oldest(Position near, Position spared, std::string_view spared_key,
                                   std::size_t bytes_wanted) const {
    return table_.oldest(near.value, {spared.value, spared_key}, bytes_wanted);
  }

  // This one keeps (begin, at]; the rest is returned. REQUIRES: can_cut(arc, at).
  ArcRecords split_off(Position at);

  BlockPool& pool() const noexcept { return *pool_; }
  std::uint64_t size() const noexcept { return table_.size(); }
  std::uint64_t bytes() const noexcept;  // of keys, values and their overhead
  void audit() const { table_.audit(); }

 private:
  ArcRecords(BlockPool& pool, const KeyedHash& hash, HopscotchTable&& table)
      : pool_(&pool), hash_(&hash), table_(std::move(table)) {}

  Change store(const RecordView& record);
  // store(), and then the outcome, but for out_of_memory.
  Change store_and_tell(const RecordView& record, ResultSink& sink);

  BlockPool* pool_;
  const KeyedHash* hash_;
  HopscotchTable table_;
};

}  // namespace hopring
