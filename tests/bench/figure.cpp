#include "tests/bench/figure.hpp"

#include <array>
#include <cstdio>
#include <string>

#include "tests/bench/goals.hpp"

namespace hopring::bench {
namespace {

int width(std::string_view text) { return static_cast<int>(text.size()); }

std::string_view bounded_by(const Goal& goal) {
  return goal.of == &Figure::ours ? "ours" : "ratio";
}

std::string text_of(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

// Two members of a JSON object.
std::string json_of(const Figure& figure, const Goal* goal) {
  if (goal == nullptr) return R"("goal": null, "met": null)";
  const bool is_at_most = goal->bound == Goal::Bound::at_most;
  return R"("goal": {"of": ")" + std::string(bounded_by(*goal)) + "\", \"" +
         (is_at_most ? "at_most" : "at_least") + "\": " + text_of(goal->value) +
         "}, \"met\": " + (goal->is_met_by(figure) ? "true" : "false");
}

std::string words_of(const Figure& figure, const Goal* goal) {
  if (goal == nullptr) return "-";
  const bool is_at_most = goal->bound == Goal::Bound::at_most;
  return std::string(bounded_by(*goal)) + (is_at_most ? " <= " : " >= ") + text_of(goal->value) +
         (goal->is_met_by(figure) ? "" : " MISSED");
}

}  // namespace

Figure single_figure(std::string_view name, std::string_view unit, const Pair& pair,
                     std::string_view best_name) {
  return {name, unit, pair.ours, pair.theirs, best_name, pair.ratio()};
}

Figure figure_of(std::string_view name, std::string_view unit, std::string_view best_name,
                 const Rounds& rounds) {
  return {name,
          unit,
          median(rounds, [](const Pair& pair) { return pair.ours; }),
          median(rounds, [](const Pair& pair) { return pair.theirs; }),
          best_name,
          median(rounds, [](const Pair& pair) { return pair.ratio(); })};
}

Figure speed_of(std::string_view name, std::string_view best_name, const Rounds& seconds,
                std::uint64_t operations) {
  const double millions = static_cast<double>(operations) / 1e6;
  Rounds speeds;
  std::transform(seconds.begin(), seconds.end(), speeds.begin(), [&](const Pair& pair) {
    return Pair{millions / pair.ours, millions / pair.theirs};
  });
  return figure_of(name, "million/s", best_name, speeds);
}

void print_json(const Figure& figure, const Goal* goal, std::string_view pages) {
  std::printf(
      "{\"name\": \"%.*s\", \"ours\": %.4f, \"best\": %.4f, \"best_name\": \"%.*s\", \"ratio\": "
      "%.4f, %s, \"pages\": \"%.*s\"}\n",
      width(figure.name), figure.name.data(), figure.ours, figure.best, width(figure.best_name),
      figure.best_name.data(), figure.ratio, json_of(figure, goal).c_str(), width(pages),
      pages.data());
  std::fflush(stdout);
}

void print_heading() {
  std::printf("%-27s %10s %10s %8s  %-21s %-14s %s\n", "figure", "ours", "best", "ratio", "goal",
              "unit", "the best of the others");
}

void print_row(const Figure& figure, const Goal* goal) {
  std::printf("%-27.*s %10.2f %10.2f %8.3f  %-21s %-14.*s %.*s\n", width(figure.name),
              figure.name.data(), figure.ours, figure.best, figure.ratio,
              words_of(figure, goal).c_str(), width(figure.unit), figure.unit.data(),
              width(figure.best_name), figure.best_name.data());
  std::fflush(stdout);
}

}  // namespace hopring::bench
