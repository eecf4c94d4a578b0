#pragma once

// Numbers that a peer takes from another's message and counts on from: terms, indices of orders,
// generations, numbers of views. Nothing else that travels is added to by who receives it, without
// having been compared with what it knows itself.

#include <cstdint>

namespace hopring {

// What is beyond it is malformed. Counting does not get there: a million a second take 2,000 years.
inline constexpr std::uint64_t count_max = std::uint64_t{1} << 56;

// May somebody go on from such a number? A stranger can say any up to count_max. Who hears of one
// beyond half of it does not count on: it would say what all others have to take for malformed.
// From there on down nobody counts so far as to the bound.
constexpr bool may_count_from(std::uint64_t number) noexcept { return number <= count_max / 2; }

constexpr bool is_count(std::uint64_t number) noexcept { return number <= count_max; }

}  // namespace hopring
