// Who is given copies, and who is asked to have them: on distinct hosts where there is a choice.

#include "peer/core/membership.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/peer/core/core_support.hpp"

namespace hopring {
namespace {

PeerRef at_host(std::uint32_t host, std::uint16_t n) {
  return {ipv4_endpoint(0x0a000000 + host, n), n};
}

RingConfig three_copies(std::uint32_t nodes_per_peer) {
  RingConfig ring;
  ring.nodes_per_peer = nodes_per_peer;
  ring.replicas = 3;
  return ring;
}

struct Fixture {
  explicit Fixture(std::uint32_t nodes_per_peer = 1)
      : membership(self, Limits{}, three_copies(nodes_per_peer), health, 1, Rng(1)) {}

  PeerRef self = at_host(1, 1);
  PeerRef a2 = at_host(1, 2);
  PeerRef b1 = at_host(2, 3);
  PeerRef b2 = at_host(2, 4);
  PeerRef c1 = at_host(3, 5);
  PeerRef c2 = at_host(3, 6);
  PeerRef d1 = at_host(4, 7);
  Now now{Time{100s}, {1'700'000'000'000}};
  PeerHealth health{PeerHealth::Options{}};
  Membership membership;
  ArcDirectory arcs;
  Outbox out;
  // Of an arc that lacks a member.
  Position arc_end{0};
  std::uint64_t bytes = 0;
  bool must_be_willing = false;

  void lead(std::uint64_t end, const Members& members) {
    arcs.set(View{Arc{Position{end - 100}, Position{end}}, {1, 0, 1}, 0, members});
    set_copies(end, members.size());
  }
  // So many members have one.
  void set_copies(std::uint64_t end, std::size_t copies) {
    arcs.set_size({Position{end}, 1000, 100000, static_cast<std::uint32_t>(copies)});
  }
  void follow(std::uint64_t end, const Members& members) {
    arcs.set_copy(View{Arc{Position{end - 100}, Position{end}}, {1, 0, 1}, 0, members});
    arcs.set_size({Position{end}, 1000, 100000});
  }
  // Of a peer with nothing at all; a fair share is one arc.
  std::optional<GiveArc> ask(const PeerRef& from) {
    WantArc want;
    want.nonce = 1;
    want.fair.bytes = 100000;
    want.peers = 3;
    want.arcs = 100;
    out.clear();
    return membership.on(now, from, want, arcs, out);
  }
  // It has told of its load.
  void has_room(const PeerRef& peer, std::uint64_t room) { has_rooms(peer, {room}); }
  void has_rooms(const PeerRef& peer, std::vector<std::uint64_t> rooms, bool makes_room = false) {
    WantArc want;
    want.load.rooms = std::move(rooms);
    want.load.makes_room = makes_room;
    want.fair.bytes = 1;
    (void)membership.on(now, peer, want, arcs, out);
  }
  WantArcAnswer::Verdict verdict() const { return sent<WantArcAnswer>(out).at(0).second.verdict; }
  std::set<PeerRef> newcomers(const Members& members, const Members& staying,
                              const std::vector<PeerRef>& others) {
    std::set<PeerRef> drawn;
    for (int i = 0; i < 100; ++i) {
      if (const auto each = membership.newcomer(
              now, {members, staying, arc_end, bytes, must_be_willing}, others)) {
        drawn.insert(*each);
      }
    }
    return drawn;
  }
};

using Peers = std::set<PeerRef>;

}  // namespace

struct EightNodes : Fixture {
  EightNodes() : Fixture(8) {}
};

BOOST_FIXTURE_TEST_SUITE(membership_and_hosts, Fixture)

BOOST_AUTO_TEST_CASE(a_new_member_is_drawn_from_the_hosts_that_have_none) {
  const Members members{self, b1};
  BOOST_TEST((newcomers(members, members, {a2, b1, b2, c1, d1}) == Peers{c1, d1}));
  BOOST_TEST((newcomers(members, members, {a2, b2}) == Peers{a2, b2}), "there is no such host");
  BOOST_TEST(newcomers(members, members, {self, b1}).empty());
}

BOOST_AUTO_TEST_CASE(the_host_of_a_member_that_goes_is_free) {
  const Members members{self, b1, c1};
  BOOST_TEST((newcomers(members, Members{self, c1}, {a2, b2, c2}) == Peers{b2}));
}

// Goal: a full host does not leave an arc without its copies.
BOOST_AUTO_TEST_CASE(who_has_just_refused_gives_way_to_others_on_any_host) {
  const Members members{self, b1};
  membership.on_move_ended(now, c1, false);
  BOOST_TEST((newcomers(members, members, {a2, b2, c1}) == Peers{a2, b2}));
  BOOST_TEST((newcomers(members, members, {a2, b2, c1, d1}) == Peers{d1}));
  BOOST_TEST((newcomers(members, members, {c1}) == Peers{c1}), "there is nobody else");
  now.monotonic = now.monotonic + 2s;
  BOOST_TEST((newcomers(members, members, {a2, b2, c1}) == Peers{c1}));
}

// Goal: nobody waits for a copy that goes to one that does not answer.
BOOST_AUTO_TEST_CASE(who_is_silent_is_no_new_member) {
  const Members members{self, b1};
  has_room(d1, 1000);
  health.on_unanswered(now.monotonic, d1);
  health.on_unanswered(now.monotonic, c2);
  BOOST_TEST((newcomers(members, members, {c1, c2, d1}) == Peers{c1}));
  BOOST_TEST(newcomers(members, members, {c2}).empty());
  health.on_heard(d1);
  BOOST_TEST((newcomers(members, members, {c1, c2, d1}) == Peers{c1, d1}));
}

BOOST_AUTO_TEST_CASE(a_member_that_shares_a_host_is_replaced_on_a_free_one_or_not_at_all) {
  const Members members{self, a2, b1};
  const Members staying{self, b1};
  const std::vector<PeerRef> near{b2};
  BOOST_TEST(!membership.newcomer_elsewhere(now, {members, staying, Position{0}, 0}, near));
  const std::vector<PeerRef> far{b2, c1};
  BOOST_TEST(membership.newcomer_elsewhere(now, {members, staying, Position{0}, 0}, far).value() ==
             c1);
}

// Goal: nobody waits for a copy that goes to one that would refuse it for want of memory.
BOOST_AUTO_TEST_CASE(a_full_peer_is_no_new_member) {
  const Members members{self, b1};
  has_room(c1, 999);
  has_room(d1, 1000);
  bytes = 1000;
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{d1}));
  bytes = 999;
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{c1, d1}));
  bytes = 1001;
  BOOST_TEST(newcomers(members, members, {c1, d1}).empty());
  BOOST_TEST((newcomers(members, members, {c1, d1, b2}) == Peers{b2}), "it may have, and a host");
}

