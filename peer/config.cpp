#include "peer/config.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string_view>

#include "peer/core/options.hpp"

namespace hopring {
namespace {

namespace options = boost::program_options;

// What is wrong with an option's value, to be read after its name; nullopt if it has been taken.
using Problem = std::optional<std::string>;

// ---- Values

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

Problem take_number(const std::string& text, std::uint32_t least, std::uint32_t most,
                    std::uint32_t& number) {
  const auto parsed = parse_number<std::uint32_t>(text);
  if (!parsed || *parsed < least || *parsed > most) {
    return "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  }
  number = *parsed;
  return std::nullopt;
}

Problem take_replicas(const std::string& text, std::uint32_t& replicas) {
  RingConfig ring;
  ring.replicas = parse_number<std::uint32_t>(text).value_or(0);
  if (problem(ring)) return "must be 1, 3 or 5";
  replicas = ring.replicas;
  return std::nullopt;
}

Problem take_seconds(const std::string& text, std::chrono::milliseconds& duration) {
  constexpr double seconds_max = 86400;
  const auto seconds = parse_number<double>(text);
  if (!seconds || !(*seconds > 0) || *seconds > seconds_max) {
    return "must be a number of seconds above 0 and up to 86400";
  }
  duration = std::chrono::milliseconds(
      std::max<std::int64_t>(static_cast<std::int64_t>(*seconds * 1000), 1));
  return std::nullopt;
}

Problem take_bytes(std::string text, std::uint64_t& bytes) {
  constexpr std::string_view suffixes = "KMG";
  const auto suffix = text.empty() ? std::string_view::npos : suffixes.find(text.back());
  const unsigned shift =
      suffix == std::string_view::npos ? 0 : 10 * (static_cast<unsigned>(suffix) + 1);
  if (shift != 0) text.pop_back();
  const auto number = parse_number<std::uint64_t>(text);
  if (!number || *number == 0 || *number > (~std::uint64_t{0} >> shift)) {
    return "must be a number of bytes, or one with K, M or G (powers of 1024), as in 2G";
  }
  bytes = *number << shift;
  return std::nullopt;
}

Problem take_copy_rate(const std::string& text, std::uint64_t& rate) {
  rate = 0;
  if (text == "0") return std::nullopt;
  Problem problem = take_bytes(text, rate);
  if (problem || rate < copy_rate_min) {
    return "must be 0, which is no limit, or at least 1M: bytes, or a number with K, M or G";
  }
  return std::nullopt;
}

Problem take_log_level(const std::string& text, LogLevel& level) {
  constexpr std::array<std::string_view, 4> names{"debug", "info", "warning", "error"};
  const auto* const found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return "must be error, warning, info or debug";
  level = static_cast<LogLevel>(found - names.begin());
  return std::nullopt;
}

Problem take_eviction(const std::string& text, bool& evicts) {
  if (text != "none" && text != "lru") return "must be none or lru";
  evicts = text == "lru";
  return std::nullopt;
}

Problem take_switch(const std::string& text, bool& is_on) {
  if (text != "yes" && text != "no") return "must be yes or no";
  is_on = text == "yes";
  return std::nullopt;
}

Problem take_reads(const std::string& text, Reads& reads) {
  if (text != "lease" && text != "majority") return "must be lease or majority";
  reads = text == "majority" ? Reads::majority : Reads::lease;
  return std::nullopt;
}

// ---- Addresses

struct HostAndPort {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<HostAndPort> split_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  return HostAndPort{std::string(text.substr(0, colon)), *port};
}

Endpoint from_system(const sockaddr* address, std::uint16_t port) {
  Endpoint endpoint;
  if (address->sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, address, sizeof four);
    return ipv4_endpoint(ntohl(four.sin_addr.s_addr), port);
  }
  sockaddr_in6 six{};
  std::memcpy(&six, address, sizeof six);
  std::memcpy(endpoint.address.data(), &six.sin6_addr, endpoint.address.size());
  endpoint.port = port;
  return endpoint;
}

// All addresses of a name, those of IPv4 first; none if it has none.
std::vector<Endpoint> resolve(const HostAndPort& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name.host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    endpoints.push_back(from_system(each->ai_addr, name.port));
  }
  const Endpoint ipv4 = ipv4_endpoint(0, 0);
  std::stable_partition(endpoints.begin(), endpoints.end(), [&](const Endpoint& endpoint) {
    return std::equal(ipv4.address.begin(), ipv4.address.begin() + 12, endpoint.address.begin());
  });
  return endpoints;
}

Problem take_addresses(const std::string& text, std::vector<Endpoint>& endpoints) {
  if (const auto numeric = parse_endpoint(text)) {
    endpoints.push_back(*numeric);
    return std::nullopt;
  }
  const auto name = split_address(text);
  if (!name) return "must be HOST:PORT, as in 127.0.0.1:7700, [::1]:7700 or example.org:7700";
  const auto resolved = resolve(*name);
  if (resolved.empty()) return "cannot be resolved: there is no host " + name->host;
  endpoints.insert(endpoints.end(), resolved.begin(), resolved.end());
  return std::nullopt;
}

Problem take_address(const std::string& text, Endpoint& endpoint) {
  std::vector<Endpoint> endpoints;
  if (Problem problem = take_addresses(text, endpoints)) return problem;
  endpoint = endpoints.front();
  return std::nullopt;
}

Problem take_reachable_addresses(const std::string& text, std::vector<Endpoint>& endpoints) {
  const std::size_t before = endpoints.size();
  if (Problem problem = take_addresses(text, endpoints)) return problem;
  if (endpoints[before].port == 0) return "needs the port at which the other peer listens";
  return std::nullopt;
}

Problem take_further_address(const std::string& text, std::optional<Endpoint>& further) {
  std::vector<Endpoint> endpoints;
  if (Problem problem = take_addresses(text, endpoints)) return problem;
  further = endpoints.front();
  return std::nullopt;
}

// ---- Options

struct Option {
  const char* name;
  const char* argument;  // nullptr: a switch; in a file it is yes or no
  const char* help;
  Problem (*take)(const std::string& text, Config& config);
  bool is_repeatable = false;
};

constexpr Option option_table[] = {
    {"listen", "HOST:PORT",
     "where this peer listens; port 0: the system picks one (127.0.0.1:7700)",
     [](const std::string& text, Config& config) { return take_address(text, config.listen); }},
    {"advertise", "HOST:PORT",
     "where others reach it, if not at --listen; port 0: that of --listen",
     [](const std::string& text, Config& config) {
       return take_further_address(text, config.advertise);
     }},
    {"resp", "HOST:PORT",
     "a port for Redis's protocol alone, beside that of --listen, which understands it, too",
     [](const std::string& text, Config& config) -> Problem {
       if (Problem problem = take_further_address(text, config.resp)) return problem;
       if (config.resp->port == 0) return "needs a port: nobody would learn which one it is";
       return std::nullopt;
     }},
    {"join", "HOST:PORT",
     "a peer of the ring to join; may be given several times. Without it the "
     "peer creates a ring",
     [](const std::string& text, Config& config) {
       return take_reachable_addresses(text, config.contacts);
     },
     true},
    {"join-timeout", "SECONDS", "how long --join is tried (30)",
     [](const std::string& text, Config& config) {
       return take_seconds(text, config.limits.join_timeout);
     }},
    {"nodes", "COUNT", "arcs per peer of a new ring: a power of two (32)",
     [](const std::string& text, Config& config) {
       config.nodes_given = true;
       return take_number(text, 1, nodes_per_peer_max, config.nodes_per_peer);
     }},
    {"replicas", "COUNT", "copies of each arc of a new ring: 1, 3 or 5 (3)",
     [](const std::string& text, Config& config) {
       config.replicas_given = true;
       return take_replicas(text, config.replicas);
     }},
    {"reads", "lease|majority",
     "how reads of a new ring are made sure of: lease: by promises, which trust that clocks drift "
     "by 1 % at most; majority: by asking a majority (lease)",
     [](const std::string& text, Config& config) {
       config.reads_given = true;
       return take_reads(text, config.reads);
     }},
    {"threads", "COUNT", "threads that serve (1)",
     [](const std::string& text, Config& config) {
       return take_number(text, 1, shards_max, config.threads);
     }},
    {"max-memory", "BYTES", "memory that it may use, as in 2G (no limit)",
     [](const std::string& text, Config& config) {
       return take_bytes(text, config.memory_bytes_max);
     }},
    {"evict", "none|lru",
     "what a write at --max-memory does: none: it is refused; lru: it replaces "
     "what was used least recently (none)",
     [](const std::string& text, Config& config) { return take_eviction(text, config.evicts); }},
    {"copy-rate", "BYTES",
     "of copies for peers that lack them, so many a second at most; 0: no limit (64M)",
     [](const std::string& text, Config& config) {
       return take_copy_rate(text, config.copy_rate);
     }},
    {"weight", "NUMBER", "its share of the ring, relative to that of others (1)",
     [](const std::string& text, Config& config) {
       return take_number(text, 1, weight_max, config.weight);
     }},
    {"takeover-after", "SECONDS", "silence after which a peer counts as dead (60)",
     [](const std::string& text, Config& config) {
       return take_seconds(text, config.limits.takeover_after);
     }},
    {"allow-flush", nullptr, "let FLUSHALL and FLUSHDB of Redis's protocol erase the whole ring",
     [](const std::string& text, Config& config) { return take_switch(text, config.may_flush); }},
    {"log-level", "LEVEL", "error, warning, info or debug (info)",
     [](const std::string& text, Config& config) {
       return take_log_level(text, config.log_level);
     }},
};

options::options_description describe() {
  options::options_description description("Options");
  auto add = description.add_options();
  for (const Option& option : option_table) {
    auto* const value = options::value<std::string>();
    option.argument == nullptr ? value->zero_tokens() : value->value_name(option.argument);
    add(option.name, value, option.help);
  }
  add("config", options::value<std::string>()->value_name("FILE"),
      "a file of these options, one `key = value` a line, # for comments");
  add("help,h", "print this text");
  add("version", "print the version");
  return description;
}

std::string help() {
  std::ostringstream text;
  text
      << "hopring-peer: one peer of a hopring, a distributed hash map in memory.\n\n"
      << "  hopring-peer                                      creates a ring\n"
      << "  hopring-peer --listen HOST:PORT --join HOST:PORT  joins one\n\n"
      << describe() << "\nIt prints `ready HOST:PORT id=... peers=...` once it serves. SIGTERM or "
      << "SIGINT: it hands its\ndata to the other peers and exits; a second one ends it at once.\n";
  return text.str();
}

// An option and what was given for it, from the command line or a line of the file.
struct Setting {
  std::string name;
  std::string value;
  std::string place;  // how a problem with it begins
};

const Option* find_option(std::string_view name) {
  const auto* const found = std::find_if(std::begin(option_table), std::end(option_table),
                                         [&](const Option& option) { return option.name == name; });
  return found == std::end(option_table) ? nullptr : found;
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Appends the settings of one line. `place` is "FILE:LINE: ".
Problem read_line(std::string_view line, const std::string& place, std::vector<Setting>& settings) {
  line = trim(line.substr(0, line.find('#')));
  if (line.empty()) return std::nullopt;
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return place + "must be `key = value`";
  const std::string name(trim(line.substr(0, equals)));
  if (find_option(name) == nullptr) {
    return place + "there is no option `" + name + "`; hopring-peer --help lists them";
  }
  settings.push_back({name, std::string(trim(line.substr(equals + 1))), place + name});
  return std::nullopt;
}

Problem read_file(const std::string& path, std::vector<Setting>& settings) {
  std::ifstream file(path);
  if (!file) return "--config: cannot read " + path + ": " + std::strerror(errno);
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    const std::string place = path + ":" + std::to_string(number) + ": ";
    if (Problem problem = read_line(line, place, settings)) return problem;
  }
  if (file.bad()) return "--config: cannot read " + path;
  return std::nullopt;
}

Problem take(const std::vector<Setting>& settings, Config& config) {
  std::map<std::string, int> counts;
  for (const Setting& setting : settings) {
    const Option& option = *find_option(setting.name);
    if (++counts[setting.name] > 1 && !option.is_repeatable) {
      return setting.place + " is given twice; give it once";
    }
    if (Problem problem = option.take(setting.value, config)) {
      return setting.place + " " + *problem + "; it is `" + setting.value + "`";
    }
  }
  return std::nullopt;
}

// What is wrong with options that are fine one by one.
Problem judge(const Config& config) {
  const auto is_unspecified = [](const Endpoint& endpoint) {
    return endpoint.address == Endpoint{}.address ||
           endpoint.address == ipv4_endpoint(0, 0).address;
  };
  RingConfig ring;
  ring.nodes_per_peer = config.nodes_per_peer;
  ring.replicas = config.replicas;
  if (const auto problem = hopring::problem(ring)) return "--" + std::string(*problem);
  const std::uint64_t least = memory_bytes_min + memory_bytes_per_shard_min * config.threads;
  if (config.memory_bytes_max != 0 && config.memory_bytes_max < least) {
    return "--max-memory must be at least 16M, and 1M more for each thread: 17M for one";
  }
  if (config.evicts && config.memory_bytes_max == 0) {
    return "--evict lru needs a limit at which it evicts: add --max-memory BYTES";
  }
  if (const auto problem = hopring::problem(config.limits)) return "--" + std::string(*problem);
  if (config.advertise && is_unspecified(*config.advertise)) {
    return "--advertise must be an address that other peers can dial";
  }
  if (!config.advertise && is_unspecified(config.listen)) {
    return "--listen is a wildcard address, which other peers cannot dial: add --advertise "
           "HOST:PORT with the address at which they reach this one";
  }
  return std::nullopt;
}

// The file's settings that the command line does not override, then its own.
std::vector<Setting> merge(std::vector<Setting> file, const std::vector<Setting>& command_line) {
  std::erase_if(file, [&](const Setting& setting) {
    return std::any_of(command_line.begin(), command_line.end(),
                       [&](const Setting& other) { return other.name == setting.name; });
  });
  file.insert(file.end(), command_line.begin(), command_line.end());
  return file;
}

}  // namespace

