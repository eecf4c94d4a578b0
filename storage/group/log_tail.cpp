#include "storage/group/log_tail.hpp"

#include "base/check.hpp"

namespace hopring {

void LogTail::stop() {
  kept_ = false;
  overflowed_ = false;
  entries_.clear();
  bytes_ = 0;
}

void LogTail::push(Entry entry) {
  HOPRING_CHECK(kept_);
  HOPRING_CHECK(entries_.empty() || entries_.back().index + 1 == entry.index);
  if (overflowed_) return;
  bytes_ += bytes_of(entry.command);
  entries_.push_back(std::move(entry));
  if (bytes_ <= bytes_max_ && entries_.size() <= entries_max_) return;
  overflowed_ = true;
  entries_.clear();
  bytes_ = 0;
}

void LogTail::trim(std::uint64_t index) {
  while (!entries_.empty() && entries_.front().index <= index) {
    bytes_ -= bytes_of(entries_.front().command);
    entries_.pop_front();
  }
}

std::vector<Entry> LogTail::after(std::uint64_t index, std::uint64_t last,
                                  std::size_t bytes_max) const {
  std::vector<Entry> chosen;
  if (entries_.empty() || last <= index) return chosen;
  HOPRING_CHECK(entries_.front().index <= index + 1);
  std::size_t bytes = 0;
  for (std::uint64_t at = index + 1; at <= last && at <= entries_.back().index; ++at) {
    const Entry& entry = entries_[static_cast<std::size_t>(at - entries_.front().index)];
    bytes += bytes_of(entry.command);
    if (!chosen.empty() && bytes > bytes_max) break;
    chosen.push_back(entry);
  }
  return chosen;
}

}  // namespace hopring
