#include "storage/raft/raft.hpp"

#include <boost/test/unit_test.hpp>

#include "base/count.hpp"
#include "raft_member.hpp"
#include "raft_world.hpp"

namespace hopring {
namespace {

using namespace std::chrono_literals;

RequestVote vote_for(std::uint64_t term, std::uint64_t last_index, std::uint64_t last_term) {
  return {group, RequestVote::Kind::vote, term, 1, last_index, last_term, 0};
}

BOOST_AUTO_TEST_SUITE(raft)

BOOST_AUTO_TEST_CASE(a_member_that_has_promised_does_not_vote_until_the_promise_has_run_out) {
  const auto votes = [](PlantedBug bug, Duration when) {
    Member member(1, bug, {0, 0, 0, first_three()});
    const Heartbeat heartbeat{group, 1, 1, 0};
    BOOST_TEST(member.raft.on_heartbeat(at(1s), peer(2), heartbeat).promised);
    return member.ask<VoteAnswer>(3, vote_for(2, 10, 1), when).granted;
  };
  const Duration promised = RaftOptions{}.promise_duration;
  BOOST_TEST(!votes(PlantedBug::none, 1s + promised / 2));
  BOOST_TEST(votes(PlantedBug::none, 1s + promised));
  BOOST_TEST(votes(PlantedBug::promise_not_kept, 1s + promised / 2));
}

BOOST_AUTO_TEST_CASE(a_promise_counts_only_in_the_term_in_which_it_was_given) {
  const auto serves = [](PlantedBug bug) {
    Member member(1, bug, {1, 0, 0, first_three()});
    RaftOutbox out = member.lead();
    member.raft.on_message(at(5s), peer(2), AppendEntriesAnswer{group, 2, 1, 0, true, 1}, out);
    BOOST_TEST(member.raft.committed() == 1u);
    member.raft.on_applied(1);
    BOOST_TEST(!member.raft.may_serve(at(5s)));
    const HeartbeatAnswer earlier{group, 1, 1, 1, true, true, 0};
    member.raft.on_heartbeat_answer(at(5s), peer(2), earlier, at(5s).monotonic, out);
    return member.raft.may_serve(at(5s));
  };
  BOOST_TEST(!serves(PlantedBug::none));
  BOOST_TEST(serves(PlantedBug::promise_of_another_term));
}

// Goal: a lease ends before the promise that it rests on does, by whichever clock.
BOOST_AUTO_TEST_CASE(a_lease_is_shorter_than_the_promise_by_what_two_clocks_may_drift) {
  Member member(1, PlantedBug::none, {1, 0, 0, first_three()});
  RaftOutbox out = member.lead();
  member.raft.on_message(at(5s), peer(2), AppendEntriesAnswer{group, 2, 1, 0, true, 1}, out);
  member.raft.on_applied(1);
  const HeartbeatAnswer answer{group, 2, 1, 1, true, true, 1};
  member.raft.on_heartbeat_answer(at(5s), peer(2), answer, at(5s).monotonic, out);
  const Duration promised = RaftOptions{}.promise_duration;
  const Duration drift = promised * 2 * RaftOptions{}.clock_drift_percent_max / 100;
  BOOST_TEST((drift > Duration{}));
  BOOST_TEST(member.raft.may_serve(at(5s + (promised - drift - 1ms))));
  BOOST_TEST(!member.raft.may_serve(at(5s + (promised - drift))));
}

// A copy under way has the entries that follow it, but not yet what they follow.
BOOST_AUTO_TEST_CASE(what_a_copy_that_is_not_complete_has_does_not_count) {
  Member member(1, PlantedBug::none, {1, 0, 0, first_three()});
  RaftOutbox out = member.lead();
  HeartbeatAnswer answer{group, 2, 1, 1, true, false, 1};
  member.raft.on_heartbeat_answer(at(5s), peer(2), answer, at(5s).monotonic, out);
  BOOST_TEST(member.raft.committed() == 0u);
  answer.is_complete = true;
  member.raft.on_heartbeat_answer(at(5s), peer(2), answer, at(5s).monotonic, out);
  BOOST_TEST(member.raft.committed() == 1u);
}

BOOST_AUTO_TEST_CASE(a_primary_that_has_resigned_frees_its_members_from_their_promise) {
  Member member(1, PlantedBug::none, {0, 0, 0, first_three()});
  member.raft.on_heartbeat(at(1s), peer(2), {group, 4, 1, 0});
  RequestVote vote = vote_for(5, 10, 4);
  vote.resigned_term = 3;  // an earlier one, whose primary is not the one that was promised to
  BOOST_TEST(!member.ask<VoteAnswer>(3, vote, 1s).granted);
  vote.resigned_term = 4;
  BOOST_TEST(member.ask<VoteAnswer>(3, vote, 1s).granted);
}

// Goal: whatever a peer says, no promise of ours breaks. No primary takes back what it has sent.
BOOST_AUTO_TEST_CASE(a_primary_that_contradicts_itself_commits_no_more_than_there_is) {
  Member member(1, PlantedBug::none, {5, 0, 0, first_three()});
  AppendEntries append{group, 5, 1, 0, 0, 0, 0, {}};
  append.entries = {put_at(1, 5, "a"), put_at(2, 5, "b"), put_at(3, 5, "c")};
  BOOST_TEST(member.ask<AppendEntriesAnswer>(2, append).index == 3u);
  append.committed = 3;
  append.entries = {put_at(1, 4, "other")};
  BOOST_TEST(member.ask<AppendEntriesAnswer>(2, append).index == 1u);
  BOOST_TEST(member.raft.committed() == 1u);
}

BOOST_AUTO_TEST_CASE(a_copy_that_contradicts_what_was_acknowledged_is_committed_as_far_as_it_is) {
  Member member(1, PlantedBug::none, {5, 0, 0, first_three()});
  AppendEntries append{group, 5, 1, 0, 0, 0, 0, {}};
  append.entries = {put_at(1, 5, "a"), put_at(2, 5, "b"), put_at(3, 5, "c")};
  BOOST_TEST(member.ask<AppendEntriesAnswer>(2, append).index == 3u);
  BOOST_TEST(member.raft.install(at(1s), {5, 2, 4, first_three()}));
  member.raft.on_heartbeat(at(1s), peer(2), {group, 5, 1, 3});
  BOOST_TEST(member.raft.committed() == 2u);
}

// Goal: a stranger that names the last term there is aborts nobody, nor makes anybody say what
// others must take for malformed.
// Method: a member that has come near the bound, by strangers who went on from each other, hears of
// such terms in every way there is, and looks at its clock.
BOOST_AUTO_TEST_CASE(nobody_stands_for_election_where_terms_have_come_to_their_end) {
  const auto asks = [](std::uint64_t term) {
    Member member(1, PlantedBug::none, {term, 0, 0, first_three()});
    RaftOutbox out;
    for (int i = 0; i < 2; ++i) member.expire(out);
    member.raft.stand_soon(at(20s), out);
    member.raft.on_message(at(20s), peer(2), TakeLead{group, term}, out);
    BOOST_TEST(member.raft.term() == term);
    return !out.empty();
  };
  BOOST_TEST(asks(count_max / 2));
  BOOST_TEST(!asks(count_max / 2 + 1));
  BOOST_TEST(!asks(count_max));
}

BOOST_AUTO_TEST_CASE(a_primary_that_hears_of_the_last_term_follows_and_does_not_stand_again) {
  constexpr std::uint64_t last = count_max / 2;
  constexpr std::uint64_t beyond = last + 10;
  const auto is_left_alone_by = [=](RaftMessage message) {
    Member member(1, PlantedBug::none, {last - 1, 0, 0, first_three()});
    RaftOutbox out = member.lead();
    member.raft.on_message(at(5s), peer(2), std::move(message), out);
    BOOST_TEST(member.raft.term() == beyond);
    out.clear();
    member.expire(out);
    return out.empty() && !member.raft.is_primary();
  };
  BOOST_TEST(is_left_alone_by(vote_for(beyond, beyond, beyond)));
  BOOST_TEST(is_left_alone_by(VoteAnswer{group, RequestVote::Kind::vote, beyond, 1, false}));
  BOOST_TEST(is_left_alone_by(AppendEntriesAnswer{group, beyond, 1, 0, true, beyond}));
  BOOST_TEST(is_left_alone_by(AppendEntries{group, beyond, 1, 0, 0, 0, 0, {}}));
}

BOOST_AUTO_TEST_CASE(who_asks_in_the_last_term_whether_it_is_a_member_names_none_beyond) {
  Member member(1, PlantedBug::none, {count_max, 0, 0, first_three()});
  RaftOutbox out;
  member.raft.ask_whether_member(at(30s), peer(2), out);
  BOOST_REQUIRE(out.size() == 1);
  BOOST_TEST(std::get<RequestVote>(out.front().message).term == count_max);
}

BOOST_AUTO_TEST_CASE(entries_of_a_primary_of_an_earlier_term_are_refused) {
  const auto takes = [](PlantedBug bug) {
    Member member(1, bug, {5, 0, 0, first_three()});
    const AppendEntries stale{group, 4, 1, 0, 0, 0, 0, {put_at(1, 4, "old")}};
    const auto answer = member.ask<AppendEntriesAnswer>(2, stale);
    BOOST_TEST(answer.term == (answer.matches ? 4u : 5u));
    return answer.matches;
  };
  BOOST_TEST(!takes(PlantedBug::none));
  BOOST_TEST(takes(PlantedBug::stale_append_accepted));
}

// A later primary has committed another entry in the second one's place.
BOOST_AUTO_TEST_CASE(what_a_message_has_not_compared_is_not_committed_by_it) {
  Member member(1, PlantedBug::none, {1, 0, 0, first_three()});
  member.ask<AppendEntriesAnswer>(
      2, AppendEntries{group, 1, 1, 0, 0, 0, 0, {put_at(1, 1, "a"), put_at(2, 1, "b")}});
  member.ask<AppendEntriesAnswer>(3, AppendEntries{group, 2, 1, 0, 0, 2, 0, {put_at(1, 1, "a")}});
  BOOST_TEST(member.raft.last_index() == 2u);
  BOOST_TEST(member.raft.committed() == 1u);
}

// Peer 2 was a member from the beginning, was removed, and has a new copy as of index 10: it does
// not remember how it voted before.
BOOST_AUTO_TEST_CASE(a_member_does_not_answer_for_its_former_self) {
  const auto admission = [](PlantedBug bug, std::uint64_t admitted) {
    Member member(2, bug, {3, 10, 3, first_three()});
    RequestVote vote = vote_for(4, 10, 3);
    vote.admitted = admitted;
    return member.ask<VoteAnswer>(3, vote, 5s).admitted;
  };
  BOOST_TEST(admission(PlantedBug::none, 1) == 0u);
  BOOST_TEST(admission(PlantedBug::none, 11) == 11u);
  BOOST_TEST(admission(PlantedBug::former_self_votes, 1) == 1u);
}

BOOST_AUTO_TEST_CASE(who_looks_late_reads_first_what_others_have_sent_and_asks_the_next_time) {
  Member member(1, PlantedBug::none, {3, 0, 0, first_three()});
  const auto asks = [&](Duration late) {
    RaftOutbox out;
    const Time when = member.raft.next_deadline() + late;
    member.raft.on_deadline({when, {}}, out);
    BOOST_TEST((out.empty() || member.raft.role() == Raft::Role::asking));
    if (out.empty()) {
      BOOST_TEST((member.raft.next_deadline() <= when + RaftOptions{}.vote_timeout));
    }
    return !out.empty();
  };
  const Duration late = RaftOptions{}.election_late_max + 1ms;
  BOOST_TEST(!asks(late));
  BOOST_TEST(asks(late));
  BOOST_TEST(!asks(late));
  BOOST_TEST(asks(RaftOptions{}.election_late_max));
  BOOST_TEST(!asks(late));
}

BOOST_AUTO_TEST_CASE(a_vote_that_does_not_name_the_admission_is_not_counted) {
  Member candidate(1, PlantedBug::none, {3, 0, 0, first_three()});
  RaftOutbox out;
  candidate.expire(out);
  candidate.ask<RequestVote>(2, VoteAnswer{group, RequestVote::Kind::pre_vote, 4, 1, true}, 5s);
  BOOST_TEST((candidate.raft.role() == Raft::Role::candidate));
  const VoteAnswer granted{group, RequestVote::Kind::vote, 4, 0, true};
  candidate.raft.on_message(at(5s), peer(2), granted, out);
  BOOST_TEST(!candidate.raft.is_primary());
  candidate.raft.on_message(at(5s), peer(2), VoteAnswer{granted.group, granted.kind, 4, 1, true},
                            out);
  BOOST_TEST(candidate.raft.is_primary());
}

// Looks at its members in between, for the sake of what is to be sent again, prolong nothing.
BOOST_AUTO_TEST_CASE(a_primary_whose_members_fall_silent_is_none_after_the_timeout) {
  Member member(1, PlantedBug::none, {1, 0, 0, first_three()});
  RaftOutbox out = member.lead();
  const Time heard = at(6s).monotonic;
  member.raft.on_heartbeat_answer(at(6s), peer(2), {group, 2, 1, 1, true, true, 0}, heard, out);
  const auto run_to = [&](Time end) {
    while (member.raft.is_primary() && member.raft.next_deadline() <= end) {
      member.raft.on_deadline({member.raft.next_deadline(), {}}, out);
    }
  };
  const Time last = heard + RaftOptions{}.quorum_timeout;
  run_to(heard + (RaftOptions{}.quorum_timeout - 1ms));
  BOOST_TEST(member.raft.is_primary());
  run_to(last);
  BOOST_TEST(!member.raft.is_primary());
}

// The third is cut off, the second leaves, and the fourth, which comes for it, has not answered
// yet.
BOOST_AUTO_TEST_CASE(what_the_members_so_far_have_promised_counts_until_those_to_come_can_promise) {
  const Roster roster{{{peer(1), 101}, {peer(2), 101}, {peer(3), 101}}, {}};
  Member primary(1, PlantedBug::none, {1, 100, 1, roster});
  Raft& raft = primary.raft;
  RaftOutbox out = primary.lead(101);
  raft.on_message(at(5s), peer(2), AppendEntriesAnswer{group, 2, 101, 100, true, 101}, out);
  raft.on_applied(raft.committed());
  const HeartbeatAnswer answer{group, 2, 101, 101, true, true, 0, 100};
  raft.on_heartbeat_answer(at(6400ms), peer(2), answer, at(6400ms).monotonic, out);

  raft.change_members(at(6450ms), {peer(1), peer(3), peer(4)});
  BOOST_TEST(raft.wants_heartbeat());  // they are asked at once
  raft.on_deadline(at(5s + RaftOptions{}.quorum_timeout), out);
  BOOST_TEST(raft.is_primary());
  raft.on_deadline(at(6400ms + RaftOptions{}.quorum_timeout), out);
  BOOST_TEST(!raft.is_primary());
}

// Goal: an arc whose majority lives outlasts a change to members of whom most are dead.
// Method: of the first three the second answers, the third and the fourth, who is to come, do not.
struct ChangeToTheDead {
  ChangeToTheDead() {
    raft.on_message(at(5s), peer(2), AppendEntriesAnswer{group, 2, 101, 100, true, 101}, out);
    raft.on_applied(raft.committed());
    answer_heartbeat(6s);
    raft.change_members(at(6s), {peer(1), peer(3), peer(4)});
    raft.flush(at(6s), out);
    raft.on_message(at(6s), peer(2), AppendEntriesAnswer{group, 2, 101, 101, true, 102}, out);
    BOOST_REQUIRE(raft.roster().is_joint());
    BOOST_REQUIRE(raft.committed() == 101u);
  }

