#pragma once

// The command line of hopring-bench.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/bench/pages.hpp"

namespace hopring::bench {

struct Options {
  std::uint64_t entries = 5'000'000;
  std::size_t value_bytes = 32;
  bool json = false;
  std::string against;  // a part of the names of the contenders that are wanted; empty = all
  std::string only;     // a part of the names of the groups of figures that are wanted
  Pages pages = Pages::huge;
  std::string curve;  // a file for rows of entries, overhead and load of ours; empty = none
};

struct Help {
  std::string text;
};

// The groups of figures, in the order in which they are printed.
inline constexpr std::array<std::string_view, 10> groups{
    "memory", "copied", "insert", "read", "batch", "halves", "mixed", "rewrite", "arcs", "hostile"};

// What is wrong with the command line, in words fit for whoever typed it.
struct UsageError {
  std::string problem;
};

// `arguments`: without the program's name.
std::variant<Options, Help, UsageError> read_options(const std::vector<std::string>& arguments);

}  // namespace hopring::bench
