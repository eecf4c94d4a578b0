#pragma once

// C++ values as values of the map, and back. The tag is part of the value: what was put as one type
// is not read as another one by accident; the error says which type is really there.
//
//   C++                                         tag
//   std::string, std::string_view, char arrays  string
//   bool and the integral types                 integer  (64 bits, signed; checked both ways)
//   float, double                               floating (double)
//   boost::json::value                          json     (UTF-8 text)
//   a class with ObjectTraits and serialize()   object   (its name, then its members)
//   Value                                       any: as it is
//
// A class becomes an object by a name and Boost.Serialization's description of its members:
//
//   struct Point { int x = 0, y = 0; template <class A> void serialize(A& a, unsigned) { a& x& y; }
//   }; template <> struct hopring::ObjectTraits<Point> {
//     static constexpr std::string_view name = "atlas.Point";
//   };
//
// BOOST_CLASS_VERSION numbers the description; serialize() is told the number that was stored, so a
// program reads what an older one has put. What a newer one has put is an error.
//
// Thread rule: free functions without state.
//
// Errors: ValueError, and nothing is thrown, but std::bad_alloc and what a serialize() throws.
// `to_value` fails only for integers above 2^63 - 1, and for JSON or objects that would not be read
// back (nested deeper than json_depth_max or object_depth_max).

#include <boost/json/value.hpp>
#include <boost/system/result.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "peer/wire/archive.hpp"
#include "storage/operation/operation.hpp"

