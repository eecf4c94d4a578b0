#include "sim/objection.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "sim/soak.hpp"

namespace hopring::sim {

namespace {

std::string first_of(const std::vector<std::string>& violations, std::string_view rule) {
  const auto first = std::find_if(violations.begin(), violations.end(), [&](const auto& each) {
    return each.find(rule) != std::string::npos;
  });
  return first == violations.end() ? "" : *first;
}

std::string objection_of_child(const SoakOptions& options, std::string_view rule) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const SoakFigures figures = soak(options);
    std::string first = first_of(figures.violations, rule);
    if (options.bug == PlantedBug::none && first.empty()) first = figures.is_void_because;
    first = first.substr(0, first.find('\n')).substr(0, 1000);  // a history has many lines
    _exit(write(ends[1], first.data(), first.size()) == static_cast<ssize_t>(first.size()) ? 0 : 1);
  }
  close(ends[1]);
  char text[1000];
  const ssize_t count = child > 0 ? read(ends[0], text, sizeof text) : 0;
  close(ends[0]);
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  const bool has_ended = child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (options.bug == PlantedBug::none && !has_ended) return "its process did not end as it should";
  return std::string(text, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
}

}  // namespace

std::string objection_to(std::uint64_t seed, PlantedBug bug, bool loses_majorities,
                         std::string_view rule) {
  SoakOptions options{.seed = seed, .bug = bug, .loses_majorities = loses_majorities};
  if (bug == PlantedBug::none) rule = {};
  std::string objection = objection_of_child(options, rule);
  if (bug == PlantedBug::none || objection.empty()) return objection;
  options.bug = PlantedBug::none;
  return soak(options).is_void_because.empty() ? objection : "";
}

}  // namespace hopring::sim
