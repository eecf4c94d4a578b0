#include "storage/raft/raft_log.hpp"

#include <boost/test/unit_test.hpp>

namespace hopring {
namespace {

Entry entry(std::uint64_t index, std::uint64_t term, std::size_t value_bytes = 10) {
  const Value value{ValueType::string, std::string(value_bytes, 'v')};
  return Entry{index, term, Put{"key", value, {}, {}}};
}

RaftLog log_of_five() {
  RaftLog log(10, 2);
  for (std::uint64_t index = 11; index <= 15; ++index) log.push(entry(index, index < 13 ? 2 : 3));
  return log;
}

BOOST_AUTO_TEST_SUITE(raft_log)

BOOST_AUTO_TEST_CASE(begins_after_an_entry_that_it_does_not_hold) {
  const RaftLog log(10, 2);
  BOOST_TEST(log.last_index() == 10u);
  BOOST_TEST(log.last_term() == 2u);
  BOOST_TEST(log.term_at(10) == 2u);
  BOOST_TEST(log.bytes() == 0u);
  BOOST_TEST(log.after(10, 1000).empty());
}

BOOST_AUTO_TEST_CASE(finds_each_entry_and_its_term) {
  const RaftLog log = log_of_five();
  BOOST_TEST(log.last_index() == 15u);
  BOOST_TEST(log.at(11).index == 11u);
  BOOST_TEST(log.term_at(12) == 2u);
  BOOST_TEST(log.term_at(13) == 3u);
}

BOOST_AUTO_TEST_CASE(takes_back_what_follows_an_index) {
  RaftLog log = log_of_five();
  log.truncate(12);
  BOOST_TEST(log.last_index() == 12u);
  BOOST_TEST(log.last_term() == 2u);
  BOOST_TEST(log.bytes() == 2 * bytes_of(entry(1, 1).command));
  log.push(entry(13, 7));
  BOOST_TEST(log.last_term() == 7u);
}

BOOST_AUTO_TEST_CASE(drops_the_oldest_and_remembers_the_term_of_the_last_dropped) {
  RaftLog log = log_of_five();
  log.trim(13);
  BOOST_TEST(log.base_index() == 13u);
  BOOST_TEST(log.term_at(13) == 3u);
  BOOST_TEST(log.last_index() == 15u);
  log.trim(15);
  BOOST_TEST(log.bytes() == 0u);
  BOOST_TEST(log.last_term() == 3u);
}

BOOST_AUTO_TEST_CASE(counts_what_has_not_been_applied) {
  RaftLog log = log_of_five();
  const std::size_t each = bytes_of(entry(1, 1).command);
  BOOST_TEST(log.waiting_bytes() == 5 * each);
  log.set_applied(12);
  BOOST_TEST(log.waiting_bytes() == 3 * each);
  log.truncate(14);
  BOOST_TEST(log.waiting_bytes() == 2 * each);
  log.trim(11);
  BOOST_TEST(log.waiting_bytes() == 2 * each);
  log.set_applied(11);
  BOOST_TEST(log.waiting_bytes() == 3 * each, "they are to be applied again");
  log.trim(13);
  BOOST_TEST(log.applied() == 13u);
  BOOST_TEST(log.waiting_bytes() == each);
}

BOOST_AUTO_TEST_CASE(gives_entries_by_bytes_but_at_least_one) {
  const RaftLog log = log_of_five();
  const std::size_t each = bytes_of(entry(1, 1).command);
  BOOST_TEST(log.after(10, 1).size() == 1u);
  BOOST_TEST(log.after(11, 2 * each).size() == 2u);
  BOOST_TEST(log.after(11, 2 * each).front()->index == 12u);
  BOOST_TEST(log.after(10, 100 * each).size() == 5u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
