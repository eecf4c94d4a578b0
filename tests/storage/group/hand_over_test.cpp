// How the lead of an arc goes from one member to another.
//
// Goal: an arc never waits for a member that cannot serve it, and nobody is let into the count of
// the lost who is only late.
// Method: three hosts, of which one is cut off, dies, or hears of a split after the others.

#include "replica_hosts.hpp"

using namespace hopring;
using namespace std::chrono_literals;

namespace {

struct Lead : Hosts {
  Lead() : Hosts(3) { fill(members); }

  // The second is to have it.
  void hand_over() {
    turn(1, [&](GroupOutbox& out) {
      BOOST_REQUIRE(hosts.at(1)->change(now(), whole_ring().end, members, peer(2), out));
    });
  }
  void hand_over_to_a_silent_one() {
    isolate(2);
    run_for(400ms);
    hand_over();
  }
  bool serves(std::uint16_t n) const {
    return copy(n) != nullptr && copy(n)->leads() && copy(n)->may_serve(now());
  }
  bool is_served() const {
    return std::any_of(hosts.begin(), hosts.end(),
                       [&](const auto& each) { return serves(each.first); });
  }
  bool is_on_way(std::uint16_t to) const {
    return std::any_of(on_way.begin(), on_way.end(), [&](const OnWay& each) {
      return each.to == to && std::holds_alternative<TakeLead>(each.message);
    });
  }
  // Until it serves no longer. What is `moving` is for its client to come again with.
  template <class Act>
  void write_until_it_goes(Act&& act) {
    std::size_t taken = 0;
    std::size_t held = 0;
    const auto write_on = [&] {
      if (!serves(1)) return true;
      const auto result = execute(1, put_string("key", std::to_string(taken)));
      ++(result ? held : taken);
      if (result) BOOST_REQUIRE((result->error == OpError::moving));
      return false;
    };
    BOOST_TEST(!write_on());
    act();
    run_until(write_on);
    BOOST_TEST(taken > 0u);
    BOOST_TEST(held > 0u);
    const auto answers = news<Answered>(1);
    BOOST_TEST(answers.size() == keys + taken);
    for (const Answered& each : answers) BOOST_TEST(!each.result.error.has_value());
  }
  std::optional<bool> ended() { return ended_of(news<MoveEnded>(1)); }
  static std::optional<bool> ended_of(const std::vector<MoveEnded>& all) {
    return all.size() < 2 ? std::nullopt : std::optional(all.back().done);  // the first: fill()
  }

  const Members members{peer(1), peer(2), peer(3)};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hand_over)

BOOST_AUTO_TEST_CASE(the_lead_goes_at_once_to_a_member_that_follows) {
  Lead hosts;
  hosts.hand_over();
  hosts.carry();
  BOOST_TEST(hosts.serves(2));
  BOOST_TEST(hosts.ended().value());
}

BOOST_AUTO_TEST_CASE(the_lead_stays_where_it_is_if_the_other_does_not_answer) {
  Lead hosts;
  hosts.hand_over_to_a_silent_one();
  hosts.run_until([&] {
    BOOST_REQUIRE(hosts.serves(1));
    hosts.write(1, put_string("meanwhile", "v"));
    return hosts.ended().has_value();
  });
  BOOST_TEST(!hosts.ended().value());
  BOOST_TEST(!hosts.hosts.at(1)->is_changing(whole_ring().end));
}

BOOST_AUTO_TEST_CASE(the_lead_goes_to_a_member_that_answers_again_in_time) {
  Lead hosts;
  hosts.hand_over_to_a_silent_one();
  hosts.run_for(200ms);
  BOOST_TEST(hosts.serves(1));
  hosts.cut.clear();
  hosts.run_until([&] { return hosts.serves(2); });
  BOOST_TEST(hosts.ended().value());
}

// Goal: who writes without a stamp learns what has come of it, though the lead goes meanwhile.
BOOST_AUTO_TEST_CASE(what_was_written_is_answered_before_the_lead_goes) {
  Lead hosts;
  hosts.write_until_it_goes([&] { hosts.hand_over(); });
  hosts.run_until([&] { return hosts.serves(2); });
}

BOOST_AUTO_TEST_CASE(and_before_a_primary_goes_that_is_to_be_no_member_any_more) {
  Lead hosts;
  hosts.write_until_it_goes([&] {
    hosts.turn(1, [&](GroupOutbox& out) {
      const Members others{peer(2), peer(3)};
      BOOST_REQUIRE(
          hosts.hosts.at(1)->change(hosts.now(), whole_ring().end, others, std::nullopt, out));
    });
  });
  hosts.run_until([&] { return hosts.serves(2) || hosts.serves(3); });
}

// Goal: an arc that has just lost a member relies on the others.
BOOST_AUTO_TEST_CASE(for_balance_nobody_is_let_go_while_another_member_does_not_answer) {
  Hosts hosts(4);
  hosts.fill({peer(1), peer(2), peer(3)});
  const auto change = [&](ReplicaHost::Goal goal) {
    bool is_begun = false;
    hosts.turn(1, [&](GroupOutbox& out) {
      const Members next{peer(1), peer(3), peer(4)};
      is_begun = hosts.hosts.at(1)->change(hosts.now(), whole_ring().end, next, {}, out, goal);
    });
    return is_begun;
  };
  hosts.isolate(3);
  hosts.run_for(2s);
  BOOST_TEST(!change(ReplicaHost::Goal::balance));
  hosts.cut.clear();
  hosts.run_for(2s);
  BOOST_REQUIRE(change(ReplicaHost::Goal::balance));
  hosts.turn(1, [&](GroupOutbox& out) {  // while the fourth is given its copy
    hosts.hosts.at(1)->on_peer_gone(hosts.now(), peer(3), out);
  });
  hosts.run_for(2s);
  BOOST_TEST(!hosts.news<MoveEnded>(1).back().done);
  BOOST_TEST((hosts.copy(1)->view().members == Members{peer(1), peer(2), peer(3)}));
  hosts.isolate(3);
  hosts.run_for(2s);
  BOOST_REQUIRE(change(ReplicaHost::Goal::copies));
  hosts.run_for(2s);
  BOOST_TEST((hosts.copy(1)->view().members == Members{peer(1), peer(3), peer(4)}));
}

// The third has promised its vote to the one that has given the lead away, and is free of that.
BOOST_AUTO_TEST_CASE(the_lead_comes_back_soon_from_a_member_that_dies_with_it) {
  Lead hosts;
  hosts.hand_over();
  hosts.run_until([&] { return hosts.is_on_way(2); });
  hosts.hosts.erase(2);
  BOOST_TEST(!hosts.is_served());
  hosts.run_for(400ms);
  BOOST_TEST(hosts.is_served());
}

BOOST_AUTO_TEST_CASE(a_member_that_has_not_heard_of_a_split_yet_has_not_lost_the_half) {
  Lead hosts;
  hosts.cut.insert({1, 3});
  hosts.turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.hosts.at(1)->split(hosts.now(), whole_ring().end, half, out));
  });
  hosts.carry();
  BOOST_REQUIRE(hosts.copy(1, half) != nullptr && hosts.copy(1, half)->leads());
  BOOST_REQUIRE(hosts.copy(3, half) == nullptr);
  const Roster roster = hosts.copy(1, half)->raft().roster();
  hosts.cut.clear();
  hosts.run_until([&] { return hosts.copy(1, half)->raft().all_have_copies(); });
  BOOST_TEST((hosts.copy(1, half)->raft().roster() == roster), "it was admitted anew");
}

