// Arcs that have lost the majority of their members, and go on by hand.
//
// Goal: whoever goes on has all that stands in its copy's order; nobody else goes on beside it; and
// what is left of the older generation ends, whoever holds it.
// Method: a few hosts whose messages are carried in order, except over ways that are cut.

#include "replica_hosts.hpp"
#include "storage/operation/value.hpp"

using namespace hopring;
using namespace std::chrono_literals;

BOOST_TEST_DONT_PRINT_LOG_VALUE(hopring::Repaired)

namespace {

Position position_of(const std::string& of) { return Position{test_hash(of)}; }

const GroupName first_group = group_of(first_view);
const Arc lower{whole_ring().begin, half};
const Arc upper{half, whole_ring().end};

Repair repair_of(const Arc& arc, std::optional<GroupName> copy = first_group,
                 std::uint64_t generation = 2) {
  return {arc, generation, copy};
}

// Three members, of which the first is primary; the other two of five hosts have nothing.
struct Three : Hosts {
  Three() : Hosts(5) { fill({peer(1), peer(2), peer(3)}); }

  void first_two_serve_nothing_for(Duration duration) {
    for (const Duration end = time + duration; time < end;) {
      run_for(10ms);
      BOOST_TEST(count_of(1) + count_of(2) == 0u);
    }
  }
  void crash_but(std::uint16_t survivor) {
    for (std::uint16_t n = 1; n <= 3; ++n) {
      if (n != survivor) hosts.erase(n);
    }
  }

  // Names the end of the copy's order as it is now, unless the case names another.
  Repaired repair(std::uint16_t n, Repair how) {
    const Replica* here = hosts.at(n)->find(how.arc.end);
    if (how.copy && here != nullptr && how.last_index == 0) {
      how.last_term = here->raft().last_term();
      how.last_index = here->raft().last_index();
    }
    return Hosts::repair(n, how);
  }
  std::optional<RepairRefusal> refusal(std::uint16_t n, const Repair& how) {
    return repair(n, how).refused;
  }
};

constexpr Duration orphaned = 4s;  // beyond orphan_after, whoever was heard last

}  // namespace

BOOST_FIXTURE_TEST_SUITE(repair, Three)

BOOST_AUTO_TEST_CASE(the_last_copy_answers_unavailable_until_it_is_told_to_go_on_and_then_at_once) {
  crash_but(2);
  run_for(orphaned);
  BOOST_TEST((execute(2, Get{key(1)}).value().error == OpError::unavailable));
  GroupOutbox out;
  ScanStep step;
  BOOST_TEST(hosts.at(2)->scan(now(), Scan{}, 99, step, out).is_pending);
  BOOST_REQUIRE(out.size() == 1u);
  BOOST_TEST((std::get<Answered>(out.front()).result.error == OpError::unavailable), "a scan, too");
  const Repaired repaired = repair(2, repair_of(whole_ring()));
  BOOST_TEST(!repaired.refused.has_value());
  BOOST_TEST(repaired.keys == keys);
  BOOST_TEST(count_of(2) == keys);
  const View& view = hosts.at(2)->find(half)->view();
  BOOST_TEST((view.number == ViewNumber{2, 2, 1}));
  BOOST_TEST((view.members == Members{peer(2)}));
  const auto opened = news<ArcOpened>(2);
  BOOST_TEST(opened.size() == 1u);
  BOOST_TEST(opened.at(0).copied.value() == keys);
  BOOST_TEST(hosts.at(2)->counters().arcs_repaired == 1u);
  hosts.at(2)->find(half)->audit();
}

// The primary has answered, but crashes before it has told that the write is committed.
BOOST_AUTO_TEST_CASE(what_has_been_acknowledged_counts_though_the_copy_does_not_know_it) {
  isolate(3);
  const std::size_t answered = news<Answered>(1).size();
  BOOST_TEST(!execute(1, put_string("last", "word")).has_value());
  while (news<Answered>(1).size() == answered && !on_way.empty()) carry(1);
  BOOST_REQUIRE(news<Answered>(1).size() == answered + 1);
  BOOST_TEST(!news<Answered>(1).back().result.error.has_value());
  on_way.clear();
  crash_but(2);
  run_for(orphaned);
  BOOST_TEST(copy(2)->raft().last_index() == copy(2)->raft().applied() + 1);
  BOOST_TEST(copy(2)->size() == keys);
  BOOST_TEST(copy(2)->size_at_most() == keys + 1);
  const Repaired repaired = repair(2, repair_of(whole_ring()));
  BOOST_TEST(repaired.entries == 1u);
  BOOST_TEST(repaired.keys == keys + 1);
  BOOST_TEST((execute(2, Get{"last"}).value().value.value().bytes == "word"));
}

