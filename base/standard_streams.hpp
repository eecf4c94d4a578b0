#pragma once

// Programs may be started with standard input, output or error closed. The next file or socket that
// is opened then gets that number, and what is printed goes there.

namespace hopring {

// Call it first. Gives the closed ones of descriptors 0 to 2 an end at which reading, or writing,
// fails.
void hold_standard_streams() noexcept;

}  // namespace hopring
