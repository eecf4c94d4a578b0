#pragma once

// A record as one line of JSON, and back: what `export` writes and `import` reads. Exact for any
// bytes, all types and expiries.
//
//   {"key":"k","type":"string","value":"text"}
//   {"key_base64":"/w==","type":"integer","value":-7,"expires_at_ms":1700000000000}
//
//   key, value     bytes that are UTF-8, as a JSON string; else key_base64, value_base64
//   integer        a JSON number
//   floating       a JSON string with the shortest decimal text ("0.1", "inf"): many programs round
//                  JSON numbers; a NaN is base64 of its 8 bytes, little-endian
//   json           a JSON string with the text as it is stored, so that every byte comes back
//   object         as a string is: its bytes are rarely UTF-8
//   expires_at_ms  since 1970; left out if it stays

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "client/failure.hpp"
#include "storage/operation/operation.hpp"

namespace hopring::cli {

boost::json::object to_json(const Record& record);

// {"key":...} or {"key_base64":...} alone.
boost::json::object key_to_json(std::string_view key);

// Without the newline.
std::string to_line(const Record& record);

// A failure says what is wrong with the line.
Result<Record> parse_line(std::string_view line);

}  // namespace hopring::cli
