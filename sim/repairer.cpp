#include "sim/repairer.hpp"

#include <algorithm>

namespace hopring::sim {
namespace {

// A peer looks up to two seconds whether the arc is served, and waits a second for one that is
// silent.
constexpr auto deadline = std::chrono::seconds(10);

std::vector<Endpoint> endpoints_of(const World& world) {
  std::vector<Endpoint> endpoints;
  for (const ProcessId id : world.alive_peers()) endpoints.push_back(world.endpoint(id));
  return endpoints;
}

}  // namespace

Repairer::Repairer(World& world) : world_(world), client_(world.start_client(endpoints_of(world))) {
  world_.on_finish(client_, [this](Finish&& finish) {
    const auto& result = std::get<RepairResult>(finish.result);
    open_.erase(finish.token.value);
    if (result.error || result.repaired.refused) {
      ++refused_;
      last_refusal_ = result.error ? std::string(name(*result.error))
                                   : std::string(text_of(*result.repaired.refused));
    } else {
      done_.push_back(asked_[finish.token.value - 1]);
    }
  });
}

Repairer::~Repairer() {
  world_.on_finish(client_, [](Finish&&) {});
}

std::string Repairer::describe() const {
  std::string text = "repair: " + std::to_string(done_.size()) + " done, " +
                     std::to_string(refused_) + " refused " + last_refusal_;
  for (const RepairStep& each : plan_.steps) {
    text += "; open at " + to_string(each.at) + " " + to_string(View{each.repair.arc, {}, 0, {}});
  }
  for (const RepairPlan::Left& each : plan_.left) {
    text += "; left " + to_string(View{each.arc, {}, 0, {}}) + " " + std::string(text_of(each.why));
  }
  return text;
}

void Repairer::look(const std::set<ProcessId>& silent) {
  std::vector<ReportReply> reports;
  for (const ProcessId id : world_.alive_peers()) {
    if (world_.peer(id).ring() == nullptr || silent.contains(id)) continue;
    reports.push_back(world_.peer(id).report(world_.clock(id)));
    if (world_.bug() == PlantedBug::repairs_what_is_served) break;
  }
  if (reports.empty()) return;
  RepairPlan plan = plan_repair(reports);
  const Now now = world_.clock(client_);
  for (const RepairStep& each : plan.steps) {
    if (std::find(plan_.steps.begin(), plan_.steps.end(), each) == plan_.steps.end()) continue;
    const auto is_same = [&](std::uint64_t token) {
      return asked_[token - 1].repair.arc == each.repair.arc;
    };
    if (std::any_of(open_.begin(), open_.end(), is_same)) continue;
    asked_.push_back(each);
    open_.insert(token_ + 1);
    world_.client(client_).start_repair(now, Token{++token_}, each.at, each.repair,
                                        now.monotonic + deadline);
    world_.perform(client_);
  }
  plan_ = std::move(plan);
}

}  // namespace hopring::sim
