// hopring-sim: a ring of many whole peers in one process, under virtual time, from one seed.

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "routing/ring_config.hpp"
#include "sim/objection.hpp"
#include "sim/run.hpp"
#include "sim/scenario.hpp"
#include "sim/settling.hpp"
#include "sim/soak.hpp"

namespace {

namespace po = boost::program_options;

using hopring::sim::RunFigures;
using hopring::sim::RunOptions;

constexpr auto every_bug = "all";  // of --bugs

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
       "copies of each arc: 1, 3 or 5")                                                //
      ("reads-by-majority", po::bool_switch(), "and not by lease, of several copies")  //
      ("json", po::bool_switch(), "figures as one JSON object")                        //
      ("log", po::bool_switch(), "the peers' log lines, to standard error")            //
      ("soak", po::bool_switch(),
       "rings of several copies under all kinds of faults, one seed after the other from --seed "
       "on, "
       "until a judge finds something; of the other options --log and these two count:")  //
      ("losses", po::bool_switch(),
       "with --soak: in each seed arcs lose their majority, and are repaired; else in two of "
       "seven, and with --bugs in none")  //
      ("bugs", po::value<std::string>()->implicit_value(every_bug)->value_name("[=NAME]"),
       "with --soak: instead, plants one bug after the other, or the one of that name, in all "
       "peers and looks for a seed, of at most --seeds (500), that finds it")                  //
      ("seeds", po::value<std::int64_t>()->default_value(0), "of --soak; 0: no end")           //
      ("hours", po::value<double>()->default_value(0), "--soak ends after so long; 0: never")  //
      ("settling", po::bool_switch(),
       "how evenly bytes lie once --peers have joined a ring of --keys, after one more join and "
       "after a leave; how long that takes, and what is copied; of the other options --replicas, "
       "--seed, --json and --log count")  //
      ("keys", po::value<std::int64_t>()->default_value(20000),
       "with --settling: of 100 bytes with their values; 0: an empty ring")  //
      ("fill-last", po::bool_switch(),
       "with --settling: keys are written once all have joined; else while there are two peers")  //
      ("scenario", po::value<std::vector<std::string>>()->multitoken()->value_name("FILE..."),
       "plays these scenarios (tests/scenarios), and tells what differs from what they expect; of "
       "the other options only --log goes with it");
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

void add(hopring::sim::SoakFigures& sum, const hopring::sim::SoakFigures& figures) {
  sum.done += figures.done;
  sum.done_amid_faults += figures.done_amid_faults;
  sum.refused += figures.refused;
  sum.unknown += figures.unknown;
  sum.scans += figures.scans;
  sum.scanned += figures.scanned;
  sum.crashes += figures.crashes;
  sum.pauses += figures.pauses;
  sum.cuts += figures.cuts;
  sum.blocks += figures.blocks;
  sum.joins += figures.joins;
  sum.leaves += figures.leaves;
  sum.keys_lost += figures.keys_lost;
  sum.repairs += figures.repairs;
  sum.repairs_empty += figures.repairs_empty;
  sum.repairs_refused += figures.repairs_refused;
  sum.virtual_seconds += figures.virtual_seconds;
}

// Seed after seed. The first one that a judge objects to ends it.
int run_soak(std::uint64_t first, std::uint64_t seeds, double hours, bool print_log,
             bool all_lose) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return seconds(std::chrono::steady_clock::now() - begin); };
  hopring::sim::SoakFigures sum;
  std::uint64_t seed = first;
  std::uint64_t voids = 0;
  bool is_good = true;
  const auto goes_on = [&] {
    return is_good && (seeds == 0 || seed - first < seeds) &&
           (hours <= 0 || passed() < hours * 3600);
  };
  for (; goes_on(); ++seed) {
    const bool loses = all_lose || seed % 7 < 2;  // whatever else the seed decides
    const auto figures =
        hopring::sim::soak({.seed = seed, .print_log = print_log, .loses_majorities = loses});
    if (!figures.is_void_because.empty()) ++voids;
    add(sum, figures);
    for (const std::string& each : figures.violations) {
      std::fprintf(stderr, "violation: %s\n", each.c_str());
    }
    is_good = figures.violations.empty();
    if (!is_good) {
      std::fprintf(stderr, "repeat with: hopring-sim --soak --seeds 1 --seed %" PRIu64 "%s\n", seed,
                   all_lose ? " --losses" : "");
    }
    if (!is_good || isatty(STDERR_FILENO) != 0) {
      const bool is_void = is_good && !figures.is_void_because.empty();
      std::fprintf(stderr, "seed %" PRIu64 " %s%s, trace %016" PRIx64 ", %.1f s\n", seed,
                   is_void   ? "proves nothing: "
                   : is_good ? "passes"
                             : "FAILS",
                   is_void ? figures.is_void_because.c_str() : "", figures.trace_hash, passed());
    }
  }
  std::printf("%" PRIu64 " seeds from %" PRIu64 " on, %" PRIu64
              " of them void, in %.1f s for %.0f "
              "virtual s\n",
              seed - first, first, voids, passed(), sum.virtual_seconds);
  std::printf("scans: %" PRIu64 " ended, of %" PRIu64 " keys that stayed meanwhile\n", sum.scans,
              sum.scanned);
  std::printf("operations: %" PRIu64 " done, of these %" PRIu64 " amid faults, %" PRIu64
              " refused, %" PRIu64 " of unknown outcome\n",
              sum.done, sum.done_amid_faults, sum.refused, sum.unknown);
  std::printf("faults: %" PRIu64 " crashes, %" PRIu64 " pauses, %" PRIu64 " cuts, %" PRIu64
              " silences, %" PRIu64 " joins, %" PRIu64 " departures\n",
              sum.crashes, sum.pauses, sum.cuts, sum.blocks, sum.joins, sum.leaves);
  std::printf("losses: %" PRIu64 " keys, %" PRIu64 " arcs repaired from copies, %" PRIu64
              " from nothing; %" PRIu64 " steps refused\n",
              sum.keys_lost, sum.repairs, sum.repairs_empty, sum.repairs_refused);
  if (is_good && voids == seed - first) {
    std::fprintf(stderr, "none of the seeds counts: take others, or more\n");
    return 1;
  }
  return is_good ? 0 : 1;
}

