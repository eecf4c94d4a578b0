#pragma once

#include <cstddef>
#include <deque>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

namespace hopring {

// Bytes that wait for one socket. Bounded: whoever reads too slowly to keep it below `bytes_max` is
// told apart from one that merely reads slowly, and is disconnected by the caller.
//
// Frames are encoded straight into it, so that all that is produced while one input is handled
// leaves in few writes.
class WriteQueue {
 public:
  explicit WriteQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void set_bytes_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }

  // Appends what `encode(std::string&)` appends. Returns false, and changes nothing, if that would
  // overfill the queue.
  template <class Encode>
  [[nodiscard]] bool push(Encode&& encode) {
    if (chunks_.empty() || chunks_.back().size() >= chunk_bytes) {
      chunks_.push_back(std::exchange(spare_, {}));
    }
    std::string& chunk = chunks_.back();
    const std::size_t size = chunk.size();
    std::forward<Encode>(encode)(chunk);
    const std::size_t added = chunk.size() - size;
    if (bytes_ + added > bytes_max_) {
      chunk.resize(size);
      return false;
    }
    bytes_ += added;
    return true;
  }

  // What is to be written next; more may follow it.
  std::string_view front() const {
    return chunks_.empty() ? std::string_view() : std::string_view(chunks_.front()).substr(begin_);
  }

  // The first `size` bytes of front() have been written. REQUIRES: size <= front().size().
  void pop(std::size_t size) {
    begin_ += size;
    bytes_ -= size;
    if (begin_ < chunks_.front().size()) return;
    begin_ = 0;
    spare_ = std::move(chunks_.front());
    spare_.clear();
    chunks_.pop_front();
    const std::size_t kept_bytes = empty() ? kept_bytes_max : 2 * chunk_bytes;
    if (spare_.capacity() > kept_bytes) std::string().swap(spare_);
  }

  std::size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }
  std::size_t memory() const {
    return std::accumulate(
        chunks_.begin(), chunks_.end(), spare_.capacity(),
        [](std::size_t sum, const std::string& each) { return sum + each.capacity(); });
  }

 private:
  // One that has so many bytes gets no more, so that what is large is neither moved nor joined.
  static constexpr std::size_t chunk_bytes = std::size_t{256} << 10;
  static constexpr std::size_t kept_bytes_max = std::size_t{64} << 10;  // an idle one keeps no more

  std::size_t bytes_max_;
  std::deque<std::string> chunks_;  // none is empty but the last
  std::string spare_;               // for the next: it is empty, and has had room for one
  std::size_t begin_ = 0;           // what lies before it in the first has been written
  std::size_t bytes_ = 0;           // that have not
};

}  // namespace hopring
