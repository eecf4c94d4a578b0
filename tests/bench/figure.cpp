#include "tests/bench/figure.hpp"

#include <cstdio>

namespace hopring::bench {
namespace {

int width(std::string_view text) { return static_cast<int>(text.size()); }

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

void print_json(const Figure& figure, std::string_view pages) {
  std::printf(
      "{\"name\": \"%.*s\", \"ours\": %.4f, \"best\": %.4f, \"best_name\": \"%.*s\", \"ratio\": "
      "%.4f, \"pages\": \"%.*s\"}\n",
      width(figure.name), figure.name.data(), figure.ours, figure.best, width(figure.best_name),
      figure.best_name.data(), figure.ratio, width(pages), pages.data());
  std::fflush(stdout);
}

void print_heading() {
  std::printf("%-22s %10s %10s %8s  %-14s %s\n", "figure", "ours", "best", "ratio", "unit",
              "the best of the others");
}

void print_row(const Figure& figure) {
  std::printf("%-22.*s %10.2f %10.2f %8.3f  %-14.*s %.*s\n", width(figure.name), figure.name.data(),
              figure.ours, figure.best, figure.ratio, width(figure.unit), figure.unit.data(),
              width(figure.best_name), figure.best_name.data());
  std::fflush(stdout);
}

}  // namespace hopring::bench
