// Messages that cannot be true, as of a peer that is broken, or of nobody who has a part in this.
//
// Goal: one of them changes nothing, and leaves nothing behind.
// Method: three members; each message comes to the primary and to a follower, and then the arc is
// read and written, and has all its copies.

#include <limits>

#include "replica_hosts.hpp"

using namespace hopring;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t highest = ~0ull;
const GroupName group = group_of(first_view);

struct Three : Hosts {
  Three() : Hosts(4) { fill({peer(1), peer(2), peer(3)}); }

  void hear(std::uint16_t n, GroupMessage message) {
    turn(n, [&](GroupOutbox& out) {
      hosts.at(n)->on_message(now(), peer(n == 2 ? 3 : 2), std::move(message), out);
    });
    run_for(1s);
  }
  void check_all_is_well() {
    BOOST_TEST(count_of(1) == keys);
    write(1, put_of(0));
    run_for(100ms);
    for (std::uint16_t n = 1; n <= 3; ++n) {
      BOOST_REQUIRE(copy(n) != nullptr);
      BOOST_TEST(copy(n)->is_complete());
      BOOST_TEST(copy(n)->raft().last_index() == copy(1)->raft().last_index());
      BOOST_TEST(copy(n)->raft().term() == copy(1)->raft().term());
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(stray_messages, Three)

// A term that nobody can follow would leave the group without a primary for ever.
BOOST_AUTO_TEST_CASE(a_term_that_nobody_can_have_come_to_is_passed_over) {
  const auto vote = RequestVote::Kind::vote;
  for (std::uint16_t n = 1; n <= 2; ++n) {
    for (const std::uint64_t term : {highest, std::uint64_t{1} << 40}) {
      hear(n, HeartbeatAnswers{0, {HeartbeatAnswer{group, term, 1, 1, true, true, 1, 1}}});
      hear(n, Heartbeats{1, {Heartbeat{group, term, 1, 1, 0}}});
      hear(n, AppendEntriesAnswer{group, term, 1, 1, false, 1});
      hear(n, AppendEntries{group, term, 1, 0, 0, 0, 0, {}});
      hear(n, VoteAnswer{group, vote, term, 1, false});
      hear(n, RequestVote{group, vote, term, 1, highest, highest, highest});
      hear(n, OfferCopy{{group.end, 1},
                        group,
                        copy(1)->view(),
                        term,
                        highest,
                        term,
                        copy(1)->raft().roster(),
                        1});
      check_all_is_well();
    }
  }
}

BOOST_AUTO_TEST_CASE(nobody_drops_its_copy_by_the_answer_to_what_it_has_not_asked) {
  const std::uint64_t begun_at = copy(2)->raft().ballot().begun_at;
  hear(2, NotMember{group, 0, std::numeric_limits<std::int64_t>::max()});
  check_all_is_well();
  BOOST_TEST(copy(2)->raft().ballot().begun_at == begun_at, "it was given another one");
}

// One that calls itself a voter would be waited for for ever, and a few of them keep all others
// out.
BOOST_AUTO_TEST_CASE(a_copy_that_never_comes_is_given_up_whatever_its_roster_says) {
  const Roster roster{{Voter{peer(2), 1}, Voter{peer(4), 77}}, {}};
  hear(4, OfferCopy{{group.end, 1}, group, first_view, 1, 5, 1, roster, 100});
  BOOST_REQUIRE(copy(4) != nullptr);
  BOOST_TEST(!copy(4)->raft().is_voter());
  run_for(20s);
  BOOST_TEST(copy(4) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
