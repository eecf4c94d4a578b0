#pragma once

// What `hopring-bench net` is to do.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hopring::bench {

// How the server is spoken to: by the C++ client, by Redis's protocol, or by memcached's text.
enum class Speech : std::uint8_t { native, resp, memcached };

struct NetOptions {
  std::vector<std::string> contacts;  // HOST:PORT
  Speech speech = Speech::native;
  // Connections, dealt to the contacts in turn; native: maps, each with a thread and connections of
  // its own.
  unsigned clients = 50;
  unsigned pipeline = 1;   // closed loop: requests of each client at a time
  unsigned batch = 1;      // keys of one request: MGET, get_many()
  unsigned gets = 100;     // of 100 requests; the others put
  std::uint64_t keys = 0;  // of 24 bytes, numbered from 0
  double zipf = 0;         // exponent of the frequencies of keys; 0: all are as frequent
  std::size_t value_bytes = 0;
  double seconds = 0;
  // Open loop: requests a second of all clients, sent when they are due whatever is under way. A
  // latency counts from when its request was due: a server that stalls is charged with what would
  // have come meanwhile. 0: closed loop.
  double rate = 0;
  bool fill = false;  // first put every key
  bool json = false;

  bool is_open_loop() const noexcept { return rate > 0; }
};

}  // namespace hopring::bench
