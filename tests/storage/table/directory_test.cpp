// The directory of a table alone: segments without records.

#include "storage/table/directory.hpp"

#include <boost/test/unit_test.hpp>

#include "base/rng.hpp"

namespace hopring {
namespace {

struct DirectoryFixture {
  BlockPool pool{PoolOptions{4096, 0}};

  std::unique_ptr<Segment> segment(std::uint64_t first, std::uint64_t last) {
    return std::make_unique<Segment>(Interval{first, last - first}, pool);
  }
  Directory whole(const Interval& interval) {
    Directory::Segments segments;
    segments.push_back(segment(interval.first, interval.last()));
    return Directory(interval, std::move(segments));
  }
  // Cuts the segment behind `at`.
  void cut(Directory& directory, std::uint64_t at) {
    const std::size_t index = directory.index_of(at);
    const Interval old = directory[index].interval();
    if (old.last() == at) return;
    directory.reserve(2);
    Directory::Segments halves;
    halves.push_back(segment(old.first, at));
    halves.push_back(segment(at + 1, old.last()));
    directory.replace(index, 1, std::move(halves));
  }
  void merge(Directory& directory, std::size_t index) {
    const std::uint64_t first = directory[index].interval().first;
    const std::uint64_t last = directory[index + 1].interval().last();
    directory.reserve(1);
    Directory::Segments one;
    one.push_back(segment(first, last));
    directory.replace(index, 2, std::move(one));
  }
  static void check(const Directory& directory, std::uint64_t position) {
    const Segment& found = directory.segment_of(position);
    BOOST_REQUIRE(found.interval().contains(position));
    BOOST_REQUIRE(&found == &directory[directory.index_of(position)]);
  }
};

BOOST_FIXTURE_TEST_SUITE(directory, DirectoryFixture)

// Goal: every position leads to its segment, whatever was cut and merged before, on rings that wrap
// around and on ranges too small for a guide.
BOOST_AUTO_TEST_CASE(every_position_leads_to_the_segment_that_holds_it) {
  const Interval intervals[] = {
      {0, ~0ull}, {1ull << 63, ~0ull}, {12345, 1ull << 40}, {~0ull - 1000, 5000}, {7, 0},
      {7, 1},     {100, 62},           {~0ull, 1ull << 63}};
  for (const Interval& interval : intervals) {
    Rng rng(interval.first ^ interval.extent);
    Directory subject = whole(interval);
    const auto random = [&] {
      return interval.first +
             (interval.extent == ~0ull ? rng.next() : rng.below(interval.extent + 1));
    };
    for (int step = 0; step < 300; ++step) {
      if (subject.size() > 1 && rng.chance(1, 4)) {
        merge(subject, rng.below(subject.size() - 1));
      } else {
        cut(subject, random());
      }
      if (step % 10 == 0) subject.audit();
      for (int i = 0; i < 20; ++i) check(subject, random());
      check(subject, interval.first);
      check(subject, interval.last());
    }
    subject.audit();
  }
}

BOOST_AUTO_TEST_CASE(a_range_that_is_cut_off_has_a_directory_of_its_own) {
  Directory left = whole({1000, 9999});
  for (std::uint64_t at = 1000; at < 10999; at += 37) cut(left, at);
  const std::size_t segments = left.size();
  const std::size_t index = left.index_of(5000);
  const std::uint64_t first = left[index].interval().first;
  const Directory right = left.split_off(index, {1000, first - 1001}, {first, 10999 - first});
  left.audit();
  right.audit();
  BOOST_TEST(left.size() == index);
  BOOST_TEST(left.size() + right.size() == segments);
  check(left, first - 1);
  check(right, first);
  check(right, 10999);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
