// The part of ReplicaHost that keeps a shard's memory within its bound.
//
// What is in the order must be applied, on every member. So a write is let in only while all
// members have memory for it: each says in its answers to heartbeats how much the primary may go on
// to propose. What several primaries let in at the same moment may exceed that, by what they write
// between two heartbeats.

#include <algorithm>

#include "storage/group/replica_host.hpp"

namespace hopring {
namespace {

// Of the bound, for holes between what is lent to tables.
constexpr std::size_t holes_part = 32;
// Below this part of the bound each arc may take no more than its own share of what is left.
constexpr std::size_t scarce_part = 16;
constexpr std::size_t takers_expected = 8;

struct MemoryOf {
  std::size_t operator()(const Get&) const { return 0; }
  template <class Write>
  std::size_t operator()(const Write& write) const {
    return memory_of(Command(write));
  }
};

}  // namespace

std::uint64_t ReplicaHost::room() const noexcept {
  const std::size_t bound = options_.pool.bytes_max;
  if (bound == 0) return ~std::uint64_t{0};
  return bound - std::min(bound, pool_.resident_bytes());
}

// For one arc. REQUIRES: there is a bound.
std::size_t ReplicaHost::memory_left() const {
  const std::size_t bound = options_.pool.bytes_max - options_.pool.bytes_max / holes_part;
  if (pool_.lent_bytes() >= bound) return 0;
  const std::size_t left = bound - pool_.lent_bytes();
  const std::size_t arcs = std::max<std::size_t>(replicas_.size(), 1);
  return left / (left < bound / scarce_part ? arcs : std::min(arcs, takers_expected));
}

// Evicts, if that is allowed, what the write needs. False: there is no room.
bool ReplicaHost::make_room(Now now, Replica& replica, Position position,
                            const Operation& operation, GroupOutbox& out) {
  if (options_.pool.bytes_max == 0) return true;
  std::size_t wanted = std::visit(MemoryOf{}, operation);
  if (wanted == 0) return true;
  wanted += window_result_bytes;
  const bool has_own = wanted + replica.raft().kept_bytes() <= memory_left();
  if (has_own && replica.has_memory(now, wanted)) return true;
  if (!options_.pool.keeps_ages || !replica.may_serve(now)) return false;
  if (replica.is_splitting()) return true;  // for a moment nothing may be removed
  const std::string& key = key_of(operation);
  const Arc arc = replica.arc();
  std::size_t freed = 0;
  for (std::size_t i = 0; i < options_.evictions_per_write_max && freed < wanted; ++i) {
    // What has been proposed may not be gone yet, and would be named again at the same place.
    const Position near =
        i == 0 ? position : advance(arc.begin, 1 + rng_.below(width_minus_one(arc) | 1));
    const auto evicted = replica.evict(near, position, key, wanted);
    if (!evicted) return false;
    replica.flush(now, out);
    freed += *evicted;
    ++counters_.records_evicted;
  }
  return freed >= wanted;
}

}  // namespace hopring
