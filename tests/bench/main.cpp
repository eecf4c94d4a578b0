// hopring-bench: measures the table against maps that a user could pick, and rings of processes.
// Exit codes: 0 measured, 1 could not measure, 2 a bad option.

#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <variant>

#include "base/entropy.hpp"
#include "tests/bench/goals.hpp"
#include "tests/bench/net_command.hpp"
#include "tests/bench/options.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

void measure_table(const Options& options) {
  const Workload workload{.entries = options.entries,
                          .value_bytes = options.value_bytes,
                          .ring_key = {{random_word(), random_word()}}};
  const std::vector<Contender> wanted = contenders(options.against);
  if (wanted.empty()) {
    throw std::runtime_error("--against: no map here has '" + options.against + "' in its name");
  }
  if (!options.json) print_heading();
  const auto print = [&](const std::vector<Figure>& figures) {
    for (const Figure& figure : figures) {
      const Goal* const goal = goal_of(figure, options.entries);
      options.json ? print_json(figure, goal, name_of(options.pages)) : print_row(figure, goal);
    }
  };
  std::ofstream curve(options.curve);
  if (!options.curve.empty() && !(curve << "entries,overhead_bytes,load" << std::endl)) {
    throw std::runtime_error("cannot write " + options.curve);
  }
  const auto is_wanted = [&](std::string_view group) {
    return group.find(options.only) != std::string_view::npos;
  };
  const bool inserts = is_wanted("insert");
  const std::vector<Trial> trials =
      try_all(workload, wanted, {is_wanted("memory"), inserts, inserts || is_wanted("read")});
  if (is_wanted("memory")) print(footprint_figures(workload, trials, curve));
  if (is_wanted("copied")) print(copied_figures(workload));
  if (inserts) print(insert_figures(workload, trials));
  if (is_wanted("read")) print(read_figures(workload, trials));
  if (is_wanted("batch")) print(batch_figures(workload));
  if (is_wanted("halves")) print(halves_figures(workload));
  if (is_wanted("mixed")) print(mixed_figures(workload, wanted));
  if (is_wanted("rewrite")) print(rewrite_figures(workload));
  if (is_wanted("arcs")) print(empty_arcs_figures(workload));
  if (is_wanted("hostile")) print(hostile_figures(workload));
}

}  // namespace
}  // namespace hopring::bench

int main(int argc, char** argv) {
  using namespace hopring::bench;
  if (argc > 1 && std::string_view(argv[1]) == "net") return run_net(argc - 1, argv + 1);
  const auto options = read_options(std::vector<std::string>(argv + 1, argv + argc));
  if (const auto* help = std::get_if<Help>(&options)) {
    std::fputs(help->text.c_str(), stdout);
    return 0;
  }
  if (const auto* error = std::get_if<UsageError>(&options)) {
    std::fprintf(stderr, "hopring-bench: %s (see --help)\n", error->problem.c_str());
    return exit_usage;
  }
  try {
    const auto& wanted = std::get<Options>(options);
    use_pages(wanted.pages, argv);
    measure_table(wanted);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hopring-bench: %s\n", error.what());
    return exit_failure;
  }
  return 0;
}
