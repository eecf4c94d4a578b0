// What the player of scenarios says of texts that are wrong, of output that differs, and of rings
// in which something is broken. The scenarios themselves stand in tests/scenarios.

#include "sim/scenario.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "sim/scenario_text.hpp"

using namespace hopring;
using namespace hopring::sim;

namespace {

std::string played(const std::string& text, PlantedBug bug = PlantedBug::none) {
  return play_scenario("story.txt", text, {.bug = bug});
}

// A ring of three, whole at first, then these blocks, and whole at the end.
std::string with(const std::string& blocks) {
  return "# A story.\n\nseeds 1\npeers 3\nwhole within 30s\n----\nwhole\n\n" + blocks +
         "\nwhole within 30s\n----\nwhole\n";
}
constexpr int first_line_of_blocks = 9;

std::string at(int line) { return "story.txt:" + std::to_string(line) + ": "; }

}  // namespace

BOOST_AUTO_TEST_SUITE(scenario)

BOOST_AUTO_TEST_CASE(a_scenario_that_goes_as_it_says_has_nothing_wrong) {
  BOOST_TEST(played(with("put k v\ncrash 2\nget k at 1 within 5s\n----\ndone\nk = v\n")) == "");
}

BOOST_AUTO_TEST_CASE(a_wrong_expectation_is_told_as_a_difference) {
  const std::string wrong = played(with("put k v\nget k at 1 within 1s\n----\ndone\nk = w\n"));
  BOOST_TEST(wrong == at(first_line_of_blocks) +
                          "with seed 1 the output differs:\n"
                          "    put k v\n"
                          "    get k at 1 within 1s\n"
                          "    ----\n"
                          "  done\n"
                          "- k = w\n"
                          "+ k = v\n");
}

BOOST_AUTO_TEST_CASE(output_that_nobody_expects_differs_too) {
  BOOST_TEST(played(with("put k v\n")).ends_with("----\n+ done\n"));
}

BOOST_AUTO_TEST_CASE(the_first_seed_that_differs_is_named) {
  const std::string wrong = played("seeds 4 9\npeers 1\nput k v\nwhole within 30s\n----\nwhole\n");
  BOOST_TEST(wrong.starts_with(at(1) + "with seed 4 the output differs"));
}

BOOST_AUTO_TEST_CASE(a_command_that_is_not_understood_is_told_with_its_line) {
  BOOST_TEST(played(with("fly 1\n")) == at(first_line_of_blocks) + "there is no command `fly`\n");
  BOOST_TEST(played(with("run fast\n")) ==
             at(first_line_of_blocks) + "`run fast` is not like `run TIME`\n");
  BOOST_TEST(played(with("run 1s\nput k\n")) ==
             at(first_line_of_blocks + 1) +
                 "`put k` is not like `put KEY VALUE` or `put KEY VALUE at PEER within TIME`\n");
  BOOST_TEST(played(with("cut 1 2\n")) ==
             at(first_line_of_blocks) + "`cut 1 2` is not like `cut PEERS | PEERS`\n");
  BOOST_TEST(played(with("----\nwhole\n")) == at(first_line_of_blocks) + "output of no command\n");
}

BOOST_AUTO_TEST_CASE(a_command_that_cannot_be_carried_out_is_told_with_its_line) {
  const auto refusal = [](const std::string& command) {
    const std::string wrong = played(with("run 1s\n" + command + "\n"));
    const std::string before = at(first_line_of_blocks + 1) + "`" + command + "`: ";
    BOOST_TEST(wrong.starts_with(before));
    return wrong.starts_with(before) ? wrong.substr(before.size()) : "";
  };
  BOOST_TEST(refusal("crash 4") == "there is no peer 4\n");
  BOOST_TEST(refusal("crash 1 2 3") == "one peer must stay\n");
  BOOST_TEST(refusal("cut 1 | 1 2") == "a peer stands on both sides, or twice\n");
  BOOST_TEST(played("seeds 1\nreplicas 4\nwhole within 1s\n") ==
             at(2) + "`replicas 4`: there are 3 or 5 replicas\n");
  BOOST_TEST(refusal("replicas 5") == "this stands before the first peers\n");
  BOOST_TEST(refusal("seeds 1 2") == "this stands before the first peers\n");
  BOOST_TEST(refusal("call a the owner of k") == "a role is primary or members\n");
  BOOST_TEST(refusal("call a b the primary of k") == "they are only 1\n");
  BOOST_TEST(played("seeds 1\nrun 1s\nwhole within 1s\n") ==
             at(2) + "`run 1s`: there are no peers yet\n");
}

