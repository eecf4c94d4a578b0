// What a peer says of itself, to `hopring ring` and `hopring stats`.

#include <algorithm>

#include "peer/core/front.hpp"

namespace hopring {

ReportReply Front::report() const {
  ReportReply reply;
  reply.self = options_.self;
  if (!ring_) return reply;
  reply.ring = *ring_;
  reply.load = membership_->load(directory_);
  for (const ArcEntry& each : directory_.entries()) {
    reply.arcs.push_back(ArcReport{each.view, each.keys, each.bytes, each.copies});
  }
  reply.known = member_.known_peers();
  GroupCounters sum;
  std::uint64_t table_bytes = 0;
  for (const ShardStatus& status : statuses_) {
    sum += status.counters;
    table_bytes += status.table_bytes;
    const std::size_t room = copies_reported_max - reply.copies.size();
    const std::size_t count = std::min(status.copies.size(), room);
    reply.copies.insert(reply.copies.end(), status.copies.begin(),
                        status.copies.begin() + static_cast<std::ptrdiff_t>(count));
    reply.copies_left_out += status.copies_left_out + status.copies.size() - count;
  }
  reply.counters = {{"arcs_taken_over", arcs_taken_over_},
                    {"settled", membership_->settled() ? 1u : 0u},
                    {"moves_begun", sum.moves_begun},
                    {"moves_done", sum.moves_done},
                    {"moves_given_up", sum.moves_given_up},
                    {"arcs_received", sum.arcs_received},
                    {"copies_begun", sum.copies_begun},
                    {"copies_done", sum.copies_done},
                    {"copies_given_up", sum.copies_given_up},
                    {"copies_under_way", sum.copies_under_way()},
                    {"copy_bytes_sent", sum.copy_bytes_sent},
                    {"copies_used", sum.copies_used},
                    {"splits", sum.splits},
                    {"records_expired", sum.records_expired},
                    {"records_evicted", sum.records_evicted},
                    {"records_dropped", sum.records_dropped},
                    {"arcs_repaired", sum.arcs_repaired},
                    {"table_bytes", table_bytes}};
  return reply;
}

}  // namespace hopring
