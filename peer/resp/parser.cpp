#include "peer/resp/parser.hpp"

#include <charconv>
#include <cstring>
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
  if (!error_.empty()) return Found::error;
  if (is_complete_) return Found::request;
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
  HOPRING_CHECK(is_complete_);
  const std::size_t size = at_;
  pieces_.clear();
  line_.clear();
  if (pieces_.capacity() > pieces_kept_max) pieces_.shrink_to_fit();
  if (line_.capacity() > pieces_kept_max) line_.shrink_to_fit();
  at_ = scanned_ = announced_ = 0;
  is_in_array_ = is_in_bulk_ = is_inline_ = is_complete_ = false;
  return size;
}

void Parser::fail(std::string text) { error_ = std::move(text); }

Parser::Found Parser::complete(std::size_t end) {
  at_ = end;
  is_complete_ = true;
  return Found::request;
}

// Arrays.

bool Parser::line(std::string_view bytes, const char* too_long, std::string_view& found) {
  if (scanned_ < at_) scanned_ = at_;
  const void* const end = scanned_ == bytes.size()
                              ? nullptr
                              : std::memchr(bytes.data() + scanned_, '\r', bytes.size() - scanned_);
  if (end == nullptr) {
    scanned_ = bytes.size();
    if (bytes.size() - at_ > line_bytes_max) fail(too_long);
    return false;
  }
  const auto end_at = static_cast<std::size_t>(static_cast<const char*>(end) - bytes.data());
  scanned_ = end_at;
  if (end_at + line_end_bytes > bytes.size()) return false;
  found = bytes.substr(at_, end_at - at_);
  return true;
}

Parser::Found Parser::next_array(std::string_view bytes) {
  if (!is_in_array_ && !begin_array(bytes)) return Found::nothing;
  while (pieces_.size() < announced_) {
    if (!is_in_bulk_ && !begin_bulk(bytes)) return Found::nothing;
    if (bytes.size() - at_ < bulk_bytes_ + line_end_bytes) return Found::nothing;
    pieces_.push_back({static_cast<std::uint32_t>(at_), static_cast<std::uint32_t>(bulk_bytes_)});
    at_ += bulk_bytes_ + line_end_bytes;
    is_in_bulk_ = false;
    if (at_ > request_bytes_max) {
      fail("Protocol error: too big request");
      return Found::error;
    }
  }
  return complete(at_);
}

bool Parser::begin_array(std::string_view bytes) {
  std::string_view text;
  if (!line(bytes, "Protocol error: too big mbulk count string", text)) return false;
  std::int64_t count = 0;
  if (!parse_integer(text.substr(1), count) || count > static_cast<std::int64_t>(arguments_max)) {
    fail("Protocol error: invalid multibulk length");
    return false;
  }
  announced_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  at_ += text.size() + line_end_bytes;
  is_in_array_ = true;
  return true;
}

bool Parser::begin_bulk(std::string_view bytes) {
  std::string_view text;
  if (bytes.size() > at_ && bytes[at_] != '$') {
    fail(std::string("Protocol error: expected '$', got '") + bytes[at_] + "'");
    return false;
  }
  if (!line(bytes, "Protocol error: too big bulk count string", text)) return false;
  std::int64_t size = 0;
  if (!parse_integer(text.substr(1), size) || size < 0 ||
      size > static_cast<std::int64_t>(bulk_bytes_max)) {
    fail("Protocol error: invalid bulk length");
    return false;
  }
  bulk_bytes_ = static_cast<std::size_t>(size);
  at_ += text.size() + line_end_bytes;
  is_in_bulk_ = true;
  return true;
}

// Inline commands.

Parser::Found Parser::next_inline(std::string_view bytes) {
  const std::size_t end = bytes.find('\n', scanned_);
  const std::size_t size = end == std::string_view::npos ? bytes.size() : end;
  if (size > line_bytes_max) {
    fail("Protocol error: too big inline request");
    return Found::error;
  }
  scanned_ = size;
  if (end == std::string_view::npos) return Found::nothing;
  std::string_view text = bytes.substr(0, end);
  if (text.ends_with('\r')) text.remove_suffix(1);
  is_inline_ = true;
  if (!split(text)) {
    fail("Protocol error: unbalanced quotes in request");
    return Found::error;
  }
  return complete(end + 1);
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
