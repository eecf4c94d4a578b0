#include "client/core/typed_value.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/system_error.hpp>
#include <boost/throw_exception.hpp>

namespace hopring {

std::string to_string(const ValueError& error) {
  const std::string found = name(error.found);
  if (error.code == OpError::overflow) return "the " + found + " is out of the type's range";
  if (error.code == OpError::invalid_argument) return "the " + found + " value is malformed";
  return "the value is " + found + ", not " + name(error.wanted);
}

void throw_exception_from_error(const ValueError& error, const boost::source_location& where) {
  boost::throw_exception(boost::system::system_error(make_error_code(error.code), to_string(error)),
                         where);
}

namespace detail {

ValueResult<boost::json::value> json_from_value(const Value& value) {
  boost::json::parse_options options;
  options.max_depth = json_depth_max;
  boost::system::error_code ec;
  boost::json::value json = boost::json::parse(value.bytes, ec, {}, options);
  if (ec) return malformed(ValueType::json);
  return json;
}

// Reads back what it wrote, so that nobody can put what nobody can get.
ValueResult<Value> json_to_value(const boost::json::value& json) {
  Value value{ValueType::json, boost::json::serialize(json)};
  if (!json_from_value(value)) return malformed(ValueType::json);
  return value;
}

}  // namespace detail
}  // namespace hopring
