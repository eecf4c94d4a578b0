#include "peer/core/options.hpp"

namespace hopring {

std::optional<std::string> mismatch(const PeerOptions& options, const RingConfig& ring) {
  if (options.nodes_given && options.ring.nodes_per_peer != ring.nodes_per_peer) {
    return "--nodes is " + std::to_string(options.ring.nodes_per_peer) + " but the ring has " +
           std::to_string(ring.nodes_per_peer) + "; leave the option out to take the ring's";
  }
  if (options.replicas_given && options.ring.replicas != ring.replicas) {
    return "--replicas is " + std::to_string(options.ring.replicas) + " but the ring has " +
           std::to_string(ring.replicas) + "; leave the option out to take the ring's";
  }
  if (options.reads_given && options.ring.reads != ring.reads) {
    return "--reads is " + std::string(name(options.ring.reads)) + " but the ring has " +
           std::string(name(ring.reads)) + "; leave the option out to take the ring's";
  }
  if (const auto wrong = problem(ring)) return "the ring cannot be joined: " + std::string(*wrong);
  return std::nullopt;
}

}  // namespace hopring
