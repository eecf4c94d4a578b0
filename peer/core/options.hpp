#pragma once

// What a peer is started with.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peer/core/limits.hpp"
#include "routing/messages.hpp"
#include "routing/peer_ref.hpp"
#include "routing/ring_config.hpp"
#include "storage/group/options.hpp"
#include "storage/raft/planted_bug.hpp"

namespace hopring {

inline constexpr std::uint32_t shards_max = 64;  // --threads; a thread costs a stack and a queue
static_assert(shards_max <= rooms_sent_max);

// Of --max-memory tables get what the process does not need otherwise: 8.5 MiB for itself, and an
// 80th for the directories of tables, which no pool counts (docs/table.md).
inline constexpr std::uint64_t memory_bytes_min = std::uint64_t{16} << 20;           // at least
inline constexpr std::uint64_t memory_bytes_per_shard_min = std::uint64_t{1} << 20;  // and these
constexpr std::uint64_t table_bytes_of(std::uint64_t memory_bytes) {
  constexpr std::uint64_t process_bytes = std::uint64_t{17} << 19;
  return memory_bytes == 0 ? 0 : memory_bytes - memory_bytes / 80 - process_bytes;
}

// --copy-rate at least; below it a busy arc might never get its copies.
inline constexpr std::uint64_t copy_rate_min = std::uint64_t{1} << 20;

struct PeerOptions {
  PeerRef self;  // where others reach it; a random incarnation
  // Creates this ring; or, with contacts, joins theirs and takes over their configuration.
  RingConfig ring;
  std::vector<Endpoint> contacts;  // one's own address among them is passed over
  // Set by the operator and so to be compared with what the joined ring has.
  bool nodes_given = false;
  bool replicas_given = false;
  bool reads_given = false;
  Limits limits;
  std::uint64_t memory_bytes_max = 0;  // of all tables: what --max-memory leaves; 0: no limit
  // --evict lru: at the limit writes replace what was used least recently. REQUIRES: a limit.
  bool evicts = false;
  // Bytes a second of copies that go to peers that have none; 0: no limit.
  std::uint64_t copy_rate = copy_rate_default;
  std::size_t block_bytes = 32768;    // what tables borrow memory in; small in a simulation
  PlantedBug bug = PlantedBug::none;  // for tests of the judges
  std::uint32_t weight = 1;
  std::uint32_t shards = 1;  // 1 to shards_max
  // Of a Peer whose shards are simulated: the longest that commands and news are on their way. 0:
  // they are carried out at once.
  std::chrono::microseconds shard_delay_max{0};
};

// What keeps a peer of these options from joining this ring, in words fit for the operator; nullopt
// if nothing does.
std::optional<std::string> mismatch(const PeerOptions& options, const RingConfig& ring);

}  // namespace hopring
