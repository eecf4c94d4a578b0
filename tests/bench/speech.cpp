#include "tests/bench/speech.hpp"

#include <charconv>
#include <stdexcept>

namespace hopring::bench {
namespace {

constexpr std::string_view line_end = "\r\n";

[[noreturn]] void refuse(std::string_view line) {
  throw std::runtime_error("the server does not speak as it should: '" +
                           std::string(line.substr(0, 80)) + "'");
}

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) refuse(text);
  return value;
}

// The first line, without its end; empty: it is not whole.
std::string_view line_of(std::string_view received) {
  const std::size_t end = received.find(line_end);
  return end == std::string_view::npos ? std::string_view{} : received.substr(0, end);
}

// Single keys have a short way: a load must cost less than what it measures.
static_assert(NetKey::size == 24, "as append_get() and append_put() say");

class Resp final : public Conversation {
 public:
  void append_get(std::span<const NetKey> keys, std::string& out) override {
    if (keys.size() == 1) {
      (out += "*2\r\n$3\r\nGET\r\n$24\r\n") += keys[0].view();
      out += line_end;
      return;
    }
    append_array(keys.size() + 1, out);
    append("MGET", out);
    for (const NetKey& key : keys) append(key.view(), out);
  }

  void append_put(std::span<const NetKey> keys, std::string_view value, std::string& out) override {
    if (keys.size() == 1) {
      (out += "*3\r\n$3\r\nSET\r\n$24\r\n") += keys[0].view();
      out += line_end;
      return append(value, out);
    }
    append_array(2 * keys.size() + 1, out);
    append("MSET", out);
    for (const NetKey& key : keys) {
      append(key.view(), out);
      append(value, out);
    }
  }

  Reply read(std::string_view received) override {
    const std::string_view line = line_of(received);
    if (line.empty()) return {};
    Reply reply{line.size() + line_end.size()};
    switch (line[0]) {
      case '+':
      case ':':
        return reply;
      case '-':
        reply.is_error = true;
        return reply;
      case '_':
        reply.misses = 1;
        return reply;
      case '$':
        return read_bulk(line, received.size());
      case '*':
        return read_array(line, received);
      default:
        refuse(line);
    }
  }

 private:
  static void append_count(char kind, std::size_t count, std::string& out) {
    char text[24];
    out += kind;
    out.append(text, std::to_chars(text, text + sizeof text, count).ptr);
    out += line_end;
  }
  static void append_array(std::size_t count, std::string& out) { append_count('*', count, out); }
  static void append(std::string_view bulk, std::string& out) {
    append_count('$', bulk.size(), out);
    out += bulk;
    out += line_end;
  }

  static Reply read_bulk(std::string_view line, std::size_t received) {
    const std::int64_t size = number(line.substr(1));
    if (size < 0) return {line.size() + line_end.size(), 1};
    const std::size_t bytes = line.size() + static_cast<std::size_t>(size) + 2 * line_end.size();
    return {bytes <= received ? bytes : 0};
  }

  Reply read_array(std::string_view line, std::string_view received) {
    Reply all{line.size() + line_end.size()};
    for (std::int64_t i = number(line.substr(1)); i > 0; --i) {
      const Reply each = read(received.substr(all.bytes));
      if (each.bytes == 0) return {};
      all.bytes += each.bytes;
      all.misses += each.misses;
      all.is_error |= each.is_error;
    }
    return all;
  }
};

// The text protocol. A get names several keys; what is not there is left out of the reply.
class Memcached final : public Conversation {
 public:
  void append_get(std::span<const NetKey> keys, std::string& out) override {
    asked_ = keys.size();
    out += "get";
    for (const NetKey& key : keys) (out += ' ') += key.view();
    out += line_end;
  }

  void append_put(std::span<const NetKey> keys, std::string_view value, std::string& out) override {
    for (const NetKey& key : keys) {
      ((out += "set ") += key.view()) += " 0 0 ";
      ((out += std::to_string(value.size())) += line_end) += value;
      out += line_end;
    }
  }

  Reply read(std::string_view received) override {
    Reply reply;
    std::size_t found = 0;
    for (std::size_t at = 0;;) {
      const std::string_view line = line_of(received.substr(at));
      if (line.empty()) return {};
      at += line.size() + line_end.size();
      reply.bytes = at;
      if (line == "STORED") return reply;
      if (line == "END") {
        reply.misses = static_cast<std::uint32_t>(asked_ - found);
        return reply;
      }
      if (!line.starts_with("VALUE ")) {
        reply.is_error = line.find("ERROR") != std::string_view::npos;
        if (!reply.is_error) refuse(line);
        return reply;
      }
      ++found;
      at += static_cast<std::size_t>(number(line.substr(line.rfind(' ') + 1))) + line_end.size();
      if (at > received.size()) return {};
    }
  }

 private:
  std::size_t asked_ = 0;  // keys of each get: the same of all
};

}  // namespace

std::unique_ptr<Conversation> conversation(Speech speech) {
  if (speech == Speech::memcached) return std::make_unique<Memcached>();
  return std::make_unique<Resp>();
}

}  // namespace hopring::bench
