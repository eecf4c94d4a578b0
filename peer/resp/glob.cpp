#include "peer/resp/glob.hpp"

#include <algorithm>

namespace hopring::resp {
namespace {

// A part of a pattern that stands for one byte.
struct Part {
  bool is_match = false;
  std::size_t size = 0;  // in the pattern
};

std::size_t unsigned_of(char c) { return static_cast<unsigned char>(c); }

// `[...]` at the beginning of `pattern`; one that does not end goes to the pattern's end.
Part match_class(std::string_view pattern, char c) {
  std::size_t i = 1;
  const bool is_negated = i < pattern.size() && pattern[i] == '^';
  if (is_negated) ++i;
  bool is_in = false;
  for (; i < pattern.size() && pattern[i] != ']'; ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      is_in |= pattern[++i] == c;
    } else if (i + 2 < pattern.size() && pattern[i + 1] == '-') {
      const auto [low, high] = std::minmax({unsigned_of(pattern[i]), unsigned_of(pattern[i + 2])});
      is_in |= low <= unsigned_of(c) && unsigned_of(c) <= high;
      i += 2;
    } else {
      is_in |= pattern[i] == c;
    }
  }
  return {is_in != is_negated, std::min(i + 1, pattern.size())};
}

// REQUIRES: `pattern` is not empty and does not begin with `*`.
Part match_one(std::string_view pattern, char c) {
  if (pattern[0] == '?') return {true, 1};
  if (pattern[0] == '[') return match_class(pattern, c);
  if (pattern[0] == '\\' && pattern.size() > 1) return {pattern[1] == c, 2};
  return {pattern[0] == c, 1};
}

}  // namespace

// Where a byte does not fit, the last `*` takes one byte more: what an earlier one took need not be
// looked at again, since the last one can take all that follows.
bool matches(std::string_view pattern, std::string_view text, std::uint64_t& steps) {
  std::size_t at = 0;                            // in the pattern
  std::size_t i = 0;                             // in the text
  std::size_t star_at = std::string_view::npos;  // behind the last `*`
  std::size_t star_i = 0;                        // what it takes ends here
  while (i < text.size()) {
    Part part;
    if (at < pattern.size() && pattern[at] == '*') {
      star_at = ++at;
      star_i = i;
      continue;
    }
    if (at < pattern.size()) part = match_one(pattern.substr(at), text[i]);
    steps += part.size + 1;
    if (part.is_match) {
      at += part.size;
      ++i;
    } else if (star_at != std::string_view::npos) {
      at = star_at;
      i = ++star_i;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

std::string literal_prefix(std::string_view pattern) {
  std::string prefix;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*' || pattern[i] == '?' || pattern[i] == '[') break;
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    prefix += pattern[i];
  }
  return prefix;
}

}  // namespace hopring::resp
