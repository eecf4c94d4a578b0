// Which peer goes on with which arc, by what peers report.
//
// Goal: no copy is passed over that knows more, none is touched that may come back by itself, and
// what nobody has begins empty.
// Method: rings of one or two cells whose peers report arcs and copies that the case names.

#include "client/core/repair_plan.hpp"

#include <boost/test/unit_test.hpp>

#include "base/count.hpp"
#include "routing/ring_config.hpp"
#include "tests/client/client_support.hpp"

using namespace hopring;

BOOST_TEST_DONT_PRINT_LOG_VALUE(std::vector<hopring::RepairStep>)
BOOST_TEST_DONT_PRINT_LOG_VALUE(std::vector<hopring::RepairPlan::Left>)

namespace {

const Arc whole = equal_arc(0, 1);
const Arc lower = equal_arc(0, 2);
const Arc upper = equal_arc(1, 2);

struct PlanFixture {
  PlanFixture() {
    for (std::uint8_t n = 1; n <= 4; ++n) {
      ReportReply report;
      report.self = peer(n);
      report.ring.nodes_per_peer = 1;
      report.ring.replicas = 3;
      reports.push_back(report);
    }
  }

  void serves(std::uint8_t n, const Arc& arc, std::uint64_t generation = 1) {
    reports[n - 1u].arcs.push_back({View{arc, {generation, 0, 1}, 0, {peer(n)}}, 1, 1});
  }
  // All vote, and by the copy's order, too, unless the case says otherwise; 1 to 4 are in the
  // reports.
  CopyReport& has(std::uint8_t n, const Arc& arc, std::uint64_t last_index,
                  std::uint64_t last_term = 1) {
    const View view{arc, {1, 0, 1}, 0, members};
    auto& copies = reports[n - 1u].copies;
    copies.push_back({view, 10, true, true, true, last_term, last_index, 0, roster(members)});
    return copies.back();
  }
  static Roster roster(const Members& voters, const Members& incoming = {}) {
    Roster roster;
    for (const PeerRef& each : voters) roster.voters.push_back({each, 1});
    for (const PeerRef& each : incoming) roster.incoming.push_back({each, 5});
    return roster;
  }
  RepairPlan plan() const { return plan_repair(reports); }
  RepairStep only_step() const {
    const RepairPlan made = plan();
    BOOST_REQUIRE_EQUAL(made.steps.size(), 1u);
    BOOST_TEST(made.left.empty());
    return made.steps.front();
  }
  NoRepair only_left() const {
    const RepairPlan made = plan();
    BOOST_REQUIRE_EQUAL(made.left.size(), 1u);
    BOOST_TEST(made.steps.empty());
    return made.left.front().why;
  }

