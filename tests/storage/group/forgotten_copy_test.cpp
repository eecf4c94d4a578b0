// Copies of which nobody has spoken for long.
//
// Goal: a copy is dropped only if no roster that counts, or may yet, names its peer: else one crash
// would take the majority from the arc. And it is dropped when that is certain, or when another one
// of its arc comes: for that one there is place where it is.
// Method: a member is let in while it is cut off, or is not let in after it has got its copy; a
// host is offered copies of which no more is heard.

#include "replica_hosts.hpp"

using namespace hopring;
using namespace std::chrono_literals;

namespace {

constexpr Duration for_long = 40s;  // beyond learner_timeout
const GroupName first_group = group_of(first_view);

struct Newcomer : Hosts {
  explicit Newcomer(const GroupOptions& options = {}) : Hosts(4, options) {
    fill({peer(1), peer(2), peer(3)});
    turn(1, [&](GroupOutbox& out) {
      BOOST_REQUIRE(hosts.at(1)->change(now(), whole_ring().end, next, std::nullopt, out));
    });
  }

  void let_in_unheard() {
    run_until([&] { return copy(1)->raft().roster().is_joint(); });
    isolate(4);
    run_for(2s);
    BOOST_REQUIRE((std::set<PeerRef>(members().begin(), members().end()) ==
                   std::set<PeerRef>(next.begin(), next.end())));
    BOOST_REQUIRE(!copy(4)->raft().is_voter());
  }
  bool is_complete() const { return copy(4) != nullptr && copy(4)->is_complete(); }
  const Members& members() const { return copy(1)->view().members; }
  std::uint16_t primary() const {
    for (const auto& [n, host] : hosts) {
      if (copy(n) != nullptr && copy(n)->leads()) return n;
    }
    return 0;
  }

  Members next{peer(1), peer(2), peer(4)};
};

GroupOptions slow_copies() {
  GroupOptions options;
  options.chunk_bytes = 40;
  options.chunks_inflight_max = 1;
  return options;
}

// A host that is offered copies of a ring's parts, each of so many bytes.
struct Offered {
  explicit Offered(const GroupOptions& options, std::uint64_t each_bytes)
      : host(peer(1), test_hash_key, options, Rng(1)), bytes(each_bytes) {}

  bool accepts(std::uint32_t part, std::uint64_t transfer, Duration when = 1s) {
    const View view = view_of(peer(2), equal_arc(part, parts));
    const OfferCopy offer{{view.arc.end, transfer},        group_of(view), view, 1, 9, 1,
                          Roster{{Voter{peer(2), 1}}, {}}, bytes};
    GroupOutbox out;
    host.on_message(at(when), peer(2), GroupMessage(offer), out);
    const auto answers = sent<OfferAnswer>(out);
    BOOST_REQUIRE(answers.size() == 1);
    return answers.front().accepted;
  }

