#pragma once

// Which containers and other types of libraries the archives (peer/wire/archive.hpp) write by
// themselves, and the few type functions that they need for it. Everything else describes itself in
// serialize().

#include <array>
#include <boost/container/container_fwd.hpp>
#include <concepts>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace hopring::wire {

// long double has no portable format, and bool has a rule of its own.
template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, long double>;

template <class T>
concept Enum = std::is_enum_v<T>;

// Named one by one and not recognised by their members, so that a container of a client's own is
// written through its own serialize().
template <class T>
inline constexpr bool is_container = false;
template <class... Args>
inline constexpr bool is_container<std::vector<Args...>> = true;
template <class T, std::size_t size, class... Args>
inline constexpr bool is_container<boost::container::small_vector<T, size, Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::deque<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::list<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::set<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::multiset<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::map<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::multimap<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::unordered_set<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::unordered_multiset<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::unordered_map<Args...>> = true;
template <class... Args>
inline constexpr bool is_container<std::unordered_multimap<Args...>> = true;

template <class T>
concept Container = is_container<T>;

template <class T>
struct Readable {
  using Type = T;
};
template <class Key, class Mapped>
struct Readable<std::pair<const Key, Mapped>> {
  using Type = std::pair<Key, Mapped>;
};

// What is read before it is inserted: a map's value_type has a constant key.
template <class T>
using ElementOf = typename Readable<typename T::value_type>::Type;

// Lie the elements one after the other as they travel, so that one copy moves them all?
template <class T>
inline constexpr bool is_flat = false;
template <Number T, class Allocator>
inline constexpr bool is_flat<std::vector<T, Allocator>> = true;
template <Number T, std::size_t size>
inline constexpr bool is_flat<std::array<T, size>> = true;
template <Number T, std::size_t size>
inline constexpr bool is_flat<T[size]> = true;

// Makes `value` hold a default alternative number `index`. False, and no change, if it has none.
template <class... Alternatives>
bool emplace_alternative(std::variant<Alternatives...>& value, std::size_t index) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return ((i == index && (value.template emplace<i>(), true)) || ...);
  }
  (std::index_sequence_for<Alternatives...>{});
}

}  // namespace hopring::wire
