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

template <class Host, class Offer>
bool is_taken_by(const Offer& offer) {
  Host host(peer(1), test_hash_key, {}, Rng(1));
  GroupOutbox out;
  host.on_message(at(1s), peer(2), GroupMessage(offer), out);
  const auto answers = sent<OfferAnswer>(out);
  BOOST_REQUIRE(answers.size() == 1);
  return answers.front().accepted;
}
bool accepts(const OfferCopy& offer) { return is_taken_by<ReplicaHost>(offer); }
bool accepts(const OfferArc& offer) { return is_taken_by<GroupHost>(offer); }

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

// A shard has no more arcs than it may have, whoever gives them.
BOOST_AUTO_TEST_CASE(copies_of_ever_more_arcs_are_refused) {
  GroupOptions options;
  options.arcs_max = 3;
  ReplicaHost host(peer(1), test_hash_key, options, Rng(1));
  const auto comes = [&](std::uint32_t part) {
    const OfferCopy offer = copy_of(view_of(peer(2), equal_arc(part, 8)));
    GroupOutbox out;
    for (GroupMessage message :
         {GroupMessage(offer), GroupMessage(CopyResults{offer.transfer, 9, 0, 0, {}, true}),
          GroupMessage(Chunk{offer.transfer, offer.view.arc, 9, {}})}) {
      host.on_message(at(1s), peer(2), std::move(message), out);
    }
    const Replica* copy = host.find(offer.view.arc.end);
    return copy != nullptr && copy->is_complete();
  };
  for (const std::uint32_t part : {0u, 1u, 2u}) BOOST_TEST(comes(part));
  BOOST_TEST(!comes(3));
  BOOST_TEST(comes(2), "it is there already");
}

BOOST_AUTO_TEST_CASE(ever_more_arcs_are_refused) {
  GroupOptions options;
  options.arcs_max = 3;
  GroupHost host(peer(1), test_hash_key, options, Rng(1));
  const auto comes = [&](std::uint32_t part) {
    GroupOutbox out;
    const View view = view_of(peer(2), equal_arc(part, 8));
    const View next = view_of(peer(1), view.arc, 2);
    const TransferId transfer{view.arc.end, part};
    for (GroupMessage message :
         {GroupMessage(OfferArc{transfer, view, 5, 9, 0}),
          GroupMessage(Chunk{transfer, view.arc, 9, {}}),
          GroupMessage(Append{transfer, 9, {Entry{10, 5, ChangeView{next}}}}),
          GroupMessage(Serve{transfer, next})}) {
      host.on_message(at(1s), peer(2), std::move(message), out);
    }
    return host.find(view.arc.end) != nullptr;
  };
  for (const std::uint32_t part : {0u, 1u, 2u}) BOOST_TEST(comes(part));
  BOOST_TEST(!comes(3));
  GroupOutbox out;
  BOOST_TEST(!host.split(equal_arc(0, 8).end, middle(equal_arc(0, 8)), out));
}

// An arc's order may be cut by a primary that is none, entry by entry.
BOOST_AUTO_TEST_CASE(an_order_that_cuts_its_arc_without_end_fills_no_shard) {
  const auto cut = [](std::uint64_t times) {
    GroupOptions options;
    options.arcs_max = 3;
    auto host = std::make_unique<ReplicaHost>(peer(1), test_hash_key, options, Rng(1));
    const OfferCopy offer = copy_of(view_of(peer(2), whole_ring()));
    GroupOutbox out;
    std::vector<SharedEntry> cuts;
    for (std::uint64_t i = 1; i <= times; ++i) {
      cuts.push_back(Entry{9 + i, 5, SplitArc{Position{i}}});
    }
    for (GroupMessage message :
         {GroupMessage(offer), GroupMessage(CopyResults{offer.transfer, 9, 0, 0, {}, true}),
          GroupMessage(Chunk{offer.transfer, offer.view.arc, 9, {}}),
          GroupMessage(AppendEntries{offer.group, 5, 0, 9, 5, 9 + times, 0, cuts})}) {
      host->on_message(at(1s), peer(2), std::move(message), out);
    }
    return host;
  };
  const auto often = cut(10);
  BOOST_TEST(often->replicas().size() == 3u);
  BOOST_TEST((often->find(whole_ring().end)->arc().begin == Position{10}));
  BOOST_TEST(cut(65)->find(whole_ring().end) == nullptr, "its copy is dropped");
}

// Goal: chunks that were read after entries that never come are not noted without end; what may
// come, comes.
BOOST_AUTO_TEST_CASE(chunks_that_are_ahead_of_their_order_wait_for_it) {
  GroupOptions options;
  options.newer_chunks_max = 5;
  ReplicaHost host(peer(1), test_hash_key, options, Rng(1));
  const OfferCopy offer = copy_of(view_of(peer(2), whole_ring()));
  GroupOutbox out;
  const auto tell = [&](GroupMessage message) {
    host.on_message(at(1s), peer(2), std::move(message), out);
  };
  tell(offer);
  tell(CopyResults{offer.transfer, 9, 0, 0, {}, true});
  const auto missing = [&] { return host.find(whole_ring().end)->missing().value(); };
  const auto next = [&] {
    const Position last = missing();
    tell(Chunk{offer.transfer, Arc{advance(last, ~0ull), last}, 10, {}});
  };
  const Position first = missing();
  for (int i = 0; i < 10; ++i) next();
  BOOST_TEST((missing() == advance(first, 5)));
  tell(AppendEntries{offer.group, 5, 0, 9, 5, 10, 0, {Entry{10, 5, Nothing{}}}});
  next();
  BOOST_TEST((missing() == advance(first, 6)));
}

BOOST_AUTO_TEST_CASE(chunks_that_are_ahead_of_a_move_wait_for_it) {
  GroupOptions options;
  options.newer_chunks_max = 5;
  GroupHost host(peer(1), test_hash_key, options, Rng(1));
  const View view = view_of(peer(2), whole_ring());
  const TransferId transfer{view.arc.end, 1};
  GroupOutbox out;
  const auto tell = [&](GroupMessage message) {
    out.clear();
    host.on_message(at(1s), peer(2), std::move(message), out);
  };
  tell(OfferArc{transfer, view, 5, 9, 0});
  Position missing = advance(view.arc.begin, 1);
  for (int i = 0; i < 10; ++i) {
    tell(Chunk{transfer, Arc{advance(missing, ~0ull), missing}, 10, {}});
    missing = sent<ChunkAnswer>(out).at(0).missing.value();
  }
  BOOST_TEST((missing == advance(view.arc.begin, 6)));
}

BOOST_AUTO_TEST_SUITE_END()
