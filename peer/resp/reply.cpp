#include "peer/resp/reply.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace hopring::resp {
namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view verbatim_kind = "txt:";

}  // namespace

std::string to_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  return std::string(text, end);
}

void ReplyWriter::header(char type, std::int64_t number) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  out_.push_back(type);
  out_.append(text, end);
  out_.append(line_end);
}

void ReplyWriter::simple(std::string_view text) {
  out_.push_back('+');
  out_.append(text);
  out_.append(line_end);
}

void ReplyWriter::error(std::string_view text) {
  out_.push_back('-');
  for (const char c : text) out_.push_back(c == '\r' || c == '\n' ? ' ' : c);
  out_.append(line_end);
}

void ReplyWriter::bulk(std::string_view bytes) {
  constexpr std::size_t short_max = 256;  // put together first: one look at the room is enough
  if (bytes.size() > short_max) {
    header('$', static_cast<std::int64_t>(bytes.size()));
    out_.append(bytes);
    out_.append(line_end);
    return;
  }
  std::array<char, short_max + 16> text;
  char* end = text.data();
  *end++ = '$';
  end = std::to_chars(end, text.data() + text.size(), bytes.size()).ptr;
  end = std::copy(line_end.begin(), line_end.end(), end);
  end = std::copy(bytes.begin(), bytes.end(), end);
  end = std::copy(line_end.begin(), line_end.end(), end);
  out_.append(text.data(), end);
}

void ReplyWriter::null() { out_.append(is_resp3() ? "_\r\n" : "$-1\r\n"); }

void ReplyWriter::null_array() { out_.append(is_resp3() ? "_\r\n" : "*-1\r\n"); }

void ReplyWriter::map(std::size_t size) {
  is_resp3() ? header('%', static_cast<std::int64_t>(size)) : array(2 * size);
}

void ReplyWriter::set(std::size_t size) {
  is_resp3() ? header('~', static_cast<std::int64_t>(size)) : array(size);
}

void ReplyWriter::number(double number) {
  const std::string text = to_text(number);
  if (!is_resp3()) return bulk(text);
  out_.push_back(',');
  out_.append(text);
  out_.append(line_end);
}

void ReplyWriter::boolean(bool is_true) {
  if (!is_resp3()) return integer(is_true ? 1 : 0);
  out_.append(is_true ? "#t\r\n" : "#f\r\n");
}

void ReplyWriter::verbatim(std::string_view text) {
  if (!is_resp3()) return bulk(text);
  header('=', static_cast<std::int64_t>(verbatim_kind.size() + text.size()));
  out_.append(verbatim_kind);
  out_.append(text);
  out_.append(line_end);
}

}  // namespace hopring::resp
