#include "sim/scenario.hpp"

#include <cstdint>
#include <vector>

#include "sim/scenario_ring.hpp"
#include "sim/scenario_text.hpp"

namespace hopring::sim {
namespace {

std::string at(const std::string& name, std::size_t line) {
  return name + ":" + std::to_string(line) + ": ";
}

// The first thing wrong with its first and last command; empty if nothing is.
ScenarioFault frame_fault(const std::vector<Block>& blocks) {
  const Command& first = blocks.front().commands.front();
  const Command& last = blocks.back().commands.back();
  if (first.usage != 0) return {first.line, "the first command is not `seeds COUNTS`"};
  if (last.usage + 1 != ScenarioRing::usages().size()) {
    return {last.line, "the last command is not `whole within TIME`"};
  }
  return {};
}

std::string indented(const std::string& text) { return "    " + text + "\n"; }

class Player {
 public:
  Player(const std::string& name, std::uint64_t seed, const ScenarioOptions& options)
      : name_(name), seed_(seed), ring_(seed, options) {}

  std::string play(const std::vector<Block>& blocks) {
    for (const Block& block : blocks) {
      std::vector<std::string> printed;
      for (const Command& command : block.commands) {
        if (command.usage == 0 && &command == &blocks.front().commands.front()) continue;
        for (std::string& line : ring_.play(command)) printed.push_back(std::move(line));
        std::string wrong = what_is_wrong_after(command);
        if (!wrong.empty()) return wrong;
      }
      if (printed != block.expected) return differing(block, printed);
    }
    const std::size_t end = blocks.back().commands.back().line;
    return ring_.has_silence() ? at(name_, end) + "the ring is not mended at its end\n" : "";
  }

 private:
  std::string seed() const { return "with seed " + std::to_string(seed_); }

  std::string what_is_wrong_after(const Command& command) const {
    const std::string after = at(name_, command.line) + "`" + command.text + "`";
    if (!ring_.refusal().empty()) return after + ": " + ring_.refusal() + "\n";
    if (ring_.violations().empty()) return "";
    std::string text = after + ", " + seed() + ", breaks what always holds:\n";
    for (const std::string& each : ring_.violations()) text += indented(each);
    return text;
  }

  std::string differing(const Block& block, const std::vector<std::string>& printed) const {
    std::string text = at(name_, block.line) + seed() + " the output differs:\n";
    for (const Command& each : block.commands) text += indented(each.text);
    return text + indented("----") + difference(block.expected, printed);
  }

  std::string name_;
  std::uint64_t seed_;
  ScenarioRing ring_;
};

}  // namespace

std::string play_scenario(const std::string& name, std::string_view text,
                          const ScenarioOptions& options) {
  const auto parsed = parse_scenario(text, ScenarioRing::usages());
  if (const auto* fault = std::get_if<ScenarioFault>(&parsed)) {
    return at(name, fault->line) + fault->what + "\n";
  }
  const auto& blocks = std::get<std::vector<Block>>(parsed);
  const ScenarioFault fault = frame_fault(blocks);
  if (!fault.what.empty()) return at(name, fault.line) + fault.what + "\n";
  for (const std::uint64_t seed : blocks.front().commands.front().arguments[0].counts) {
    std::string wrong = Player(name, seed, options).play(blocks);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace hopring::sim
