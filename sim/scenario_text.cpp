#include "sim/scenario_text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

namespace hopring::sim {
namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

bool is_argument(const std::string& word) { return word[0] >= 'A' && word[0] <= 'Z'; }
bool is_list(const std::string& word) { return is_argument(word) && word.back() == 'S'; }

std::optional<std::uint64_t> number_in(std::string_view word) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool is_whole = error == std::errc() && end == word.data() + word.size();
  return is_whole && number <= 1'000'000 ? std::optional(number) : std::nullopt;
}

std::optional<Duration> time_in(std::string_view word) {
  const bool is_ms = word.ends_with("ms");
  if (!word.ends_with('s')) return std::nullopt;
  word.remove_suffix(is_ms ? 2 : 1);
  const auto number = number_in(word);
  if (!number) return std::nullopt;
  const auto count = static_cast<std::int64_t>(*number);
  return is_ms ? Duration(std::chrono::milliseconds(count)) : Duration(std::chrono::seconds(count));
}

// Does this word fit there? Then it is added.
bool take(const std::string& place, const std::string& word, Argument& argument) {
  if (place == "TIME") {
    const auto time = time_in(word);
    if (time) argument.time = *time;
    return time.has_value();
  }
  if (place == "COUNT" || place == "COUNTS") {
    const auto count = number_in(word);
    if (count) argument.counts.push_back(*count);
    return count.has_value();
  }
  argument.words.push_back(word);
  return true;
}

// Lists end where the word begins that follows them in the usage.
std::optional<std::vector<Argument>> match(const Words& usage, const Words& words) {
  std::vector<Argument> arguments;
  std::size_t at = 0;
  for (std::size_t i = 0; i < usage.size(); ++i) {
    const std::string& place = usage[i];
    if (at == words.size()) return std::nullopt;
    if (!is_argument(place)) {
      if (words[at++] != place) return std::nullopt;
      continue;
    }
    arguments.emplace_back();
    const auto is_end = [&] {
      return at == words.size() || (i + 1 < usage.size() && words[at] == usage[i + 1]);
    };
    do {
      if (!take(place, words[at++], arguments.back())) return std::nullopt;
    } while (is_list(place) && !is_end());
  }
  return at == words.size() ? std::optional(std::move(arguments)) : std::nullopt;
}

// The command, or what is wrong with it.
std::variant<Command, std::string> parse_command(const std::string& text,
                                                 std::span<const std::string_view> usages) {
  const Words words = words_of(text);
  std::string alike;
  for (std::size_t i = 0; i < usages.size(); ++i) {
    const Words usage = words_of(std::string(usages[i]));
    if (auto arguments = match(usage, words)) {
      return Command{0, text, i, std::move(*arguments)};
    }
    if (usage[0] == words[0])
      alike += (alike.empty() ? "`" : " or `") + std::string(usages[i]) + "`";
  }
  if (alike.empty()) return "there is no command `" + words[0] + "`";
  return "`" + text + "` is not like " + alike;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

// How many lines the rests from (i, j) on have in common, at most.
using Common = std::vector<std::vector<std::size_t>>;

Common common_lines(const Words& a, const Words& b) {
  Common common(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  return common;
}

}  // namespace

std::variant<std::vector<Block>, ScenarioFault> parse_scenario(
    std::string_view text, std::span<const std::string_view> usages) {
  std::vector<Block> blocks;
  bool is_in_block = false;
  bool is_output = false;
  std::size_t number = 0;
  for (const std::string& line : lines_of(text)) {
    ++number;
    if (line.empty()) {
      is_in_block = is_output = false;
    } else if (is_output) {
      blocks.back().expected.push_back(line);
    } else if (line == "----") {
      if (!is_in_block) return ScenarioFault{number, "output of no command"};
      is_output = true;
    } else if (line[0] != '#') {
      auto parsed = parse_command(line, usages);
      if (const auto* wrong = std::get_if<std::string>(&parsed)) {
        return ScenarioFault{number, *wrong};
      }
      if (!is_in_block) blocks.push_back({number, {}, {}});
      is_in_block = true;
      blocks.back().commands.push_back(std::move(std::get<Command>(parsed)));
      blocks.back().commands.back().line = number;
    }
  }
  if (blocks.empty()) return ScenarioFault{number, "there are no commands"};
  return blocks;
}

std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual) {
  const Common common = common_lines(expected, actual);
  std::string text;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < expected.size() || j < actual.size()) {
    if (i < expected.size() && j < actual.size() && expected[i] == actual[j]) {
      text += "  " + expected[i++] + "\n";
      ++j;
    } else if (i < expected.size() &&
               (j == actual.size() || common[i + 1][j] >= common[i][j + 1])) {
      text += "- " + expected[i++] + "\n";
    } else {
      text += "+ " + actual[j++] + "\n";
    }
  }
  return text;
}

}  // namespace hopring::sim
