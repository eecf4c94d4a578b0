#include "peer/resp/parser.hpp"

#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.hpp"

namespace hopring::resp {
namespace {

constexpr std::size_t line_end_bytes = 2;
// A list of arguments that was longer is given back: 16 KiB for each connection.
constexpr std::size_t pieces_kept_max = 2048;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// The rest of a word in quotes, behind the first of them; `at` is left behind the last. False if
// that does not come, or something follows it at once.
bool read_quoted(std::string_view line, char quote, std::size_t& at, std::string& out) {
  while (at < line.size()) {
    const char c = line[at];
    const std::string_view rest = line.substr(at);
    const bool is_hex = quote == '"' && rest.size() >= 4 && rest.substr(0, 2) == "\\x" &&
                        hex_digit(rest[2]) >= 0 && hex_digit(rest[3]) >= 0;
    if (is_hex) {
      out.push_back(static_cast<char>(hex_digit(rest[2]) * 16 + hex_digit(rest[3])));
      at += 4;
    } else if (c == '\\' && rest.size() >= 2 && (quote == '"' || rest[1] == '\'')) {
      out.push_back(quote == '"' ? unescaped(rest[1]) : rest[1]);
      at += 2;
    } else if (c == quote) {
      at += 1;
      return at == line.size() || is_blank(line[at]);
    } else {
      out.push_back(c);
      at += 1;
    }
  }
  return false;
}

}  // namespace

bool parse_integer(std::string_view text, std::int64_t& number) {
  const std::size_t digits_at = text.starts_with('-') ? 1 : 0;
  if (text.size() <= digits_at) return false;
  const bool has_leading_zero = text[digits_at] == '0' && text.size() > 1;
  if (has_leading_zero) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Parser::Found Parser::next(std::string_view bytes) {
  if (ahead() == 0) {
    Found found = Found::request;
    while (found == Found::request && may_read_on()) found = read_one(bytes.substr(ahead_bytes_));
  }
  if (ahead() > 0) return Found::request;
  return error_.empty() ? Found::nothing : Found::error;
}

// The words of inline commands are together: the next one could move those of the last one.
bool Parser::may_read_on() const {
  if (ahead_.empty()) return true;
  return ahead_.size() < requests_ahead_max && pieces_.size() < arguments_ahead_max &&
         line_.empty();
}

// What is left is the beginning of a request, as far as it has been read.
void Parser::forget_taken() {
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(begun_.first_piece));
  begun_.first_piece = 0;
  ahead_.clear();
  first_ = 0;
  line_.clear();
  if (pieces_.size() <= pieces_kept_max && pieces_.capacity() > pieces_kept_max) {
    pieces_.shrink_to_fit();
  }
  if (line_.capacity() > pieces_kept_max) line_.shrink_to_fit();
}

Parser::Found Parser::read_one(std::string_view bytes) {
  if (!error_.empty()) return Found::error;
  if (bytes.empty()) return Found::nothing;
  const Found found = bytes[0] == '*' ? next_array(bytes) : next_inline(bytes);
  if (!error_.empty()) return Found::error;
  if (found == Found::nothing && bytes.size() > request_bytes_max) {
    fail("Protocol error: too big request");
    return Found::error;
  }
  return found;
}

std::size_t Parser::take() {
  HOPRING_CHECK(ahead() > 0);
  const std::size_t bytes = ahead_[first_++].bytes;
  ahead_bytes_ -= bytes;
  if (ahead() == 0) forget_taken();
  return bytes;
}

void Parser::fail(std::string text) { error_ = std::move(text); }

Parser::Found Parser::complete(std::size_t bytes, bool is_inline) {
  ahead_.push_back({bytes, begun_.first_piece, pieces_.size() - begun_.first_piece, is_inline});
  ahead_bytes_ += bytes;
  begun_ = {.first_piece = pieces_.size()};
  return Found::request;
}

// Arrays.

namespace {

struct Few {
  std::size_t bytes = 0;  // with the end of the line; 0: it is not as simple as that
  std::size_t number = 0;
};

// A number of one or two digits and the end of its line, which nearly all are.
inline Few few_digits(std::string_view bytes, std::size_t at) {
  if (bytes.size() < at + 2 + line_end_bytes) return {};
  const char* const text = bytes.data() + at;
  const auto first = static_cast<unsigned char>(text[0] - '0');
  const auto second = static_cast<unsigned char>(text[1] - '0');
  if (first > 9) return {};
  if (text[1] == '\r') return {1 + line_end_bytes, first};
  if (first == 0 || second > 9 || text[2] != '\r') return {};
  return {2 + line_end_bytes, first * std::size_t{10} + second};
}

}  // namespace

bool Parser::line(std::string_view bytes, const char* too_long, std::string_view& found) {
  if (begun_.scanned < begun_.at) begun_.scanned = begun_.at;
  const void* const end =
      begun_.scanned == bytes.size()
          ? nullptr
          : std::memchr(bytes.data() + begun_.scanned, '\r', bytes.size() - begun_.scanned);
  if (end == nullptr) {
    begun_.scanned = bytes.size();
    if (bytes.size() - begun_.at > line_bytes_max) fail(too_long);
    return false;
  }
  const auto end_at = static_cast<std::size_t>(static_cast<const char*>(end) - bytes.data());
  begun_.scanned = end_at;
  if (end_at + line_end_bytes > bytes.size()) return false;
  found = bytes.substr(begun_.at, end_at - begun_.at);
  return true;
}

Parser::Found Parser::next_array(std::string_view bytes) {
  if (!begun_.is_in_array && !begin_array(bytes)) return Found::nothing;
  while (pieces_.size() - begun_.first_piece < begun_.announced) {
    if (!begun_.is_in_bulk && !begin_bulk(bytes)) return Found::nothing;
    if (bytes.size() - begun_.at < begun_.bulk_bytes + line_end_bytes) return Found::nothing;
    pieces_.push_back(
        {static_cast<std::uint32_t>(begun_.at), static_cast<std::uint32_t>(begun_.bulk_bytes)});
    begun_.at += begun_.bulk_bytes + line_end_bytes;
    begun_.is_in_bulk = false;
    if (begun_.at > request_bytes_max) {
      fail("Protocol error: too big request");
      return Found::error;
    }
  }
  return complete(begun_.at, false);
}

// The number of the line at begun_.at, behind its first byte, and on to the next line; false: the
// line has not arrived, or is an error.
bool Parser::announced(std::string_view bytes, const Announcement& kind, std::size_t& number) {
  if (const Few few = few_digits(bytes, begun_.at + 1); few.bytes > 0) {
    number = few.number;
    begun_.at += 1 + few.bytes;
    return true;
  }
  std::string_view text;
  if (!line(bytes, kind.too_long, text)) return false;
  std::int64_t told = 0;
  if (!parse_integer(text.substr(1), told) || told > kind.most || told < kind.least) {
    fail(kind.invalid);
    return false;
  }
  number = told > 0 ? static_cast<std::size_t>(told) : 0;
  begun_.at += text.size() + line_end_bytes;
  return true;
}

bool Parser::begin_array(std::string_view bytes) {
  constexpr Announcement kind{"Protocol error: too big mbulk count string",
                              "Protocol error: invalid multibulk length",
                              std::numeric_limits<std::int64_t>::min(), arguments_max};
  begun_.is_in_array = announced(bytes, kind, begun_.announced);
  return begun_.is_in_array;
}

bool Parser::begin_bulk(std::string_view bytes) {
  constexpr Announcement kind{"Protocol error: too big bulk count string",
                              "Protocol error: invalid bulk length", 0, bulk_bytes_max};
  if (bytes.size() > begun_.at && bytes[begun_.at] != '$') {
    fail(std::string("Protocol error: expected '$', got '") + bytes[begun_.at] + "'");
    return false;
  }
  begun_.is_in_bulk = announced(bytes, kind, begun_.bulk_bytes);
  return begun_.is_in_bulk;
}

// Inline commands.

Parser::Found Parser::next_inline(std::string_view bytes) {
  const std::size_t end = bytes.find('\n', begun_.scanned);
  const std::size_t size = end == std::string_view::npos ? bytes.size() : end;
  if (size > line_bytes_max) {
    fail("Protocol error: too big inline request");
    return Found::error;
  }
  begun_.scanned = size;
  if (end == std::string_view::npos) return Found::nothing;
  std::string_view text = bytes.substr(0, end);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (!split(text)) {
    fail("Protocol error: unbalanced quotes in request");
    return Found::error;
  }
  return complete(end + 1, true);
}

// As sdssplitargs() of Redis: words between blanks, in "..." with escapes or in '...'.
bool Parser::split(std::string_view line) {
  std::size_t at = 0;
  for (;;) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at == line.size()) return true;
    const std::size_t begin = line_.size();
    bool is_open = true;
    while (is_open && at < line.size() && !is_blank(line[at])) {
      const char c = line[at++];
      if (c == '"' || c == '\'') {
        if (!read_quoted(line, c, at, line_)) return false;
        is_open = false;
      } else {
        line_.push_back(c);
      }
    }
    pieces_.push_back(
        {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(line_.size() - begin)});
  }
}

}  // namespace hopring::resp
