#pragma once

// Requests of RESP, the protocol of Redis, as they come out of a connection: arrays of bulk
// strings, and inline commands (words in a line, for telnet).
//
//   *2\r\n  $3\r\n GET\r\n  $3\r\n key\r\n        GET "key"\r\n
//
// The parser keeps no bytes: it is shown all that has been received and not taken, and remembers
// how far it has come, so that a request that arrives in many pieces is read once. Arguments are
// views of what it was shown; only those of an inline command are copied, since quotes change them.
// Errors are worded as Redis words them, for those who read them in a log.
//
// Invariants:
//   (1) memory() follows what has arrived: a length that is only announced takes nothing.
//   (2) an error stays; nothing that follows it can be trusted.
//
// https://redis.io/docs/reference/protocol-spec/

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hopring::resp {

// Of one request; as Redis. More is a protocol error.
inline constexpr std::size_t arguments_max = 1048576;
// Of an inline command, and of the line that announces a length; as Redis.
inline constexpr std::size_t line_bytes_max = std::size_t{64} << 10;
// Of one argument: a key or value of the ring's largest size passes, one that is somewhat larger is
// answered by an error that says so, and a larger one is a protocol error.
inline constexpr std::size_t bulk_bytes_max = std::size_t{32} << 20;
// Of one request. A connection holds so many before it is known what they are for; more is a
// protocol error. Redis takes 1 GiB.
inline constexpr std::size_t request_bytes_max = std::size_t{64} << 20;

// The arguments of a request, the command's name first. Valid as long as the bytes that they lie
// in.
class Arguments {
 public:
  struct Piece {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };
  Arguments() = default;
  Arguments(const char* base, const Piece* pieces, std::size_t size)
      : base_(base), pieces_(pieces), size_(size) {}

  std::size_t size() const { return size_; }
  // REQUIRES: index < size().
  std::string_view operator[](std::size_t index) const {
    return {base_ + pieces_[index].at, pieces_[index].size};
  }

 private:
  const char* base_ = nullptr;
  const Piece* pieces_ = nullptr;
  std::size_t size_ = 0;
};

class Parser {
 public:
  enum class Found : std::uint8_t { nothing, request, error };

  // `bytes`: all that has been received from the beginning of the request on; more than at the last
  // call, and otherwise the same. After `request` it goes on with take().
  Found next(std::string_view bytes);

  // After next() has found a request in `bytes`: what it says. It may be empty (an empty line).
  Arguments arguments(std::string_view bytes) const {
    return {is_inline_ ? line_.data() : bytes.data(), pieces_.data(), pieces_.size()};
  }

  // The request is dealt with: how many bytes it had.
  std::size_t take();

  // After `error`: the text, without its "-ERR ".
  const std::string& error() const { return error_; }

  // Bytes that its lists take.
  std::size_t memory() const {
    return pieces_.capacity() * sizeof(Arguments::Piece) + line_.capacity();
  }

 private:
  Found next_inline(std::string_view bytes);
  Found next_array(std::string_view bytes);
  // The line at `at_`, without its end; false: it has not arrived, or it is an error.
  bool line(std::string_view bytes, const char* too_long, std::string_view& found);
  bool begin_array(std::string_view bytes);
  bool begin_bulk(std::string_view bytes);
  bool split(std::string_view line);
  void fail(std::string text);
  Found complete(std::size_t end);

  std::vector<Arguments::Piece> pieces_;
  std::string line_;  // of an inline command: its words
  std::string error_;
  std::size_t at_ = 0;          // all before has been understood
  std::size_t scanned_ = 0;     // no end of a line before this, from at_ on
  std::size_t announced_ = 0;   // arguments of the array
  std::size_t bulk_bytes_ = 0;  // of the argument at at_, if is_in_bulk_
  bool is_in_array_ = false;
  bool is_in_bulk_ = false;
  bool is_inline_ = false;
  bool is_complete_ = false;
};

// A whole number as Redis reads it: no sign but a leading `-`, no leading zero, no blank. False if
// it is none, or has more than 64 bits.
bool parse_integer(std::string_view text, std::int64_t& number);

}  // namespace hopring::resp
