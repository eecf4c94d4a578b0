#pragma once

// The text of a scenario (scenario.hpp), read and checked before any of it is played; and how its
// output differs from what was expected.
//
// Thread rule: one thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"

namespace hopring::sim {

// What stands in one place of a command that its usage names in capitals.
struct Argument {
  std::vector<std::string> words;     // PEER, PEERS, NAME and the like
  std::vector<std::uint64_t> counts;  // COUNT, COUNTS
  Duration time{};                    // TIME
};

struct Command {
  std::size_t line = 0;   // of the text, from 1 on
  std::string text;       // as it stands there
  std::size_t usage = 0;  // which of those that parse() was given
  std::vector<Argument> arguments;
};

struct Block {
  std::size_t line = 0;  // of its first command
  std::vector<Command> commands;
  std::vector<std::string> expected;
};

struct ScenarioFault {
  std::size_t line = 0;
  std::string what;
};

// Usages are like "cut PEERS | PEERS": words in capitals stand for arguments, of which those that
// end in S are one word or more; all others must stand there as they are. Two usages may begin
// alike.
std::variant<std::vector<Block>, ScenarioFault> parse_scenario(
    std::string_view text, std::span<const std::string_view> usages);

// Line by line: with "- " what is only expected, with "+ " what is only there.
std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual);

}  // namespace hopring::sim
