#include "client/core/typed_value.hpp"

#include <boost/json/parse.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

using namespace hopring;

namespace {

struct Point {
  std::int32_t x = 0;
  std::vector<std::string> labels;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& x& labels;
  }
  friend bool operator==(const Point&, const Point&) = default;
};

struct Line {
  Point from;
  Point to;
  std::int32_t width = 0;  // since version 1

  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& from& to;
    if (version > 0) archive& width;
  }
  friend bool operator==(const Line&, const Line&) = default;
};

}  // namespace

BOOST_CLASS_VERSION(Line, 1)
template <>
struct hopring::ObjectTraits<Point> {
  static constexpr std::string_view name = "atlas.Point";
};
template <>
struct hopring::ObjectTraits<Line> {
  static constexpr std::string_view name = "atlas.Line";
};

namespace {

template <class T>
void check_round_trip(const T& object, ValueType tag) {
  const auto value = to_value(object);
  BOOST_REQUIRE(value.has_value());
  BOOST_TEST(name(value->type) == name(tag));
  const auto back = from_value<T>(*value);
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST((*back == object));
}

template <class T>
void check_limits() {
  check_round_trip<T>(std::numeric_limits<T>::min(), ValueType::integer);
  check_round_trip<T>(std::numeric_limits<T>::max(), ValueType::integer);
}

// The error's text; empty if there is none.
template <class T>
std::string error_of(const Value& value) {
  const auto result = from_value<T>(value);
  return result ? "" : to_string(result.error());
}

Value integer(std::int64_t number) { return {ValueType::integer, encode_integer(number)}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(typed_value)

BOOST_AUTO_TEST_CASE(values_come_back_as_the_type_that_they_were_put_as) {
  check_round_trip(std::string("any\0bytes", 9), ValueType::string);
  check_round_trip(std::string(), ValueType::string);
  check_round_trip(true, ValueType::integer);
  check_round_trip(-7, ValueType::integer);
  check_round_trip(1.5, ValueType::floating);
  check_round_trip(0.1f, ValueType::floating);
  check_round_trip(std::numeric_limits<double>::infinity(), ValueType::floating);
  check_round_trip(boost::json::parse(R"({"a":[1,null,"\u00e9"]})"), ValueType::json);
  check_round_trip(Value{ValueType::object, "raw"}, ValueType::object);
  check_limits<std::int8_t>();
  check_limits<std::uint16_t>();
  check_limits<std::int64_t>();
  check_limits<char>();
}

BOOST_AUTO_TEST_CASE(text_of_every_kind_is_a_string) {
  BOOST_TEST((*to_value("literal") == Value{ValueType::string, "literal"}));
  BOOST_TEST((*to_value(std::string_view("view")) == Value{ValueType::string, "view"}));
}

BOOST_AUTO_TEST_CASE(an_integer_out_of_range_is_an_error_in_both_directions) {
  BOOST_TEST((to_value(~0ull).error().code == OpError::overflow));
  BOOST_TEST(error_of<std::uint8_t>(integer(256)) == "the integer is out of the type's range");
  BOOST_TEST(error_of<std::uint64_t>(integer(-1)) == "the integer is out of the type's range");
  BOOST_TEST(error_of<bool>(integer(2)) == "the integer is out of the type's range");
  BOOST_TEST(error_of<std::uint8_t>(integer(255)) == "");
}

BOOST_AUTO_TEST_CASE(a_wrong_type_says_which_type_is_really_there) {
  BOOST_TEST(error_of<std::string>(integer(1)) == "the value is integer, not string");
  BOOST_TEST(error_of<int>({ValueType::json, "1"}) == "the value is json, not integer");
  BOOST_TEST(error_of<double>(integer(1)) == "the value is integer, not floating");
  BOOST_TEST(error_of<boost::json::value>({ValueType::object, ""}) ==
             "the value is object, not json");
}

BOOST_AUTO_TEST_CASE(malformed_bytes_are_errors) {
  BOOST_TEST(error_of<int>({ValueType::integer, "123"}) == "the integer value is malformed");
  BOOST_TEST(error_of<double>({ValueType::floating, ""}) == "the floating value is malformed");
  for (const char* text : {"", "{", "{} {}", "[1,]", "nul"}) {
    BOOST_TEST(error_of<boost::json::value>({ValueType::json, text}) ==
               "the json value is malformed");
  }
}

BOOST_AUTO_TEST_CASE(objects_come_back_whole) {
  check_round_trip(Point{7, {"a", "b"}}, ValueType::object);
  check_round_trip(Line{{1, {}}, {2, {"end"}}, 3}, ValueType::object);
}

BOOST_AUTO_TEST_CASE(an_object_of_another_class_says_which) {
  const Value point = *to_value(Point{7, {}});
  BOOST_TEST(error_of<Line>(point) == "the value is object atlas.Point, not object atlas.Line");
  BOOST_TEST(error_of<int>(point) == "the value is object atlas.Point, not integer");
  BOOST_TEST(error_of<Point>(integer(1)) == "the value is integer, not object atlas.Point");
}

// Goal: what an older program stored is read, what a newer one stored is refused.
// Method: the version stands as one byte after the name.
BOOST_AUTO_TEST_CASE(the_stored_version_of_an_object_decides_how_it_is_read) {
  Value value = *to_value(Line{{1, {}}, {2, {}}, 3});
  const std::size_t version_at = 1 + std::string("atlas.Line").size();
  BOOST_REQUIRE(value.bytes[version_at] == 1);
  Value older = value;
  older.bytes[version_at] = 0;
  older.bytes.resize(older.bytes.size() - sizeof(std::int32_t));
  BOOST_TEST((from_value<Line>(older).value() == Line{{1, {}}, {2, {}}, 0}));
  value.bytes[version_at] = 2;
  BOOST_TEST(error_of<Line>(value) ==
             "the value of object atlas.Line is malformed, or of a newer version than this program "
             "knows");
}

BOOST_AUTO_TEST_CASE(a_truncated_or_padded_object_is_malformed) {
  const Value value = *to_value(Point{7, {"a", "b"}});
  for (std::size_t size = 0; size < value.bytes.size(); ++size) {
    BOOST_TEST(!from_value<Point>({ValueType::object, value.bytes.substr(0, size)}).has_value());
  }
  BOOST_TEST(!from_value<Point>({ValueType::object, value.bytes + "x"}).has_value());
}

BOOST_AUTO_TEST_CASE(json_nested_too_deeply_is_refused_in_both_directions) {
  const std::string text = std::string(40, '[') + std::string(40, ']');
  BOOST_TEST(error_of<boost::json::value>({ValueType::json, text}) ==
             "the json value is malformed");
  boost::json::value nested = boost::json::array();
  for (int i = 0; i < 40; ++i) nested = boost::json::array{nested};
  BOOST_TEST((to_value(nested).error().code == OpError::invalid_argument));
}

BOOST_AUTO_TEST_CASE(taking_the_value_of_an_error_throws_what_the_error_says) {
  BOOST_CHECK_EXCEPTION(from_value<int>({ValueType::string, "x"}).value(),
                        boost::system::system_error, [](const auto& thrown) {
                          return thrown.code() == OpError::wrong_type &&
                                 std::string(thrown.what()).find("string, not integer") !=
                                     std::string::npos;
                        });
}

BOOST_AUTO_TEST_SUITE_END()
