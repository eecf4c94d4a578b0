#pragma once

// Requests and replies of the protocols that bare sockets speak, as far as a load needs them:
// replies are counted, not kept.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tests/bench/net_load.hpp"
#include "tests/bench/net_options.hpp"

namespace hopring::bench {

// What one reply says, and how long it is.
struct Reply {
  std::size_t bytes = 0;  // 0: it is not whole yet
  std::uint32_t misses = 0;
  bool is_error = false;
};

class Conversation {
 public:
  virtual ~Conversation() = default;

  // One request, for all the keys.
  virtual void append_get(std::span<const NetKey> keys, std::string& out) = 0;
  virtual void append_put(std::span<const NetKey> keys, std::string_view value,
                          std::string& out) = 0;

  // The first reply in `received`. Throws std::runtime_error for what is none.
  virtual Reply read(std::string_view received) = 0;
};

// REQUIRES: resp or memcached.
std::unique_ptr<Conversation> conversation(Speech speech);

}  // namespace hopring::bench
