#pragma once

// What the archive of messages must know about a type before it believes a byte of it: which
// values an enum may have, and how many elements a list may have. A new enum in a message does not
// compile until it stands here.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "peer/wire/messages.hpp"

namespace hopring {

// The enumerators that may travel: lowest to highest, without a gap.
template <class Enum>
struct WireEnumRange;  // not defined: `Enum` has no row below

template <std::uint8_t highest_, std::uint8_t lowest_ = 0>
struct EnumRange {
  static constexpr std::uint8_t lowest = lowest_;
  static constexpr std::uint8_t highest = highest_;
};

// clang-format off
template <> struct WireEnumRange<OpError> : EnumRange<op_error_max, 1> {};
template <> struct WireEnumRange<ValueType> : EnumRange<value_type_max> {};
template <> struct WireEnumRange<Expiry::Kind> : EnumRange<expiry_kind_max> {};
template <> struct WireEnumRange<PutCondition> : EnumRange<put_condition_max> {};
template <> struct WireEnumRange<Outcome> : EnumRange<outcome_max> {};
template <> struct WireEnumRange<RequestVote::Kind> : EnumRange<vote_kind_max> {};
template <> struct WireEnumRange<Role> : EnumRange<role_max> {};
template <> struct WireEnumRange<HelloAnswer::Verdict> : EnumRange<hello_verdict_max> {};
template <> struct WireEnumRange<Measure> : EnumRange<measure_max> {};
template <> struct WireEnumRange<RepairRefusal> : EnumRange<repair_refusal_max> {};
template <> struct WireEnumRange<WantArcAnswer::Verdict> : EnumRange<want_arc_verdict_max> {};
// clang-format on

// Elements of one list; a longer one is malformed before any of it is read. It bounds what a few
// bytes can cost: an Operation takes 2 bytes on the wire and 140 in memory. Lists without a row
// have elements whose size in memory is at most ten times their least size on the wire, so the
// frame's bound is theirs. peer/wire/bounds.hpp has the tighter bounds of single messages.
template <class Element>
inline constexpr std::size_t wire_elements_max = std::numeric_limits<std::size_t>::max();

template <>
inline constexpr std::size_t wire_elements_max<Operation> = batch_operations_max;
template <>
inline constexpr std::size_t wire_elements_max<std::optional<Stamp>> = batch_operations_max;
template <>
inline constexpr std::size_t wire_elements_max<OpAnswer> = batch_operations_max;
template <>
inline constexpr std::size_t wire_elements_max<View> = std::max(successors_sent_max,
                                                                batch_operations_max);
template <>
inline constexpr std::size_t wire_elements_max<AppendEntries> = appends_together_max;
template <>
inline constexpr std::size_t wire_elements_max<AppendEntriesAnswer> = appends_together_max;
template <>
inline constexpr std::size_t wire_elements_max<CopyReport> = copies_reported_max;
template <>
inline constexpr std::size_t wire_elements_max<Hint> = std::max(fingers_sent_max, closer_sent_max);

}  // namespace hopring