  std::vector<ReportReply> reports;
  Members members{peer(1), peer(7), peer(8)};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(repair_plan, PlanFixture)

BOOST_AUTO_TEST_CASE(a_ring_that_is_whole_needs_nothing) {
  serves(1, lower);
  serves(2, upper);
  has(3, upper, 9).is_orphan = false;
  BOOST_TEST(plan().steps.empty());
  BOOST_TEST(plan().left.empty());
}

BOOST_AUTO_TEST_CASE(the_only_copy_goes_on_under_the_next_generation) {
  serves(2, lower);
  const CopyReport copy = has(1, upper, 9);
  const RepairStep step = only_step();
  BOOST_TEST((step.at == peer(1)));
  BOOST_TEST((step.repair == Repair{upper, 2, group_of(copy.view), 1, 9}));
  BOOST_TEST((step.copy == copy));
}

// Goal: the operator is told whose writes may be lost, and of nobody who is there.
BOOST_AUTO_TEST_CASE(members_of_whom_there_is_no_report_are_named) {
  serves(2, lower);
  members = {peer(1), peer(2), peer(7), peer(8)};
  has(1, upper, 9);
  BOOST_TEST((only_step().absent == std::vector<PeerRef>{peer(7), peer(8)}));
}

BOOST_AUTO_TEST_CASE(of_several_copies_the_one_with_the_latest_term_and_then_index_goes_on) {
  members = {peer(1), peer(2), peer(3), peer(7), peer(8), peer(9), peer(10)};
  has(1, whole, 90, 2);
  has(2, whole, 70, 3);
  has(3, whole, 71, 3);
  BOOST_TEST((only_step().at == peer(3)));
}

BOOST_AUTO_TEST_CASE(a_copy_that_is_not_complete_is_of_no_use) {
  has(1, whole, 90).is_complete = false;
  const RepairStep step = only_step();
  BOOST_TEST(!step.copy.has_value());
  BOOST_TEST(!step.repair.copy.has_value());
}

// Whatever the others have: the one that is not named may be the newest, or the only one.
BOOST_AUTO_TEST_CASE(nothing_is_repaired_while_a_peer_could_not_report_all_its_copies) {
  reports[3].copies_left_out = 1;
  BOOST_TEST((only_left() == NoRepair::left_out));
  has(1, whole, 90);
  BOOST_TEST((only_left() == NoRepair::left_out));
  serves(2, whole);
  BOOST_TEST(plan().left.empty());
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_later_generation_goes_before_a_longer_one) {
  has(1, whole, 900, 9);
  CopyReport& repaired = has(2, whole, 3);
  repaired.view.number = {2, 5, 1};
  const RepairStep step = only_step();
  BOOST_TEST((step.at == peer(2)));
  BOOST_TEST(step.repair.generation == 3u);
}

// The one that has applied a split knows more of both halves; the other one may still be needed.
BOOST_AUTO_TEST_CASE(a_hole_is_cut_where_copies_end) {
  has(1, whole, 90);
  CopyReport& half = has(2, lower, 40);
  half.view.number.number = 2;
  const RepairPlan made = plan();
  BOOST_REQUIRE_EQUAL(made.steps.size(), 2u);
  BOOST_TEST((made.steps[0].at == peer(2)));
  BOOST_TEST((made.steps[0].repair.arc == lower));
  BOOST_TEST((made.steps[1].at == peer(1)));
  BOOST_TEST((made.steps[1].repair.arc == upper));
  BOOST_TEST((made.steps[1].repair.copy == group_of(reports[0].copies[0].view)));
}

BOOST_AUTO_TEST_CASE(what_nobody_has_begins_empty_above_all_generations_and_cell_by_cell) {
  for (ReportReply& each : reports) each.ring.nodes_per_peer = 4;
  serves(1, equal_arc(0, 4), 5);
  serves(2, equal_arc(1, 4));
  const RepairPlan made = plan();
  BOOST_REQUIRE_EQUAL(made.steps.size(), 2u);
  BOOST_TEST((made.steps[0].repair == Repair{equal_arc(2, 4), 6, std::nullopt}));
  BOOST_TEST((made.steps[1].repair == Repair{equal_arc(3, 4), 6, std::nullopt}));
  BOOST_TEST((made.steps[0].at != made.steps[1].at));
}

BOOST_AUTO_TEST_CASE(an_arc_of_which_a_copy_has_heard_of_a_primary_is_left_alone) {
  has(1, whole, 90);
  has(4, whole, 10).is_orphan = false;
  BOOST_TEST((only_left() == NoRepair::not_given_up));
  reports[3].copies[0].is_complete = false;
  BOOST_TEST((only_left() == NoRepair::not_given_up));
}

BOOST_AUTO_TEST_CASE(an_arc_whose_majority_answers_is_left_alone) {
  members = {peer(1), peer(2), peer(7)};
  has(1, whole, 90);
  has(2, whole, 90);
  BOOST_TEST((only_left() == NoRepair::has_majority));
  CopyReport& second = reports[1].copies[0];
  second.begun_at = 1;
  BOOST_TEST((only_step().at == peer(1)), "it was to be admitted anew");
  second.begun_at = 0;
  reports[1].self = peer(9);
  BOOST_TEST(plan().left.empty(), "who is no member does not count");
}

// What it lacks comes from the primary that it helps to elect.
BOOST_AUTO_TEST_CASE(a_copy_that_is_not_complete_votes_for_who_has_what_it_vouches_for) {
  members = {peer(1), peer(2), peer(7)};
  has(1, whole, 90);
  CopyReport& coming = has(2, whole, 90);
  coming.is_complete = coming.stands = false;
  BOOST_TEST((only_left() == NoRepair::has_majority));
  coming.last_index = 91;
  BOOST_TEST((only_step().at == peer(1)));
}

BOOST_AUTO_TEST_CASE(while_members_are_changed_it_takes_a_majority_of_the_old_and_of_the_new_ones) {
  members = {peer(1), peer(7), peer(8)};
  const Members next{peer(1), peer(2), peer(3)};
  has(1, whole, 90).roster = roster(members, next);
  has(2, whole, 90).roster = roster(members, next);
  has(3, whole, 80).roster = roster(members);
  reports[2].copies[0].stands = false;
  BOOST_TEST(!only_step().repair.copy->claimant, "of the old ones one answers");
  members = {peer(1), peer(2), peer(7)};
  for (auto* copy : {&reports[0].copies[0], &reports[1].copies[0]}) {
    copy->roster = roster(members, next);
  }
  BOOST_TEST((only_left() == NoRepair::has_majority));
}

// Seed 177 of a soak: the view still named those who had a majority before.
BOOST_AUTO_TEST_CASE(who_votes_is_said_by_the_order_and_not_by_the_view) {
  members = {peer(1), peer(2), peer(7)};
  has(1, whole, 90).roster = roster({peer(1), peer(7), peer(8)});
  has(2, whole, 80).stands = false;
  BOOST_TEST((only_step().at == peer(1)));
  reports[1].copies[0].stands = true;
  BOOST_TEST((only_step().at == peer(1)), "the first one votes for none that lacks entries");
  reports[0].copies[0].last_index = 80;
  BOOST_TEST((only_left() == NoRepair::has_majority), "by the second one's order");
}

// It has a vote, and does not know it.
BOOST_AUTO_TEST_CASE(who_has_not_heard_of_its_admission_counts) {
  members = {peer(1), peer(7), peer(8)};
  has(1, whole, 90).roster = roster({peer(1), peer(2), peer(7)});
  has(2, whole, 80).stands = false;
  BOOST_TEST((only_left() == NoRepair::has_majority));
}

BOOST_AUTO_TEST_CASE(what_is_of_the_last_generation_is_not_repaired) {
  CopyReport& copy = has(1, whole, 90);
  copy.view.number.generation = count_max / 2 - 1;
  BOOST_TEST(only_step().repair.generation == count_max / 2);
  copy.view.number.generation = count_max / 2;
  BOOST_TEST((only_left() == NoRepair::no_generation));
}

BOOST_AUTO_TEST_SUITE_END()