  static constexpr std::uint32_t parts = 16;
  ReplicaHost host;
  std::uint64_t bytes;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(forgotten_copy)

BOOST_AUTO_TEST_CASE(a_voter_that_does_not_know_that_it_is_one_keeps_its_copy) {
  Newcomer hosts;
  hosts.let_in_unheard();
  hosts.run_for(for_long);
  BOOST_REQUIRE(hosts.is_complete());
  hosts.hosts.erase(1);
  hosts.cut.clear();
  hosts.run_for(4s);
  BOOST_REQUIRE(hosts.primary() != 0);
  BOOST_TEST(hosts.count_of(hosts.primary()) == keys);
}

// The third member has left, and says so; it does not know of later rosters.
BOOST_AUTO_TEST_CASE(it_keeps_its_copy_though_members_answer_that_know_no_more_than_itself) {
  Newcomer hosts;
  hosts.isolate(3);
  hosts.let_in_unheard();
  hosts.cut.erase({3, 4});
  hosts.cut.erase({4, 3});
  hosts.run_for(for_long);
  BOOST_REQUIRE(hosts.copy(3) != nullptr);
  BOOST_TEST(hosts.is_complete());
}

BOOST_AUTO_TEST_CASE(who_was_never_let_in_drops_its_copy_when_a_primary_says_so_and_not_before) {
  Newcomer hosts;
  hosts.run_until([&] { return hosts.is_complete(); });
  BOOST_REQUIRE(!hosts.copy(1)->raft().roster().is_joint());
  hosts.isolate(4);
  hosts.hosts.erase(1);
  hosts.run_for(for_long);
  BOOST_REQUIRE(hosts.primary() != 0);
  BOOST_REQUIRE(hosts.is_complete());
  hosts.cut.clear();
  hosts.run_for(2s);
  BOOST_TEST(hosts.copy(4) == nullptr);
}

// The third member has lost its copy while the change that removes it waits for a majority, and
// takes another one late.
BOOST_AUTO_TEST_CASE(who_is_removed_while_its_copy_is_on_its_way_becomes_no_learner) {
  Newcomer hosts;
  const auto primary = [&]() -> const Raft& { return hosts.copy(1)->raft(); };
  hosts.run_until([&] { return primary().roster().is_joint(); });
  hosts.cut = {{2, 1}, {4, 1}};
  hosts.turn(3, [&](GroupOutbox& out) { hosts.hosts.at(3)->give_up(whole_ring().end, out); });
  hosts.run_until([&] { return primary().needs_copy(peer(3)); });
  hosts.run_until([&] { return !primary().needs_copy(peer(3)); });  // one has been offered
  BOOST_REQUIRE(primary().roster().is_joint());
  hosts.cut = {{3, 1}};
  hosts.run_until([&] { return primary().can_change_members(); });
  BOOST_REQUIRE(find(primary().roster(), peer(3)) == nullptr);
  hosts.cut.clear();
  for (int i = 0; i < 100; ++i) {
    hosts.run_for(10ms);
    BOOST_TEST(!primary().sends_to(peer(3)));
  }
  BOOST_TEST(primary().all_have_copies());
  BOOST_TEST(hosts.hosts.at(1)->transfers() == 0u);
}

// A leaver asks twice a second, and cannot be let go before that.
BOOST_AUTO_TEST_CASE(a_member_that_lost_its_copy_gets_one_while_another_asks_to_be_let_go) {
  Hosts hosts(3);
  hosts.fill({peer(1), peer(2), peer(3)});
  const auto primary = [&]() -> const Raft& { return hosts.copy(1)->raft(); };
  hosts.turn(3, [&](GroupOutbox& out) { hosts.hosts.at(3)->give_up(whole_ring().end, out); });
  hosts.run_until([&] { return primary().needs_copy(peer(3)); });
  const Members without_second{peer(1), peer(3)};
  bool is_begun = false;
  for (int i = 0; i < 10 && primary().roster().voters.size() == 3; ++i) {
    hosts.turn(1, [&](GroupOutbox& out) {
      ReplicaHost& host = *hosts.hosts.at(1);
      is_begun = host.change(hosts.now(), whole_ring().end, without_second, std::nullopt, out);
    });
    hosts.run_for(250ms);
  }
  BOOST_TEST(is_begun);
  BOOST_TEST(primary().roster().voters.size() == 2u);
  BOOST_REQUIRE(hosts.copy(3) != nullptr);
  BOOST_TEST(hosts.copy(3)->is_complete());
}

BOOST_AUTO_TEST_CASE(a_copy_that_was_never_complete_is_dropped_without_asking) {
  Newcomer hosts(slow_copies());
  hosts.run_until([&] { return hosts.copy(4) != nullptr; });
  hosts.isolate(4);
  hosts.run_for(14s);
  BOOST_TEST(hosts.copy(4) != nullptr);
  hosts.run_for(3s);
  BOOST_TEST(hosts.copy(4) == nullptr);
}

BOOST_AUTO_TEST_CASE(an_unfinished_copy_gives_way_to_another_of_its_arc_where_no_more_are_taken) {
  const GroupOptions options;
  Offered offered(options, 1000);
  const auto most = static_cast<std::uint32_t>(options.learners_max);
  for (std::uint32_t part = 0; part < most; ++part) BOOST_REQUIRE(offered.accepts(part, 1));
  BOOST_TEST(!offered.accepts(most, 1));
  BOOST_TEST(offered.accepts(0, 2));
  BOOST_TEST(!offered.accepts(most, 2), "still as many");
}

BOOST_AUTO_TEST_CASE(an_unfinished_copy_gives_way_with_the_memory_that_it_was_promised) {
  GroupOptions options;
  options.pool.bytes_max = std::size_t{64} << 20;
  Offered offered(options, options.pool.bytes_max / 2);
  BOOST_REQUIRE(offered.accepts(0, 1));
  BOOST_TEST(!offered.accepts(1, 1));
  BOOST_TEST(offered.accepts(0, 2));
  BOOST_TEST(!offered.accepts(1, 2), "half of the memory is still promised");
}

// Else a peer that died while it sent copies would keep those of living ones waiting, for as long
// as a copy is kept of which nobody speaks: in rings of which half had died an arc with a majority
// was unavailable for ten seconds.
BOOST_AUTO_TEST_CASE(unfinished_copies_whose_senders_are_silent_give_way_to_any) {
  const GroupOptions options;
  Offered offered(options, 1000);
  const auto most = static_cast<std::uint32_t>(options.learners_max);
  for (std::uint32_t part = 0; part < most; ++part) BOOST_REQUIRE(offered.accepts(part, 1));
  // A host that has not run for long would take nobody for silent.
  for (Duration when = 1s; when < 1s + options.orphan_after; when += 500ms) {
    BOOST_TEST(!offered.accepts(most, 1, when));
  }
  BOOST_TEST(offered.accepts(most, 1, 1s + options.orphan_after));
  BOOST_TEST(offered.host.replicas().size() == most, "one has gone, and no more");
}

BOOST_AUTO_TEST_CASE(memory_that_was_promised_to_silent_senders_serves_others) {
  GroupOptions options;
  options.pool.bytes_max = std::size_t{64} << 20;
  Offered offered(options, options.pool.bytes_max / 2);
  BOOST_REQUIRE(offered.accepts(0, 1));
  for (Duration when = 1s; when < 1s + options.orphan_after; when += 500ms) {
    BOOST_TEST(!offered.accepts(1, 1, when));
  }
  BOOST_TEST(offered.accepts(1, 1, 1s + options.orphan_after));
}

// The word of a primary that another one has followed may be old: who has heard of that one since
// may have been let in.
BOOST_AUTO_TEST_CASE(a_word_that_was_asked_for_before_the_last_heartbeat_does_not_count) {
  Newcomer hosts;
  hosts.let_in_unheard();
  const auto tell = [&](Duration asked) {
    const NotMember word{first_group, 0, asked.count()};
    hosts.turn(4, [&](GroupOutbox& out) {
      hosts.hosts.at(4)->on_message(hosts.now(), peer(1), GroupMessage(word), out);
    });
  };
  tell(hosts.copy(4)->heard_at().since_start);
  BOOST_TEST(hosts.is_complete());
  tell(hosts.copy(4)->heard_at().since_start + 1ns);
  BOOST_TEST(hosts.is_complete(), "nor does one that was not asked for");
  hosts.run_for(17s);
  BOOST_REQUIRE(hosts.is_complete());
  tell(hosts.copy(4)->heard_at().since_start + 1ns);
  BOOST_TEST(hosts.copy(4) == nullptr, "the test's word is one that would count");
}

BOOST_AUTO_TEST_SUITE_END()
