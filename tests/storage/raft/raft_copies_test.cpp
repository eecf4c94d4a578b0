// Which members a primary takes to have a copy.

#include "raft_member.hpp"

namespace hopring {
namespace {

BOOST_AUTO_TEST_SUITE(raft_copies)

// The third has lost its copy and been given another. Until it has been admitted anew, and answers
// as the voter that it is now, the crash of one of the others would leave nobody to decide.
BOOST_AUTO_TEST_CASE(a_copy_counts_when_its_member_answers_as_the_voter_that_the_roster_names) {
  const Roster roster{{{peer(1), 101}, {peer(2), 101}, {peer(3), 101}}, {}};
  Member primary(1, PlantedBug::none, {1, 100, 1, roster});
  Raft& raft = primary.raft;
  RaftOutbox out = primary.lead(101);
  const auto answer_heartbeat = [&](std::uint16_t n, std::uint64_t admitted,
                                    std::uint64_t committed = 100) {
    const HeartbeatAnswer answer{group, 2, 101, admitted, true, true, 0, committed};
    raft.on_heartbeat_answer(at(5s), peer(n), answer, at(5s).monotonic, out);
  };
  const auto acknowledge = [&](std::uint16_t n, std::uint64_t admitted, std::uint64_t index) {
    const AppendEntriesAnswer answer{group, 2, admitted, 100, true, index};
    raft.on_message(at(5s), peer(n), answer, out);
    raft.on_applied(raft.committed());
  };
  const auto copies = [&] { return raft.copies(at(5s)); };
  for (const std::uint16_t n : {std::uint16_t{2}, std::uint16_t{3}}) {
    answer_heartbeat(n, 101);
    BOOST_TEST(copies() == n - 1u);
    acknowledge(n, 101, 101);
    BOOST_TEST(copies() == n);
  }
  answer_heartbeat(3, 0);
  BOOST_TEST(copies() == 2u);
  raft.on_message(at(5s), peer(3), NoCopy{group, 2, 101}, out);
  BOOST_TEST(copies() == 2u);
  raft.add_learner(at(5s), peer(3), raft.applied());
  answer_heartbeat(3, 0, 101);
  BOOST_TEST(raft.has_copy(at(5s), peer(3)));
  BOOST_TEST(copies() == 2u);

  raft.change_members(at(5s), {peer(1), peer(2), peer(3)});
  BOOST_TEST(copies() == 2u);
  acknowledge(3, 102, 102);
  BOOST_TEST(copies() == 2u);
  acknowledge(2, 101, 102);
  BOOST_TEST(!raft.roster().is_joint());
  BOOST_TEST(!raft.can_change_members());  // others may go by the roster before
  BOOST_TEST(copies() == 2u);
  acknowledge(2, 101, 103);
  BOOST_TEST(raft.can_change_members());
  BOOST_TEST(copies() == 3u);
}

// Goal: a member that lags behind what is kept for it, and refuses a copy, is not taken for one
// that has all: an arc at rest would have a copy less than anybody knows.
// Method: the third has entries up to 100, and the primary has none of before 101.
BOOST_AUTO_TEST_CASE(a_copy_that_was_given_up_is_wanted_again_unless_it_has_come_all_the_same) {
  const Roster roster{{{peer(1), 102}, {peer(2), 102}, {peer(3), 102}}, {}};
  Member primary(1, PlantedBug::none, {1, 101, 1, roster});
  Raft& raft = primary.raft;
  RaftOutbox out = primary.lead(102);
  const auto answer_heartbeat = [&](std::uint64_t committed) {
    const HeartbeatAnswer answer{group, 2, 102, 102, true, true, 0, committed};
    raft.on_heartbeat_answer(at(5s), peer(3), answer, at(5s).monotonic, out);
  };
  const auto lacks_copy = [&] {
    return raft.members_without_copy() == std::vector<PeerRef>{peer(3)};
  };
  raft.on_message(at(5s), peer(3), AppendEntriesAnswer{group, 2, 102, 101, false, 100}, out);
  raft.flush(at(5s), out);
  BOOST_TEST(lacks_copy());

  raft.add_learner(at(5s), peer(3), raft.applied());
  answer_heartbeat(100);
  BOOST_TEST(!raft.has_copy(at(5s), peer(3)), "it speaks of the copy that it had");
  raft.end_learning(peer(3));
  BOOST_TEST(lacks_copy());
  answer_heartbeat(100);
  BOOST_TEST(lacks_copy());

  answer_heartbeat(101);
  BOOST_TEST(raft.members_without_copy().empty());
  BOOST_TEST(raft.has_copy(at(5s), peer(3)));
  out.clear();
  raft.flush(at(5s), out);
  BOOST_TEST(out.size() == 1u, "what follows it is sent");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
