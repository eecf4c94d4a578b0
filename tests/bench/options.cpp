#include "tests/bench/options.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <optional>
#include <sstream>

namespace hopring::bench {
namespace {

namespace po = boost::program_options;

constexpr std::int64_t entries_min = 1000;  // below, pages and clocks are too coarse
constexpr std::int64_t entries_max = 100'000'000;
constexpr std::int64_t value_bytes_max = 65536;

constexpr const char* usage =
    R"(usage: hopring-bench table [--entries N] [--value B] [--against TEXT] [--only TEXT]
                           [--pages huge|small] [--json] [--curve FILE]
       hopring-bench net --help

Measures the table of hopring against maps that a user could pick: std::unordered_map and
boost::unordered_flat_map, and those of absl, tsl, libcuckoo and oneTBB that this build has found.
Keys have 16 to 24 bytes. Figures of hopring include the hash of the
key under the secret of a ring.

Overheads and loads are measured while a map grows from N to 2 N entries; the worst overhead at any
moment of that. Insertions go from none to N. Each map grows in a process of its own. Times are
medians of five pairs, hopring and the other in turn; the ratio is the median of theirs, hopring
over the best of the others. More is better for speeds and loads, less for all else.

All maps have the same pages: with --pages huge hopring and malloc both ask the system for huge
ones, with --pages small nobody gets them. Figures of both settings do not compare. The program
starts itself anew, so that malloc learns of it (GLIBC_TUNABLES).

Where only hopring has such a figure, 'best' is the goal, and best_name says "goal". The best of
flood and equal_positions_us is hopring itself with keys that nobody has chosen. Goals bound ours or
the ratio, and are for 5 million entries and more; a figure that misses its goal says so.

What is being measured is said on standard error; with the defaults it takes twenty
minutes, and less --against few.

options:
)";

po::options_description describe() {
  const Options defaults;
  po::options_description all;
  all.add_options()("help", "this text")  //
      ("entries",
       po::value<std::int64_t>()->default_value(static_cast<std::int64_t>(defaults.entries)),
       "N, 1000 to 100000000")  //
      ("value",
       po::value<std::int64_t>()->default_value(static_cast<std::int64_t>(defaults.value_bytes)),
       "bytes of each value, 1 to 65536")  //
      ("against", po::value<std::string>()->default_value(""),
       "only maps with TEXT in their names, as tsl or 'stored hash'; 'best' is the best of "
       "these")  //
      ("only", po::value<std::string>()->default_value(""),
       "only groups of figures with TEXT in their names: memory, copied, insert, read, batch, "
       "halves, mixed, rewrite, arcs, hostile")  //
      ("pages", po::value<std::string>()->default_value(std::string(name_of(defaults.pages))),
       "huge or small: the pages of all maps")                               //
      ("json", po::bool_switch(), "one JSON object a line for each figure")  //
      ("curve", po::value<std::string>()->default_value(""),
       "a file for hopring's overhead and load at each size, as rows of CSV");
  return all;
}

std::string help_text() {
  std::ostringstream text;
  text << usage << describe();
  return text.str();
}

std::optional<std::string> problem(std::int64_t entries, std::int64_t value_bytes) {
  if (entries < entries_min || entries > entries_max) {
    return "--entries must be from 1000 to 100000000";
  }
  if (value_bytes < 1 || value_bytes > value_bytes_max) return "--value must be from 1 to 65536";
  return std::nullopt;
}

bool is_part_of_a_group(const std::string& text) {
  return std::any_of(groups.begin(), groups.end(), [&](std::string_view group) {
    return group.find(text) != std::string_view::npos;
  });
}

std::variant<Options, Help, UsageError> parse(const std::vector<std::string>& arguments) {
  po::options_description all = describe();
  all.add_options()("subcommand", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("subcommand", 1);
  po::variables_map given;
  po::store(po::command_line_parser(arguments).options(all).positional(positional).run(), given);
  if (given.count("help") != 0) return Help{help_text()};
  if (given.count("subcommand") == 0) return UsageError{"say what to measure: table or net"};
  const auto subcommand = given["subcommand"].as<std::string>();
  if (subcommand != "table")
    return UsageError{"cannot measure '" + subcommand + "', only: table or net"};
  const auto entries = given["entries"].as<std::int64_t>();
  const auto value_bytes = given["value"].as<std::int64_t>();
  if (auto wrong = problem(entries, value_bytes)) return UsageError{*wrong};
  const auto only = given["only"].as<std::string>();
  if (!is_part_of_a_group(only)) return UsageError{"--only: no group has '" + only + "'"};
  const auto pages = given["pages"].as<std::string>();
  if (pages != name_of(Pages::huge) && pages != name_of(Pages::small)) {
    return UsageError{"--pages must be huge or small, not '" + pages + "'"};
  }
  return Options{static_cast<std::uint64_t>(entries),
                 static_cast<std::size_t>(value_bytes),
                 given["json"].as<bool>(),
                 given["against"].as<std::string>(),
                 only,
                 pages == name_of(Pages::huge) ? Pages::huge : Pages::small,
                 given["curve"].as<std::string>()};
}

}  // namespace

std::variant<Options, Help, UsageError> read_options(const std::vector<std::string>& arguments) {
  try {
    return parse(arguments);
  } catch (const po::error& error) {
    return UsageError{error.what()};
  }
}

}  // namespace hopring::bench
