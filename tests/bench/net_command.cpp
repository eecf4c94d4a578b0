#include "tests/bench/net_command.hpp"

#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "tests/bench/net_load.hpp"

namespace hopring::bench {
namespace {

namespace po = boost::program_options;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

po::options_description describe(NetOptions& options) {
  po::options_description all("options");
  all.add_options()("help", "this text")  //
      ("at", po::value(&options.contacts)->default_value({"127.0.0.1:7700"}, "127.0.0.1:7700"),
       "HOST:PORT of a peer; may be repeated")  //
      ("clients", po::value(&options.clients)->default_value(options.clients),
       "maps, each with connections of its own")  //
      ("in-flight", po::value(&options.in_flight)->default_value(options.in_flight),
       "operations of each client at a time")  //
      ("gets", po::value(&options.percent_of_gets)->default_value(options.percent_of_gets),
       "percent of operations that are gets; the others are puts")          //
      ("keys", po::value(&options.keys)->default_value(options.keys), "N")  //
      ("value", po::value(&options.value_bytes)->default_value(options.value_bytes),
       "bytes of each value")                                                               //
      ("seconds", po::value(&options.seconds)->default_value(options.seconds), "how long")  //
      ("fill", po::bool_switch(&options.fill), "put every key first")                       //
      ("json", po::bool_switch(&options.json), "one JSON object");
  return all;
}

void print(const NetOptions& options, const NetFigures& figures) {
  const char* const format =
      options.json ? "{\"operations\": %llu, \"errors\": %llu, \"per_second\": %.0f, \"p50_us\": "
                     "%.0f, \"p99_us\": %.0f, \"p999_us\": %.0f, \"longest_us\": %.0f}\n"
                   : "operations %llu, errors %llu, per second %.0f; microseconds: median %.0f, "
                     "99 %% %.0f, 99.9 %% %.0f, longest %.0f\n";
  std::printf(format, static_cast<unsigned long long>(figures.operations),
              static_cast<unsigned long long>(figures.errors), figures.per_second(), figures.p50_us,
              figures.p99_us, figures.p999_us, figures.longest_us);
}

}  // namespace

int run_net(int argc, char** argv) {
  NetOptions options;
  const po::options_description all = describe(options);
  try {
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, all), given);
    po::notify(given);
    if (given.contains("help")) {
      std::cout
          << "usage: hopring-bench net [--at HOST:PORT] ...\n\nA closed loop of gets and puts by "
             "the C++ client.\n\n"
          << all;
      return 0;
    }
    if (options.clients == 0 || options.in_flight == 0 || options.keys == 0) {
      throw po::error("--clients, --in-flight and --keys must be positive");
    }
  } catch (const po::error& error) {
    std::fprintf(stderr, "hopring-bench: %s (see net --help)\n", error.what());
    return exit_usage;
  }
  try {
    if (options.fill) fill(options);
    if (options.seconds > 0) print(options, load(options));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hopring-bench: %s\n", error.what());
    return exit_failure;
  }
  return 0;
}

}  // namespace hopring::bench
