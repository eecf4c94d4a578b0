#include "tests/bench/net_command.hpp"

#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <optional>
#include <regex>
#include <stdexcept>

#include "tests/bench/net_load.hpp"

namespace hopring::bench {
namespace {

namespace po = boost::program_options;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

constexpr unsigned clients_max = 10'000;
constexpr unsigned pipeline_max = 10'000;
constexpr unsigned batch_max = 10'000;
constexpr std::size_t value_bytes_max = std::size_t{16} << 20;

constexpr const char* usage =
    R"(usage: hopring-bench net [--at HOST:PORT]... [--resp | --memcached] [--clients C]
                         [--pipeline P] [--batch B] [--mix GET:SET] [--zipf T] [--keys N]
                         [--value B] [--seconds S] [--rate R] [--fill] [--json]

Loads servers and says how many operations they do in a second, and how long those take. Without
--rate each client waits for the replies to what it has asked before it asks anew (closed loop).
With --rate requests are sent when they are due, whatever is under way (open loop), and a latency
counts from then: a server that stalls is charged with all that would have come meanwhile.

A latency is that of one operation. With --batch it is the whole request's, counted once a key.

)";

struct Given {
  NetOptions options;
  std::optional<unsigned> clients{};
  std::optional<unsigned> pipeline{};
  std::string mix = "100:0";
  bool resp = false;
  bool memcached = false;
};

po::options_description describe(Given& given) {
  NetOptions& options = given.options;
  po::options_description all("options");
  all.add_options()("help", "this text")  //
      ("at", po::value(&options.contacts)->default_value({"127.0.0.1:7700"}, "127.0.0.1:7700"),
       "HOST:PORT of a server; may be repeated")                                           //
      ("resp", po::bool_switch(&given.resp), "speak RESP, to peers or to Redis")           //
      ("memcached", po::bool_switch(&given.memcached), "speak memcached's text protocol")  //
      ("clients",
       po::value<unsigned>()->notifier([&](unsigned count) { given.clients = count; }),  //
       "connections, 50; by the C++ client maps, each with a thread and connections of its own, "
       "1")  //
      ("pipeline",
       po::value<unsigned>()->notifier([&](unsigned count) { given.pipeline = count; }),  //
       "requests of each client at a time, 1; by the C++ client 50")                      //
      ("batch", po::value(&options.batch)->default_value(1),
       "keys of each request: MGET, "                                                       //
       "get_many(); memcached puts one by one")                                             //
      ("mix", po::value(&given.mix)->default_value(given.mix),                              //
       "GET:SET, shares of the requests")                                                   //
      ("zipf", po::value(&options.zipf)->default_value(0, "0"),                             //
       "0 < T < 1: keys are drawn by Zipf's law with this exponent; 0: all alike")          //
      ("keys", po::value(&options.keys)->default_value(100'000), "of 24 bytes")             //
      ("value", po::value(&options.value_bytes)->default_value(32), "bytes of each value")  //
      ("seconds", po::value(&options.seconds)->default_value(5, "5"), "how long; 0: not")   //
      ("rate", po::value(&options.rate)->default_value(0, "0"),                             //
       "requests a second of all clients, in an open loop; 0: a closed loop")               //
      ("fill", po::bool_switch(&options.fill), "put every key first")                       //
      ("json", po::bool_switch(&options.json), "one JSON object");
  return all;
}

void read_mix(const std::string& text, NetOptions& options) {
  std::smatch parts;
  if (!std::regex_match(text, parts, std::regex("([0-9]{1,6}):([0-9]{1,6})"))) {
    throw po::error("--mix takes two shares, as 90:10, not '" + text + "'");
  }
  const unsigned long gets = std::stoul(parts[1]);
  const unsigned long all = gets + std::stoul(parts[2]);
  if (all == 0) throw po::error("--mix: one of the shares must be above 0");
  options.gets = static_cast<unsigned>((gets * 100 + all / 2) / all);
}

void check_range(const char* name, std::uint64_t value, std::uint64_t largest) {
  if (value >= 1 && value <= largest) return;
  throw po::error(std::string(name) + " must be from 1 to " + std::to_string(largest));
}

void complete(Given& given) {
  NetOptions& options = given.options;
  if (given.resp && given.memcached) throw po::error("--resp or --memcached, not both");
  if (given.resp) options.speech = Speech::resp;
  if (given.memcached) options.speech = Speech::memcached;
  const bool is_native = options.speech == Speech::native;
  options.clients = given.clients.value_or(is_native ? 1 : 50);
  options.pipeline = given.pipeline.value_or(is_native ? 50 : 1);
  read_mix(given.mix, options);
  check_range("--clients", options.clients, clients_max);
  check_range("--pipeline", options.pipeline, pipeline_max);
  check_range("--batch", options.batch, batch_max);
  check_range("--keys", options.keys, std::uint64_t{1} << 40);
  check_range("--value", options.value_bytes, value_bytes_max);
  const bool is_uniform = options.zipf == 0;
  if (!is_uniform && (options.zipf <= 0 || options.zipf >= 1 || options.keys < 2)) {
    throw po::error("--zipf must be above 0 and below 1, of two --keys at least");
  }
  if (!(options.seconds >= 0 && options.rate >= 0)) {
    throw po::error("--seconds and --rate must not be negative");
  }
  if (given.memcached && options.batch > 1 && options.gets < 100) {
    throw po::error("--batch: memcached has no request that puts several keys");
  }
}

void print(const NetOptions& options, const NetFigures& figures) {
  const char* const format =
      options.json
          ? "{\"operations\": %llu, \"errors\": %llu, \"misses\": %llu, \"per_second\": %.0f, "
            "\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
            "\"longest_us\": %.1f"
          : "operations %llu, errors %llu, misses %llu, per second %.0f; microseconds: median "
            "%.1f, 90 %% %.1f, 99 %% %.1f, 99.9 %% %.1f, longest %.1f";
  const Latencies& latencies = figures.latencies;
  std::printf(format, static_cast<unsigned long long>(latencies.count()),
              static_cast<unsigned long long>(figures.errors),
              static_cast<unsigned long long>(figures.misses), figures.per_second(),
              latencies.at_part(0.5), latencies.at_part(0.9), latencies.at_part(0.99),
              latencies.at_part(0.999), latencies.longest_us());
  if (options.speech == Speech::native) {
    std::printf(options.json ? ", \"one_hop\": %.5f" : "; one hop %.5f", figures.one_hop_share);
  }
  std::puts(options.json ? "}" : "");
  if (figures.errors == 0) return;
  std::fprintf(stderr, "hopring-bench: %llu operations failed, the first one: %s\n",
               static_cast<unsigned long long>(figures.errors), figures.first_error.c_str());
}

void run(const NetOptions& options) {
  const bool is_native = options.speech == Speech::native;
  if (options.fill) is_native ? fill_by_client(options) : fill_by_sockets(options);
  if (options.seconds == 0) return;
  const NetFigures figures = is_native ? load_by_client(options) : load_by_sockets(options);
  if (figures.latencies.count() == 0 && figures.errors > 0) {
    throw std::runtime_error("every operation failed, the first one: " + figures.first_error);
  }
  print(options, figures);
}

}  // namespace

int run_net(int argc, char** argv) {
  Given given;
  const po::options_description all = describe(given);
  try {
    po::variables_map read;
    po::store(po::parse_command_line(argc, argv, all), read);
    po::notify(read);
    if (read.contains("help")) {
      std::cout << usage << all;
      return 0;
    }
    complete(given);
  } catch (const po::error& error) {
    std::fprintf(stderr, "hopring-bench: %s (see net --help)\n", error.what());
    return exit_usage;
  }
  try {
    run(given.options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hopring-bench: %s\n", error.what());
    return exit_failure;
  }
  return 0;
}

}  // namespace hopring::bench
