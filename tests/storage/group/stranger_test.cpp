// What a stranger may say that takes itself for a peer.
//
// Goal: whatever it says is well-formed breaks no promise of ours, makes no host take memory
// without end, and what it has spoilt can be repaired.
// Method: hosts that are told by hand what no peer of ours says.

#include "base/count.hpp"
#include "replica_hosts.hpp"

using namespace hopring;
using namespace std::chrono_literals;

namespace {

OfferCopy copy_of(const View& view) {
  return {{view.arc.end, 1}, group_of(view), view, 5, 9, 5, Roster{{Voter{peer(2), 1}}, {}}, 0};
}

bool accepts(const OfferCopy& offer) {
  ReplicaHost host(peer(1), test_hash_key, {}, Rng(1));
  GroupOutbox out;
  host.on_message(at(1s), peer(2), GroupMessage(offer), out);
  const auto answers = sent<OfferAnswer>(out);
  BOOST_REQUIRE(answers.size() == 1);
  return answers.front().accepted;
}

bool accepts(const OfferArc& offer) {
  GroupHost host(peer(1), test_hash_key, {}, Rng(1));
  GroupOutbox out;
  host.on_message(at(1s), peer(2), GroupMessage(offer), out);
  const auto answers = sent<OfferAnswer>(out);
  BOOST_REQUIRE(answers.size() == 1);
  return answers.front().accepted;
}

constexpr std::uint64_t last_to_count_from = count_max / 2;

}  // namespace

BOOST_AUTO_TEST_SUITE(stranger)

BOOST_AUTO_TEST_CASE(a_copy_from_which_nobody_could_count_on_is_refused) {
  const OfferCopy offer = copy_of(view_of(peer(2), whole_ring()));
  BOOST_TEST(accepts(offer));
  for (const std::uint64_t number : {last_to_count_from, last_to_count_from + 1}) {
    const bool fits = number == last_to_count_from;
    OfferCopy with_index = offer;
    with_index.index = number;
    BOOST_TEST(accepts(with_index) == fits);
    OfferCopy with_view = offer;
    with_view.view.number.number = number;
    BOOST_TEST(accepts(with_view) == fits);
  }
}

BOOST_AUTO_TEST_CASE(a_copy_whose_last_entry_is_of_a_later_term_than_its_primary_is_refused) {
  OfferCopy offer = copy_of(view_of(peer(2), whole_ring()));
  offer.index_term = offer.term + 1;
  BOOST_TEST(!accepts(offer));
}

BOOST_AUTO_TEST_CASE(an_arc_from_which_nobody_could_count_on_is_refused) {
  const View view = view_of(peer(2), whole_ring());
  const OfferArc offer{{view.arc.end, 1}, view, 5, 9, 0};
  BOOST_TEST(accepts(offer));
  for (const std::uint64_t number : {last_to_count_from, last_to_count_from + 1}) {
    const bool fits = number == last_to_count_from;
    OfferArc with_index = offer;
    with_index.index = number;
    BOOST_TEST(accepts(with_index) == fits);
    OfferArc with_term = offer;
    with_term.term = number;
    BOOST_TEST(accepts(with_term) == fits);
    OfferArc with_view = offer;
    with_view.view.number.number = number;
    BOOST_TEST(accepts(with_view) == fits);
  }
}

// The new view comes in an entry, and need not be next to the one that was offered.
BOOST_AUTO_TEST_CASE(an_arc_does_not_come_in_a_view_from_which_nobody_could_count_on) {
  const auto comes = [](std::uint64_t number) {
    GroupHost host(peer(1), test_hash_key, {}, Rng(1));
    GroupOutbox out;
    const View view = view_of(peer(2), whole_ring());
    const TransferId transfer{view.arc.end, 1};
    View next = view_of(peer(1), whole_ring());
    next.number.number = number;
    for (GroupMessage message :
         {GroupMessage(OfferArc{transfer, view, 5, 9, 0}),
          GroupMessage(Chunk{transfer, view.arc, 9, {}}),
          GroupMessage(Append{transfer, 9, {Entry{10, 5, ChangeView{next}}}})}) {
      host.on_message(at(1s), peer(2), std::move(message), out);
    }
    return host.has_copy(whole_ring());
  };
  BOOST_TEST(comes(2));
  BOOST_TEST(comes(last_to_count_from));
  BOOST_TEST(!comes(last_to_count_from + 1));
}

// Nobody is elected in a term after the last one. What is acknowledged is still there, and goes on
// in another generation, whose terms begin anew.
BOOST_AUTO_TEST_CASE(an_arc_whose_terms_are_used_up_is_repaired_with_all_that_it_has) {
  Hosts hosts(3);
  hosts.fill({peer(1), peer(2), peer(3)});
  const GroupName group = group_of(first_view);
  for (std::uint16_t n = 1; n <= 3; ++n) {
    hosts.turn(n, [&](GroupOutbox& out) {
      const Heartbeats lie{0, {Heartbeat{group, count_max, 1, 0, 0}}};
      hosts.hosts.at(n)->on_message(hosts.now(), peer(9), GroupMessage(lie), out);
    });
  }
  hosts.run_for(30s);
  for (std::uint16_t n = 1; n <= 3; ++n) {
    BOOST_TEST(!hosts.copy(n)->raft().is_primary());
    BOOST_TEST(hosts.copy(n)->raft().term() == count_max);
  }
  BOOST_REQUIRE(!hosts.refusal(1, {whole_ring(), 2, group}));
  hosts.run_for(1s);
  BOOST_TEST(hosts.count_of(1) == keys);
}

BOOST_AUTO_TEST_SUITE_END()
