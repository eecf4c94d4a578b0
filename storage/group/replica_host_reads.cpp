// The part of ReplicaHost that looks for several keys together.

#include "storage/group/reads_together.hpp"
#include "storage/group/replica_host.hpp"

namespace hopring {

void ReplicaHost::expect(std::span<const std::string_view> keys) const {
  expect_each(hash_, keys, [this](Position position) { return at(position); });
}

// Most copies are of arcs that others answer for. That nobody can is told by execute().
std::size_t ReplicaHost::try_read(Now now, std::span<const std::string_view> keys, ReadSink& sink) {
  return try_read_each(now, hash_, keys, sink, [this, now](Position position) {
    Replica* const copy = at(position);
    return copy != nullptr && (copy->leads() || copy->misses_majority(now)) ? copy : nullptr;
  });
}

}  // namespace hopring
