#pragma once

// Frames: how messages are told apart in a stream of bytes.
//
//   byte     0        4         5       6      8              16
//          +--------+---------+-------+------+--------------+---------------
//          | length | version | flags | kind | request id   | body ...
//          +--------+---------+-------+------+--------------+---------------
//            u32      u8        u8 = 0  u16    u64            length - 12 bytes
//
// All numbers are little-endian. `length` counts what follows it: 12 and the body. `version` is 0
// in the two frames of the hello, whose format never changes, then the version agreed on there.
// `flags` is kept for compression and the like; a receiver that does not know a flag closes. `kind`
// says what the body is (peer/wire/kinds.hpp). `request id` is chosen by who asks and comes back
// with the answer; 0 where nothing is answered, or where the message names what it answers itself.
//
// A first frame is at most hello_frame_bytes_max long, so its third byte is 0. RESP, which the same
// port speaks, has no such byte at the beginning: see is_frame().

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "storage/operation/value.hpp"

namespace hopring {

inline constexpr std::size_t frame_header_bytes = 16;
inline constexpr std::uint8_t hello_frame_version = 0;

// A hello needs 64 bytes and up to 1 KiB of credentials. More from a stranger is refused.
inline constexpr std::size_t hello_frame_bytes_max = 4096;

// The largest frame that a ring needs, header included: a compare-and-set carries two values. The
// rest is room for keys, for the list around them (a scan's answer of 256 KiB and one more record)
// and for a report of some ten thousand arcs. Whoever fills a batch or a chunk keeps it below.
constexpr std::size_t frame_bytes_max(std::size_t value_bytes_max) {
  return 2 * value_bytes_max + (std::size_t{1} << 20);
}
static_assert(frame_bytes_max(value_bytes_max_default) == std::size_t{33} << 20);

// What can be wrong with bytes that came in. Whoever sees one closes the connection, since nothing
// that follows can be trusted.
enum class WireError : std::uint8_t {
  frame_too_long,   // above the bound that holds at present
  frame_too_short,  // no room for the header
  unknown_flags,
  other_version,  // not the version of such a frame
  unknown_kind,
  malformed,  // the body does not read as its kind, has bytes left over, or breaks a named bound
};

// The enumerator's name, for logs.
const char* name(WireError error) noexcept;

struct Frame {
  std::uint8_t version = 0;
  std::uint16_t kind = 0;
  std::uint64_t request_id = 0;
  std::string_view body;
};

// Are these the first bytes of a frame, rather than of RESP? nullopt: too few to say.
//
// RESP begins with a printable character or a blank: `*`, or an inline command. A hello may begin
// with any byte, since its length does, but its third byte is 0, and none of RESP's first three is:
// an array has a count there, a command's word no zero byte. A third byte is there as soon as there
// is a command: the shortest ("QUIT", "*1\r\n") are longer. All else is taken for a frame, and
// refused as one: the first byte of TLS is 22.
std::optional<bool> is_frame(std::string_view first_bytes);

// Appends a header whose length is not known yet; returns where it begins, for end_frame().
std::size_t begin_frame(std::uint8_t version, std::uint16_t kind, std::uint64_t request_id,
                        std::string& out);

// Writes the length of the frame that began at `begin` and ends at the end of `out`.
// REQUIRES: the frame is shorter than 4 GiB.
void end_frame(std::size_t begin, std::string& out);

// Cuts what a connection received into frames. The driver reads straight into its buffer:
//
//   n = socket.read_some(reader.prepare(64 KiB));  reader.commit(n);
//   while (auto frame = reader.next()) { ... }
//   if (reader.error()) close;
//
// (1) A frame longer than the bound is an error as soon as its length is there.
// (2) The buffer holds at most twice what has been received and not taken, and one prepare() more:
//     a length that is only claimed takes no memory. An empty reader gives a buffer of more than
//     four prepare() back.
// (3) An error stays: next() gives nothing any more.
class FrameReader {
 public:
  // `frame_bytes_max`: header included, >= frame_header_bytes.
  explicit FrameReader(std::size_t frame_bytes_max = hello_frame_bytes_max)
      : frame_bytes_max_(frame_bytes_max) {}

  // For frames that next() has not looked at yet: after the hello.
  void set_frame_bytes_max(std::size_t frame_bytes_max) { frame_bytes_max_ = frame_bytes_max; }

  // Room for `size` bytes. Ends the life of the frames that next() gave.
  std::span<char> prepare(std::size_t size);

  // The first `size` bytes of what prepare() gave have been filled. REQUIRES: no more than it gave.
  void commit(std::size_t size);

  // The next complete frame; its body lies in the buffer, until prepare(). nullopt: read more, or
  // there is an error().
  std::optional<Frame> next();

  std::optional<WireError> error() const { return error_; }

  // For who reads no frames: all that was received and not taken; until prepare().
  std::string_view received() const { return {buffer_.get() + begin_, end_ - begin_}; }
  // REQUIRES: no more than that.
  void take(std::size_t size);

  // Bytes that the buffer takes.
  std::size_t memory() const { return capacity_; }

 private:
  std::optional<Frame> fail(WireError error);
  void make_room(std::size_t size);

  std::size_t frame_bytes_max_;
  std::unique_ptr<char[]> buffer_;  // not cleared: it is read where it has been filled
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  // begin_ <= end_ <= capacity_; between them lies what was received
  std::size_t end_ = 0;
  std::optional<WireError> error_;
};

}  // namespace hopring