std::variant<Config, Notice, BadConfig> read_config(const std::vector<std::string>& arguments) try {
  const auto description = describe();
  using namespace options::command_line_style;
  const auto parsed = options::command_line_parser(arguments)
                          .options(description)
                          .style(unix_style & ~allow_guessing)
                          .run();
  std::vector<Setting> from_command_line;
  std::vector<Setting> from_file;
  for (const auto& option : parsed.options) {
    if (option.position_key >= 0) {
      return BadConfig{"`" + option.value.front() +
                       "` is not an option; hopring-peer --help lists them"};
    }
    if (option.string_key == "help") return Notice{help()};
    if (option.string_key == "version") return Notice{"hopring-peer " HOPRING_VERSION "\n"};
    if (option.string_key == "config") {
      if (Problem problem = read_file(option.value.front(), from_file)) return BadConfig{*problem};
    } else {
      from_command_line.push_back({option.string_key,
                                   option.value.empty() ? "yes" : option.value.front(),
                                   "--" + option.string_key});
    }
  }
  Config config;
  if (Problem problem = take(merge(from_file, from_command_line), config)) {
    return BadConfig{*problem};
  }
  if (Problem problem = judge(config)) return BadConfig{*problem};
  return config;
} catch (const options::error& error) {
  return BadConfig{std::string(error.what()) + "; hopring-peer --help lists the options"};
}

}  // namespace hopring