// One planted bug after the other, or the one named: the first seed in which a judge objects.
int run_bugs(const std::string& wanted, std::uint64_t first, std::uint64_t seeds, bool all_lose) {
  using hopring::PlantedBug;
  int looked_for = 0;
  int missed = 0;
  for (int i = 1; i <= static_cast<int>(hopring::planted_bug_last); ++i) {
    const auto bug = static_cast<PlantedBug>(i);
    const std::string named(name(bug));
    if (wanted != every_bug && wanted != named) continue;
    ++looked_for;
    if (wanted == every_bug && !shows_in_rings(bug)) {
      std::printf("%-24s not looked for here: %s\n", named.c_str(),
                  bug == PlantedBug::repairs_what_is_served ? "it takes --losses"
                                                            : "tests of storage/raft find it");
      continue;
    }
    std::uint64_t seed = first;
    std::string found;
    for (; found.empty() && seed - first < seeds; ++seed) {
      found = hopring::sim::objection_to(seed, bug, all_lose);
    }
    if (found.empty()) {
      ++missed;
      std::printf("%-24s not found by %" PRIu64 " seeds\n", named.c_str(), seeds);
    } else {
      std::printf("%-24s seed %-5" PRIu64 " %.100s\n", named.c_str(), seed - 1, found.c_str());
    }
    std::fflush(stdout);
  }
  if (looked_for == 0) {
    std::fprintf(stderr, "hopring-sim: no bug is named \"%s\" (storage/raft/planted_bug.hpp)\n",
                 wanted.c_str());
    return 2;
  }
  return missed == 0 ? 0 : 1;
}

void print_settling_json(const char* name, const hopring::sim::Settling& s, const char* end) {
  std::printf(
      "\"%s\": {\"skew_bytes\": %.4f, \"level_seconds\": %.1f, \"seconds\": %.1f, "
      "\"copies\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"share\": %" PRIu64
      ", \"share_by_mean\": %.3f, \"bytes_by_share\": %.3f, \"arcs\": %" PRIu64
      ", \"arcs_new\": %" PRIu64 "}%s",
      name, s.skew, s.level_seconds, s.seconds, s.copies, s.bytes, s.share, s.share_by_mean,
      s.bytes_by_share(), s.arcs, s.arcs_new, end);
}

void print_settling_text(const char* name, const hopring::sim::Settling& s) {
  std::printf("%-10s %8.4f %9.1f %9.1f %9" PRIu64 " %9.2f %8.3f %8.3f %8" PRIu64 " %8" PRIu64 "\n",
              name, s.skew, s.level_seconds, s.seconds, s.copies,
              static_cast<double>(s.bytes) / 1e6, s.bytes_by_share(), s.share_by_mean, s.arcs,
              s.arcs_new);
}

int run_settling(const hopring::sim::SettlingOptions& options, bool json) {
  std::fprintf(stderr,
               "seed=%" PRIu64 "  (repeat with: hopring-sim --settling --peers %u --keys %" PRIu64
               " --replicas %u --seed %" PRIu64 "%s)\n",
               options.seed, options.peers, options.keys, options.replicas, options.seed,
               options.fills_last ? " --fill-last" : "");
  const auto begin = std::chrono::steady_clock::now();
  const hopring::sim::SettlingFigures f = hopring::sim::measure_settling(options);
  const double elapsed = seconds(std::chrono::steady_clock::now() - begin);
  if (json) {
    std::printf("{\"peers\": %u, \"keys\": %" PRIu64 ", \"replicas\": %u, ", options.peers,
                options.keys, options.replicas);
    print_settling_json("joins", f.joins, ", ");
    print_settling_json("join", f.join, ", ");
    print_settling_json("leave", f.leave, ", ");
    std::printf("\"violations\": %zu, \"trace_hash\": \"%016" PRIx64
                "\", \"seconds\": %.2f, \"virtual_seconds\": %.1f}\n",
                f.violations.size(), f.trace_hash, elapsed, f.virtual_seconds);
  } else {
    std::printf(
        "after           skew   level s    last s    copies        MB  / share  of mean     arcs"
        "      new\n");
    print_settling_text("all joins", f.joins);
    print_settling_text("one join", f.join);
    print_settling_text("one leave", f.leave);
    std::printf("trace hash %016" PRIx64 ", %.2f s for %.1f virtual s\n", f.trace_hash, elapsed,
                f.virtual_seconds);
  }
  for (const std::string& each : f.violations) {
    std::fprintf(stderr, "violation: %s\n", each.c_str());
  }
  return f.violations.empty() ? 0 : 1;
}

