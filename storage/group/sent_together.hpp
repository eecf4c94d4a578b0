#pragma once

// What is sent to one peer in one turn travels together, where it is small: a message costs more
// than the entries of a few writes.

#include <cstddef>

#include "storage/group/effects.hpp"

namespace hopring {

// Of the commands in one message, in bytes; appends with more travel alone, as they are bounded
// already.
inline constexpr std::size_t together_bytes_max = std::size_t{64} << 10;

// Appends and answers to them become AppendsTogether, one message for each peer. They overtake no
// other message to that peer, and are not overtaken; only an append may overtake an answer: that is
// about another group, or a term that is over.
void put_together(GroupOutbox& out);

}  // namespace hopring
