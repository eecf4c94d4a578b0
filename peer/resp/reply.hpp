#pragma once

// Writes replies of RESP2 and RESP3 behind what a buffer holds. What RESP2 has no type for it gets
// as Redis gives it: a map as a flat array, a double as a string, a boolean as 0 or 1.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hopring::resp {

enum class Protocol : std::uint8_t { resp2 = 2, resp3 = 3 };

class ReplyWriter {
 public:
  // `out` outlives the writer.
  ReplyWriter(std::string& out, Protocol protocol) : out_(out), protocol_(protocol) {}

  // A line: `text` has no end of a line in it.
  void simple(std::string_view text);
  void ok() { simple("OK"); }
  // `text` begins with a word in capitals, as ERR. Ends of lines in it become blanks.
  void error(std::string_view text);
  void integer(std::int64_t number) { header(':', number); }
  void bulk(std::string_view bytes);
  void null();        // instead of a bulk string
  void null_array();  // instead of an array
  void array(std::size_t size) { header('*', static_cast<std::int64_t>(size)); }
  // As many pairs follow, key and value.
  void map(std::size_t size);
  void set(std::size_t size);
  void number(double number);
  void boolean(bool is_true);
  // Text for people.
  void verbatim(std::string_view text);

  Protocol protocol() const { return protocol_; }
  void set_protocol(Protocol protocol) { protocol_ = protocol; }

 private:
  bool is_resp3() const { return protocol_ == Protocol::resp3; }
  void header(char type, std::int64_t number);

  std::string& out_;
  Protocol protocol_;
};

// As Redis prints it: the shortest text that reads as the same number.
std::string to_text(double number);

}  // namespace hopring::resp
