#include <algorithm>
#include <array>
#include <map>

#include "tests/bench/child.hpp"
#include "tests/bench/contender.hpp"
#include "tests/bench/progress.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

template <class ValueOf>
const Trial& least(const std::vector<Trial>& trials, ValueOf&& value_of) {
  return *std::min_element(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) {
    return value_of(a) < value_of(b);
  });
}

// A single trial does not tell the fastest from those that come close: so many are raced.
constexpr std::size_t finalists_max = 3;

std::vector<Contender> fastest_of(std::vector<Trial> trials) {
  std::sort(trials.begin(), trials.end(), [](const Trial& a, const Trial& b) {
    return a.speed.insert_seconds < b.speed.insert_seconds;
  });
  std::vector<Contender> finalists;
  for (std::size_t i = 0; i < std::min(finalists_max, trials.size()); ++i) {
    finalists.push_back(trials[i].contender);
  }
  return finalists;
}

// In each round ours and each of the finalists grow in turn.
Figure race_insertions(const Workload& workload, const std::vector<Contender>& finalists) {
  std::vector<Rounds> seconds(finalists.size());
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    say_progress("insertions", "hopring and the fastest of the others");
    const double ours = in_child([&] { return measure_insertions<HopringMap>(workload); });
    for (std::size_t i = 0; i < finalists.size(); ++i) {
      seconds[i][round] = {ours,
                           in_child([&] { return finalists[i].measure_insertions(workload); })};
    }
  }
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < finalists.size(); ++i) {
    figures.push_back(speed_of("insert", finalists[i].name, seconds[i], workload.entries));
  }
  return *std::min_element(figures.begin(), figures.end(),
                           [](const Figure& a, const Figure& b) { return a.ratio < b.ratio; });
}

struct LatencyFigure {
  std::string_view name;
  double InsertLatency::*what;
  const Contender* steadiest = nullptr;  // the contender with the least
  Rounds rounds{};
};

using LatencyFigures = std::array<LatencyFigure, 3>;

// Adds a round: ours, and each of the steadiest once, grow in turn.
void race_latencies(const Workload& workload, LatencyFigures& figures, std::size_t round) {
  const InsertLatency ours = in_child([&] { return measure_latency<HopringMap>(workload); });
  std::map<const Contender*, InsertLatency> theirs;
  for (LatencyFigure& figure : figures) {
    const Contender* const steadiest = figure.steadiest;
    if (theirs.count(steadiest) == 0) {
      theirs[steadiest] = in_child([&] { return steadiest->measure_latency(workload); });
    }
    figure.rounds[round] = {ours.*figure.what, theirs[steadiest].*figure.what};
  }
}

std::vector<Figure> latency_figures(const Workload& workload, const std::vector<Trial>& trials) {
  LatencyFigures all{{{"insert_longest_us", &InsertLatency::longest_us},
                      {"insert_p9999_us", &InsertLatency::p9999_us},
                      {"insert_longest_wall_us", &InsertLatency::longest_wall_us}}};
  for (LatencyFigure& figure : all) {
    figure.steadiest =
        &least(trials, [&](const Trial& trial) { return trial.latency.*figure.what; }).contender;
  }
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    say_progress("single insertions", "hopring and the steadiest of the others");
    race_latencies(workload, all, round);
  }
  std::vector<Figure> figures;
  for (const LatencyFigure& figure : all) {
    figures.push_back(figure_of(figure.name, "us", figure.steadiest->name, figure.rounds));
  }
  return figures;
}

}  // namespace

std::vector<Figure> insert_figures(const Workload& workload, const std::vector<Trial>& trials) {
  std::vector<Figure> figures{race_insertions(workload, fastest_of(trials))};
  for (const Figure& figure : latency_figures(workload, trials)) figures.push_back(figure);
  return figures;
}

}  // namespace hopring::bench
