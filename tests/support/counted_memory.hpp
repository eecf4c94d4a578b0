#pragma once

// What an executable has taken from malloc, counted where it is taken: it links
// counted_memory.cpp, which replaces the allocation functions.

#include <cstddef>
#include <cstdint>

namespace hopring {

// Bytes that malloc lays out for what has been allocated and not been given back: what each caller
// may use, which can be more than it asked for, and malloc's own word before it.
std::size_t allocated_bytes() noexcept;

// How often something has been allocated, since the start.
std::uint64_t allocations() noexcept;

// The most that it was since the last call of this function, or since the start.
std::size_t take_allocated_peak() noexcept;

}  // namespace hopring
