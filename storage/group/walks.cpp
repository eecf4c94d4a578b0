#include "storage/group/walks.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.hpp"

namespace hopring {
namespace {

Record copy_of(const RecordView& record, bool keys_only) {
  const auto type = static_cast<ValueType>(record.type);
  return {std::string(record.key),
          Value{type, keys_only ? std::string() : std::string(record.value)}, record.expiry_ms};
}

constexpr std::size_t record_overhead_bytes = 16;  // on the wire: lengths, type, expiry

std::size_t wire_bytes(const RecordView& record, bool keys_only) {
  return record.key.size() + (keys_only ? 0 : record.value.size()) + record_overhead_bytes;
}

// Where a scan goes on after an arc that ends at `end`.
std::optional<ScanCursor> cursor_after(Position end) {
  if (end.value == std::numeric_limits<std::uint64_t>::max()) return std::nullopt;
  return ScanCursor{advance(end, 1), {}};
}

}  // namespace

bool tell_unless_due(const std::optional<RecordView>& found, WallTime now, ResultSink& sink) {
  if (!found) {
    sink.on_outcome(Outcome::not_found);
    return true;
  }
  if (is_due(*found, now)) return false;
  sink.on_value(Outcome::done, static_cast<ValueType>(found->type), found->value, found->expiry_ms);
  return true;
}

bool is_due(const RecordView& record, WallTime now) {
  return record.expiry_ms != 0 && record.expiry_ms <= now.ms_since_epoch;
}

// What stands in the entry: the primary's now is the only one that counts.
Expiry absolute(const Expiry& expiry, WallTime now) {
  if (expiry.kind != Expiry::Kind::after) return expiry;
  const std::int64_t room = expiry_ms_max - now.ms_since_epoch;
  return {Expiry::Kind::at, now.ms_since_epoch + std::min(expiry.ms, room)};
}

ScanStep scan_step(const ArcRecords& records, const Arc& arc, WallTime now, const Scan& scan,
                   std::size_t due_max, std::vector<RemoveExpired>& due) {
  HOPRING_CHECK(contains(arc, scan.cursor.position));
  ScanStep step;
  step.next = cursor_after(arc.end);
  const std::size_t records_max = std::clamp(scan.records_max, 1u, scan_records_max);
  std::size_t bytes = 0;
  std::uint32_t visits = 0;
  RecordView reached;  // the last one that was looked at
  records.walk(scan.cursor, [&](const RecordView& record) {
    const bool chosen = !is_due(record, now) && record.key.starts_with(scan.prefix);
    if (chosen) bytes += wire_bytes(record, scan.keys_only);
    const bool full = step.records.size() == records_max || visits == scan_visits_max;
    if (full || (bytes > scan_answer_bytes_max && !step.records.empty())) {
      step.next = ScanCursor{Position{reached.position}, std::string(reached.key)};
      return false;
    }
    ++visits;
    if (chosen) step.records.push_back(copy_of(record, scan.keys_only));
    if (is_due(record, now) && due.size() < due_max) {
      due.push_back({std::string(record.key), record.expiry_ms});
    }
    reached = record;
    return true;
  });
  return step;
}

Chunk read_chunk(const ArcRecords& records, const Arc& arc, std::uint64_t index, Position first,
                 std::size_t bytes_max) {
  Chunk chunk;
  chunk.interval = Arc{advance(first, ~0ull), arc.end};
  chunk.index = index;
  std::size_t bytes = 0;
  Position last = first;
  records.walk(ScanCursor{first, {}}, [&](const RecordView& record) {
    const Position position{record.position};
    const std::size_t more = wire_bytes(record, false);
    if (!chunk.records.empty() && position != last && bytes + more > bytes_max) {
      chunk.interval.end = last;
      return false;
    }
    bytes += more;
    last = position;
    chunk.records.push_back(copy_of(record, false));
    return true;
  });
  return chunk;
}

std::size_t wire_bytes(const Chunk& chunk) {
  std::size_t bytes = 0;
  for (const Record& each : chunk.records) {
    bytes += each.key.size() + each.value.bytes.size() + record_overhead_bytes;
  }
  return bytes;
}

}  // namespace hopring
