#include "client/core/typed_value.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/system_error.hpp>
#include <boost/throw_exception.hpp>

namespace hopring {

namespace {

std::string described(ValueType type, const std::string& object) {
  return object.empty() ? name(type) : std::string(name(type)) + " " + object;
}

// The class's name at the head of an object; empty if there is none to be read.
std::string object_name(const Value& value) {
  std::string found;
  ObjectInArchive archive(value.bytes);
  archive& found;
  return archive.ok() && found.size() <= object_name_bytes_max ? found : std::string();
}

}  // namespace

std::string to_string(const ValueError& error) {
  const std::string found = described(error.found, error.found_object);
  if (error.code == OpError::overflow) return "the " + found + " is out of the type's range";
  if (error.code != OpError::invalid_argument) {
    return "the value is " + found + ", not " + described(error.wanted, error.wanted_object);
  }
  if (error.found_object.empty()) return "the " + found + " value is malformed";
  return "the value of " + found + " is malformed, or of a newer version than this program knows";
}

void throw_exception_from_error(const ValueError& error, const boost::source_location& where) {
  boost::throw_exception(boost::system::system_error(make_error_code(error.code), to_string(error)),
                         where);
}

namespace detail {

ValueError malformed_object(std::string_view name) {
  ValueError error = malformed(ValueType::object);
  error.found_object = error.wanted_object = name;
  return error;
}

ValueError wrong_object(std::string_view found, std::string_view wanted) {
  return {OpError::wrong_type, ValueType::object, ValueType::object, std::string(found),
          std::string(wanted)};
}

ValueError wrong_type_of(const Value& value, ValueType wanted) {
  ValueError error{OpError::wrong_type, value.type, wanted};
  if (value.type == ValueType::object) error.found_object = object_name(value);
  return error;
}

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
