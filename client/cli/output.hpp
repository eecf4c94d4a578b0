#pragma once

// What the commands print, and what they tell the shell.

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "client/cli/context.hpp"

namespace hopring::cli {

// One JSON object on a line of standard output.
void print(const boost::json::object& object);

// Bytes to standard output, as they are. The line's end is added where a person reads.
void print_raw(std::string_view bytes);

bool is_terminal(int descriptor);
inline constexpr int standard_output = 1;
inline constexpr int standard_error = 2;

// Tells why it failed: one line on standard error and, for machines, an object on standard output.
ExitCode complain(const Context& context, const Failure& failure);
ExitCode exit_code_of(const Failure& failure);

// Throws UsageError if standard input ended by an error: what came of it is not all.
void check_input();

// A word of the command line; "-" stands for all of standard input.
std::string word_or_input(const std::string& word);

}  // namespace hopring::cli
