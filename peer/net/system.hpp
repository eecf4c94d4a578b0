#pragma once

// What the peer takes from the operating system beside its sockets. Nothing else in it reads a
// clock.

#include <cstddef>

#include "base/time.hpp"

namespace hopring {

// CLOCK_BOOTTIME, which counts the time that the machine was suspended, and the wall clock. Read it
// after the bytes of the input that it goes with have been received: an older `now` would let a
// peer that was paused in between believe in a lease that has run out.
Now read_clocks();

// Raises the soft limit of open file descriptors towards `wanted`, as far as the hard limit lets
// it. Returns what the limit is then.
std::size_t raise_descriptor_limit(std::size_t wanted);

// Resident bytes of the process; 0 if the system does not tell.
std::size_t resident_bytes();

}  // namespace hopring
