// What is sent to one peer in one turn.
//
// Goal: small appends and answers to one peer become one message, nothing is lost or sent to
// another, and nothing overtakes a message that it could be understood only after.
// Method: outboxes by hand, looked at piece by piece; and a turn of a host that leads two arcs.

#include "storage/group/sent_together.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>

#include "replica_hosts.hpp"

using namespace hopring;
using namespace std::chrono_literals;

namespace {

GroupName group(std::uint32_t number) { return {equal_arc(number, 1024).end, 1, 0}; }

SendGroup append_to(std::uint16_t to, std::uint32_t number, std::size_t value_bytes = 1) {
  Entry entry{1, 1, put_string("key", std::string(value_bytes, 'v')), 0, std::nullopt};
  return {peer(to),
          AppendEntries{group(number), 1, 1, 0, 0, 0, 0, {SharedEntry(std::move(entry))}}};
}
SendGroup answer_to(std::uint16_t to, std::uint32_t number) {
  return {peer(to), AppendEntriesAnswer{group(number), 1, 1, 0, true, 1}};
}
SendGroup other_to(std::uint16_t to) { return {peer(to), TakeLead{group(0), 1}}; }

// The groups that a message is about, and to whom it is sent.
std::string told(const GroupEffect& effect) {
  const auto& send = std::get<SendGroup>(effect);
  std::string text = std::to_string(send.to.incarnation) + ":";
  const auto tell = [&](char kind, const GroupName& name) {
    std::uint32_t number = 0;
    while (group(number) != name) ++number;
    text += std::string(" ") + kind + std::to_string(number);
  };
  if (const auto* each = std::get_if<AppendEntries>(&send.message)) tell('e', each->group);
  if (const auto* each = std::get_if<AppendEntriesAnswer>(&send.message)) tell('a', each->group);
  if (const auto* each = std::get_if<TakeLead>(&send.message)) tell('l', each->group);
  if (const auto* together = std::get_if<AppendsTogether>(&send.message)) {
    text += " (";
    for (const AppendEntries& each : together->appends) tell('e', each.group);
    for (const AppendEntriesAnswer& each : together->answers) tell('a', each.group);
    text += " )";
  }
  return text;
}

std::vector<std::string> together(GroupOutbox out) {
  put_together(out);
  std::vector<std::string> all;
  for (const GroupEffect& each : out) all.push_back(told(each));
  return all;
}

using Lines = std::vector<std::string>;

// The first and the second lead an arc each; the third is a member of both, and answers.
void let_two_lead(Hosts& hosts) {
  const Members members{peer(1), peer(2), peer(3)};
  hosts.fill(members);
  hosts.turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.hosts.at(1)->split(hosts.now(), whole_ring().end, half, out));
  });
  hosts.run_for(1s);
  hosts.turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.hosts.at(1)->change(hosts.now(), half, members, peer(2), out));
  });
  hosts.run_for(1s);
  BOOST_REQUIRE(hosts.copy(2, half)->leads());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sent_together)

BOOST_AUTO_TEST_CASE(appends_and_answers_to_one_peer_become_one_message) {
  BOOST_TEST((together({append_to(1, 1), append_to(2, 1), answer_to(1, 2), append_to(1, 3),
                        answer_to(2, 4)}) == Lines{"1: ( e1 e3 a2 )", "2: ( e1 a4 )"}));
}

BOOST_AUTO_TEST_CASE(what_is_alone_stays_as_it_is) {
  BOOST_TEST((together({append_to(1, 1), answer_to(2, 2)}) == Lines{"1: e1", "2: a2"}));
  BOOST_TEST(together({}).empty());
}

// An append that comes before the offer of its arc's copy is taken for one of a copy that is lost.
BOOST_AUTO_TEST_CASE(other_messages_to_the_same_peer_keep_their_place) {
  BOOST_TEST((together({append_to(1, 1), other_to(1), append_to(1, 2), append_to(1, 3)}) ==
              Lines{"1: e1", "1: l0", "1: ( e2 e3 )"}));
  BOOST_TEST((together({append_to(1, 1), other_to(2), append_to(1, 2)}) ==
              Lines{"1: ( e1 e2 )", "2: l0"}));
}

BOOST_AUTO_TEST_CASE(what_is_large_travels_alone) {
  const Lines all = together(
      {append_to(1, 1), append_to(1, 2, together_bytes_max), append_to(1, 3), append_to(1, 4)});
  BOOST_TEST((all == Lines{"1: e1", "1: e2", "1: ( e3 e4 )"}));
}

