#pragma once

// What the primary of an arc reads of its records in ring order: the steps of scans, and chunks for
// copies. And how it judges time.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "storage/group/arc_records.hpp"
#include "storage/group/messages.hpp"

namespace hopring {

bool is_due(const RecordView& record, WallTime now);
// Tells what a get finds. False, and no call of the sink: the record is due, and is to be removed.
bool tell_unless_due(const std::optional<RecordView>& found, WallTime now, ResultSink& sink);

// As it stands in an entry: the primary's now is the only one that counts.
Expiry absolute(const Expiry& expiry, WallTime now);

// One step of a scan of the arc, from scan.cursor on; see Group::scan(). Due records are not
// returned: at most due_max of them are named in `due`. REQUIRES: the cursor's position is in the
// arc.
ScanStep scan_step(const ArcRecords& records, const Arc& arc, WallTime now, const Scan& scan,
                   std::size_t due_max, std::vector<RemoveExpired>& due);

// The part of the arc from `first` to where bytes_max is reached: at least one position's records,
// and all of them. `index`: the entry that has been applied last. The transfer's id is left to the
// caller. REQUIRES: `first` is in the arc.
Chunk read_chunk(const ArcRecords& records, const Arc& arc, std::uint64_t index, Position first,
                 std::size_t bytes_max);

// About so many bytes of its records on the wire.
std::size_t wire_bytes(const Chunk& chunk);

}  // namespace hopring
