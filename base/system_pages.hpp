#pragma once

// Memory of the system by whole pages, of which any can be given up and used again.
//
// Ordinary pages, not huge ones: the system would make a huge page whole again, with what was given
// up in it.

#include <cstddef>

namespace hopring {

struct SystemPages {
  static constexpr std::size_t page_bytes = 4096;

  // REQUIRES of all: `bytes` are whole pages, and `data` is the beginning of one.

  // nullptr if the system has no memory. Nothing is resident before it is written to.
  void* take(std::size_t bytes) noexcept;
  // Part of what was taken holds nothing more, and is not resident until it is written to again.
  void discard(void* data, std::size_t bytes) noexcept;
  // All that was taken at once.
  void give_back(void* data, std::size_t bytes) noexcept;
};

}  // namespace hopring
