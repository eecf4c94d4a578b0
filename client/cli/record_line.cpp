#include "client/cli/record_line.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <optional>

#include "client/cli/text.hpp"

namespace hopring::cli {
namespace {

namespace json = boost::json;

Failure malformed(std::string text) {
  return Failure{OpError::invalid_argument, std::move(text), std::nullopt};
}

void add_bytes(json::object& object, const std::string& name, std::string_view bytes) {
  if (is_utf8(bytes)) {
    object[name] = json::string_view(bytes);
  } else {
    object[name + "_base64"] = to_base64(bytes);
  }
}

// `name` as it is, or `name`_base64; nullopt if there is neither, or both, or it is no base64.
std::optional<std::string> bytes_of(const json::object& object, const std::string& name) {
  const json::value* const plain = object.if_contains(name);
  const json::value* const coded = object.if_contains(name + "_base64");
  if ((plain == nullptr) == (coded == nullptr)) return std::nullopt;
  const json::string* const text = (plain != nullptr ? plain : coded)->if_string();
  if (text == nullptr) return std::nullopt;
  if (plain != nullptr) return std::string(text->data(), text->size());
  return from_base64(std::string_view(text->data(), text->size()));
}

bool is_number_type(ValueType type) {
  return type == ValueType::integer || type == ValueType::floating;
}

std::optional<Value> value_of(const json::object& object, ValueType type) {
  const json::value* const plain = object.if_contains("value");
  if (type == ValueType::integer && plain != nullptr) {
    const std::int64_t* const number = plain->if_int64();
    if (number == nullptr) return std::nullopt;
    return Value{type, encode_integer(*number)};
  }
  auto bytes = bytes_of(object, "value");
  if (!bytes) return std::nullopt;
  if (type == ValueType::floating && plain != nullptr) return parse_value(type, std::move(*bytes));
  if (is_number_type(type) && bytes->size() != 8) return std::nullopt;
  return Value{type, std::move(*bytes)};
}

std::optional<ValueType> type_of(const json::object& object) {
  const json::value* const type = object.if_contains("type");
  if (type == nullptr || !type->is_string()) return std::nullopt;
  const json::string& name = type->get_string();
  return parse_value_type(std::string_view(name.data(), name.size()));
}

// 0: it stays. nullopt: malformed.
std::optional<std::int64_t> expiry_of(const json::object& object) {
  const json::value* const expiry = object.if_contains("expires_at_ms");
  if (expiry == nullptr) return 0;
  const std::int64_t* const ms = expiry->if_int64();
  return ms != nullptr && *ms > 0 ? std::optional(*ms) : std::nullopt;
}

}  // namespace

json::object key_to_json(std::string_view key) {
  json::object object;
  add_bytes(object, "key", key);
  return object;
}

json::object to_json(const Record& record) {
  json::object object = key_to_json(record.key);
  const Value& value = record.value;
  object["type"] = name(value.type);
  if (value.type == ValueType::integer) {
    object["value"] = decode_integer(value.bytes);
  } else if (value.type != ValueType::floating) {
    add_bytes(object, "value", value.bytes);
  } else if (std::isnan(decode_floating(value.bytes))) {
    object["value_base64"] = to_base64(value.bytes);
  } else {
    object["value"] = format_value(value);
  }
  if (record.expiry_ms != 0) object["expires_at_ms"] = record.expiry_ms;
  return object;
}

std::string to_line(const Record& record) { return json::serialize(to_json(record)); }

Result<Record> parse_line(std::string_view line) {
  boost::system::error_code ec;
  const json::value parsed = json::parse(line, ec);
  if (ec) return malformed("not JSON: " + ec.message());
  const json::object* const object = parsed.if_object();
  if (object == nullptr) return malformed("not a JSON object");
  auto key = bytes_of(*object, "key");
  if (!key) return malformed("\"key\" or \"key_base64\" is missing or malformed");
  const auto type = type_of(*object);
  if (!type) return malformed("\"type\" is none of string, integer, floating, json, object");
  auto value = value_of(*object, *type);
  if (!value) return malformed("\"value\" or \"value_base64\" is missing or malformed");
  const auto expiry_ms = expiry_of(*object);
  if (!expiry_ms) return malformed("\"expires_at_ms\" is malformed");
  return Record{std::move(*key), std::move(*value), *expiry_ms};
}

}  // namespace hopring::cli