  void answer_heartbeat(Duration when) {
    const HeartbeatAnswer answer{group, 2, 101, 101, true, true, 0, 100};
    raft.on_heartbeat_answer(at(when), peer(2), answer, at(when).monotonic, out);
  }

  const Roster first{{{peer(1), 101}, {peer(2), 101}, {peer(3), 101}}, {}};
  Member primary{1, PlantedBug::none, {1, 100, 1, first}};
  Raft& raft = primary.raft;
  RaftOutbox out = primary.lead(101);
};

BOOST_AUTO_TEST_CASE(a_change_to_members_that_do_not_answer_is_taken_back_and_the_arc_served) {
  ChangeToTheDead change;
  Raft& raft = change.raft;
  change.answer_heartbeat(7400ms);
  BOOST_TEST(!raft.may_serve(at(7400ms)));
  raft.on_deadline(at(6s + RaftOptions{}.quorum_timeout), change.out);
  BOOST_TEST(raft.is_primary());
  BOOST_TEST((raft.roster() == change.first));
  BOOST_TEST(!raft.can_change_members());
  BOOST_TEST(!raft.sends_to(peer(4)));

  raft.on_message(at(7500ms), peer(2), AppendEntriesAnswer{group, 2, 101, 102, true, 103},
                  change.out);
  BOOST_TEST(raft.committed() == 103u);
  raft.on_applied(raft.committed());
  BOOST_TEST(raft.may_serve(at(7500ms)));
  BOOST_TEST(raft.can_change_members());
}

// It cannot tell, then, who will answer the next primary.
BOOST_AUTO_TEST_CASE(a_primary_that_is_one_no_more_takes_its_change_back) {
  for (const bool is_beaten : {false, true}) {
    ChangeToTheDead change;
    Raft& raft = change.raft;
    if (is_beaten) {
      raft.on_message(at(7s), peer(3),
                      RequestVote{group, RequestVote::Kind::vote, 3, 101, 101, 2, 0, 0},
                      change.out);
    } else {
      raft.on_deadline(at(6s + RaftOptions{}.quorum_timeout), change.out);
    }
    BOOST_TEST(!raft.is_primary());
    BOOST_TEST((raft.roster() == change.first));
    BOOST_TEST(raft.last_index() == 103u);
    BOOST_TEST(raft.last_term() == 2u);
  }
}

// Whoever led in between may have committed the change, and gone on with the members to come alone.
BOOST_AUTO_TEST_CASE(a_change_of_an_earlier_term_is_not_taken_back) {
  const Roster joint{first_three().voters, {{peer(1), 1}, {peer(3), 1}, {peer(4), 1}}};
  Member member(1, PlantedBug::none, {1, 0, 0, first_three()});
  RaftOutbox out;
  const Entry change{1, 1, ChangeRoster{joint}};
  member.raft.on_message(at(0s), peer(2), AppendEntries{group, 1, 1, 0, 0, 0, 0, {change}}, out);
  member.expire(out);
  for (const auto kind : {RequestVote::Kind::pre_vote, RequestVote::Kind::vote}) {
    for (const std::uint16_t n : {std::uint16_t{2}, std::uint16_t{3}}) {
      member.raft.on_message(at(5s), peer(n), VoteAnswer{group, kind, 2, 1, true}, out);
    }
  }
  BOOST_REQUIRE(member.raft.is_primary());
  member.raft.on_deadline(at(5s + RaftOptions{}.quorum_timeout), out);
  BOOST_TEST(!member.raft.is_primary());
  BOOST_TEST(member.raft.roster().is_joint());
}

// The case of figure 3.7 of Ongaro's dissertation: an entry of an earlier term may stand at a
// majority and still be taken back.
BOOST_AUTO_TEST_CASE(an_entry_of_an_earlier_term_is_committed_only_with_one_of_the_own) {
  const auto commits = [](PlantedBug bug) {
    Member member(1, bug, {2, 0, 0, first_three()});
    RaftOutbox out;
    member.raft.on_message(at(0s), peer(2),
                           AppendEntries{group, 2, 1, 0, 0, 0, 0, {put_at(1, 2, "old")}}, out);
    member.expire(out);
    member.raft.on_message(at(5s), peer(3),
                           VoteAnswer{group, RequestVote::Kind::pre_vote, 3, 1, true}, out);
    member.raft.on_message(at(5s), peer(3), VoteAnswer{group, RequestVote::Kind::vote, 3, 1, true},
                           out);
    BOOST_TEST(member.raft.is_primary());
    BOOST_TEST(member.raft.last_index() == 2u);
    member.raft.on_message(at(5s), peer(3), AppendEntriesAnswer{group, 3, 1, 0, true, 1}, out);
    return member.raft.committed() == 1;
  };
  BOOST_TEST(!commits(PlantedBug::none));
  BOOST_TEST(commits(PlantedBug::old_term_committed));
}

// Each refusal makes the primary try again, once: not once for each append that is on its way.
BOOST_AUTO_TEST_CASE(refusals_do_not_multiply_what_is_sent) {
  Member primary(1, PlantedBug::none, {1, 100, 1, {{{peer(1), 101}, {peer(2), 101}}, {}}});
  RaftOutbox out = primary.lead(101);
  for (int i = 0; i < 10; ++i) primary.raft.propose(put_at(0, 0, "value").command);
  out.clear();
  primary.raft.flush(at(5s), out);
  BOOST_TEST(out.size() == 0u);  // one is on its way, and nothing is known of the other's order
  const AppendEntriesAnswer refusal{group, 2, 101, 100, false, 100};
  for (int i = 0; i < 5; ++i) primary.raft.on_message(at(5s), peer(2), refusal, out);
  BOOST_TEST(out.size() <= 5u);
}

// Goal: who answers and is a little behind is waited for, and not longer than a promise lasts.
// Method: of three members the second has all entries at once, the third answers heartbeats alone.
BOOST_AUTO_TEST_CASE(a_member_that_answers_is_not_left_behind_for_as_long_as_a_promise_lasts) {
  const Roster roster{{{peer(1), 101}, {peer(2), 101}, {peer(3), 101}}, {}};
  Member primary(1, PlantedBug::none, {1, 100, 1, roster});
  primary.options.kept_bytes_max = primary.options.uncommitted_bytes_max = 10'000;
  Raft& raft = primary.raft;
  RaftOutbox out = primary.lead(101);
  const auto has_all = [&](std::uint16_t n, Duration when) {
    const AppendEntriesAnswer answer{group, 2, 101, 100, true, raft.last_index()};
    raft.on_message(at(when), peer(n), answer, out);
    raft.on_applied(raft.committed());
  };
  const auto heartbeat_answered = [&](std::uint16_t n, Duration when) {
    const HeartbeatAnswer answer{group, 2, 101, 101, true, true, 100, 100};
    raft.on_heartbeat_answer(at(when), peer(n), answer, at(when).monotonic, out);
  };
  const auto writes_until_full = [&](Duration when) {
    int writes = 0;
    for (; raft.has_room() && writes < 1000; ++writes) {
      raft.propose(put_at(0, 0, std::string(1000, 'v')).command);
      raft.flush(at(when), out);
      has_all(2, when);
    }
    return writes;
  };
  for (const std::uint16_t n : {std::uint16_t{2}, std::uint16_t{3}}) {
    heartbeat_answered(n, 5s);
    has_all(n, 5s);
  }
  const int writes = writes_until_full(5s);
  BOOST_TEST(writes > 10);
  BOOST_TEST(writes < 30);
  BOOST_TEST(raft.committed() == raft.last_index());
  BOOST_TEST(!raft.needs_copy(peer(3)));

  has_all(3, 5200ms);
  heartbeat_answered(3, 5200ms);
  BOOST_TEST(writes_until_full(5200ms) > 10);
  heartbeat_answered(3, 5800ms);
  raft.flush(at(5800ms), out);
  BOOST_TEST(!raft.has_room());
  BOOST_TEST(!raft.needs_copy(peer(3)));

  heartbeat_answered(3, 6s);
  raft.flush(at(6s), out);
  BOOST_TEST(raft.has_room());
  BOOST_TEST(writes_until_full(6s) == 1000);
  raft.on_deadline(at(6400ms), out);
  BOOST_TEST(raft.needs_copy(peer(3)));
}

// Else the link to a member that is stopped would fill with the same entries again and again.
BOOST_AUTO_TEST_CASE(what_a_member_does_not_acknowledge_is_not_sent_again_before_it_answers) {
  Member primary(1, PlantedBug::none, {1, 100, 1, {{{peer(1), 101}, {peer(2), 101}}, {}}});
  Raft& raft = primary.raft;
  RaftOutbox out = primary.lead(101);
  raft.on_message(at(5s), peer(2), AppendEntriesAnswer{group, 2, 101, 100, true, 101}, out);
  const auto entries_sent = [&] {
    std::size_t count = 0;
    for (const SendRaft& each : std::exchange(out, {})) {
      const auto* append = std::get_if<AppendEntries>(&each.message);
      if (append != nullptr) count += append->entries.size();
    }
    return count;
  };
  entries_sent();
  raft.propose(put_at(0, 0, "value").command);
  raft.flush(at(5s), out);
  BOOST_TEST(entries_sent() == 1u);
  for (Duration when = 5200ms; when < 6400ms; when += 200ms) {
    raft.on_deadline(at(when), out);
    BOOST_TEST(!out.empty());  // whether it answers is asked all the same
    BOOST_TEST(entries_sent() == 0u);
  }
  raft.on_message(at(6300ms), peer(2), AppendEntriesAnswer{group, 2, 101, 101, true, 101}, out);
  BOOST_TEST(entries_sent() == 1u);
}

// Else the arc would wait until the promises have run out that were given to a primary which is
// none any more.
BOOST_AUTO_TEST_CASE(a_primary_whose_lead_nobody_takes_stands_again_as_one_that_has_resigned) {
  Member primary(1, PlantedBug::none, {1, 0, 0, first_three()});
  Raft& raft = primary.raft;
  RaftOutbox out = primary.lead();
  out.clear();
  raft.hand_lead_to(at(6s), peer(3), out);
  BOOST_TEST((out == RaftOutbox{{peer(3), TakeLead{group, 2}}}));
  BOOST_TEST((raft.next_deadline() <= at(6400ms).monotonic));
  out.clear();
  primary.expire(out);
  BOOST_REQUIRE(out.size() == 2u);
  for (const SendRaft& each : out) {
    const auto& vote = std::get<RequestVote>(each.message);
    BOOST_TEST((vote.kind == RequestVote::Kind::vote));
    BOOST_TEST(vote.term == 3u);
    BOOST_TEST(vote.resigned_term == 2u);
  }
  out.clear();
  primary.expire(out);
  BOOST_REQUIRE(out.size() == 2u);
  BOOST_TEST((std::get<RequestVote>(out.front().message).kind == RequestVote::Kind::pre_vote));
}

BOOST_AUTO_TEST_CASE(the_lead_can_be_taken_by_a_voter_that_has_answered_and_lacks_nothing) {
  Member primary(1, PlantedBug::none, {1, 0, 0, first_three()});
  Raft& raft = primary.raft;
  RaftOutbox out = primary.lead();
  const auto answer_heartbeat = [&](std::uint64_t admitted, Duration when) {
    const HeartbeatAnswer answer{group, 2, 1, admitted, true, true, 0, 0};
    raft.on_heartbeat_answer(at(when), peer(3), answer, at(when).monotonic, out);
  };
  const auto acknowledge = [&](std::uint64_t index) {
    raft.on_message(at(5s), peer(3), AppendEntriesAnswer{group, 2, 1, 0, true, index}, out);
  };
  const auto can = [&](Duration when) { return raft.can_take_lead(at(when), peer(3)); };
  BOOST_TEST(!can(5s));
  answer_heartbeat(1, 5s);
  BOOST_TEST(!can(5s));
  acknowledge(1);
  BOOST_TEST(can(5s));
  BOOST_TEST(!raft.can_take_lead(at(5s), peer(2)));
  BOOST_TEST(!raft.can_take_lead(at(5s), peer(4)));
  BOOST_TEST(!can(5s + 3 * RaftOptions{}.heartbeat_interval));

  for (std::size_t i = 0; i < RaftOptions{}.appends_inflight_max; ++i) {
    raft.propose(put_at(0, 0, "value").command);
    BOOST_TEST(!can(5s));
    raft.flush(at(5s), out);
    BOOST_TEST(can(5s));  // they are on their way
  }
  raft.propose(put_at(0, 0, "value").command);
  raft.flush(at(5s), out);
  BOOST_TEST(!can(5s));
  acknowledge(raft.last_index() - 1);
  BOOST_TEST(can(5s));

  answer_heartbeat(0, 5s);
  BOOST_TEST(!can(5s));
  answer_heartbeat(1, 5s);
  BOOST_TEST(can(5s));
  raft.on_message(at(5s), peer(3), NoCopy{group, 2, 1}, out);
  BOOST_TEST(!can(5s));
}

BOOST_AUTO_TEST_CASE(what_breaks_the_rules_is_refused_and_changes_nothing) {
  Member member(1, PlantedBug::none, {5, 10, 5, first_three()});
  const auto refuses = [&](AppendEntries message) {
    const auto answer = member.ask<AppendEntriesAnswer>(2, std::move(message));
    return !answer.matches && member.raft.last_index() == 10;
  };
  BOOST_TEST(refuses({group, 5, 1, 10, 5, 0, 0, {put_at(12, 5, "a gap")}}));
  BOOST_TEST(
      refuses({group, 5, 1, 10, 5, 0, 0, {put_at(11, 6, "a later term than its primary's")}}));
  BOOST_TEST(refuses({group, 5, 1, 9, 4, 0, 0, {put_at(10, 4, "x"), put_at(11, 4, "terms fall")}}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
