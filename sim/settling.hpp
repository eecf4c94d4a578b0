#pragma once

// How a ring settles: how evenly its bytes lie once peers have joined, after one more has joined
// and after one has left, how long that takes, and how many bytes are copied for it.

#include <cstdint>
#include <string>
#include <vector>

namespace hopring::sim {

struct SettlingOptions {
  std::uint32_t peers = 10;    // once all have joined; at least 2
  std::uint64_t keys = 10000;  // of 24 bytes, with values of 76; 0: the ring stays empty
  std::uint32_t replicas = 3;
  std::uint64_t seed = 1;
  bool fills_last = false;  // once all have joined; else while there are two peers
  bool print_log = false;
  bool print_progress = false;
};

// From a change of the ring until nothing has been copied or cut for ten seconds.
struct Settling {
  double skew = 1;             // at its end, of the bytes that peers hold: peak by mean
  double level_seconds = 0;    // from the change until the skew has stayed below 1.05; virtual
  double seconds = 0;          // from the change until the last copy or cut; virtual
  std::uint64_t copies = 0;    // offered, of one arc each
  std::uint64_t bytes = 0;     // of keys and values in copies that were sent
  std::uint64_t arcs = 0;      // in the ring, at its end
  std::uint64_t arcs_new = 0;  // of these, made by cuts meanwhile
  // Of the peer that has joined or left: keys and values that it holds at the end, or held.
  std::uint64_t share = 0;
  double share_by_mean = 0;  // that, by the mean of all peers while it was one of them
  // bytes / share: 1 if nothing is copied twice, or between others. 0 without a share.
  double bytes_by_share() const;
};

struct SettlingFigures {
  Settling joins;  // of all peers, one every 20 ms
  Settling join;   // of one more
  Settling leave;  // of one of those
  std::uint64_t trace_hash = 0;
  double virtual_seconds = 0;
  std::vector<std::string> violations;  // it does not settle, or keys are missing
};

// REQUIRES: options.peers >= 2; replicas 1, 3 or 5.
SettlingFigures measure_settling(const SettlingOptions& options);

}  // namespace hopring::sim
