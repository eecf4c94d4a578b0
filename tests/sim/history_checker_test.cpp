// The judge of histories: what it lets pass, and what it finds.

#include "sim/history_checker.hpp"

#include <boost/test/unit_test.hpp>

#include "history.hpp"
#include "storage/group/result_window.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(history_checker, History)

BOOST_AUTO_TEST_CASE(a_read_that_sees_the_last_write_is_explained) {
  saw(1ms, 2ms, put("a"));
  saw(3ms, 4ms, put("b"));
  saw(5ms, 6ms, Get{"key"}, found("b"));
  BOOST_TEST(is_explained());
}

BOOST_AUTO_TEST_CASE(a_stale_read_is_found) {
  saw(1ms, 2ms, put("a"));
  saw(3ms, 4ms, put("b"));
  saw(5ms, 6ms, Get{"key"}, found("a"));
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(a_lost_write_is_found) {
  saw(1ms, 2ms, put("a"));
  saw(3ms, 4ms, Get{"key"}, absent());
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(an_erase_of_another_value_than_expected_changes_nothing) {
  OpResult mismatch = found("b");
  mismatch.outcome = Outcome::mismatch;
  saw(1ms, 2ms, put("b"));
  saw(3ms, 4ms, Erase{"key", text("a")}, mismatch);
  saw(5ms, 6ms, Get{"key"}, found("b"));
  saw(7ms, 8ms, Erase{"key", text("b")});
  saw(9ms, 10ms, Get{"key"}, absent());
  BOOST_TEST(is_explained());
  saw(11ms, 12ms, put("b"));
  saw(13ms, 14ms, Erase{"key", text("a")});
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(a_mismatch_that_is_told_again_may_lack_a_long_value_and_no_short_one) {
  const std::string long_value(window_value_bytes_max + 1, 'b');
  const OpResult mismatch = outcome(Outcome::mismatch);
  saw(1ms, 2ms, put(long_value));
  saw(3ms, 4ms, Erase{"key", text("a")}, mismatch);
  saw(5ms, 6ms, Get{"key"}, found(long_value));
  BOOST_TEST(is_explained());
  saw(7ms, 8ms, put("b"));
  saw(9ms, 10ms, Erase{"key", text("a")}, mismatch);
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(a_mismatch_with_what_was_expected_is_found_though_it_tells_no_value) {
  const std::string long_value(window_value_bytes_max + 1, 'b');
  saw(1ms, 2ms, put(long_value));
  saw(3ms, 4ms, CompareAndSet{"key", text(long_value), text("a"), {}}, outcome(Outcome::mismatch));
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(reads_beside_a_write_may_see_either_value_but_not_go_back) {
  saw(1ms, 2ms, put("a"));
  saw(3ms, 9ms, put("b"));
  saw(4ms, 5ms, Get{"key"}, found("b"));
  BOOST_TEST(is_explained());
  saw(6ms, 7ms, Get{"key"}, found("a"));
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(a_write_of_unknown_outcome_may_have_happened_late_or_never) {
  saw(1ms, 2ms, put("a"));
  never_heard(3ms, put("b"));
  saw(4ms, 5ms, Get{"key"}, found("a"));
  saw(6ms, 7ms, Get{"key"}, found("b"));
  BOOST_TEST(is_explained());
  saw(8ms, 9ms, Get{"key"}, found("a"));
  BOOST_TEST(!is_explained(), "it has happened once, and not been taken back");
}

BOOST_AUTO_TEST_CASE(a_condition_that_two_writers_met_at_once_is_found) {
  const Put insert{"key", text("a"), {}, PutCondition::if_absent};
  saw(1ms, 5ms, insert);
  saw(2ms, 6ms, insert);
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(a_counter_that_counts_an_addition_twice_is_found) {
  const auto sum = [](std::int64_t number) {
    OpResult result;
    result.value = Value{ValueType::integer, encode_integer(number)};
    return result;
  };
  saw(1ms, 2ms, Add{"key", 5}, sum(5));
  saw(3ms, 4ms, Add{"key", 1}, sum(6));
  BOOST_TEST(is_explained());
  saw(5ms, 6ms, Add{"key", 1}, sum(8));
  BOOST_TEST(!is_explained());
}

// Goal: what may be lost where an arc was repaired, and nothing else, is let pass.
BOOST_AUTO_TEST_CASE(a_key_that_begins_anew_may_have_any_value_of_before_and_none_of_nobody) {
  saw(1ms, 2ms, put("a"));
  saw(3ms, 4ms, put("b"));
  never_heard(5ms, put("c"));
  for (const auto& seen : {found("a"), found("b"), found("c"), absent(), found("d")}) {
    History anew = *this;
    anew.saw(12ms, 13ms, Get{"key"}, seen);
    BOOST_TEST((anew.is_explained() == (seen == found("b") || seen == found("c"))));
    anew.checker.begins_anew("key", 10ms);
    BOOST_TEST((anew.is_explained() == (seen != found("d"))));
    anew.saw(14ms, 15ms, Get{"key"}, found("e"));
    BOOST_TEST(!anew.is_explained(), "after that the rules hold");
  }
}

BOOST_AUTO_TEST_CASE(a_key_that_begins_anew_is_judged_as_any_other_before_that) {
  saw(1ms, 2ms, put("a"));
  saw(3ms, 4ms, Get{"key"}, absent());
  checker.begins_anew("key", 10ms);
  saw(12ms, 13ms, Get{"key"}, absent());
  BOOST_TEST(!is_explained());
}

BOOST_AUTO_TEST_CASE(what_lasts_over_a_repair_may_have_happened_on_either_side_of_it) {
  saw(1ms, 2ms, put("a"));
  saw(8ms, 14ms, put("b"));
  saw(15ms, 16ms, Get{"key"}, found("a"));
  BOOST_TEST(!is_explained());
  checker.begins_anew("key", 10ms);
  BOOST_TEST(is_explained(), "it was executed before, lost, and remembered");
}

BOOST_AUTO_TEST_CASE(what_would_take_too_long_is_counted_and_not_judged) {
  saw(1ms, 2ms, put("a"));
  saw(3ms, 4ms, Get{"key"}, found("a"));
  const HistoryChecker::Verdict verdict = checker.check(1);
  BOOST_TEST(verdict.undecided == 1u);
  BOOST_TEST(verdict.violations.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring::sim
