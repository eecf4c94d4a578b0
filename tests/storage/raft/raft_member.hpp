#pragma once

// Members that are led by hand: the first is the one that is tested, a group's first three are its
// voters.

#include <boost/test/unit_test.hpp>
#include <utility>
#include <variant>

#include "storage/raft/raft.hpp"

namespace hopring {

using namespace std::chrono_literals;

inline constexpr GroupName group{Position{~0ull}, 1, 0};

inline PeerRef peer(std::uint16_t n) { return {ipv4_endpoint(0x7f000001, n), n}; }
inline Now at(Duration since_start) { return {Time{since_start}, {}}; }
inline Roster first_three() { return {{{peer(1), 1}, {peer(2), 1}, {peer(3), 1}}, {}}; }

inline Entry put_at(std::uint64_t index, std::uint64_t term, std::string value) {
  return {index, term, Put{"key", Value{ValueType::string, std::move(value)}, {}, {}}};
}

struct Member {
  Member(std::uint16_t n, PlantedBug bug, Raft::Start start)
      : options{.bug = bug}, raft(options, group, peer(n), std::move(start), Rng(n), at(0s)) {}

  // The one answer of a kind to a message.
  template <class Answer>
  Answer ask(std::uint16_t from, RaftMessage message, Duration when = 0s) {
    RaftOutbox out;
    raft.on_message(at(when), peer(from), std::move(message), out);
    for (const SendRaft& each : out) {
      if (const auto* answer = std::get_if<Answer>(&each.message)) return *answer;
    }
    BOOST_FAIL("no answer");
    return {};
  }

  // Its time has come, and it looks in time.
  void expire(RaftOutbox& out) { raft.on_deadline({raft.next_deadline(), {}}, out); }

  // The vote of the second, admitted at the entry, makes it the primary of its next term. Returns
  // what it sends.
  RaftOutbox lead(std::uint64_t admitted = 1) {
    RaftOutbox out;
    const std::uint64_t term = raft.term() + 1;
    expire(out);
    for (const auto kind : {RequestVote::Kind::pre_vote, RequestVote::Kind::vote}) {
      raft.on_message(at(5s), peer(2), VoteAnswer{group, kind, term, admitted, true}, out);
    }
    BOOST_REQUIRE(raft.is_primary());
    return out;
  }

  RaftOptions options;
  Raft raft;
};

}  // namespace hopring
