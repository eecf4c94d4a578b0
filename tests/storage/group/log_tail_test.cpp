#include "storage/group/log_tail.hpp"

#include <boost/test/unit_test.hpp>

#include "support.hpp"

namespace hopring {

static Entry entry(std::uint64_t index, std::size_t value_bytes = 10) {
  return {index, 1, put_string("k", std::string(value_bytes, 'v'))};
}

BOOST_AUTO_TEST_SUITE(log_tail)

BOOST_AUTO_TEST_CASE(gives_the_entries_after_an_index_up_to_a_size) {
  LogTail tail(10000, 100);
  tail.start();
  for (std::uint64_t index = 5; index <= 9; ++index) tail.push(entry(index));
  const std::size_t one = bytes_of(entry(5).command);
  BOOST_TEST(tail.after(4, 9, 10000).size() == 5u);
  BOOST_TEST(tail.after(6, 8, 10000).size() == 2u);
  BOOST_TEST(tail.after(4, 9, 3 * one).size() == 3u);
  BOOST_TEST(tail.after(4, 9, 1).size() == 1u);  // or a large entry would never go
  BOOST_TEST(tail.after(9, 9, 10000).empty());
}

BOOST_AUTO_TEST_CASE(forgets_what_is_trimmed) {
  LogTail tail(10000, 100);
  tail.start();
  for (std::uint64_t index = 1; index <= 4; ++index) tail.push(entry(index));
  tail.trim(3);
  BOOST_TEST(tail.bytes() == bytes_of(entry(4).command));
  BOOST_TEST(tail.after(3, 4, 10000).front().index == 4u);
}

BOOST_AUTO_TEST_CASE(overflows_by_bytes_and_by_entries_and_then_keeps_nothing) {
  LogTail by_entries(10000, 2);
  LogTail by_bytes(2 * bytes_of(entry(1).command), 100);
  for (LogTail* tail : {&by_entries, &by_bytes}) {
    tail->start();
    tail->push(entry(1));
    tail->push(entry(2));
    BOOST_TEST(!tail->has_overflowed());
    tail->push(entry(3));
    BOOST_TEST(tail->has_overflowed());
    BOOST_TEST(tail->bytes() == 0u);
    tail->stop();
    BOOST_TEST(!tail->has_overflowed());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hopring
