#pragma once

// Every bound of storage/group, with its unit, its reason and what happens beyond it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "storage/group/result_window.hpp"
#include "storage/raft/raft_options.hpp"
#include "storage/table/block_pool.hpp"

namespace hopring {

// Of all shards of a peer. A peer that has lost one of six others makes anew a sixth of what a peer
// holds: at this rate a GiB in three seconds.
inline constexpr std::uint64_t copy_rate_default = std::uint64_t{64} << 20;

struct GroupOptions {
  // Memory of all tables of the shard; bytes_max 0 is unbounded. Beyond it: `out of memory`; or, if
  // the pool keeps ages, the least recently used records are evicted.
  PoolOptions pool;
  // Evictions for one write; if there is no room then, it is out of memory. Mostly it takes one or
  // two; all records of a segment where that must give its memory to another arc, which is then
  // good for hundreds of writes. Each costs a walk of one segment's ages: together a few
  // milliseconds.
  std::size_t evictions_per_write_max = 1024;

  // Records and keys of one Chunk; a larger record travels alone. Small enough that a put never
  // waits behind the reading of one.
  std::size_t chunk_bytes = std::size_t{64} << 10;
  // Chunks sent and not acknowledged, per transfer: a quarter of a MiB fills a local network.
  std::size_t chunks_inflight_max = 4;
  // Bytes a second of copies that this shard sends to peers that have none, where arcs have several
  // copies; 0: no limit. Beyond it a copy waits. A burst lasts for no more than copy_burst at that
  // rate, or is one chunk.
  std::uint64_t copy_rate = copy_rate_default;
  Duration copy_burst = std::chrono::milliseconds(50);
  // Entries of one Append, one Append in flight per transfer. The last one carries the change of
  // view: a transfer switches when what the learner lacks fits in it.
  std::size_t append_bytes_max = std::size_t{256} << 10;
  // The tail of entries kept for a learner. Beyond either the learner is too slow for the writes,
  // and its transfer is given up.
  std::size_t tail_bytes_max = std::size_t{32} << 20;
  std::size_t tail_entries_max = std::size_t{1} << 17;

  // Arcs that leave this shard at a time; one more is refused.
  std::size_t moves_max = 4;
  // Arcs that come to this shard at a time; one more offer is refused.
  std::size_t learners_max = 8;

  // Arcs of this shard, whoever leads them: beyond it none is taken or cut. More than a peer of the
  // largest rings has; each costs 2 KiB even if it holds nothing.
  std::size_t arcs_max = std::size_t{1} << 16;
  // Chunks of a copy that were read after the last entry that it has: beyond it a chunk is not
  // taken, and so is read again. A few round trips' worth; each entry is compared with all of them.
  std::size_t newer_chunks_max = 1024;

  // What has not been acknowledged is sent again.
  Duration resend_interval = std::chrono::milliseconds(100);
  // Writes are refused from the change of view until it is committed, and at most so long: then the
  // old primary takes the arc back. Less than the second that no put may wait.
  Duration switch_timeout = std::chrono::milliseconds(500);
  // A transfer whose learner has acknowledged nothing new for so long is given up.
  Duration transfer_timeout = std::chrono::seconds(5);
  // A learner that has heard nothing for so long asks whether its transfer is still on.
  Duration learner_probe_interval = std::chrono::milliseconds(500);
  // ... and drops an unfinished copy after so long. One that has been complete, where an arc has
  // several copies, asks then whether it has been let in: only who knows that may drop it.
  Duration learner_timeout = std::chrono::seconds(15);

  // The order of an arc that several peers hold.
  RaftOptions raft;
  // Reads are answered after a majority has confirmed, since they came, that this peer is primary:
  // where clocks are not trusted (held_reads.hpp). Otherwise by promises.
  bool reads_by_majority = false;
  // Reads of one arc that wait for that. Once either bound is reached a read is refused as
  // `overloaded`. As many as four connections may have under way, and as many bytes of values as of
  // entries that wait for the same majority.
  std::size_t reads_waiting_max = 4096;
  std::size_t reads_waiting_bytes_max = std::size_t{4} << 20;
  // A new member whose copy lacks no more entries than this is let in: the rest reaches it at once.
  std::uint64_t near_entries_max = 1000;
  // Without a primary for so long an arc counts as lost, until one turns up: who asks for it is
  // told that it is unavailable. Elections take less, even if the first finds no winner.
  Duration orphan_after = std::chrono::seconds(2);
  // A member that has not answered for so long should be replaced: by then it is no pause any more
  // but a trouble that may last. It stays a member until another peer has its copy.
  Duration member_silence_max = std::chrono::seconds(10);
  // Results that the window of an arc keeps (result_window.hpp). The same at all members of a ring:
  // other values are for tests.
  std::size_t results_max = window_results_max;
  // A change of members that has not got its copies by then is given up, and may be asked for
  // again. Long enough for a gigabyte over a slow network.
  Duration change_timeout = std::chrono::minutes(2);

  // Every so often each group is searched for due records in the next so many segments of its
  // table. Nobody sees a due record: this only wins their memory back.
  Duration sweep_interval = std::chrono::seconds(1);
  std::size_t sweep_segments_max = 16;
  // A sweep that has removed so many stops, and goes on after this pause: it bounds a turn. Also
  // the most that one step of a scan removes.
  std::size_t sweep_records_max = 256;
  Duration sweep_pause = std::chrono::milliseconds(5);
};

// The first thing wrong with `options`; nullopt when all is well.
constexpr std::optional<std::string_view> problem(const GroupOptions& options) {
  if (options.chunk_bytes == 0) return "chunk_bytes must be positive";
  if (options.chunks_inflight_max == 0) return "chunks_inflight_max must be positive";
  if (options.copy_burst < Duration::zero()) return "copy_burst must not be negative";
  if (options.pool.keeps_ages && options.pool.bytes_max == 0) {
    return "without a bound of memory nothing is evicted";
  }
  if (options.reads_waiting_max == 0) return "reads_waiting_max must be positive";
  if (options.append_bytes_max > options.tail_bytes_max) {
    return "tail_bytes_max must hold at least one append";
  }
  if (options.resend_interval >= options.switch_timeout) {
    return "switch_timeout must leave time to send again";
  }
  if (options.transfer_timeout < options.switch_timeout) {
    return "transfer_timeout must not be below switch_timeout";
  }
  return std::nullopt;
}
static_assert(!problem(GroupOptions{}), "the defaults must be usable");

}  // namespace hopring
