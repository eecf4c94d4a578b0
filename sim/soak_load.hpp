#pragma once

// What the clients of a soak ask for: operations of all kinds on a few keys that they share.
//
// Plain keys hold strings and do not expire, sums are only added to, and of brief keys, strings and
// integers, most records expire, within 50 to 1,550 ms. Values are unique but for sums, so that
// what a read returns tells who has written it. Where an operation expects a value it is often the
// one that was seen of the key last.
//
// Plain values may be made large, so that a copy of an arc takes several chunks, and time.
//
// Thread rule: one thread.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "storage/operation/operation.hpp"

namespace hopring::sim {

class SoakLoad {
 public:
  // Strings of plain keys have so many bytes at least. REQUIRES: the generator outlives this.
  SoakLoad(Rng& rng, std::size_t plain_bytes) : rng_(rng), plain_bytes_(plain_bytes) {}

  static std::vector<std::string> keys();
  static bool is_brief(const std::string& key) { return key.starts_with("brief"); }

  // `now`: by a right wall clock.
  Operation draw(WallTime now);
  // It has ended with this, and without error.
  void learn(const Operation& operation, const OpResult& result);

 private:
  enum class Kind : std::uint8_t { plain, brief, brief_integer };
  struct Seen {
    Value value;
    std::optional<std::int64_t> expiry_ms = {};  // if it was told
  };

  Operation draw_sum();
  Operation draw_plain();
  Operation draw_brief(WallTime now);
  Operation draw_brief_write(const std::string& key, Kind kind, WallTime now);
  Value new_value(Kind kind);
  Value value_of(std::uint64_t number, Kind kind) const;
  Value likely_value(const std::string& key, Kind kind);
  Expiry draw_expiry(WallTime now);

  Rng& rng_;
  std::size_t plain_bytes_;
  std::uint64_t values_made_ = 0;
  std::map<std::string, Seen> seen_;
};

}  // namespace hopring::sim
