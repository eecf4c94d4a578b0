// What a scan must have returned, and what is known of keys that several clients write at a time.

#include "sim/scanner.hpp"

#include <boost/test/unit_test.hpp>

using namespace hopring;
using namespace hopring::sim;
using namespace std::chrono_literals;

namespace {

std::string faults_of(const Seen& seen, const std::map<std::string, Presence>& known) {
  std::vector<std::string> keys;
  for (const auto& [key, presence] : known) keys.push_back(key);
  std::string text;
  const auto presence = [&](const std::string& key) {
    return known.contains(key) ? known.at(key) : Presence::absent;
  };
  for (const ScanFault& each : judge_scan(seen, keys, presence)) {
    text += each.key + ": " + each.what + "; ";
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scans)

BOOST_AUTO_TEST_CASE(what_stays_is_returned_once_and_what_is_absent_never) {
  const std::map<std::string, Presence> known{
      {"a", Presence::stayed}, {"b", Presence::absent}, {"c", Presence::unknown}};
  BOOST_TEST(faults_of({{"a", 1}}, known) == "");
  BOOST_TEST(faults_of({{"a", 1}, {"c", 1}}, known) == "");
  BOOST_TEST(faults_of({}, known) == "a: a scan returned 0 times what stayed; ");
  BOOST_TEST(faults_of({{"a", 2}}, known) == "a: a scan returned 2 times what stayed; ");
  BOOST_TEST(faults_of({{"a", 1}, {"b", 1}}, known) ==
             "b: a scan returned 1 times what was not there; ");
  BOOST_TEST(faults_of({{"a", 1}, {"c", 2}}, known) ==
             "c: a scan returned 2 times what came or went; ");
  BOOST_TEST(faults_of({{"a", 1}, {"d", 1}}, known) ==
             "d: a scan returned 1 times what was not there; ");
}

BOOST_AUTO_TEST_CASE(a_key_is_there_from_the_end_of_a_write_to_the_begin_of_an_erase) {
  using Effect = KeyWatch::Effect;
  KeyWatch key;
  BOOST_TEST((key.since(0s) == Presence::absent));
  key.on_called(Effect::makes_present);
  BOOST_TEST((key.since(2s) == Presence::unknown));
  key.on_ended(Effect::makes_present, 1s, 3s, true, true);
  BOOST_TEST((key.since(2s) == Presence::unknown));
  BOOST_TEST((key.since(3s) == Presence::stayed));
  key.on_called(Effect::makes_absent);
  BOOST_TEST((key.since(3s) == Presence::unknown));
  key.on_ended(Effect::makes_absent, 4s, 5s, true, true);
  BOOST_TEST((key.since(4s) == Presence::unknown));
  BOOST_TEST((key.since(5s) == Presence::absent));
}

BOOST_AUTO_TEST_CASE(calls_that_overlap_leave_it_unknown) {
  using Effect = KeyWatch::Effect;
  KeyWatch key;
  key.on_called(Effect::makes_present);  // at 1 s
  key.on_called(Effect::makes_absent);   // at 2 s
  key.on_ended(Effect::makes_present, 1s, 3s, true, true);
  key.on_ended(Effect::makes_absent, 2s, 4s, true, true);
  BOOST_TEST((key.since(4s) == Presence::unknown));
  key.on_called(Effect::makes_present);  // at 5 s
  key.on_ended(Effect::makes_present, 5s, 6s, true, true);
  BOOST_TEST((key.since(6s) == Presence::stayed));
}

// An erase whose fate is not known may happen at any time; one that was refused never does.
BOOST_AUTO_TEST_CASE(a_call_of_unknown_fate_leaves_it_unknown_for_ever) {
  using Effect = KeyWatch::Effect;
  for (const bool is_over : {false, true}) {
    KeyWatch key;
    key.on_called(Effect::makes_absent);
    key.on_ended(Effect::makes_absent, 1s, 2s, false, is_over);
    key.on_called(Effect::makes_present);
    key.on_ended(Effect::makes_present, 3s, 4s, true, true);
    BOOST_TEST((key.since(100s) == (is_over ? Presence::stayed : Presence::unknown)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
