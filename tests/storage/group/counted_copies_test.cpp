// How many copies a primary says that there are.
//
// Goal: where it says that all are there, the arc outlives the crash of any one of its members.
// Method: after each message an election is counted out without each host in turn, by what the
// others really have.

#include "replica_hosts.hpp"

using namespace hopring;
using namespace std::chrono_literals;

namespace {

struct Counted : Hosts {
  Counted() : Hosts(4) { fill({peer(1), peer(2), peer(3)}); }

  const Raft& primary() const { return copy(1)->raft(); }
  bool has_all_copies() const { return primary().copies(now()) == 3; }

  // Nobody is primary any more: could this one be elected?
  bool can_win(std::uint16_t n, std::uint16_t crashed) const {
    const Raft& candidate = copy(n)->raft();
    const Raft::Ballot asks = candidate.ballot();
    return asks.stands && decides(candidate.roster(), [&](const Voter& voter) {
             const std::uint16_t m = voter.peer.endpoint.port;
             if (m == crashed || copy(m) == nullptr) return false;
             const Raft::Ballot grants = copy(m)->raft().ballot();
             return copy(m)->raft().answers_for(voter) &&
                    std::pair(asks.last_term, asks.last_index) >=
                        std::pair(grants.last_term, grants.last_index);
           });
  }
  bool outlives(std::uint16_t crashed) const {
    for (const auto& [n, host] : hosts) {
      if (n != crashed && copy(n) != nullptr && can_win(n, crashed)) return true;
    }
    return false;
  }
  // Is it right whenever it says so, until the change has come to its end?
  void judge_until_all_copies_are_back() {
    run_until([&] { return !has_all_copies() || primary().roster().is_joint(); });
    run_until([&] {
      if (!has_all_copies()) return false;
      for (std::uint16_t n = 1; n <= 4; ++n) BOOST_REQUIRE(outlives(n));
      return primary().can_change_members();
    });
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(counted_copies)

BOOST_AUTO_TEST_CASE(who_has_lost_its_copy_counts_again_when_it_has_been_admitted_anew) {
  Counted hosts;
  const std::uint64_t admitted = find(hosts.primary().roster(), peer(3))->admitted;
  hosts.turn(3, [&](GroupOutbox& out) { hosts.hosts.at(3)->give_up(whole_ring().end, out); });
  hosts.judge_until_all_copies_are_back();
  BOOST_TEST(find(hosts.primary().roster(), peer(3))->admitted > admitted);
}

BOOST_AUTO_TEST_CASE(who_is_let_in_counts_when_it_answers_as_a_voter) {
  Counted hosts;
  hosts.turn(1, [&](GroupOutbox& out) {
    const Members next{peer(1), peer(2), peer(4)};
    BOOST_REQUIRE(
        hosts.hosts.at(1)->change(hosts.now(), whole_ring().end, next, std::nullopt, out));
  });
  hosts.judge_until_all_copies_are_back();
  BOOST_TEST(find(hosts.primary().roster(), peer(4)) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
