// Numbers that are counted on from (base/count.hpp).
//
// Goal: what a stranger may say of them cannot make a peer pass their bound.
// Method: each such member of each message in turn at the bound and beyond it.

#include "base/count.hpp"

#include <boost/test/unit_test.hpp>

#include "peer/wire/bounds.hpp"

using namespace hopring;

namespace {

const PeerRef member{ipv4_endpoint(0x7f000001, 7000), 42};
const View view{Arc{Position{1}, Position{9}}, ViewNumber{1, 0, 4}, 0, {member}};
const Roster roster{{Voter{member, 1}}, {}};

// Is the number bounded that number_in(message) names?
template <class Message, class NumberIn>
void is_bounded(Message message, NumberIn&& number_in) {
  BOOST_TEST(is_well_formed(message));
  for (const std::uint64_t fits : {std::uint64_t{1}, count_max}) {
    number_in(message) = fits;
    BOOST_TEST(is_well_formed(message));
  }
  for (const std::uint64_t beyond : {count_max + 1, ~std::uint64_t{1}}) {
    number_in(message) = beyond;
    BOOST_TEST(!is_well_formed(message));
  }
}

#define IS_BOUNDED(message, number) \
  is_bounded(message, [](auto& each) -> std::uint64_t& { return each.number; })

}  // namespace

BOOST_AUTO_TEST_SUITE(counts)

BOOST_AUTO_TEST_CASE(numbers_of_views_are_bounded) {
  IS_BOUNDED(ArcNews{view}, view.number.generation);
  IS_BOUNDED(ArcNews{view}, view.number.number);
  IS_BOUNDED(ArcNews{view}, view.taken_at.generation);
  IS_BOUNDED(ArcNews{view}, view.taken_at.number);
  IS_BOUNDED(ArcNews{view}, view.term);
  const Closer closer{1, {Hint{view.arc, member, view.number}}};
  IS_BOUNDED(closer, hints[0].number.generation);
  IS_BOUNDED(closer, hints[0].number.number);
}

BOOST_AUTO_TEST_CASE(what_an_order_is_told_is_bounded) {
  IS_BOUNDED(AppendEntries{}, group.generation);
  IS_BOUNDED(AppendEntries{}, term);
  IS_BOUNDED(AppendEntries{}, admitted);
  IS_BOUNDED(AppendEntries{}, previous_index);
  IS_BOUNDED(AppendEntries{}, previous_term);
  IS_BOUNDED(AppendEntries{}, committed);
  IS_BOUNDED(AppendEntries{}, held_by_all);
  IS_BOUNDED(AppendEntriesAnswer{}, term);
  IS_BOUNDED(AppendEntriesAnswer{}, admitted);
  IS_BOUNDED(AppendEntriesAnswer{}, previous_index);
  IS_BOUNDED(AppendEntriesAnswer{}, index);
  IS_BOUNDED((AppendsTogether{{AppendEntries{}}, {}}), appends[0].term);
  IS_BOUNDED((AppendsTogether{{}, {AppendEntriesAnswer{}}}), answers[0].term);
  IS_BOUNDED((Entry{1, 1, Nothing{}}), index);
  IS_BOUNDED((Entry{1, 1, Nothing{}}), term);
  IS_BOUNDED((Heartbeats{0, {Heartbeat{}}}), groups[0].term);
  IS_BOUNDED((Heartbeats{0, {Heartbeat{}}}), groups[0].admitted);
  IS_BOUNDED((Heartbeats{0, {Heartbeat{}}}), groups[0].committed);
  IS_BOUNDED((HeartbeatAnswers{0, {HeartbeatAnswer{}}}), groups[0].term);
  IS_BOUNDED((HeartbeatAnswers{0, {HeartbeatAnswer{}}}), groups[0].asked);
  IS_BOUNDED((HeartbeatAnswers{0, {HeartbeatAnswer{}}}), groups[0].admitted);
  IS_BOUNDED((HeartbeatAnswers{0, {HeartbeatAnswer{}}}), groups[0].index);
  IS_BOUNDED((HeartbeatAnswers{0, {HeartbeatAnswer{}}}), groups[0].committed);
}

BOOST_AUTO_TEST_CASE(what_an_election_is_about_is_bounded) {
  IS_BOUNDED(RequestVote{}, group.generation);
  IS_BOUNDED(RequestVote{}, term);
  IS_BOUNDED(RequestVote{}, admitted);
  IS_BOUNDED(RequestVote{}, last_index);
  IS_BOUNDED(RequestVote{}, last_term);
  IS_BOUNDED(RequestVote{}, resigned_term);
  IS_BOUNDED(VoteAnswer{}, term);
  IS_BOUNDED(VoteAnswer{}, admitted);
  IS_BOUNDED(TakeLead{}, term);
  IS_BOUNDED(NoCopy{}, term);
  IS_BOUNDED(NoCopy{}, admitted);
  IS_BOUNDED(NotMember{}, index);
  BOOST_TEST(is_well_formed(NotMember{GroupName{}, superseded_index}));
}

BOOST_AUTO_TEST_CASE(what_a_copy_begins_with_is_bounded) {
  const OfferArc arc{TransferId{}, view, 1, 1, 0};
  IS_BOUNDED(arc, term);
  IS_BOUNDED(arc, index);
  IS_BOUNDED(Chunk{}, index);
  IS_BOUNDED(Append{}, previous);
  IS_BOUNDED((Append{TransferId{}, 0, {Entry{1, 1, Nothing{}}}}), entries[0].index);
  IS_BOUNDED(AppendAnswer{}, index);
  const OfferCopy copy{TransferId{}, GroupName{}, view, 1, 1, 1, roster, 0};
  IS_BOUNDED(copy, group.generation);
  IS_BOUNDED(copy, term);
  IS_BOUNDED(copy, index);
  IS_BOUNDED(copy, index_term);
  IS_BOUNDED(copy, view.number.number);
  IS_BOUNDED(copy, roster.voters[0].admitted);
  const CopyResults results{TransferId{}, 0, 0, 0, {RememberedResult{}}, false};
  IS_BOUNDED(results, index);
  IS_BOUNDED(results, after);
  IS_BOUNDED(results, forgotten);
  IS_BOUNDED(results, results[0].index);
  IS_BOUNDED(CopyResultsAnswer{}, after);
}

// Who is made a member is dialled, and told to others as such.
BOOST_AUTO_TEST_CASE(a_voter_can_be_dialled) {
  BOOST_TEST(is_well_formed(roster));
  Roster without_port = roster;
  without_port.voters[0].peer.endpoint.port = 0;
  BOOST_TEST(!is_well_formed(without_port));
}

BOOST_AUTO_TEST_SUITE_END()