BOOST_AUTO_TEST_CASE(a_cut_that_stands_in_the_order_makes_two_arcs) {
  isolate(3);
  turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.at(1)->split(now(), whole_ring().end, half, out));
  });
  const std::uint64_t last = copy(2)->raft().last_index();
  while (copy(2)->raft().last_index() == last && !on_way.empty()) carry(1);
  on_way.clear();
  crash_but(2);
  run_for(orphaned);
  BOOST_TEST((copy(2)->arc() == whole_ring()));
  BOOST_TEST(repair(2, repair_of(whole_ring())).keys == keys);
  BOOST_TEST((copy(2, half)->arc() == lower));
  BOOST_TEST((copy(2)->arc() == upper));
  BOOST_TEST(count_of(2) == keys);
  BOOST_TEST(news<ArcOpened>(2).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_part_of_a_copy_may_go_on_alone) {
  crash_but(2);
  run_for(orphaned);
  std::size_t in_lower = 0;
  for (std::size_t i = 0; i < keys; ++i) in_lower += contains(lower, position_of(key(i)));
  BOOST_TEST(repair(2, repair_of(lower)).keys == in_lower);
  BOOST_TEST(count_of(2) == in_lower);
  BOOST_TEST(copy(2) == nullptr);
}

BOOST_AUTO_TEST_CASE(an_arc_of_which_nobody_has_a_copy_begins_empty) {
  BOOST_TEST(!refusal(5, repair_of(upper, std::nullopt, 7)).has_value());
  BOOST_TEST(news<ArcOpened>(5).size() == 1u);
  BOOST_TEST(news<ArcOpened>(5).at(0).copied.value() == 0u);
  BOOST_TEST((copy(5)->view().number == ViewNumber{7, 5, 1}));
}

BOOST_AUTO_TEST_CASE(who_has_heard_of_a_primary_refuses_and_so_does_the_primary) {
  BOOST_TEST((refusal(1, repair_of(whole_ring())) == RepairRefusal::served));
  BOOST_TEST((refusal(2, repair_of(whole_ring())) == RepairRefusal::served));
  BOOST_TEST((refusal(2, repair_of(lower, std::nullopt)) == RepairRefusal::served));
  crash_but(2);
  run_for(1s);
  BOOST_TEST((refusal(2, repair_of(whole_ring())) == RepairRefusal::served), "too soon");
  BOOST_TEST((copy(2)->raft().group() == first_group));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_to_the_copy_is_refused) {
  crash_but(2);
  run_for(orphaned);
  BOOST_TEST((refusal(2, repair_of(whole_ring(), first_group, 1)) == RepairRefusal::outdated));
  BOOST_TEST((refusal(2, repair_of(upper, std::nullopt)) == RepairRefusal::has_copy));
  const GroupName other{first_group.end, 1, 77};
  BOOST_TEST((refusal(2, repair_of(whole_ring(), other)) == RepairRefusal::no_copy));
  BOOST_TEST((refusal(4, repair_of(whole_ring())) == RepairRefusal::no_copy));
  BOOST_TEST(!refusal(2, repair_of(whole_ring())).has_value());
  BOOST_TEST((refusal(2, repair_of(whole_ring())) == RepairRefusal::served), "a second time");
  BOOST_TEST((refusal(2, repair_of(lower, first_group, 3)) == RepairRefusal::served));
}

// The request was long under way: meanwhile the arc was served again, and lost once more.
BOOST_AUTO_TEST_CASE(a_copy_that_is_not_what_was_seen_is_refused_and_kept) {
  Repair seen = repair_of(whole_ring());
  seen.last_term = copy(2)->raft().last_term();
  seen.last_index = copy(2)->raft().last_index();
  write(1, put_string("later", "word"));
  run_for(1s);
  crash_but(2);
  run_for(orphaned);
  BOOST_TEST((refusal(2, seen) == RepairRefusal::changed));
  BOOST_TEST(copy(2)->size() == keys + 1);
  ++seen.last_index;
  ++seen.last_term;
  BOOST_TEST((refusal(2, seen) == RepairRefusal::changed));
  --seen.last_term;
  BOOST_TEST(!refusal(2, seen).has_value());
}