// Goal: where all are full the copy comes once somebody has evicted for it.
BOOST_AUTO_TEST_CASE(a_full_peer_that_evicts_is_a_new_member_where_nobody_has_room) {
  const Members members{self, b1};
  bytes = 1000;
  has_rooms(c1, {999}, true);
  has_rooms(d1, {1000}, true);
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{d1}));
  has_rooms(d1, {999}, false);
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{c1}));
  must_be_willing = true;
  BOOST_TEST(newcomers(members, members, {c1, d1}).empty(), "it refuses at first");
}

// Goal: a peer of which one shard is full has the copies of others.
BOOST_FIXTURE_TEST_CASE(a_peer_is_full_where_the_shard_of_the_arc_is, EightNodes) {
  const Members members{self, b1};
  has_rooms(c1, {5000, 0, 5000});
  has_rooms(d1, {0, 5000, 5000});
  bytes = 1000;
  arc_end = equal_arc(3, 8).end;
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{c1}));
  arc_end = equal_arc(4, 8).end;
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{d1}));
  arc_end = equal_arc(5, 8).end;
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{c1, d1}));
}

// Goal: beside one that may come nobody is asked with whom the whole change would fail.
BOOST_AUTO_TEST_CASE(who_must_be_willing_has_room_and_has_not_just_refused) {
  const Members members{self, b1};
  must_be_willing = true;
  has_room(c1, 999);
  bytes = 1000;
  BOOST_TEST(newcomers(members, members, {c1}).empty());
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{d1}));
  membership.on_move_ended(now, d1, false);
  BOOST_TEST(newcomers(members, members, {c1, d1}).empty());
  now.monotonic = now.monotonic + 2s;
  BOOST_TEST((newcomers(members, members, {c1, d1}) == Peers{d1}));
}

