#pragma once

// What a peer is started with.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "peer/core/limits.hpp"
#include "routing/peer_ref.hpp"
#include "routing/ring_config.hpp"

namespace hopring {

inline constexpr std::uint32_t shards_max = 64;  // --threads; a thread costs a stack and a queue

// --max-memory, for each shard: a few blocks of a pool.
inline constexpr std::uint64_t memory_bytes_min = std::uint64_t{1} << 20;

struct PeerOptions {
  PeerRef self;  // where others reach it; a random incarnation
  // Creates this ring; or, with contacts, joins theirs and takes over their configuration.
  RingConfig ring;
  std::vector<Endpoint> contacts;  // one's own address among them is passed over
  // Set by the operator and so to be compared with what the joined ring has.
  bool nodes_given = false;
  bool replicas_given = false;
  Limits limits;
  std::uint64_t memory_bytes_max = 0;  // --max-memory; 0: no limit
  std::size_t block_bytes = 32768;     // what tables borrow memory in; small in a simulation
  std::uint32_t weight = 1;
  std::uint32_t shards = 1;  // 1 to shards_max
  // Of a Peer whose shards are simulated: the longest that commands and news are on their way. 0:
  // they are carried out at once.
  std::chrono::microseconds shard_delay_max{0};
};

}  // namespace hopring
