#include <algorithm>
#include <array>
#include <map>

#include "tests/bench/child.hpp"
#include "tests/bench/contenders.hpp"
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
constexpr std::size_t fastest_max = 3;

// The fastest of all, and tsl's with stored hashes.
std::vector<Contender> finalists_of(std::vector<Trial> trials) {
  std::sort(trials.begin(), trials.end(), [](const Trial& a, const Trial& b) {
    return a.speed.insert_seconds < b.speed.insert_seconds;
  });
  std::vector<Contender> finalists;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const Contender& each = trials[i].contender;
    if (i < fastest_max || each.name == name_of_tsl_stored) finalists.push_back(each);
  }
  return finalists;
}

// In each round ours and each of the finalists grow in turn, ours last in every other one. insert:
// against tsl's with stored hashes, or the fastest where that is not there; insert_best: against
// the fastest.
std::vector<Figure> race_insertions(const Workload& workload,
                                    const std::vector<Contender>& finalists) {
  std::vector<Rounds> seconds(finalists.size());
  for (std::size_t round = 0; round < rounds_per_figure; ++round) {
    say_progress("insertions", "hopring and the fastest of the others");
    const auto time_ours = [&] {
      return in_child([&] { return measure_insertions<HopringMap>(workload); });
    };
    const auto time_theirs = [&] {
      std::vector<double> each;
      for (const Contender& finalist : finalists) {
        each.push_back(in_child([&] { return finalist.measure_insertions(workload); }));
      }
      return each;
    };
    const auto [ours, theirs] = both_in_turn(round, time_ours, time_theirs);
    for (std::size_t i = 0; i < finalists.size(); ++i) seconds[i][round] = {ours, theirs[i]};
  }
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < finalists.size(); ++i) {
    figures.push_back(speed_of("insert_best", finalists[i].name, seconds[i], workload.entries));
  }
  const auto fastest =
      std::min_element(figures.begin(), figures.end(),
                       [](const Figure& a, const Figure& b) { return a.ratio < b.ratio; });
  const auto tsl = std::find_if(figures.begin(), figures.end(), [](const Figure& figure) {
    return figure.best_name == name_of_tsl_stored;
  });
  Figure insert = tsl != figures.end() ? *tsl : *fastest;
  insert.name = "insert";
  return {insert, *fastest};
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
  const auto measure_ours = [&] {
    return in_child([&] { return measure_latency<HopringMap>(workload); });
  };
  const auto measure_theirs = [&] {
    std::map<const Contender*, InsertLatency> each;
    for (const LatencyFigure& figure : figures) {
      const Contender* const steadiest = figure.steadiest;
      if (each.count(steadiest) != 0) continue;
      each[steadiest] = in_child([&] { return steadiest->measure_latency(workload); });
    }
    return each;
  };
  const auto [ours, theirs] = both_in_turn(round, measure_ours, measure_theirs);
  for (LatencyFigure& figure : figures) {
    figure.rounds[round] = {ours.*figure.what, theirs.at(figure.steadiest).*figure.what};
  }
}

// The longest insertion of all rounds, where `longest` has the longest of each.
Figure longest_of_all(const LatencyFigure& longest) {
  Pair most;
  for (const Pair& round : longest.rounds) {
    most.ours = std::max(most.ours, round.ours);
    most.theirs = std::max(most.theirs, round.theirs);
  }
  return single_figure("insert_longest_max_us", "us", most, longest.steadiest->name);
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
  figures.push_back(longest_of_all(all[0]));
  return figures;
}

}  // namespace

std::vector<Figure> insert_figures(const Workload& workload, const std::vector<Trial>& trials) {
  std::vector<Figure> figures = race_insertions(workload, finalists_of(trials));
  for (const Figure& figure : latency_figures(workload, trials)) figures.push_back(figure);
  return figures;
}

}  // namespace hopring::bench
