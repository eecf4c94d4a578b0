#include "peer/resp/ring_walk.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace hopring::resp {

void RingWalk::begin(Turn& turn, std::unique_ptr<RingWalk> task) {
  const RingConfig* const ring = turn.keyspace.ring();
  if (ring == nullptr) return write_error(OpError::unavailable, turn.reply);
  constexpr std::uint64_t end_of_ring = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t count = std::min(slices_max, ring->nodes_per_peer);  // a power of two
  const std::uint64_t steps_to_last = end_of_ring / count;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Position first{i * (steps_to_last + 1)};
    task->slices_.push_back({ScanCursor{first, {}}, advance(first, steps_to_last)});
  }
  task->ask(turn);
  turn.task = std::move(task);
}

void RingWalk::ask(Turn& turn) {
  for (const Slice& each : slices_) {
    turn.ask_again(Scan{*each.next, prefix_, walk_records_max, true});
  }
}

void RingWalk::go_on(Turn& turn, std::vector<Finding>&& findings) {
  std::size_t index = 0;
  bool has_replied = turn.keyspace.ring() == nullptr;
  if (has_replied) write_error(OpError::unavailable, turn.reply);
  for (Finding& each : findings) {
    if (has_replied) return turn.many.clear();
    if (const auto* result = std::get_if<OpResult>(&each)) {
      on_result(*result);
      continue;
    }
    auto& page = std::get<ScanResult>(each);
    has_replied = page.error || !take_page(turn, slices_[index++], page.step);
    if (page.error) on_error(turn, *page.error);
  }
  if (has_replied) return turn.many.clear();
  std::erase_if(slices_, [](const Slice& each) { return !each.next; });
  if (!slices_.empty() && ends_ && turn.now.monotonic >= *ends_) {
    return turn.reply.error("ERR the ring has too many keys to walk within 60 s; use SCAN");
  }
  ask(turn);
  if (turn.many.empty()) on_end(turn);
}
static_assert(walk_time_max == std::chrono::seconds(60), "as the error says");

// An arc that was claimed when its holders had died may be longer than a slice.
bool RingWalk::take_page(Turn& turn, Slice& slice, ScanStep& step) {
  const HashKey& hash_key = turn.keyspace.ring()->hash_key;
  const auto is_beyond = [&](const Record& each) {
    return position_of(hash_key, each.key) > slice.last;
  };
  slice.next = std::move(step.next);
  if (!slice.next || slice.next->position > slice.last) {
    slice.next.reset();
    std::erase_if(step.records, is_beyond);
  }
  if (step.records.empty()) return true;
  const auto taken = on_keys(turn, step.records);
  if (!taken) return false;
  if (*taken < step.records.size()) {
    const std::string& last = step.records[*taken - 1].key;
    slice.next = ScanCursor{position_of(hash_key, last), last};
  }
  return true;
}

}  // namespace hopring::resp
