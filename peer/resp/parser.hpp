#pragma once

// Requests of RESP, the protocol of Redis, as they come out of a connection: arrays of bulk
// strings, and inline commands (words in a line, for telnet).
//
//   *2\r\n  $3\r\n GET\r\n  $3\r\n key\r\n        GET "key"\r\n
//
// The parser keeps no bytes: it is shown all that has been received and not taken, and remembers
// how far it has come, so that a request that arrives in many pieces is read once. It reads ahead:
// of a pipeline, several requests are known before the first one is dealt with. Arguments are views
// of what it was shown; only those of an inline command are copied, since quotes change them.
// Errors are worded as Redis words them, for those who read them in a log.
//
//   bytes    | request | request | request | begin of one |
//   known      `-- ahead() of them, the first one first     `-- goes on when more has come
//
// Invariants:
//   (1) memory() follows what has arrived: a length that is only announced takes nothing.
//   (2) an error stays; nothing that follows it can be trusted. What stands before it is told
//   first. (3) begun_.at is relative to where its request begins, behind all that are ahead.
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

// Requests that are read before the first of them is dealt with: the keyspace is told of their keys
// (keys_expected_max).
inline constexpr std::size_t requests_ahead_max = 16;
// With more arguments in all it does not read on: what a few long requests need comes in time.
inline constexpr std::size_t arguments_ahead_max = 256;

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

  // `bytes`: all that has been received from the beginning of the first request on that was not
  // taken; at least as much as at the last call, and otherwise the same. After `request` it goes on
  // with take().
  Found next(std::string_view bytes);

  // Requests that next() has found and nobody has taken.
  std::size_t ahead() const { return ahead_.size() - first_; }

  // What the first of them says. It may be empty (an empty line). `bytes`: as next() was shown.
  // REQUIRES: ahead() > 0.
  Arguments arguments(std::string_view bytes) const {
    return arguments_of(ahead_[first_], bytes.data());
  }
  // visit(const Arguments&) -> bool (go on?) for all of them.
  template <class Visit>
  void for_each_ahead(std::string_view bytes, Visit&& visit) const {
    const char* base = bytes.data();
    for (std::size_t i = first_; i < ahead_.size(); base += ahead_[i++].bytes) {
      if (!visit(arguments_of(ahead_[i], base))) return;
    }
  }

  // The first of them is dealt with: how many bytes it had. REQUIRES: ahead() > 0.
  std::size_t take();

  // After `error`: the text, without its "-ERR ".
  const std::string& error() const { return error_; }

  // Bytes that its lists take.
  std::size_t memory() const {
    return pieces_.capacity() * sizeof(Arguments::Piece) + line_.capacity() +
           ahead_.capacity() * sizeof(Request);
  }

 private:
  struct Request {
    std::size_t bytes = 0;
    std::size_t first_piece = 0;
    std::size_t pieces = 0;
    bool is_inline = false;  // its pieces lie in line_
  };
  // The request that is being read.
  struct Begun {
    std::size_t first_piece = 0;
    std::size_t at = 0;          // all before has been understood
    std::size_t scanned = 0;     // no end of a line before this, from `at` on
    std::size_t announced = 0;   // arguments of the array
    std::size_t bulk_bytes = 0;  // of the argument at `at`, if is_in_bulk
    bool is_in_array = false;
    bool is_in_bulk = false;
  };

  Arguments arguments_of(const Request& request, const char* base) const {
    return {request.is_inline ? line_.data() : base, pieces_.data() + request.first_piece,
            request.pieces};
  }
  bool may_read_on() const;
  void forget_taken();
  Found read_one(std::string_view bytes);
  Found next_inline(std::string_view bytes);
  Found next_array(std::string_view bytes);
  // The line at begun_.at, without its end; false: it has not arrived, or it is an error.
  bool line(std::string_view bytes, const char* too_long, std::string_view& found);
  struct Announcement {
    const char* too_long;
    const char* invalid;
    std::int64_t least;
    std::int64_t most;
  };
  bool announced(std::string_view bytes, const Announcement& kind, std::size_t& number);
  bool begin_array(std::string_view bytes);
  bool begin_bulk(std::string_view bytes);
  bool split(std::string_view line);
  void fail(std::string text);
  Found complete(std::size_t bytes, bool is_inline);

  std::vector<Arguments::Piece> pieces_;  // of all that are ahead, and of the one that is begun
  std::string line_;                      // the words of inline commands
  std::string error_;
  std::vector<Request> ahead_;
  std::size_t first_ = 0;        // of ahead_: those before it are taken
  std::size_t ahead_bytes_ = 0;  // of those that are not
  Begun begun_;
};

// A whole number as Redis reads it: no sign but a leading `-`, no leading zero, no blank. False if
// it is none, or has more than 64 bits.
bool parse_integer(std::string_view text, std::int64_t& number);

}  // namespace hopring::resp
