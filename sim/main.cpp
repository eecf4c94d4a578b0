// hopring-sim: a ring of many whole peers in one process, under virtual time, from one seed.

#include <unistd.h>

#include <boost/program_options.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "routing/ring_config.hpp"
#include "sim/run.hpp"

namespace {

namespace po = boost::program_options;

using hopring::sim::RunFigures;
using hopring::sim::RunOptions;

po::options_description describe(RunOptions& options) {
  po::options_description all("hopring-sim: N whole peers in one process, under virtual time");
  all.add_options()("help", "this text")                                                       //
      ("peers", po::value(&options.peers)->default_value(16), "peers that join, 1 to 100000")  //
      ("seed", po::value<std::int64_t>()->default_value(1), "decides everything")              //
      ("ops", po::value<std::int64_t>()->default_value(2000), "operations of the load")        //
      ("churn", po::value(&options.churn)->default_value(0),
       "joins, leaves and crashes per virtual second, under the load")  //
      ("no-crashes", po::bool_switch(), "peers leave gracefully only")  //
      ("lookups", po::value(&options.lookups)->default_value(10000),
       "cold lookups after the ring has settled")  //
      ("nodes", po::value(&options.nodes_per_peer)->default_value(32),
       "nodes per peer, a power of two")  //
      ("replicas", po::value(&options.replicas)->default_value(1),
       "copies of each arc: 1, 3 or 5")                          //
      ("json", po::bool_switch(), "figures as one JSON object")  //
      ("log", po::bool_switch(), "the peers' log lines, to standard error");
  return all;
}

double seconds(hopring::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void print_json(const RunFigures& f, double elapsed) {
  std::printf(
      "{\"peers\": %u, \"hops_mean\": %.3f, \"hops_p99\": %u, \"messages_per_join\": %.1f, "
      "\"keys\": %" PRIu64
      ", \"skew\": %.3f, \"skew_bytes\": %.3f, \"violations\": %zu, \"trace_hash\": \"%016" PRIx64
      "\", \"seconds\": %.2f, \"virtual_seconds\": %.1f, \"operations\": %" PRIu64
      ", \"writes_acknowledged\": %" PRIu64 ", \"scans\": %" PRIu64 ", \"joins\": %" PRIu64
      ", \"leaves\": %" PRIu64 ", \"crashes\": %" PRIu64 ", \"keys_lost\": %" PRIu64
      ", \"put_wait_max_seconds\": %.3f}\n",
      f.peers, f.hops_mean, f.hops_p99, f.messages_per_join, f.keys, f.skew, f.skew_bytes,
      f.violations.size(), f.trace_hash, elapsed, f.virtual_seconds, f.operations,
      f.writes_acknowledged, f.scans, f.joins, f.leaves, f.crashes, f.keys_lost,
      seconds(f.put_wait_max));
}

void print_text(const RunFigures& f, double elapsed) {
  std::printf("peers              %u\n", f.peers);
  std::printf("hops, cold         mean %.3f, p99 %u\n", f.hops_mean, f.hops_p99);
  std::printf("messages per join  %.1f\n", f.messages_per_join);
  std::printf("skew of keys       %.3f (peak / mean of %" PRIu64 " keys), of bytes %.3f\n", f.skew,
              f.keys, f.skew_bytes);
  std::printf("operations         %" PRIu64 ", %" PRIu64 " writes acknowledged, %" PRIu64
              " scans, longest put %.3f s\n",
              f.operations, f.writes_acknowledged, f.scans, seconds(f.put_wait_max));
  std::printf("churn              %" PRIu64 " joins, %" PRIu64 " leaves, %" PRIu64
              " crashes, %" PRIu64 " keys lost with crashed peers\n",
              f.joins, f.leaves, f.crashes, f.keys_lost);
  std::printf("trace hash         %016" PRIx64 "\n", f.trace_hash);
  std::printf("time               %.2f s for %.1f virtual s\n", elapsed, f.virtual_seconds);
  std::printf("violations         %zu\n", f.violations.size());
}

// Boost would read "-1" as the largest number.
std::uint64_t count_in(const po::variables_map& given, const char* option) {
  const auto count = given[option].as<std::int64_t>();
  if (count < 0) throw po::error(std::string("--") + option + " must not be negative");
  return static_cast<std::uint64_t>(count);
}

// The first thing wrong with the options, or nullptr.
const char* problem(const RunOptions& options) {
  if (options.peers < 1 || options.peers > 100000) return "--peers must be from 1 to 100000";
  const auto nodes = options.nodes_per_peer;
  if (nodes < 1 || nodes > hopring::nodes_per_peer_max || (nodes & (nodes - 1)) != 0) {
    return "--nodes must be a power of two from 1 to 128";
  }
  if (options.replicas != 1 && options.replicas != 3 && options.replicas != 5) {
    return "--replicas must be 1, 3 or 5";
  }
  if (!(options.churn >= 0 && options.churn <= 1000)) return "--churn must be from 0 to 1000";
  return nullptr;
}

// A ring of many peers jumps about in its memory: huge pages save a seventh of the time. The C
// library takes its tunables only from the environment that a process begins with.
void ask_for_huge_pages(char** argv) {
  constexpr const char* name = "GLIBC_TUNABLES";
  if (std::getenv(name) != nullptr || setenv(name, "glibc.malloc.hugetlb=1", 0) != 0) return;
  execv("/proc/self/exe", argv);  // if that fails, it is slower
}

}  // namespace

int main(int argc, char** argv) {
  ask_for_huge_pages(argv);
  RunOptions options;
  const po::options_description all = describe(options);
  po::variables_map given;
  try {
    const po::positional_options_description no_words;
    po::store(po::command_line_parser(argc, argv).options(all).positional(no_words).run(), given);
    po::notify(given);
    options.seed = count_in(given, "seed");
    options.operations = count_in(given, "ops");
  } catch (const po::error& error) {
    std::fprintf(stderr, "hopring-sim: %s (see --help)\n", error.what());
    return 2;
  }
  if (given.count("help") != 0) {
    std::cout << all;
    return 0;
  }
  if (const char* wrong = problem(options)) {
    std::fprintf(stderr, "hopring-sim: %s\n", wrong);
    return 2;
  }
  const bool json = given["json"].as<bool>();
  options.crashes = !given["no-crashes"].as<bool>();
  options.print_log = given["log"].as<bool>();
  options.print_progress = !json && isatty(STDERR_FILENO) != 0;
  std::fprintf(stderr,
               "seed=%" PRIu64 "  (repeat with: hopring-sim --peers %u --seed %" PRIu64
               " --ops %" PRIu64 " --churn %g --lookups %u --nodes %u --replicas %u%s)\n",
               options.seed, options.peers, options.seed, options.operations, options.churn,
               options.lookups, options.nodes_per_peer, options.replicas,
               options.crashes ? "" : " --no-crashes");
  const auto begin = std::chrono::steady_clock::now();
  const RunFigures figures = hopring::sim::run(options);
  const double elapsed = seconds(std::chrono::steady_clock::now() - begin);
  if (json) {
    print_json(figures, elapsed);
  } else {
    print_text(figures, elapsed);
  }
  for (const std::string& each : figures.violations) {
    std::fprintf(stderr, "violation: %s\n", each.c_str());
  }
  return figures.violations.empty() ? 0 : 1;
}
