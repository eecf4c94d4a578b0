#pragma once

// A table whose records are overwritten by values of other sizes, erased and inserted again, at
// random: what it holds, what it copies, and whether what it holds is right.

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "tests/bench/hopring_map.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

class Rewriting {
 public:
  static constexpr std::uint64_t value_bytes_min = 16;
  static constexpr std::uint64_t value_bytes_max = 512;

  // Keys 0 to `keys` - 1; what follows is drawn from `seed`. All that it needs beside the map is
  // resident from now on.
  Rewriting(std::uint64_t keys, std::uint64_t seed);

  // Puts every key. REQUIRES: the map is empty, and the same in all calls.
  void fill(HopringMap& map);
  // Overwrites, erases and inserts until `times` as many bytes were written as fill() has.
  void rewrite(HopringMap& map, std::uint64_t times);
  // Aborts unless the map holds what was written last, and nothing else.
  void verify(const HopringMap& map);

  std::uint64_t records() const noexcept { return records_; }
  // Bytes of the keys and values that are there.
  std::uint64_t live_bytes() const noexcept { return live_bytes_; }
  // Bytes of the keys and values that were put, since the beginning.
  std::uint64_t written_bytes() const noexcept { return written_bytes_; }

 private:
  // One in so many of the keys that are drawn and there is erased.
  static constexpr std::uint64_t erase_every = 8;

  // What was written last to a key: enough to write it again.
  struct Version {
    std::uint32_t number = 0;
    bool is_there = false;
  };

  // The value of the key's version; valid until the next call.
  std::string_view value_of(std::uint64_t key);
  void put(HopringMap& map, std::uint64_t key);
  void erase(HopringMap& map, std::uint64_t key);
  void forget(std::uint64_t key);

  Rng rng_;
  std::vector<Version> versions_;
  std::string buffer_;
  std::uint64_t records_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
};

}  // namespace hopring::bench