// A result that is remembered is told again; what is not is neither executed nor denied.
BOOST_AUTO_TEST_CASE(stamps_of_the_older_generation_are_executed_no_more) {
  const Stamp known{9, 1, 1, 0, false};
  write(1, Add{"counter", 5}, known);
  run_for(1s);
  crash_but(2);
  run_for(orphaned);
  BOOST_TEST(!refusal(2, repair_of(whole_ring())).has_value());
  const auto again = execute(2, Add{"counter", 5}, Stamp{9, 1, 1, 0, true});
  BOOST_TEST(!again.value().error.has_value());
  const auto stale = execute(2, Add{"counter", 5}, Stamp{9, 2, 1, copy(2)->raft().applied(), true});
  BOOST_TEST((stale.value().error == OpError::stale_stamp));
  const std::uint64_t of_another_claim = order_of({2, 77, 1});
  const auto foreign = execute(2, Add{"counter", 5}, Stamp{9, 4, of_another_claim, 100, true});
  BOOST_TEST((foreign.value().error == OpError::stale_stamp));
  write(2, Add{"counter", 2},
        Stamp{9, 3, order_of(copy(2)->view().number), copy(2)->raft().applied(), false});
  BOOST_TEST(decode_integer(news<Answered>(2).back().result.value.value().bytes) == 7);
}

BOOST_AUTO_TEST_CASE(what_is_repaired_gets_copies_and_serves_on_when_its_primary_crashes) {
  crash_but(2);
  run_for(orphaned);
  BOOST_TEST(!refusal(2, repair_of(whole_ring())).has_value());
  turn(2, [&](GroupOutbox& out) {
    const Members members{peer(2), peer(4), peer(5)};
    BOOST_REQUIRE(hosts.at(2)->change(now(), whole_ring().end, members, std::nullopt, out));
  });
  run_for(2s);
  hosts.erase(2);
  run_for(orphaned);
  const std::uint16_t primary = copy(4)->leads() ? 4 : 5;
  BOOST_TEST(count_of(primary) == keys);
}

// Goal: a member that was only cut off, and went on by the operator's mistake, is the one that
// counts when the others are back; they end at once and say what they had.
BOOST_AUTO_TEST_CASE(a_primary_of_the_older_generation_gives_way_and_so_do_its_members) {
  isolate(3);
  run_for(orphaned);
  write(1, put_string("lost", "later"));
  BOOST_TEST(!refusal(3, repair_of(whole_ring())).has_value());
  BOOST_TEST(count_of(1) == keys, "two generations for now");
  cut.clear();
  run_for(300ms);
  BOOST_TEST(copy(1) == nullptr);
  BOOST_TEST(copy(2) == nullptr);
  BOOST_TEST(count_of(3) == keys);
  BOOST_TEST(hosts.at(1)->counters().records_dropped == keys + 1);
  BOOST_TEST(news<ArcLost>(1).back().records == keys + 1);
  BOOST_TEST(hosts.at(2)->counters().records_dropped == 0u);
  BOOST_TEST(news<ArcLost>(2).size() == 1u);
  BOOST_TEST(news<CopySuperseded>(1).empty());
  BOOST_TEST(news<CopySuperseded>(2).back().records == keys + 1);
}

// Goal: two members that were stopped while the third one was made to go on alone are no majority
// of the older generation when they go on together. They ask before they serve, and wait for the
// answer though it takes a while: who went on alone has to be dialled anew.
BOOST_AUTO_TEST_CASE(members_that_were_stopped_during_a_repair_serve_nothing_when_they_go_on) {
  isolate(3);
  stopped = {1, 2};
  run_for(orphaned);
  BOOST_TEST(!refusal(3, repair_of(whole_ring())).has_value());
  BOOST_TEST(count_of(3) == keys);
  stopped = {2};
  run_for(50ms);
  stopped.clear();
  first_two_serve_nothing_for(600ms);
  cut.clear();
  first_two_serve_nothing_for(2s);
  BOOST_TEST(copy(1) == nullptr);
  BOOST_TEST(copy(2) == nullptr);
}

// Goal: the same where who went on alone has given what it has to others since: nobody else is
// known to them.
BOOST_AUTO_TEST_CASE(nor_do_they_when_the_copy_that_went_on_is_with_others) {
  stopped = {1, 2};
  run_for(orphaned);
  BOOST_TEST(!refusal(3, repair_of(whole_ring())).has_value());
  turn(3, [&](GroupOutbox& out) {
    const Members others{peer(4), peer(5)};
    BOOST_REQUIRE(hosts.at(3)->change(now(), whole_ring().end, others, std::nullopt, out));
  });
  run_for(3s);
  BOOST_REQUIRE(copy(3) == nullptr);
  stopped.clear();
  first_two_serve_nothing_for(3s);
  BOOST_TEST(copy(1) == nullptr);
  BOOST_TEST(copy(2) == nullptr);
  BOOST_TEST(count_of(4) + count_of(5) == keys);
}

