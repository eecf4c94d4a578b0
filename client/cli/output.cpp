#include "client/cli/output.hpp"

#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>

namespace hopring::cli {

void print(const boost::json::object& object) {
  const std::string line = boost::json::serialize(object) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
}

void print_raw(std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  if (is_terminal(standard_output)) std::fputc('\n', stdout);
}

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

ExitCode exit_code_of(const Failure& failure) {
  switch (failure.code) {
    case OpError::overloaded:
    case OpError::moving:
    case OpError::unavailable:
    case OpError::no_route:
    case OpError::stranger:
    case OpError::cancelled:
    case OpError::timed_out:
    case OpError::connection_lost:
    case OpError::unknown:
      return exit_unreachable;
    default:
      return exit_refused;
  }
}

ExitCode complain(const Context& context, const Failure& failure) {
  std::fprintf(stderr, "hopring: %s\n", failure.text.c_str());
  if (context.json()) {
    print({{"error", name(failure.code)},
           {"definite", is_definite(failure)},
           {"text", failure.text}});
  }
  return exit_code_of(failure);
}

// std::cin reads through stdin, which knows what the stream keeps to itself.
void check_input() {
  if (std::ferror(stdin) != 0) throw UsageError("cannot read standard input");
}

std::string word_or_input(const std::string& word) {
  if (word != "-") return word;
  std::string bytes{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  check_input();
  return bytes;
}

}  // namespace hopring::cli