// Goal: strangers that ask for arcs under ever new names, and take none, cost no memory.
BOOST_AUTO_TEST_CASE(of_those_that_have_refused_the_latest_are_remembered) {
  const Members members{self, b1};
  const auto has_refused = [&](const PeerRef& peer) {
    must_be_willing = true;
    return newcomers(members, members, {peer}).empty();
  };
  membership.on_move_ended(now, c1, false);
  now.monotonic = now.monotonic + 1ms;
  const auto stranger = [](std::size_t i) { return at_host(9, static_cast<std::uint16_t>(i + 1)); };
  for (std::size_t i = 1; i < Membership::refused_max; ++i) {
    membership.on_move_ended(now, stranger(i), false);
  }
  BOOST_TEST(has_refused(c1));
  membership.on_move_ended(now, stranger(Membership::refused_max), false);
  BOOST_TEST(!has_refused(c1));
  BOOST_TEST(has_refused(stranger(1)));
  BOOST_TEST(has_refused(stranger(Membership::refused_max)));
}

// Goal: who wants an arc does not keep another peer from getting the copy that it lacks.
BOOST_AUTO_TEST_CASE(an_arc_that_lacks_a_copy_is_not_given) {
  for (const std::uint64_t end : {1000u, 2000u, 3000u}) {
    lead(end, {self, b1, c1});
    set_copies(end, 2);
  }
  BOOST_TEST(!ask(d1).has_value());
  set_copies(2000, 3);
  BOOST_TEST((ask(d1).value().end == Position{2000}));
}

// Goal: a joiner does not take arcs from one peer until that has less than others.
BOOST_AUTO_TEST_CASE(who_gives_an_arc_tells_its_load_without_it) {
  for (std::uint64_t end = 1000; end <= 4000; end += 1000) lead(end, {self, b1, c1});
  const auto told = [&] { return sent<WantArcAnswer>(out).at(0).second.load; };
  BOOST_REQUIRE(ask(d1).has_value());
  BOOST_TEST(told().bytes == 300000u);
  BOOST_TEST(told().arcs == 4u);
  BOOST_REQUIRE(ask(d1).has_value());
  BOOST_TEST(told().bytes == 200000u);
}

// Goal: no two peers are promised one part of the ring.
BOOST_AUTO_TEST_CASE(an_arc_that_is_to_be_cut_is_not_given_again) {
  Membership whole{self, Limits{}, RingConfig{}, health, 1, Rng(1)};
  arcs.set(View{Arc{Position{0}, Position{1ull << 40}}, {1, 0, 1}, 0, {self}});
  arcs.set_size({Position{1ull << 40}, 1000, 100000});
  WantArc want;
  want.fair.bytes = 30000;
  want.peers = 3;
  want.arcs = 1;
  BOOST_TEST((whole.on(now, b1, want, arcs, out).value().part < Position{1ull << 40}));
  BOOST_TEST(!whole.on(now, c1, want, arcs, out).has_value());
  BOOST_TEST((sent<WantArcAnswer>(out).at(1).second.verdict == WantArcAnswer::Verdict::busy));
}

BOOST_AUTO_TEST_CASE(an_arc_is_not_given_where_two_of_its_members_would_share_a_host) {
  lead(100, {self, b1, c1});
  lead(200, {self, b1, c1});
  lead(300, {self, b1, c1});
  BOOST_TEST(!ask(b2));
  BOOST_TEST((verdict() == WantArcAnswer::Verdict::nothing));
  BOOST_REQUIRE(ask(d1));
  BOOST_TEST((verdict() == WantArcAnswer::Verdict::coming));
}

BOOST_AUTO_TEST_CASE(another_peer_of_our_host_may_have_our_copy) {
  for (std::uint64_t end = 100; end <= 300; end += 100) lead(end, {self, b1, c1});
  BOOST_TEST(ask(a2).has_value());
}

BOOST_AUTO_TEST_CASE(an_arc_whose_members_share_a_host_may_go_where_they_still_do) {
  for (std::uint64_t end = 100; end <= 300; end += 100) lead(end, {self, a2, b1});
  BOOST_TEST(ask(b2).has_value());
}

BOOST_AUTO_TEST_CASE(where_a_member_is_missing_anybody_is_welcome) {
  for (std::uint64_t end = 100; end <= 300; end += 100) lead(end, {self, b1});
  BOOST_TEST(ask(b2).has_value());
}