// Nothing can have happened without them, and each says so: also those that are stopped again and
// again serve in between.
BOOST_AUTO_TEST_CASE(members_that_were_all_stopped_serve_again_at_once) {
  for (int i = 0; i < 5; ++i) {
    stopped = {1, 2, 3};
    run_for(orphaned);
    stopped.clear();
    run_for(400ms);
    BOOST_TEST(count_of(1) + count_of(2) + count_of(3) == keys);
  }
}

// As one that was stopped does: it looks at the time before it hears of the repair.
BOOST_AUTO_TEST_CASE(a_primary_that_steps_down_before_it_hears_of_the_repair_says_what_it_drops) {
  isolate(3);
  write(1, put_string("lost", "later"));
  isolate(1);
  run_for(orphaned);
  BOOST_TEST(!copy(1)->leads());
  BOOST_TEST(!refusal(3, repair_of(whole_ring())).has_value());
  hosts.erase(2);
  cut.clear();
  run_for(1s);
  BOOST_TEST(copy(1) == nullptr);
  BOOST_TEST(news<CopySuperseded>(1).size() == 1u);
  BOOST_TEST(news<CopySuperseded>(1).back().records == keys + 1);
  BOOST_TEST(hosts.at(1)->counters().records_dropped == 0u);
}

BOOST_AUTO_TEST_CASE(a_copy_of_an_older_generation_is_not_taken_in_the_place_of_a_newer_one) {
  const OfferCopy old{{whole_ring().end, 1},           first_group, first_view, 1, 5, 1,
                      Roster{{Voter{peer(1), 1}}, {}}, 100};
  crash_but(2);
  run_for(orphaned);
  BOOST_TEST(!refusal(2, repair_of(whole_ring())).has_value());
  GroupOutbox out;
  hosts.at(2)->on_message(now(), peer(4), GroupMessage(old), out);
  BOOST_TEST((sent<OfferAnswer>(out) == std::vector{OfferAnswer{old.transfer, false}}));
  BOOST_TEST((sent<NotMember>(out) == std::vector{NotMember{first_group, superseded_index}}));
  BOOST_TEST(count_of(2) == keys);
}

BOOST_AUTO_TEST_CASE(an_orphan_ends_when_the_ring_says_that_its_arc_is_served_anew) {
  crash_but(2);
  run_for(orphaned);
  View same = copy(2)->view();
  turn(2, [&](GroupOutbox& out) {
    hosts.at(2)->ask_whether_member(now(), whole_ring().end, same, out);
  });
  BOOST_TEST(copy(2) != nullptr, "a view of its own generation says nothing");
  View newer{upper, {2, 5, 1}, 0, {peer(5)}};
  turn(2, [&](GroupOutbox& out) {
    hosts.at(2)->ask_whether_member(now(), whole_ring().end, newer, out);
  });
  BOOST_TEST(copy(2) == nullptr);
  BOOST_TEST(news<CopySuperseded>(2).back().records == keys);
}

// What is served under a later generation elsewhere is cut off first, then dropped.
BOOST_AUTO_TEST_CASE(a_primary_that_has_lost_a_part_of_its_arc_keeps_the_rest) {
  const auto drop = [&](const ViewNumber& to) {
    turn(1, [&](GroupOutbox& out) { hosts.at(1)->drop(now(), lower, to, out); });
    run_for(1s);
  };
  drop({1, 0, 99});
  BOOST_TEST((copy(1)->arc() == whole_ring()), "that is no later generation");
  drop({2, 5, 1});
  BOOST_TEST((copy(1)->arc() == upper));
  BOOST_TEST((copy(1, half)->arc() == lower));
  const std::uint64_t records = copy(1, half)->size();
  drop({2, 5, 1});
  BOOST_TEST(copy(1, half) == nullptr);
  BOOST_TEST(copy(2, half) == nullptr);
  BOOST_TEST((copy(1)->arc() == upper));
  BOOST_TEST(hosts.at(1)->counters().records_dropped == records);
  BOOST_TEST(count_of(1) == keys - records);
}

BOOST_AUTO_TEST_SUITE_END()