// What comes first is about the half, and all that the member has heard of the whole is from long
// ago. A member that had dropped the whole would have to say so.
BOOST_AUTO_TEST_CASE(nor_has_a_member_that_was_cut_off_when_the_arc_was_split) {
  Lead hosts;
  hosts.isolate(3);
  hosts.turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.hosts.at(1)->split(hosts.now(), whole_ring().end, half, out));
  });
  hosts.run_for(3s);
  BOOST_REQUIRE(hosts.copy(1, half)->leads());
  const Raft& lower = hosts.copy(1, half)->raft();
  const Roster roster = lower.roster();
  const std::uint64_t admitted = hopring::find(roster, peer(3))->admitted;
  const Heartbeats beat{0, {{lower.group(), lower.term(), admitted, lower.committed(), 0}}};
  const auto answers_no_copy = [&] {
    GroupOutbox out;
    hosts.hosts.at(3)->on_message(hosts.now(), peer(1), GroupMessage(beat), out);
    return !sent<NoCopy>(out).empty();
  };
  BOOST_TEST(!answers_no_copy());
  hosts.hosts.erase(2);
  hosts.cut.clear();
  hosts.run_for(2s);
  BOOST_REQUIRE(hosts.copy(1, half) != nullptr && hosts.copy(3, half) != nullptr);
  BOOST_TEST(hosts.copy(3, half)->raft().is_voter());
  BOOST_TEST((hosts.copy(1, half)->raft().roster() == roster), "it was admitted anew");
  BOOST_TEST(
      (hosts.copy(1, half)->may_serve(hosts.now()) || hosts.copy(3, half)->may_serve(hosts.now())));
  GroupOutbox out;
  hosts.hosts.at(3)->give_up(half, out);
  BOOST_TEST(answers_no_copy());
}

// A scan while a split is under way finds what is due, and orders nothing of the half that comes
// off: when that is applied, the half is not here any more.
BOOST_AUTO_TEST_CASE(what_is_due_in_a_half_that_comes_off_is_left_to_it) {
  Lead hosts;
  const auto is_below = [](std::size_t i) {
    return contains(Arc{whole_ring().begin, half}, position_of(test_hash_key, key(i)));
  };
  std::size_t brief = 0;
  while (!is_below(brief)) ++brief;
  Put put = put_of(brief);
  put.expiry = {Expiry::Kind::after, 100};
  hosts.write(1, put);
  hosts.time += 150ms;
  hosts.turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.hosts.at(1)->split(hosts.now(), whole_ring().end, half, out));
  });
  ScanStep step;
  hosts.turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.hosts.at(1)->scan(hosts.now(), Scan{}, 99, step, out).view != nullptr);
  });
  BOOST_TEST(step.records.size() == keys - 1);
  hosts.carry();
  for (std::uint16_t n = 1; n <= 3; ++n) {
    BOOST_TEST((hosts.copy(n, half) != nullptr && hosts.copy(n) != nullptr), "host " << n);
  }
  hosts.run_for(1s);
  BOOST_TEST(!hosts.has(1, brief));
  BOOST_TEST(hosts.count_of(1) == keys - 1);
}

BOOST_AUTO_TEST_SUITE_END()
