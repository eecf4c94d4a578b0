#pragma once

// What the commands of `hopring` have in common. docs/client.md is their manual.

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "client/map.hpp"

namespace hopring::cli {

namespace po = boost::program_options;

// What the shell is told.
enum ExitCode : int {
  exit_done = 0,
  exit_not_found = 1,    // also: put --if-absent that found the key, cas that found another value,
                         // ring that found the ring not whole, verify a difference
  exit_usage = 2,        // an option, an argument, or a name without address
  exit_unreachable = 3,  // nobody answers, no answer in time, or an outcome that is not known
  exit_refused = 4,      // the ring refused it (wrong type, out of memory), or its input is no good
};

// A mistake on the command line; the text is for the person who made it.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Context {
  Map& map;
  po::variables_map options;
  std::vector<std::string> words;  // those behind the command's name

  bool json() const { return options.count("json") != 0; }
  bool has(const char* option) const { return options.count(option) != 0; }
  std::string text(const char* option) const { return options[option].as<std::string>(); }
};

struct Command {
  const char* name;
  const char* words;  // as they stand in the usage line
  const char* what;   // one line
  std::size_t words_min;
  std::size_t words_max;
  void (*add_options)(po::options_description& options);
  ExitCode (*run)(Context& context);
};

// Each in a file of its own, or with its kin.
extern const Command put_command, get_command, del_command, incr_command, cas_command;
extern const Command scan_command, import_command, verify_command, export_command;
extern const Command ring_command, stats_command;

inline void no_options(po::options_description&) {}

}  // namespace hopring::cli
