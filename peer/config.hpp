#pragma once

// The options of hopring-peer, from the command line and from a file of the same names. Whatever is
// wrong with them is said in one line that tells what to do.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/endpoint.hpp"
#include "peer/core/effects.hpp"
#include "peer/core/limits.hpp"
#include "routing/ring_config.hpp"
#include "storage/group/options.hpp"

namespace hopring {

inline constexpr std::uint16_t port_default = 7700;
inline constexpr std::uint32_t weight_max = 1'000'000;

struct Config {
  Endpoint listen = ipv4_endpoint(0x7f000001, port_default);  // loopback only, unless told
  std::optional<Endpoint> resp;                               // a port where RESP alone is spoken
  bool may_flush = false;                                     // --allow-flush
  std::optional<Endpoint> advertise;  // set if `listen` is an address that others cannot dial
  std::vector<Endpoint> contacts;     // --join; a name stands for all its addresses
  std::uint32_t nodes_per_peer = RingConfig{}.nodes_per_peer;
  bool nodes_given = false;
  std::uint32_t replicas = 3;
  bool replicas_given = false;
  Reads reads = Reads::lease;
  bool reads_given = false;
  std::uint32_t threads = 1;
  std::uint64_t memory_bytes_max = 0;           // 0: no limit
  bool evicts = false;                          // --evict lru; then there is a limit
  std::uint64_t copy_rate = copy_rate_default;  // bytes a second; 0: no limit
  std::uint32_t weight = 1;
  Limits limits;
  LogLevel log_level = LogLevel::info;
};

// --help, --version: to be printed.
struct Notice {
  std::string text;
};

// One line for the operator, without the program's name.
struct BadConfig {
  std::string problem;
};

// `arguments`: without the program's name. Reads the file of --config, in which the options stand
// as `key = value`; what the command line names overrides what the file says. Resolves host names,
// which may take the time that the system's resolver takes.
std::variant<Config, Notice, BadConfig> read_config(const std::vector<std::string>& arguments);

}  // namespace hopring
