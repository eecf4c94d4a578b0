#include "storage/group/arc_records.hpp"

#include <boost/test/unit_test.hpp>

#include "storage/group/decimal.hpp"
#include "support.hpp"

namespace hopring {

struct Records {
  BlockPool pool;
  ArcRecords records{pool, test_hash, whole_ring()};
  OpResultSink sink;

  Position of(const std::string& key) const { return records.position_of(key); }
  void store(const std::string& key, const Value& value) {
    OpResultSink ignored;
    BOOST_REQUIRE(records.put(of(key), Put{key, value, {}}, {}, ignored) == Change::made);
  }
  OpResult add(const std::string& key, std::int64_t delta) {
    OpResultSink result;
    records.add(of(key), Add{key, delta}, result);
    return result.result;
  }
};

BOOST_FIXTURE_TEST_SUITE(arc_records, Records)

BOOST_AUTO_TEST_CASE(an_absent_key_counts_as_integer_zero) {
  const OpResult result = add("n", 5);
  BOOST_TEST((result.value == Value{ValueType::integer, encode_integer(5)}));
}

BOOST_AUTO_TEST_CASE(add_keeps_the_tag_of_a_decimal_string) {
  store("n", {ValueType::string, "-7"});
  BOOST_TEST((add("n", 17).value == Value{ValueType::string, "10"}));
}

BOOST_AUTO_TEST_CASE(add_refuses_what_is_no_canonical_integer) {
  for (const char* text : {"", "07", "+7", "-0", " 7", "7 ", "1e3", "9223372036854775808"}) {
    store("n", {ValueType::string, text});
    BOOST_TEST((add("n", 1).error == OpError::wrong_type), text);
  }
  store("n", {ValueType::floating, encode_floating(1)});
  BOOST_TEST((add("n", 1).error == OpError::wrong_type));
}

BOOST_AUTO_TEST_CASE(add_refuses_to_overflow_and_changes_nothing) {
  store("n", {ValueType::integer, encode_integer(INT64_MAX)});
  BOOST_TEST((add("n", 1).error == OpError::overflow));
  BOOST_TEST((add("n", 0).value == Value{ValueType::integer, encode_integer(INT64_MAX)}));
}

BOOST_AUTO_TEST_CASE(a_mismatch_tells_the_value_that_is_there) {
  store("k", {ValueType::string, "1"});
  const CompareAndSet by_type{"k", {ValueType::json, "1"}, {ValueType::string, "2"}};
  BOOST_TEST((records.compare_and_set(of("k"), by_type, {}, sink) == Change::none));
  BOOST_TEST((sink.result.outcome == Outcome::mismatch));
  BOOST_TEST((sink.result.value == Value{ValueType::string, "1"}));
}

BOOST_AUTO_TEST_CASE(an_erase_may_be_of_one_value_only) {
  store("k", {ValueType::string, "1"});
  const Erase by_type{"k", Value{ValueType::json, "1"}};
  BOOST_TEST((records.erase(of("k"), by_type, sink) == Change::none));
  BOOST_TEST((sink.result.outcome == Outcome::mismatch));
  BOOST_TEST((sink.result.value == Value{ValueType::string, "1"}));
  const Erase by_value{"k", Value{ValueType::string, "1"}};
  BOOST_TEST((records.erase(of("k"), by_value, sink) == Change::made));
  BOOST_TEST((records.erase(of("k"), by_value, sink) == Change::none));
  BOOST_TEST((sink.result.outcome == Outcome::not_found));
}

BOOST_AUTO_TEST_CASE(a_value_may_be_set_only_if_it_ends_when_expected) {
  const Value value{ValueType::string, "1"};
  records.put(of("k"), Put{"k", value, {}}, {Expiry::Kind::at, 1000}, sink);
  CompareAndSet later{"k", value, value, {Expiry::Kind::at, 2000}, 0};
  BOOST_TEST((records.compare_and_set(of("k"), later, later.expiry, sink) == Change::none));
  BOOST_TEST((sink.result.outcome == Outcome::mismatch));
  BOOST_TEST(sink.result.expiry_ms == 1000);
  later.expected_expiry_ms = 1000;
  BOOST_TEST((records.compare_and_set(of("k"), later, later.expiry, sink) == Change::made));
  BOOST_TEST(records.find(of("k"), "k")->expiry_ms == 2000);
}

BOOST_AUTO_TEST_CASE(an_expiry_is_kept_where_it_is_asked_for) {
  const Expiry until{Expiry::Kind::at, 1000};
  const Expiry keep{Expiry::Kind::keep, 0};
  records.put(of("k"), put_string("k", "1"), until, sink);
  records.put(of("k"), put_string("k", "2"), keep, sink);
  BOOST_TEST(records.find(of("k"), "k")->expiry_ms == 1000);
  records.add(of("k"), Add{"k", 1}, sink);
  BOOST_TEST(records.find(of("k"), "k")->expiry_ms == 1000);
  records.put(of("k"), put_string("k", "3"), {}, sink);
  BOOST_TEST(records.find(of("k"), "k")->expiry_ms == 0);
}

BOOST_AUTO_TEST_CASE(an_expiry_that_has_changed_is_not_the_one_to_remove) {
  records.put(of("k"), put_string("k", "1"), {Expiry::Kind::at, 1000}, sink);
  BOOST_TEST((records.remove_expired(of("k"), {"k", 999}) == Change::none));
  BOOST_TEST((records.remove_expired(of("k"), {"k", 1000}) == Change::made));
  BOOST_TEST(records.size() == 0u);
}

BOOST_AUTO_TEST_CASE(entries_that_break_the_rules_are_told_apart) {
  BOOST_TEST(is_applicable(Command(put_string("k", "v"))));
  BOOST_TEST(!is_applicable(Command(put_string("", "v"))));
  Put relative = put_string("k", "v");
  relative.expiry = {Expiry::Kind::after, 5};
  BOOST_TEST(!is_applicable(Command(relative)));
  BOOST_TEST(!is_applicable(Command(Put{"k", {ValueType::integer, "short"}, {}})));
  BOOST_TEST(!is_installable(Record{"k", {ValueType::floating, "short"}, 0}));
  BOOST_TEST(!is_installable(Record{"k", {ValueType::string, ""}, -1}));
}

BOOST_AUTO_TEST_CASE(decimal_text_is_canonical_up_to_the_bounds) {
  for (const std::int64_t number : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
    BOOST_TEST((parse_canonical(DecimalText(number).view()) == number));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hopring
