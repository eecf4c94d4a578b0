#include "peer/wire/frame.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.hpp"

namespace hopring {
namespace {

constexpr std::size_t length_bytes = 4;  // the length does not count itself
constexpr std::size_t zero_at = 2;       // in a first frame: of its length
constexpr std::size_t version_at = 4;
constexpr std::size_t flags_at = 5;
constexpr std::size_t kind_at = 6;
constexpr std::size_t request_id_at = 8;

template <class Number>
Number read(const char* bytes) {
  Number number;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

template <class Number>
void write(Number number, char* bytes) {
  std::memcpy(bytes, &number, sizeof number);
}

}  // namespace

const char* name(WireError error) noexcept {
  switch (error) {
    case WireError::frame_too_long:
      return "frame_too_long";
    case WireError::frame_too_short:
      return "frame_too_short";
    case WireError::unknown_flags:
      return "unknown_flags";
    case WireError::other_version:
      return "other_version";
    case WireError::unknown_kind:
      return "unknown_kind";
    case WireError::malformed:
      return "malformed";
  }
  return "unlisted";
}

std::optional<bool> is_frame(std::string_view first_bytes) {
  if (first_bytes.empty()) return std::nullopt;
  const char first = first_bytes[0];
  const bool may_be_text = (first >= ' ' && first <= '~') || (first >= '\t' && first <= '\r');
  if (!may_be_text) return true;
  if (first_bytes.size() <= zero_at) return std::nullopt;
  return first_bytes[zero_at] == 0;
}

std::size_t begin_frame(std::uint8_t version, std::uint16_t kind, std::uint64_t request_id,
                        std::string& out) {
  char header[frame_header_bytes] = {};
  write(version, header + version_at);
  write(kind, header + kind_at);
  write(request_id, header + request_id_at);
  out.append(header, sizeof header);
  return out.size() - frame_header_bytes;
}

void end_frame(std::size_t begin, std::string& out) {
  const std::size_t length = out.size() - begin - length_bytes;
  HOPRING_CHECK(length <= std::numeric_limits<std::uint32_t>::max());
  write(static_cast<std::uint32_t>(length), out.data() + begin);
}

std::span<char> FrameReader::prepare(std::size_t size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == 0 && capacity_ > 4 * size) {
    buffer_.reset();
    capacity_ = 0;
  }
  if (capacity_ - end_ < size) make_room(size);
  return {buffer_.get() + end_, size};
}

void FrameReader::make_room(std::size_t size) {
  const std::size_t received = end_ - begin_;
  if (capacity_ - received >= size) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, received);
  } else {
    capacity_ = std::max(received + size, 2 * received);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
    if (received > 0) std::memcpy(larger.get(), buffer_.get() + begin_, received);
    buffer_ = std::move(larger);
  }
  begin_ = 0;
  end_ = received;
}

void FrameReader::commit(std::size_t size) {
  HOPRING_CHECK(size <= capacity_ - end_);
  end_ += size;
}

void FrameReader::take(std::size_t size) {
  HOPRING_CHECK(size <= end_ - begin_);
  begin_ += size;
}

std::optional<Frame> FrameReader::next() {
  const std::size_t received = end_ - begin_;
  if (error_ || received < length_bytes) return std::nullopt;
  const char* frame = buffer_.get() + begin_;
  const std::size_t size = length_bytes + read<std::uint32_t>(frame);
  if (size > frame_bytes_max_) return fail(WireError::frame_too_long);
  if (size < frame_header_bytes) return fail(WireError::frame_too_short);
  if (received < size) return std::nullopt;
  if (frame[flags_at] != 0) return fail(WireError::unknown_flags);
  begin_ += size;
  return Frame{read<std::uint8_t>(frame + version_at), read<std::uint16_t>(frame + kind_at),
               read<std::uint64_t>(frame + request_id_at),
               std::string_view(frame + frame_header_bytes, size - frame_header_bytes)};
}

std::optional<Frame> FrameReader::fail(WireError error) {
  error_ = error;
  return std::nullopt;
}

}  // namespace hopring
