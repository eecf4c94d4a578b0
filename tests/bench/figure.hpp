#pragma once

// What a measurement comes to, and how five rounds become one.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hopring::bench {

struct Goal;

struct Figure {
  std::string_view name;
  std::string_view unit;
  double ours = 0;
  double best = 0;  // of the others
  std::string_view best_name;
  double ratio = 0;  // ours / best, the median over rounds: not always the ratio of the medians
};

// One measurement of ours and, next to it, one of another's.
struct Pair {
  double ours = 0;
  double theirs = 0;

  double ratio() const { return ours / theirs; }
};

constexpr std::size_t rounds_per_figure = 5;  // odd: the median is one of them
using Rounds = std::array<Pair, rounds_per_figure>;

template <class Value>
double median(const Rounds& rounds, Value&& value_of) {
  std::array<double, rounds_per_figure> values{};
  std::transform(rounds.begin(), rounds.end(), values.begin(), value_of);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Of what is measured once.
Figure single_figure(std::string_view name, std::string_view unit, const Pair& pair,
                     std::string_view best_name);

// `rounds`: what is compared, in `unit`.
Figure figure_of(std::string_view name, std::string_view unit, std::string_view best_name,
                 const Rounds& rounds);

// `seconds`: for `operations` of them.
Figure speed_of(std::string_view name, std::string_view best_name, const Rounds& seconds,
                std::uint64_t operations);

// `goal`: what the figure is to reach, and is told whether it does; nullptr = nothing. `pages`: on
// which the maps were.
void print_json(const Figure& figure, const Goal* goal, std::string_view pages);
void print_heading();
void print_row(const Figure& figure, const Goal* goal);

}  // namespace hopring::bench
