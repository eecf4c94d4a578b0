#pragma once

// Pages of the system for a pool, and what the system says about them.

#include <sys/mman.h>

#include <cstddef>
#include <limits>
#include <map>
#include <vector>

#include "base/system_pages.hpp"

namespace hopring {

class WatchedPages {
 public:
  void* take(std::size_t bytes) noexcept {
    if (takes_left == 0) return nullptr;
    --takes_left;
    void* const data = pages_.take(bytes);
    if (data != nullptr) out_.emplace(data, bytes);
    return data;
  }
  void discard(void* data, std::size_t bytes) noexcept { pages_.discard(data, bytes); }
  void give_back(void* data, std::size_t bytes) noexcept {
    out_.erase(data);
    pages_.give_back(data, bytes);
  }

  // By asking the system about each page.
  std::size_t resident_bytes() const {
    std::size_t resident = 0;
    for (const auto& [data, bytes] : out_) {
      std::vector<unsigned char> pages(bytes / SystemPages::page_bytes);
      if (mincore(data, bytes, pages.data()) != 0) return 0;
      for (const unsigned char page : pages) resident += page & 1u;
    }
    return resident * SystemPages::page_bytes;
  }
  std::size_t regions() const noexcept { return out_.size(); }

  std::size_t takes_left = std::numeric_limits<std::size_t>::max();

 private:
  SystemPages pages_;
  std::map<void*, std::size_t> out_;
};

}  // namespace hopring