BOOST_AUTO_TEST_CASE(a_message_has_as_many_as_may_travel) {
  GroupOutbox out;
  for (std::uint32_t i = 0; i < 2 * appends_together_max + 1; ++i) out.push_back(append_to(1, i));
  put_together(out);
  std::vector<std::size_t> counts;
  std::vector<AppendEntries> all;
  for (const auto& each : sent<AppendsTogether>(out)) {
    counts.push_back(each.appends.size());
    all.insert(all.end(), each.appends.begin(), each.appends.end());
  }
  BOOST_TEST((counts == std::vector<std::size_t>(2, appends_together_max)));
  BOOST_REQUIRE(sent<AppendEntries>(out).size() == 1u);
  all.push_back(sent<AppendEntries>(out).front());
  for (std::uint32_t i = 0; i < all.size(); ++i) BOOST_TEST((all[i].group == group(i)));
}

BOOST_AUTO_TEST_CASE(writes_of_one_turn_go_to_each_member_in_one_message_and_so_do_the_answers) {
  Hosts hosts(3);
  hosts.fill({peer(1), peer(2), peer(3)});
  hosts.turn(1, [&](GroupOutbox& out) {
    BOOST_REQUIRE(hosts.hosts.at(1)->split(hosts.now(), whole_ring().end, half, out));
  });
  hosts.run_for(1s);
  hosts.carry();
  hosts.told[1].clear();
  hosts.turn(1, [&](GroupOutbox& out) {
    for (std::size_t i = 0; i < keys; ++i) {
      OpResultSink sink;
      const auto executed =
          hosts.hosts.at(1)->execute(hosts.now(), put_of(i), {i, false, std::nullopt}, sink, out);
      BOOST_REQUIRE(executed.is_pending);
    }
    BOOST_TEST(out.empty());
    BOOST_TEST(hosts.hosts.at(1)->is_in_turn());
  });
  BOOST_REQUIRE(hosts.on_way.size() == 2u);
  for (const Hosts::OnWay& each : hosts.on_way) {
    const auto& sent = std::get<AppendsTogether>(each.message);
    BOOST_REQUIRE(sent.appends.size() == 2u);
    BOOST_TEST(sent.appends[0].entries.size() + sent.appends[1].entries.size() == keys);
  }
  hosts.carry(2);
  BOOST_REQUIRE(hosts.on_way.size() == 2u);
  for (const Hosts::OnWay& each : hosts.on_way) {
    BOOST_TEST(std::get<AppendsTogether>(each.message).answers.size() == 2u);
  }
  hosts.carry();
  BOOST_TEST(hosts.news<Answered>(1).size() == keys);
}

BOOST_AUTO_TEST_CASE(heartbeats_of_those_that_lead_go_out_in_step_and_no_more_often_than_alone) {
  Hosts hosts(3);
  let_two_lead(hosts);
  std::map<std::uint16_t, std::set<Duration>> beaten;
  for (const Duration end = hosts.time + 3s; hosts.time < end; hosts.time += 10ms) {
    hosts.tick();
    while (!hosts.on_way.empty()) {
      const auto& next = hosts.on_way.front();
      if (std::holds_alternative<Heartbeats>(next.message)) beaten[next.from].insert(hosts.time);
      hosts.carry(1);
    }
  }
  BOOST_TEST((beaten[1] == beaten[2]));
  const auto most = static_cast<std::size_t>(3s / RaftOptions{}.heartbeat_interval);
  BOOST_TEST(beaten[1].size() <= most);
  BOOST_TEST(beaten[1].size() + 1 >= most);
}

// Else the heartbeats of one read would be followed by those of everybody for all their arcs.
BOOST_AUTO_TEST_CASE(where_reads_wait_for_heartbeats_nobody_sends_its_own_because_of_others) {
  GroupOptions options;
  options.reads_by_majority = true;
  Hosts hosts(3, options);
  let_two_lead(hosts);
  std::size_t heard = 0;
  for (const Duration end = hosts.time + 3s; hosts.time < end; hosts.time += 10ms) {
    hosts.tick();
    while (!hosts.on_way.empty()) {
      const bool is_heard = std::holds_alternative<Heartbeats>(hosts.on_way.front().message);
      const std::size_t before = hosts.on_way.size();
      hosts.carry(1);
      if (!is_heard) continue;
      ++heard;
      BOOST_REQUIRE(hosts.on_way.size() == before);  // the answer
      BOOST_TEST(std::holds_alternative<HeartbeatAnswers>(hosts.on_way.back().message));
    }
  }
  BOOST_TEST(heard >= 40u);
}

BOOST_AUTO_TEST_SUITE_END()
