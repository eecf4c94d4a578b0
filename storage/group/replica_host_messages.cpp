// What other peers send, and how much of it is dealt with at once.

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>

#include "storage/group/entries_ahead.hpp"
#include "storage/group/replica_host.hpp"

namespace hopring {
namespace {

// The last entry that is committed once the message has been taken, if all is well.
std::uint64_t committed_by(const AppendEntries& append) { return append.committed; }
std::uint64_t committed_by(const AppendEntriesAnswer& answer) {
  return answer.matches ? answer.index : 0;
}

}  // namespace

void ReplicaHost::on_message(Now now, const PeerRef& from, GroupMessage&& message,
                             GroupOutbox& out) {
  notice_pause(now, out);
  std::visit([&](auto&& each) { on_other(now, from, std::forward<decltype(each)>(each), out); },
             std::move(message));
  advance_jobs(now, out);
  drop_useless(out);
}

template <class Message>
void ReplicaHost::on_other(Now now, const PeerRef& from, Message&& message, GroupOutbox& out) {
  if constexpr (std::is_constructible_v<RaftMessage, Message&&>) {
    on_raft(now, from, RaftMessage(std::forward<Message>(message)), out);
  } else if constexpr (requires { on_each(now, from, std::forward<Message>(message), out); }) {
    on_each(now, from, std::forward<Message>(message), out);
  }  // else it is about an arc of which there is one copy
}

void ReplicaHost::on_raft(Now now, const PeerRef& from, RaftMessage&& message, GroupOutbox& out) {
  Replica* replica = asked_for(now, group_of(message));
  if (replica == nullptr) {
    if (const auto* append = std::get_if<AppendEntries>(&message)) {
      say_that_none_is_here(now, from, {append->group, append->term, append->admitted}, out);
    } else if (const auto* vote = std::get_if<RequestVote>(&message)) {
      on_vote_without_copy(from, *vote, out);
    }
    return;
  }
  replica->on_message(now, from, std::move(message), out);
  settle(now, *replica, out);
}

void ReplicaHost::on_each(Now now, const PeerRef& from, AppendsTogether&& message,
                          GroupOutbox& out) {
  for_each_expected(message.appends,
                    [&](AppendEntries& each) { on_raft(now, from, std::move(each), out); });
  for_each_expected(message.answers,
                    [&](AppendEntriesAnswer& each) { on_raft(now, from, each, out); });
}

// handle(message) for all, some at a time, before which what they will commit is announced.
template <class Message, class Handle>
void ReplicaHost::for_each_expected(std::vector<Message>& messages, Handle&& handle) {
  for (std::size_t first = 0; first < messages.size(); first += EntriesAhead::entries_max) {
    const std::span<Message> some = std::span(messages).subspan(
        first, std::min(messages.size() - first, EntriesAhead::entries_max));
    EntriesAhead ahead;
    for (const Message& each : some) {
      const Replica* const replica = named(each.group);
      const Entry* const next =
          replica != nullptr ? replica->next_entry(committed_by(each)) : nullptr;
      if (next != nullptr) ahead.add(*replica, *next);
    }
    ahead.ask();
    for (Message& each : some) handle(each);
  }
}

}  // namespace hopring