namespace hopring {

// Why a value could not be converted.
struct ValueError {
  OpError code = OpError::wrong_type;    // wrong_type, overflow, or invalid_argument: malformed
  ValueType found = ValueType::string;   // the tag that is there
  ValueType wanted = ValueType::string;  // the tag that was asked for
  std::string found_object{};            // with the tag object: the class's name
  std::string wanted_object{};
  friend bool operator==(const ValueError&, const ValueError&) = default;
};

// "the value is json, not integer" or "the value is object atlas.Line, not object atlas.Point", as
// it stands in error texts.
std::string to_string(const ValueError& error);

template <class T>
using ValueResult = boost::system::result<T, ValueError>;

// What value() of a failed ValueResult throws: system_error with the code and to_string().
[[noreturn]] void throw_exception_from_error(const ValueError& error,
                                             const boost::source_location& where);

// Specialize it with a `name` for a class that is to be an object. The name is stored: it must not
// change, and must differ from every other class's in the ring. At most object_name_bytes_max.
template <class T>
struct ObjectTraits {};
inline constexpr std::size_t object_name_bytes_max = 255;

inline constexpr std::size_t json_depth_max = 32;  // deeper text is refused: a bound for the parser

namespace detail {

ValueResult<Value> json_to_value(const boost::json::value& json);
ValueResult<boost::json::value> json_from_value(const Value& value);

template <class T>
concept Text = std::convertible_to<const T&, std::string_view>;

template <class T>
concept Json = std::same_as<T, boost::json::value>;

template <class T>
concept Object = requires {
  std::string_view(ObjectTraits<T>::name);
};

template <class T>
inline constexpr bool has_no_tag = false;

inline ValueError malformed(ValueType type) { return {OpError::invalid_argument, type, type}; }
ValueError malformed_object(std::string_view name);
ValueError wrong_object(std::string_view found, std::string_view wanted);

template <Object T>
ValueResult<Value> object_to_value(const T& object) {
  constexpr std::string_view name = ObjectTraits<T>::name;
  static_assert(!name.empty() && name.size() <= object_name_bytes_max);
  Value value{ValueType::object, {}};
  ObjectOutArchive archive(value.bytes);
  archive.save_bytes(name);
  archive& object;
  if (!archive.ok()) return malformed_object(name);
  return value;
}

template <Object T>
ValueResult<T> object_from_value(const Value& value) {
  constexpr std::string_view wanted = ObjectTraits<T>::name;
  ObjectInArchive archive(value.bytes);
  std::string found;
  archive& found;
  if (!archive.ok() || found.size() > object_name_bytes_max) return malformed(ValueType::object);
  if (found != wanted) return wrong_object(found, wanted);
  T object{};
  archive& object;
  if (!archive.done()) return malformed_object(wanted);
  return object;
}

}  // namespace detail

// The value of the map that stands for `object`.
template <class T>
ValueResult<Value> to_value(const T& object) {
  if constexpr (std::same_as<T, Value>) {
    return object;
  } else if constexpr (detail::Json<T>) {
    return detail::json_to_value(object);
  } else if constexpr (detail::Object<T>) {
    return detail::object_to_value(object);
  } else if constexpr (detail::Text<T>) {
    return Value{ValueType::string, std::string(std::string_view(object))};
  } else if constexpr (std::integral<T>) {
    if (!std::in_range<std::int64_t>(+object)) {
      return ValueError{OpError::overflow, ValueType::integer, ValueType::integer};
    }
    return Value{ValueType::integer, encode_integer(static_cast<std::int64_t>(object))};
  } else if constexpr (std::same_as<T, double> || std::same_as<T, float>) {
    return Value{ValueType::floating, encode_floating(static_cast<double>(object))};
  } else {
    static_assert(detail::has_no_tag<T>, "no type tag for this type");
  }
}

namespace detail {

template <std::integral T>
ValueResult<T> integer_from_value(const Value& value) {
  if (value.bytes.size() != sizeof(std::int64_t)) return malformed(value.type);
  const std::int64_t number = decode_integer(value.bytes);
  constexpr auto lowest = std::numeric_limits<T>::min();
  constexpr auto highest = std::numeric_limits<T>::max();
  if (std::cmp_less(number, +lowest) || std::cmp_greater(number, +highest)) {
    return ValueError{OpError::overflow, ValueType::integer, ValueType::integer};
  }
  return static_cast<T>(number);
}

// A float takes any double, rounded: a value that was put as a float comes back unchanged.
template <std::floating_point T>
ValueResult<T> floating_from_value(const Value& value) {
  if (value.bytes.size() != sizeof(double)) return malformed(value.type);
  return static_cast<T>(decode_floating(value.bytes));
}

template <class T>
constexpr ValueType tag_of() {
  if constexpr (Json<T>) {
    return ValueType::json;
  } else if constexpr (Object<T>) {
    return ValueType::object;
  } else if constexpr (std::same_as<T, std::string>) {
    return ValueType::string;
  } else if constexpr (std::integral<T>) {
    return ValueType::integer;
  } else {
    static_assert(std::same_as<T, double> || std::same_as<T, float>,
                  "no type tag for this type; text is read as std::string");
    return ValueType::floating;
  }
}

// Of an object that stands where something else is wanted, or the reverse, the name is told too.
ValueError wrong_type_of(const Value& value, ValueType wanted);
template <class T>
ValueError wrong_type(const Value& value, ValueType wanted) {
  ValueError error = wrong_type_of(value, wanted);
  if constexpr (Object<T>) error.wanted_object = ObjectTraits<T>::name;
  return error;
}

}  // namespace detail

// The T that `value` stands for.
template <class T>
ValueResult<T> from_value(Value value) {
  if constexpr (std::same_as<T, Value>) {
    return value;
  } else {
    constexpr ValueType wanted = detail::tag_of<T>();
    if (value.type != wanted) return detail::wrong_type<T>(value, wanted);
    if constexpr (wanted == ValueType::json) {
      return detail::json_from_value(value);
    } else if constexpr (wanted == ValueType::object) {
      return detail::object_from_value<T>(value);
    } else if constexpr (wanted == ValueType::string) {
      return std::move(value.bytes);
    } else if constexpr (wanted == ValueType::integer) {
      return detail::integer_from_value<T>(value);
    } else {
      return detail::floating_from_value<T>(value);
    }
  }
}

}  // namespace hopring
