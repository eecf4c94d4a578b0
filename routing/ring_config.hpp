#pragma once

// What all peers of a ring have in common: fixed by the peer that creates it, handed to joiners.

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/keyed_hash.hpp"
#include "routing/arc.hpp"

namespace hopring {

// How a primary of an arc that has several copies makes sure that it still is one when it answers a
// read.
enum class Reads : std::uint16_t {
  lease,     // by promises, which clocks measure
  majority,  // by asking a majority, and no clock
};

constexpr std::string_view name(Reads reads) {
  return reads == Reads::majority ? "majority" : "lease";
}

struct RingConfig {
  std::uint64_t ring_id = 0;          // random, never 0
  HashKey hash_key;                   // random; outsiders must not know it
  std::uint32_t nodes_per_peer = 32;  // primary arcs a peer should have (V of the design)
  std::uint32_t replicas = 1;         // copies of an arc
  std::uint64_t value_bytes_max = std::uint64_t{16} << 20;
  Reads reads = Reads::lease;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    const std::uint32_t before = replicas | static_cast<std::uint32_t>(reads) << reads_shift;
    std::uint32_t copies = before;
    archive& ring_id& hash_key.words& nodes_per_peer& copies& value_bytes_max;
    if (copies == before) return;  // as always when it is written
    replicas = copies & ((1u << reads_shift) - 1);
    reads = static_cast<Reads>(copies >> reads_shift);
  }
  friend bool operator==(const RingConfig&, const RingConfig&) = default;

 private:
  // `reads` travels above `replicas`, in the same number: a ring that reads by leases looks as it
  // did before there was a choice, and who knows of none takes the number of copies of the other
  // kind for nonsense, and stays out.
  static constexpr unsigned reads_shift = 16;
};

// A move must lower the peak by 1/128 of a fair share (Balancer::step_parts): the arcs of a new
// ring must weigh more than that for its second peer to be given any.
inline constexpr std::uint32_t nodes_per_peer_max = 128;

// The first thing wrong with `config`, in words fit for the operator; nullopt when all is well.
constexpr std::optional<std::string_view> problem(const RingConfig& config) {
  if (!std::has_single_bit(config.nodes_per_peer) || config.nodes_per_peer > nodes_per_peer_max) {
    return "nodes must be a power of two from 1 to 128";
  }
  if (config.replicas != 1 && config.replicas != 3 && config.replicas != 5) {
    return "replicas must be 1, 3 or 5";
  }
  if (config.reads > Reads::majority) return "reads must be lease or majority";
  if (config.value_bytes_max > std::uint64_t{1} << 30) return "value_bytes_max is above 1 GiB";
  return std::nullopt;
}
static_assert(!problem(RingConfig{}), "the defaults must be usable");

// The n-th of `count` equal arcs of a new ring. Their ends are x * 2^k - 1, so the last arc ends at
// 2^64 - 1 and no arc holds both that position and 0. REQUIRES: `count` is a power of two, n <
// count.
constexpr Arc equal_arc(std::uint32_t n, std::uint32_t count) {
  if (count == 1) return Arc{Position{~0ull}, Position{~0ull}};
  const std::uint64_t width = (~0ull / count) + 1;
  return Arc{Position{n * width - 1}, Position{(n + 1) * width - 1}};
}
static_assert(equal_arc(0, 32).begin == Position{~0ull});
static_assert(equal_arc(31, 32).end == Position{~0ull});
static_assert(equal_arc(1, 2) == Arc{Position{(1ull << 63) - 1}, Position{~0ull}});
static_assert(is_whole_ring(equal_arc(0, 1)));

}  // namespace hopring
