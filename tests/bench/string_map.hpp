#pragma once

// Maps of std::string to std::string with the interface of std::unordered_map, as a user would
// write them. They hash with what their library offers.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tests/bench/workload.hpp"

namespace hopring::bench {

// The standard library's hash; a lookup makes no string of its key.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const noexcept {
    return std::hash<std::string_view>()(key);
  }
};

// What a user stores who must know the expiry: eight bytes more, before the value.
inline std::string stored(std::string_view value, std::int64_t expiry_ms) {
  std::string bytes;
  bytes.reserve(value.size() + (expiry_ms == 0 ? 0 : sizeof expiry_ms));
  if (expiry_ms != 0) bytes.append(reinterpret_cast<const char*>(&expiry_ms), sizeof expiry_ms);
  return bytes.append(value);
}

template <class Map>
class StringMap {
 public:
  explicit StringMap(const Workload&) {}

  void put(std::string_view key, std::string_view value, std::int64_t expiry_ms = 0) {
    map_.insert_or_assign(std::string(key), stored(value, expiry_ms));
  }

  void get(std::string_view key, Reader& reader) const {
    const auto at = map_.find(key);
    if (at != map_.end()) reader.read(at->second);
  }

  void read_all(Reader& reader) const {
    for (const auto& entry : map_) reader.read(entry.second);
  }

  Map& map() noexcept { return map_; }

 private:
  Map map_;
};

}  // namespace hopring::bench
