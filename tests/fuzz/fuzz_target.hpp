#pragma once

// A fuzz target is one file that defines these two. With clang it links against libFuzzer; here
// driver.cpp calls it with mutations of its corpus, the same ones every time for a seed.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hopring {

// Good inputs to begin with.
std::vector<std::string> fuzz_corpus(Rng& rng);

}  // namespace hopring