BOOST_AUTO_TEST_CASE(a_copy_is_not_passed_on_to_the_host_of_another_member) {
  for (std::uint64_t end = 100; end <= 300; end += 100) follow(end, {b1, self, c1});
  BOOST_TEST(!ask(c2));
  BOOST_TEST(sent<PassCopy>(out).empty());
  BOOST_TEST(!ask(d1));
  BOOST_REQUIRE(sent<PassCopy>(out).size() == 1u);
  BOOST_TEST(sent<PassCopy>(out)[0].first == b1);
}

BOOST_AUTO_TEST_CASE(who_leaves_hands_over_to_hosts_without_a_member) {
  RingMember ring(self, Limits{}, Rng(2));
  ring.sync(now, {});
  for (const PeerRef& each : {b2, c2, a2}) {
    ArcFound found;
    found.load.ring_parts = ring_parts_whole / 3;
    found.view = View{Arc{Position{1}, Position{2}}, {1, 0, 1}, 0, {each}};
    membership.on_lookup(now, LookupDone{membership_lookup, found});
  }
  for (std::uint64_t end = 100; end <= 300; end += 100) lead(end, {self, b1, c1});
  membership.leave(now);
  std::vector<GiveArc> gifts;
  RingEvents events;
  membership.on_deadline(now, ring, arcs, gifts, out, events);
  BOOST_REQUIRE(gifts.size() == 3u);
  for (const GiveArc& each : gifts) BOOST_TEST(each.to == a2);
  for (const GiveArc& each : gifts) BOOST_TEST(each.is_leaving);
}

// Goal: nobody who leaves waits for loads that nobody tells: who leads every arc asks only itself.
BOOST_AUTO_TEST_CASE(who_leaves_and_hears_of_no_load_hands_over_to_members) {
  lead(1000, {self, b1, c1});
  lead(2000, {self, c1, b1});
  RingMember ring(self, Limits{}, Rng(1));
  ring.sync(now, {});
  RingEvents events;
  std::vector<GiveArc> gifts;
  membership.leave(now);
  membership.on_deadline(now, ring, arcs, gifts, out, events);
  BOOST_TEST(gifts.empty());
  now.monotonic = now.monotonic + 2s;
  membership.on_move_ended(now, b1, false);  // refused
  membership.on_deadline(now, ring, arcs, gifts, out, events);
  BOOST_REQUIRE(gifts.size() == 2u);
  for (const GiveArc& each : gifts) BOOST_TEST(each.to == c1);
}

// Goal: a leaver does not offer its arcs to those that would refuse them.
BOOST_AUTO_TEST_CASE(who_leaves_where_others_are_full_hands_over_to_members) {
  has_room(c1, 99999);
  has_room(d1, 0);
  lead(1000, {self, b1, d1});
  RingMember ring(self, Limits{}, Rng(1));
  ring.sync(now, {});
  membership.leave(now);
  std::vector<GiveArc> gifts;
  RingEvents events;
  membership.on_deadline(now, ring, arcs, gifts, out, events);
  BOOST_REQUIRE(gifts.size() == 1u);
  BOOST_TEST(gifts[0].to == d1);
}

// Goal: what a leaver hands over has not to be moved again.
BOOST_AUTO_TEST_CASE(who_leaves_hands_the_largest_arcs_over_first_each_to_who_is_lightest_then) {
  RingMember ring(self, Limits{}, Rng(2));
  ring.sync(now, {});
  std::uint64_t held = 0;
  for (const PeerRef& each : {b1, c1, d1}) {
    ArcFound found;
    found.load = {held += 100000, ring_parts_whole / 3};
    found.view = View{Arc{Position{1}, Position{2}}, {1, 0, 1}, 0, {each}};
    membership.on_lookup(now, LookupDone{membership_lookup, found});
  }
  for (std::uint64_t end = 100; end <= 400; end += 100) {
    lead(end, {self});
    arcs.set_size({Position{end}, 1000, end * 400});
  }
  membership.leave(now);
  std::vector<GiveArc> gifts;
  RingEvents events;
  membership.on_deadline(now, ring, arcs, gifts, out, events);
  BOOST_REQUIRE(gifts.size() == 4u);
  const std::pair<std::uint64_t, PeerRef> expected[] = {{400, b1}, {300, c1}, {200, b1}, {100, d1}};
  for (std::size_t i = 0; i < 4; ++i) {
    BOOST_TEST((gifts[i].end == Position{expected[i].first}));
    BOOST_TEST(gifts[i].to == expected[i].second);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hopring