// Each file, which says by itself what it is played with; 1 if something is wrong with any.
int run_scenarios(const po::variables_map& given) {
  for (const auto& [name, value] : given) {
    if (value.defaulted() || name == "scenario" || name == "log") continue;
    std::fprintf(stderr, "hopring-sim: --%s does not go with --scenario\n", name.c_str());
    return 2;
  }
  int failed = 0;
  for (const std::string& file : given["scenario"].as<std::vector<std::string>>()) {
    std::ifstream in(file);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const bool print_log = given["log"].as<bool>();
    const std::string wrong = in ? hopring::sim::play_scenario(file, text, {.print_log = print_log})
                                 : file + ": cannot be read\n";
    if (wrong.empty()) {
      std::printf("%s: as expected\n", file.c_str());
    } else {
      failed = 1;
      std::fprintf(stderr, "%s", wrong.c_str());
    }
  }
  return failed;
}

// A ring of many peers jumps about in its memory: huge pages save a seventh of the time. The C
// library takes its tunables only from the environment that a process begins with.
void ask_for_huge_pages(char** argv) {
  constexpr const char* name = "GLIBC_TUNABLES";
  if (std::getenv(name) != nullptr || setenv(name, "glibc.malloc.hugetlb=1", 0) != 0) return;
  execv("/proc/self/exe", argv);  // if that fails, it is slower
}

// `seeds`: 0 unless given.
int soak_as_asked(const po::variables_map& given, std::uint64_t first, std::uint64_t seeds) {
  const bool all_lose = given["losses"].as<bool>();
  if (given.count("bugs") != 0) {
    const auto& wanted = given["bugs"].as<std::string>();
    return run_bugs(wanted, first, seeds == 0 ? 500 : seeds, all_lose);
  }
  return run_soak(first, seeds, given["hours"].as<double>(), given["log"].as<bool>(), all_lose);
}

}  // namespace

int main(int argc, char** argv) {
  ask_for_huge_pages(argv);
  RunOptions options;
  std::uint64_t seeds = 0;
  std::uint64_t keys = 0;
  const po::options_description all = describe(options);
  po::variables_map given;
  try {
    const po::positional_options_description no_words;
    po::store(po::command_line_parser(argc, argv).options(all).positional(no_words).run(), given);
    po::notify(given);
    options.seed = count_in(given, "seed");
    options.operations = count_in(given, "ops");
    seeds = count_in(given, "seeds");
    keys = count_in(given, "keys");
  } catch (const po::error& error) {
    std::fprintf(stderr, "hopring-sim: %s (see --help)\n", error.what());
    return 2;
  }
  if (given.count("help") != 0) {
    std::cout << all;
    return 0;
  }
  if (given.count("scenario") != 0) return run_scenarios(given);
  if (const char* wrong = problem(options)) {
    std::fprintf(stderr, "hopring-sim: %s\n", wrong);
    return 2;
  }
  if (given["soak"].as<bool>()) return soak_as_asked(given, options.seed, seeds);
  const bool json = given["json"].as<bool>();
  if (given["settling"].as<bool>()) {
    if (options.peers < 2) {
      std::fprintf(stderr, "hopring-sim: --settling takes at least 2 --peers\n");
      return 2;
    }
    return run_settling(
        {options.peers, keys, options.replicas, options.seed, given["fill-last"].as<bool>(),
         given["log"].as<bool>(), isatty(STDERR_FILENO) != 0},
        json);
  }
  options.crashes = !given["no-crashes"].as<bool>();
  if (given["reads-by-majority"].as<bool>()) options.reads = hopring::Reads::majority;
  options.print_log = given["log"].as<bool>();
  options.print_progress = !json && isatty(STDERR_FILENO) != 0;
  std::fprintf(stderr,
               "seed=%" PRIu64 "  (repeat with: hopring-sim --peers %u --seed %" PRIu64
               " --ops %" PRIu64 " --churn %g --lookups %u --nodes %u --replicas %u%s%s)\n",
               options.seed, options.peers, options.seed, options.operations, options.churn,
               options.lookups, options.nodes_per_peer, options.replicas,
               options.reads == hopring::Reads::majority ? " --reads-by-majority" : "",
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