BOOST_AUTO_TEST_CASE(who_has_an_arc_that_changes_hands_is_waited_for) {
  BOOST_TEST(played(with("call a the primary of k\ncrash a\ncall b the primary of k\n")) == "");
}

// Goal: a text can tell what becomes of arcs that have lost their majority.
BOOST_AUTO_TEST_CASE(lost_arcs_are_unavailable_until_they_are_repaired) {
  BOOST_TEST(played(with("fill 1 keys\ncrash 1 2\nrun 4s\nread 1 keys at 3 within 1s\n"
                         "repair within 30s\nread 1 keys at 3 within 1s\n"
                         "----\n1 done\nunavailable\nrepaired\nright\n")) == "");
}

// Goal: of who is stopped nothing is heard until he goes on; others take over within seconds.
BOOST_AUTO_TEST_CASE(who_is_stopped_does_not_answer_until_he_goes_on) {
  BOOST_TEST(played(with("put k v\nstop 3 for 8s\nget k at 3 within 5s\nrun 4s\n"
                         "get k at 3 within 5s\nget k at 2 within 5s\n"
                         "----\ndone\nno_route\nk = v\nk = v\n")) == "");
}

BOOST_AUTO_TEST_CASE(where_nothing_is_lost_there_is_nothing_to_repair) {
  BOOST_TEST(played(with("repair within 30s\n----\nthere is nothing to repair\n")) == "");
  const std::string wrong = played(with("cut 3 | others\nrun 5s\nrepair within 2s\nmend\n"));
  BOOST_TEST(wrong.find("\n+ not repaired: ") != std::string::npos);
  BOOST_TEST(wrong.find("\n+ repair: 0 done, 0 refused") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_scenario_begins_with_its_seeds_and_ends_whole_and_mended) {
  BOOST_TEST(played("") == at(0) + "there are no commands\n");
  BOOST_TEST(played("peers 3\nwhole within 1s\n") ==
             at(1) + "the first command is not `seeds COUNTS`\n");
  BOOST_TEST(played("seeds 1\npeers 3\nserved within 9s\n----\nserved\n") ==
             at(3) + "the last command is not `whole within TIME`\n");
  BOOST_TEST(played(with("silence 1 -> 2\n")) ==
             at(first_line_of_blocks + 2) + "the ring is not mended at its end\n");
  const std::string wrong = played(with("cut 3 | others\nrun 5s\n"));
  BOOST_TEST(wrong.starts_with(at(first_line_of_blocks + 3) + "with seed 1 the output differs:"));
  BOOST_TEST(wrong.find("\n+ not whole: ") != std::string::npos);
}

// Goal: what must never be is looked at after each command, whatever the text expects.
// Method: peers that answer by leases which they do not have, and a primary that is cut off.
BOOST_AUTO_TEST_CASE(a_planted_bug_breaks_what_always_holds) {
  const std::string cut = with("call a the primary of k\ncut a | others\nrun 3s\nmend\n");
  BOOST_TEST(played(cut) == "");
  const std::string wrong = played(cut, PlantedBug::lease_not_checked);
  BOOST_TEST(wrong.starts_with(at(first_line_of_blocks + 2) +
                               "`run 3s`, with seed 1, breaks what always holds:\n    two may "
                               "serve: "));
}

BOOST_AUTO_TEST_CASE(a_difference_keeps_the_lines_that_are_common) {
  BOOST_TEST(difference({"a", "b", "c"}, {"a", "c", "d"}) == "  a\n- b\n  c\n+ d\n");
  BOOST_TEST(difference({}, {}) == "");
}

BOOST_AUTO_TEST_SUITE_END()
