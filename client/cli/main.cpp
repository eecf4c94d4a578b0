// hopring: the command line of a ring. docs/client.md is its manual.

#include <array>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <cstdio>
#include <iostream>
#include <string_view>

#include "base/standard_streams.hpp"
#include "client/cli/context.hpp"
#include "client/cli/output.hpp"

namespace hopring::cli {
namespace {

constexpr std::array commands = {&put_command,    &get_command,  &del_command,    &incr_command,
                                 &cas_command,    &scan_command, &import_command, &verify_command,
                                 &export_command, &ring_command, &stats_command};

po::options_description global_options() {
  po::options_description options("Options of every command", 100);
  options.add_options()  //
      ("at", po::value<std::vector<std::string>>(),
       "HOST:PORT of a peer, 127.0.0.1:7700 by default; may be repeated, one is enough")    //
      ("timeout", po::value<double>()->default_value(5), "seconds that one call may take")  //
      ("json", "print for machines: one JSON object per line")                              //
      ("help", "print this")                                                                //
      ("version", "print the version");
  return options;
}

void print_help(const Command* command) {
  if (command == nullptr) {
    std::cout << "usage: hopring [OPTIONS] COMMAND ...\n\nCommands\n";
    for (const Command* each : commands) {
      const std::string usage = std::string(each->name) + " " + each->words;
      std::printf("  %-28s %s\n", usage.c_str(), each->what);
    }
    std::fflush(stdout);
  } else {
    std::cout << "usage: hopring " << command->name << " [OPTIONS] " << command->words << "\n\n"
              << command->what << "\n";
    po::options_description own("Options", 100);
    command->add_options(own);
    if (!own.options().empty()) std::cout << "\n" << own;
  }
  std::cout << "\n"
            << global_options()
            << "\nAn argument - is all of standard input; -- ends the options.\n"
               "Exit code: 0 done; 1 not found, exists or mismatch; 2 usage; 3 unreachable, timed\n"
               "out or of unknown outcome; 4 refused.\n";
}

// The command is the first word; the options of every command may stand before it.
std::vector<std::string> take_command(std::vector<std::string> arguments, std::string& command) {
  for (auto word = arguments.begin(); word != arguments.end(); ++word) {
    if (*word == "--") break;
    if (*word == "--at" || *word == "--timeout") {
      if (++word == arguments.end()) break;
    } else if (!word->starts_with("--")) {
      command = *word;
      arguments.erase(word);
      break;
    }
  }
  return arguments;
}

const Command* find_command(const std::string& name) {
  for (const Command* command : commands) {
    if (name == command->name) return command;
  }
  if (name.empty()) return nullptr;
  throw UsageError("there is no command " + name);
}

// Only long options, so that "-5" and "-" are words.
po::variables_map parse(const std::vector<std::string>& arguments, const Command* command) {
  po::options_description options = global_options();
  if (command != nullptr) command->add_options(options);
  options.add_options()("words", po::value<std::vector<std::string>>());
  po::positional_options_description words;
  words.add("words", -1);
  using namespace po::command_line_style;
  po::variables_map parsed;
  po::store(po::command_line_parser(arguments)
                .options(options)
                .positional(words)
                .style(allow_long | long_allow_adjacent | long_allow_next)
                .run(),
            parsed);
  po::notify(parsed);
  return parsed;
}

MapOptions map_options(const po::variables_map& options) {
  MapOptions chosen;
  if (options.count("at") != 0) chosen.contacts = options["at"].as<std::vector<std::string>>();
  const double seconds = options["timeout"].as<double>();
  if (!(seconds >= 0.001 && seconds <= 1e6)) {
    throw UsageError("--timeout is a number of seconds, from 0.001 to 1000000");
  }
  chosen.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1e3));
  return chosen;
}

ExitCode run(const Command& command, po::variables_map&& options) {
  std::vector<std::string> words;
  if (options.count("words") != 0) words = options["words"].as<std::vector<std::string>>();
  if (words.size() < command.words_min || words.size() > command.words_max) {
    throw UsageError(std::string("usage: hopring ") + command.name + " [OPTIONS] " + command.words);
  }
  auto map = Map::open(map_options(options));
  if (!map) throw UsageError(map.error().text);
  Context context{*map, std::move(options), std::move(words)};
  const ExitCode code = command.run(context);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::fprintf(stderr, "hopring: %s: the disk is full, or nobody reads\n",
               code == exit_done ? "it was done, but its answer could not be written"
                                 : "the answer could not be written");
  return exit_refused;
}

ExitCode run(const std::vector<std::string>& arguments) {
  std::string name;
  const std::vector<std::string> rest = take_command(arguments, name);
  const Command* const command = find_command(name);
  auto options = parse(rest, command);
  if (options.count("version") != 0) {
    std::puts("hopring " HOPRING_VERSION);
    return exit_done;
  }
  if (options.count("help") != 0) {
    print_help(command);
    return exit_done;
  }
  if (command == nullptr) throw UsageError("no command was given; --help lists them");
  return run(*command, std::move(options));
}

}  // namespace
}  // namespace hopring::cli

int main(int argc, char** argv) {
  using namespace hopring::cli;
  hopring::hold_standard_streams();
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const UsageError& error) {
    std::fprintf(stderr, "hopring: %s\n", error.what());
  } catch (const po::error& error) {
    std::fprintf(stderr, "hopring: %s\n", error.what());
  }
  return exit_usage;
}
