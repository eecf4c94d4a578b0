#pragma once

// Patterns of MATCH, KEYS and CONFIG GET: `*`, `?`, `[a-z]`, `[^a]`, `\x`; as Redis reads them.
// Bytes, not characters.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hopring::resp {

// Of a pattern: the time that a match takes grows with the product of pattern and text. More is an
// error; Redis has no such bound.
inline constexpr std::size_t pattern_bytes_max = 512;

// Does the whole of `text` match? `steps` grows by about how many bytes were compared: at most
// pattern times text, whatever the pattern.
bool matches(std::string_view pattern, std::string_view text, std::uint64_t& steps);

// What each text that matches begins with; the longest that is told without a search.
std::string literal_prefix(std::string_view pattern);

}  // namespace hopring::resp
