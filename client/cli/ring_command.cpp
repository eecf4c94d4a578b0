// ring and stats: what the peers say of themselves.

#include <algorithm>
#include <boost/json/array.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <thread>

#include "client/cli/context.hpp"
#include "client/cli/output.hpp"
#include "client/cli/repair_command.hpp"
#include "client/cli/survey.hpp"
#include "client/cli/text.hpp"
#include "peer/net/system.hpp"

namespace hopring::cli {
namespace {

// A ring in which an arc moves looks faulty between two reports, and one of whose peers has just
// died until others have been elected; one that is, stays so.
constexpr std::chrono::seconds faults_last{3};

// Between two looks. --wait-healthy: how long it waits unless told.
constexpr std::chrono::milliseconds look_pause{250};
constexpr std::chrono::seconds progress_pause{3};
constexpr unsigned wait_healthy_default_s = 60;
constexpr unsigned wait_healthy_max_s = 7 * 24 * 3600;  // a week; a negative number reads as more

struct Summary {
  std::vector<std::uint64_t> keys;    // by peer
  std::vector<std::uint64_t> bytes;   // by peer
  std::vector<std::uint64_t> copies;  // by peer
  std::size_t arcs = 0;
  Health health;
  std::size_t hosts = 1;
  // Members of one arc can live on distinct hosts only if there are as many hosts as copies.
  std::optional<std::size_t> arcs_sharing_a_host;
  double share_taken_over = 0;
  std::uint64_t records_dropped = 0;
};

Summary summarize(const Survey& survey) {
  Summary summary;
  for (const PeerReport& report : survey.reports) {
    summary.keys.push_back(keys_of(report));
    summary.bytes.push_back(bytes_of(report));
    summary.copies.push_back(copies_at(survey.reports, report.self));
    summary.arcs += report.arcs.size();
  }
  summary.health = health_of(survey.reports);
  summary.hosts = hosts_of(survey.reports);
  if (summary.hosts >= summary.health.copies_wanted) {
    summary.arcs_sharing_a_host = arcs_sharing_a_host(survey.reports);
  }
  summary.share_taken_over = share_taken_over(survey.reports);
  summary.records_dropped = counter_sum(survey.reports, "records_dropped");
  return summary;
}

std::uint64_t sum(const std::vector<std::uint64_t>& numbers) {
  std::uint64_t sum = 0;
  for (const std::uint64_t number : numbers) sum += number;
  return sum;
}

std::string hex(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, number);
  return text;
}

void print_table(const Survey& survey, const Summary& summary) {
  std::printf("%-22s %6s %6s %14s %16s %8s\n", "peer", "arcs", "copies", "keys", "bytes", "share");
  for (std::size_t i = 0; i < survey.reports.size(); ++i) {
    const PeerReport& report = survey.reports[i];
    std::printf("%-22s %6zu %6" PRIu64 " %14s %16s %7.2f%%\n",
                to_string(report.self.endpoint).c_str(), report.arcs.size(), summary.copies[i],
                with_commas(summary.keys[i]).c_str(), with_commas(summary.bytes[i]).c_str(),
                100 * share_of(report));
  }
  std::printf("%-22s %6zu %6" PRIu64 " %14s %16s\n", "all", summary.arcs, sum(summary.copies),
              with_commas(sum(summary.keys)).c_str(), with_commas(sum(summary.bytes)).c_str());
}

std::string peers_of(std::size_t count) {
  return count == 1 ? "1 peer" : std::to_string(count) + " peers";
}

// How safe what the ring holds is.
void print_copies(const Survey& survey, const Summary& summary) {
  const std::uint32_t replicas = survey.reports.front().ring.replicas;
  if (replicas == 1) {
    std::printf("copies: 1; what a peer holds is gone if it crashes\n");
    return;
  }
  const std::size_t may_crash = (summary.health.copies_wanted - 1) / 2;
  const std::size_t without_room = summary.health.lack.arcs_without_room;
  const bool is_too_few = summary.health.copies_wanted < replicas;
  const bool lacks_silent = is_too_few && !survey.silent_peers.empty();
  if (without_room > 0) {
    std::printf(
        "copies: %zu of %zu arcs lack some of their %zu; no peer has the memory for those of "
        "%zu: start more, or raise --max-memory\n",
        summary.health.lack.arcs, summary.arcs, summary.health.copies_wanted, without_room);
  } else if (summary.health.lack.arcs > 0 && lacks_silent) {
    std::printf("copies: %zu of %zu arcs have a member that does not answer\n",
                summary.health.lack.arcs, summary.arcs);
  } else if (summary.health.lack.arcs > 0) {
    std::printf("copies: %zu of %zu arcs lack some of their %zu; they come by themselves\n",
                summary.health.lack.arcs, summary.arcs, summary.health.copies_wanted);
  } else if (summary.arcs == 0) {
    std::printf("copies: no arc has a majority of its members\n");
  } else if (!summary.health.is_whole()) {
    std::printf("copies: %zu of each arc that is served\n", summary.health.copies_wanted);
  } else if (may_crash == 0) {
    std::printf("copies: %zu of each arc, all there; no peer may crash\n",
                summary.health.copies_wanted);
  } else {
    std::printf("copies: %zu of each arc, all there; any %s may crash at one time\n",
                summary.health.copies_wanted, peers_of(may_crash).c_str());
  }
  if (summary.health.copies_without_primary > 0) {
    std::printf("copies: %zu have heard of no primary for seconds\n",
                summary.health.copies_without_primary);
  }
  if (summary.arcs_sharing_a_host.value_or(0) > 0) {
    std::printf(
        "hosts: %zu of %zu arcs have members that share one of %zu; they move by "
        "themselves\n",
        *summary.arcs_sharing_a_host, summary.arcs, summary.hosts);
  } else if (summary.arcs_sharing_a_host && summary.health.copies_wanted > 1) {
    std::printf("hosts: the members of each arc live on distinct ones of %zu\n", summary.hosts);
  }
  const std::string peers = peers_of(survey.reports.size());
  if (lacks_silent) {
    std::printf("copies: %u are wanted, but only %s answered: see to the silent ones first\n",
                replicas, peers.c_str());
  } else if (is_too_few) {
    std::printf("copies: %u are wanted, but the ring has only %s: start more\n", replicas,
                peers.c_str());
  }
}

void print_verdict(const Survey& survey, const Summary& summary) {
  std::printf("skew peak/mean: keys %.3f, bytes %.3f\n", peak_over_mean(summary.keys),
              peak_over_mean(summary.bytes));
  if (summary.health.is_whole()) std::printf("the ring is whole: %zu arcs tile it\n", summary.arcs);
  for (const std::string& fault : summary.health.faults) {
    std::printf("the ring is not whole: %s\n", fault.c_str());
  }
  if (summary.share_taken_over > 0) {
    std::printf("losses: %.2f%% of the ring was %s\n", 100 * summary.share_taken_over,
                survey.reports.front().ring.replicas == 1
                    ? "taken over from dead peers: what they held there is gone"
                    : "repaired by hand: what its last members had not passed on is gone");
  }
  if (summary.records_dropped > 0) {
    std::printf("losses: %s records dropped, of arcs that another claim won\n",
                with_commas(summary.records_dropped).c_str());
  }
  for (const auto& [peer, failure] : survey.silent_peers) {
    const std::size_t copies = copies_at(survey.reports, peer);
    std::printf("silent: %s: %s; of the arcs that are served it is a member of %s\n",
                to_string(peer.endpoint).c_str(), failure.text.c_str(),
                copies == 0 ? "none" : with_commas(copies).c_str());
  }
  print_copies(survey, summary);
}

boost::json::value optional_number(const std::optional<std::size_t>& number) {
  return number ? boost::json::value(*number) : boost::json::value(nullptr);
}

void print_json(const Survey& survey, const Summary& summary) {
  boost::json::array peers;
  for (std::size_t i = 0; i < survey.reports.size(); ++i) {
    const PeerReport& report = survey.reports[i];
    peers.push_back({{"peer", to_string(report.self.endpoint)},
                     {"id", hex(report.self.incarnation)},
                     {"arcs", report.arcs.size()},
                     {"copies", summary.copies[i]},
                     {"keys", summary.keys[i]},
                     {"bytes", summary.bytes[i]},
                     {"share", share_of(report)}});
  }
  boost::json::array silent;
  for (const auto& [peer, failure] : survey.silent_peers) {
    silent.push_back({{"peer", to_string(peer.endpoint)},
                      {"id", hex(peer.incarnation)},
                      {"error", name(failure.code)}});
  }
  const RingConfig& ring = survey.reports.front().ring;
  print({{"ring", hex(ring.ring_id)},
         {"replicas", ring.replicas},
         {"reads", name(ring.reads)},
         {"peers", std::move(peers)},
         {"arcs", summary.arcs},
         {"keys", sum(summary.keys)},
         {"bytes", sum(summary.bytes)},
         {"skew_keys", peak_over_mean(summary.keys)},
         {"skew_bytes", peak_over_mean(summary.bytes)},
         {"whole", summary.health.is_whole()},
         {"healthy", summary.health.is_healthy()},
         {"arcs_lacking_copies", summary.health.lack.arcs},
         {"copy_bytes_lacking", summary.health.lack.bytes},
         {"arcs_without_room_for_copies", summary.health.lack.arcs_without_room},
         {"copies_without_primary", summary.health.copies_without_primary},
         {"hosts", summary.hosts},
         {"arcs_sharing_a_host", optional_number(summary.arcs_sharing_a_host)},
         {"faults", boost::json::array(summary.health.faults.begin(), summary.health.faults.end())},
         {"share_taken_over", summary.share_taken_over},
         {"records_dropped", summary.records_dropped},
         {"silent", std::move(silent)}});
}

void add_ring_options(po::options_description& options) {
  options.add_options()("wait-healthy",
                        po::value<unsigned>()->implicit_value(wait_healthy_default_s),
                        "wait until the ring is whole, every arc has all its copies and all peers "
                        "have met, so many seconds at most (60)");
  add_repair_options(options);
}

std::chrono::seconds patience_of(const Context& context) {
  if (!context.has("wait-healthy")) return std::chrono::seconds(wait_healthy_default_s);
  const auto patience_s = context.options["wait-healthy"].as<unsigned>();
  if (patience_s > wait_healthy_max_s) {
    throw UsageError("--wait-healthy takes 0 to " + std::to_string(wait_healthy_max_s) +
                     " seconds");
  }
  return std::chrono::seconds(patience_s);
}

// Somebody may look on.
void print_progress(const Summary& summary) {
  std::fprintf(stderr, "waiting: %zu of %zu arcs lack copies, of %s bytes",
               summary.health.lack.arcs, summary.arcs,
               with_commas(summary.health.lack.bytes).c_str());
  if (summary.health.copies_without_primary > 0) {
    std::fprintf(stderr, "; %zu copies have heard of no primary",
                 summary.health.copies_without_primary);
  }
  if (!summary.health.is_whole()) {
    std::fprintf(stderr, "; the ring is not whole: %s", summary.health.faults.front().c_str());
  }
  std::fprintf(stderr, "\n");
}

Result<Survey> look(Context& context) {
  const bool waits = context.has("wait-healthy");
  const auto patience = waits ? patience_of(context) : faults_last;
  const Time end = read_clocks().monotonic + patience;
  Time next_progress = read_clocks().monotonic + progress_pause;
  auto seen = survey(context.map);
  while (seen) {
    const Summary summary = summarize(*seen);
    if (waits ? summary.health.is_healthy() : summary.health.is_whole()) break;
    if (read_clocks().monotonic >= end) break;
    if (waits && read_clocks().monotonic >= next_progress) {
      print_progress(summary);
      next_progress = next_progress + progress_pause;
    }
    std::this_thread::sleep_for(look_pause);
    seen = survey(context.map);
  }
  return seen;
}

ExitCode ring(Context& context) {
  if (!context.words.empty()) {
    if (context.words.front() != "repair") throw UsageError("ring takes no word but `repair`");
    return repair(context, patience_of(context));
  }
  if (context.has("accept-loss")) throw UsageError("--accept-loss is for `ring repair`");
  const auto seen = look(context);
  if (!seen) return complain(context, seen.error());
  const Summary summary = summarize(*seen);
  if (context.json()) {
    print_json(*seen, summary);
  } else {
    print_table(*seen, summary);
    print_verdict(*seen, summary);
  }
  const bool is_well =
      context.has("wait-healthy") ? summary.health.is_healthy() : summary.health.is_whole();
  return is_well ? exit_done : exit_not_found;
}

void add_stats_options(po::options_description& options) {
  options.add_options()("all", "of every peer of the ring, not only of the one that is asked");
}

void print_counters(const Context& context, const PeerReport& report) {
  const std::string peer = to_string(report.self.endpoint);
  if (!context.json()) {
    for (const Counter& counter : report.counters) {
      std::printf("%-22s %-28s %16s\n", peer.c_str(), counter.name.c_str(),
                  with_commas(counter.value).c_str());
    }
    return;
  }
  boost::json::object counters;
  for (const Counter& counter : report.counters) counters[counter.name] = counter.value;
  print({{"peer", peer}, {"id", hex(report.self.incarnation)}, {"counters", std::move(counters)}});
}

ExitCode stats(Context& context) {
  if (!context.has("all")) {
    const auto report = context.map.report();
    if (!report) return complain(context, report.error());
    print_counters(context, *report);
    return exit_done;
  }
  const auto seen = survey(context.map);
  if (!seen) return complain(context, seen.error());
  for (const PeerReport& report : seen->reports) print_counters(context, report);
  return exit_done;
}

}  // namespace

const Command ring_command{
    "ring",
    "[repair]",
    "show the peers, what they hold, and whether the ring is whole; or what to do if it is not",
    0,
    1,
    add_ring_options,
    ring};
const Command stats_command{"stats", "", "show counters", 0, 0, add_stats_options, stats};

}  // namespace hopring::cli
