#include "client/cli/repair_command.hpp"

#include <algorithm>
#include <boost/asio/use_future.hpp>
#include <boost/json/array.hpp>
#include <cstdio>
#include <future>
#include <thread>

#include "client/cli/output.hpp"
#include "client/cli/survey.hpp"
#include "client/cli/text.hpp"
#include "client/core/repair_plan.hpp"
#include "peer/net/system.hpp"

namespace hopring::cli {
namespace {

// Between two looks. What both say is no arc that moves.
constexpr std::chrono::milliseconds look_pause{500};
// A peer looks for two seconds at most whether the arc is served, and waits a second for each that
// is silent.
constexpr std::chrono::seconds repair_timeout{15};
constexpr std::size_t steps_together_max = 32;  // half of what one peer looks after at a time

struct Look {
  Survey survey;
  RepairPlan plan = {};
  Health health = {};
};

Result<Look> look(Context& context) {
  auto seen = survey(context.map, Ask::members);
  if (!seen) return seen.error();
  Look look{std::move(*seen)};
  const std::vector<PeerReport>& reports = look.survey.reports;
  look.plan = plan_repair(reports);
  look.health = health_of(reports);
  return look;
}

std::string list_of(const std::vector<PeerRef>& peers) {
  std::string text;
  for (const PeerRef& each : peers) text += (text.empty() ? "" : ", ") + to_string(each);
  return text;
}

// What is lost by the step, or may be. Who is gone is named with the run that is gone: another one
// may be there again.
std::string loss_of(const RepairStep& step) {
  if (!step.copy) return "nobody who answers has a copy: what was stored there is lost";
  const std::string held = "its copy has at most " + with_commas(step.copy->keys) + " keys";
  if (step.absent.empty()) return held + "; what its other members have no more may be lost";
  return held + "; what only " + list_of(step.absent) + " had may be lost";
}

void print_step(const Context& context, const RepairStep& step, const char* what) {
  if (context.json()) {
    boost::json::object object{{"arc", name_of(step.repair.arc)},
                               {"at", to_string(step.at.endpoint)},
                               {"from", step.copy ? "copy" : "nothing"},
                               {"generation", step.repair.generation},
                               {"what", what}};
    if (step.copy) object["keys"] = step.copy->keys;
    return print(object);
  }
  std::printf("%s: %s %s at %s: %s\n", what, name_of(step.repair.arc).c_str(),
              step.copy ? "from the copy" : "empty", to_string(step.at.endpoint).c_str(),
              loss_of(step).c_str());
}

void print_left(const Context& context, const RepairPlan& plan) {
  for (const RepairPlan::Left& each : plan.left) {
    const std::string why(text_of(each.why));
    if (context.json()) {
      print({{"arc", name_of(each.arc)}, {"what", "left alone"}, {"why", why}});
    } else {
      std::printf("left alone: %s: %s\n", name_of(each.arc).c_str(), why.c_str());
    }
  }
}

void warn_of_silent(const Survey& survey) {
  for (const auto& [peer, failure] : survey.silent_peers) {
    std::fprintf(stderr,
                 "hopring: %s does not answer (%s): if it is only paused or cut off, what it has "
                 "may be newer, and is lost by a repair\n",
                 to_string(peer.endpoint).c_str(), failure.text.c_str());
  }
}

// False: the peer has refused, or its answer is not known.
bool tell_outcome(const Context& context, const RepairStep& step,
                  const Result<Repaired>& repaired) {
  if (repaired && !repaired->refused) {
    print_step(context, step, "repaired");
    return true;
  }
  print_step(context, step, repaired ? "refused" : "failed");
  const std::string why =
      repaired ? std::string(text_of(*repaired->refused)) : repaired.error().text;
  std::fprintf(stderr, "hopring: %s: %s: %s\n", to_string(step.at.endpoint).c_str(),
               name_of(step.repair.arc).c_str(), why.c_str());
  return false;
}

// Together: each peer takes its time.
bool carry_out(Context& context, const std::vector<RepairStep>& steps) {
  bool all_done = true;
  for (std::size_t begun = 0; begun < steps.size(); begun += steps_together_max) {
    const std::size_t count = std::min(steps.size() - begun, steps_together_max);
    std::vector<std::future<Result<Repaired>>> asked;
    for (std::size_t i = 0; i < count; ++i) {
      const RepairStep& step = steps[begun + i];
      asked.push_back(context.map.async_repair(step.at, step.repair, boost::asio::use_future,
                                               CallOptions{repair_timeout}));
    }
    for (std::size_t i = 0; i < count; ++i) {
      all_done = tell_outcome(context, steps[begun + i], asked[i].get()) && all_done;
    }
  }
  return all_done;
}

ExitCode end(const Context& context, const Look& last, bool all_done) {
  if (context.json()) {
    print({{"whole", last.health.is_whole()}, {"healthy", last.health.is_healthy()}});
  } else if (last.health.is_whole()) {
    std::printf("the ring is whole%s\n", last.health.is_healthy()
                                             ? ""
                                             : "; copies are still to come, or to meet the others");
  } else {
    std::printf("the ring is not whole\n");
  }
  if (!last.health.is_whole()) return all_done ? exit_not_found : exit_refused;
  return exit_done;
}

ExitCode tell(const Context& context, const Look& seen) {
  for (const RepairStep& each : seen.plan.steps) print_step(context, each, "to be repaired");
  print_left(context, seen.plan);
  const ExitCode code = end(context, seen, true);
  if (!context.json() && !seen.plan.steps.empty()) {
    std::printf("nothing was done: `hopring ring repair --accept-loss` does it, %zu %s\n",
                seen.plan.steps.size(), seen.plan.steps.size() == 1 ? "arc" : "arcs");
  }
  return code;
}

bool is_in(const RepairPlan& plan, const RepairStep& step) {
  return std::find(plan.steps.begin(), plan.steps.end(), step) != plan.steps.end();
}

ExitCode carry_out_all(Context& context, Look seen, std::chrono::seconds patience) {
  const Time end_at = read_clocks().monotonic + patience;
  bool all_done = true;
  RepairPlan before;
  for (;;) {
    std::vector<RepairStep> agreed;
    for (const RepairStep& each : seen.plan.steps) {
      if (is_in(before, each)) agreed.push_back(each);
    }
    all_done = carry_out(context, agreed) && all_done;
    if (seen.health.is_healthy() || read_clocks().monotonic >= end_at) break;
    before = std::move(seen.plan);
    std::this_thread::sleep_for(look_pause);
    auto next = look(context);
    if (!next) return complain(context, next.error());
    seen = std::move(*next);
  }
  print_left(context, seen.plan);
  return end(context, seen, all_done);
}

}  // namespace

void add_repair_options(po::options_description& options) {
  options.add_options()(
      "accept-loss",
      "with `repair`: arcs that have lost the majority of their members go on from the newest copy "
      "that is left, or empty. What only the lost members had is lost, and acknowledged writes "
      "may be. Members that are merely paused or cut off, and come back, are dropped with "
      "what they have: make sure that they are dead. Without it nothing is done, only told");
}

ExitCode repair(Context& context, std::chrono::seconds patience) {
  auto seen = look(context);
  if (seen && !seen->health.is_whole()) {  // an arc that moves looks so, too
    std::this_thread::sleep_for(look_pause);
    seen = look(context);
  }
  if (!seen) return complain(context, seen.error());
  if (seen->survey.reports.front().ring.replicas == 1) {
    std::fprintf(stderr, "hopring: %s\n", std::string(text_of(RepairRefusal::one_copy)).c_str());
    return exit_refused;
  }
  if (!seen->health.is_whole()) warn_of_silent(seen->survey);
  if (!context.has("accept-loss")) {
    return seen->health.is_whole() ? end(context, *seen, true) : tell(context, *seen);
  }
  return carry_out_all(context, std::move(*seen), patience);
}

}  // namespace hopring::cli
