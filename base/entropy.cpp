#include "base/entropy.hpp"

#include <sys/random.h>

namespace hopring {

std::uint64_t random_word() {
  std::uint64_t word = 0;
  while (word == 0) {
    // Fewer than 256 bytes come whole, unless a signal cuts in before the system is ready.
    while (getrandom(&word, sizeof word, 0) != sizeof word) continue;
  }
  return word;
}

}  // namespace hopring
