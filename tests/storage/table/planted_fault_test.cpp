// Faults that are planted in a table: audit() must find each, and nothing where there is none.

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdio>

#include "tests/storage/table/table_fixture.hpp"
#include "tests/storage/table/table_insides.hpp"

namespace hopring {
namespace {

// Does `audit` abort? It runs in a process of its own, whose last words nobody reads.
template <class Audit>
bool aborts(Audit&& audit) {
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // the framework has a handler
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(1);
    audit();
    ::_exit(0);
  }
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0) || WIFSIGNALED(status));
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(planted_fault)

// Goal: a segment that does not know of its spilled records, of which a get would miss some, and
// one that believes in some that are gone, for which each miss would look, are both found.
BOOST_AUTO_TEST_CASE(an_audit_finds_a_segment_that_is_wrong_about_what_is_spilled) {
  for (const PositionOf positions : {constant_positions, bad_positions, good_positions}) {
    TestTable t(positions, {.block_bytes = 4096});
    for (unsigned i = 0; i < 5000; ++i) {
      BOOST_REQUIRE(t.put(key_number(i), "value") == PutResult::created);
    }
    const std::uint64_t position = t.position_of(key_number(7));
    const bool has_spilled = t.table.spilled() > 0;
    BOOST_TEST(has_spilled == (positions.function != good_positions.function));
    BOOST_TEST(!aborts([&] { t.audit(); }));
    TableInsides::set_has_spilled(t.table, position, !has_spilled);
    BOOST_TEST(aborts([&] { t.audit(); }));
    TableInsides::set_has_spilled(t.table, position, has_spilled);
    t.audit();
  }
}

// Goal: a key that stands twice in a segment is found, wherever the second one lies: in the home,
// beside it, or as far as the neighbourhood reaches.
// Method: a segment, which does not look whether a key is there, is given one again after so many
// others at the same position.
BOOST_AUTO_TEST_CASE(an_audit_finds_a_key_that_is_twice_in_a_segment) {
  for (const unsigned others : {0u, 5u, 20u, 100u}) {
    BlockPool pool;
    Segment segment(interval_of(whole_ring), pool);
    const auto insert = [&](const std::string& key) {
      const RecordView record{constant_positions(key), key, "value", 0, 0};
      Segment::Change change = segment.insert(record);
      for (; change == Segment::Change::no_slot; change = segment.insert(record)) {
        BOOST_REQUIRE(segment.grow() == Segment::Change::done);
      }
      BOOST_REQUIRE(change == Segment::Change::done);
    };
    for (unsigned i = 0; i <= others; ++i) insert(key_number(i));
    BOOST_TEST(!aborts([&] { segment.audit(constant_positions); }));
    insert(key_number(0));
    BOOST_TEST(aborts([&] { segment.audit(constant_positions); }));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hopring
