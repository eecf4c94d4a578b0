#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hopring {

// Bytes that wait for one socket. Bounded: whoever reads too slowly to keep it below `bytes_max` is
// told apart from one that merely reads slowly, and is disconnected by the caller.
//
// Frames are encoded straight into it, so that all that is produced while one input is handled
// leaves in one write.
class WriteQueue {
 public:
  explicit WriteQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void set_bytes_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }

  // Appends what `encode(std::string&)` appends. Returns false, and changes nothing, if that would
  // overfill the queue.
  template <class Encode>
  [[nodiscard]] bool push(Encode&& encode) {
    const std::size_t size = buffer_.size();
    std::forward<Encode>(encode)(buffer_);
    if (buffer_.size() - begin_ <= bytes_max_) return true;
    buffer_.resize(size);
    return false;
  }

  std::string_view front() const { return std::string_view(buffer_).substr(begin_); }

  // The first `size` bytes of front() have been written. REQUIRES: size <= bytes().
  void pop(std::size_t size) {
    begin_ += size;
    if (begin_ == buffer_.size()) {
      clear();
    } else if (begin_ >= buffer_.size() / 2) {  // each byte is moved at most once on average
      buffer_.erase(0, begin_);
      begin_ = 0;
    }
  }

  std::size_t bytes() const { return buffer_.size() - begin_; }
  bool empty() const { return bytes() == 0; }
  std::size_t memory() const { return buffer_.capacity(); }

 private:
  static constexpr std::size_t kept_bytes_max = std::size_t{64} << 10;  // an idle one keeps no more

  void clear() {
    buffer_.clear();
    begin_ = 0;
    if (buffer_.capacity() > kept_bytes_max) buffer_.shrink_to_fit();
  }

  std::size_t bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;  // what lies before it has been written
};

}  // namespace hopring
