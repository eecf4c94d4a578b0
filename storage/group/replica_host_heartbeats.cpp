// The part of ReplicaHost that sends heartbeats for all arcs together, and answers them.

#include <map>
#include <utility>

#include "storage/group/replica_host.hpp"

namespace hopring {

// When the next ones are sent: by the clock, and where that is not trusted never at the same moment
// twice, nor before an earlier one.
Time ReplicaHost::next_beat(Now now) {
  const bool is_trusted = !options_.reads_by_majority || now.monotonic > last_beat_;
  last_beat_ = is_trusted ? now.monotonic : last_beat_ + Duration(1);
  return last_beat_;
}

void ReplicaHost::beat(Now now, Replica& replica, GroupOutbox& out) {
  const Time sent = next_beat(now);
  limit(replica);
  replica.beat(sent, [&](const PeerRef& to, const Heartbeat& heartbeat) {
    out.push_back(SendGroup{to, Heartbeats{sent.since_start.count(), {heartbeat}}});
  });
}

void ReplicaHost::beat_all(Now now, GroupOutbox& out) {
  beat_at_ = now.monotonic + options_.raft.heartbeat_interval;
  count_coming_bytes();
  if (options_.pool.keeps_ages) {
    if (room_wanted_until_ <= now.monotonic) room_wanted_ = 0;
    look_at_shares();
    relieve(now, out);
  }
  const Time sent = next_beat(now);
  std::map<PeerRef, Heartbeats> together;
  for (const auto& replica : replicas_) {
    limit(*replica);
    replica->beat(sent, [&](const PeerRef& to, const Heartbeat& heartbeat) {
      Heartbeats& message = together[to];
      message.sent = sent.since_start.count();
      message.groups.push_back(heartbeat);
      if (message.groups.size() < heartbeats_max) return;
      out.push_back(SendGroup{to, std::exchange(message, {})});
    });
  }
  for (auto& [to, message] : together) {
    if (!message.groups.empty()) out.push_back(SendGroup{to, std::move(message)});
  }
}

void ReplicaHost::on_each(Now now, const PeerRef& from, Heartbeats&& message, GroupOutbox& out) {
  HeartbeatAnswers answers{message.sent, {}};
  for (const Heartbeat& each : message.groups) {
    Replica* replica = asked_for(now, each.group);
    if (replica == nullptr) {
      say_that_none_is_here(now, from, {each.group, each.term, each.admitted}, out);
      continue;
    }
    answers.groups.push_back(replica->on_heartbeat(now, from, each, out));
    if (options_.pool.bytes_max != 0) {
      const Raft::Room room = room_after(*replica, each.proposed, each.wanted);
      answers.groups.back().room = room.granted;
      answers.groups.back().room_max = room.max;
    }
    settle(now, *replica, out);
  }
  if (!answers.groups.empty()) out.push_back(SendGroup{from, std::move(answers)});
  // In step with the others: what each sends to another then goes out together. Not where rounds
  // are sent for reads: each would be answered by rounds of everybody.
  const bool is_soon = beat_at_ < now.monotonic + options_.raft.heartbeat_interval / 2;
  if (is_soon && !options_.reads_by_majority) beat_all(now, out);
}

void ReplicaHost::on_each(Now now, const PeerRef& from, HeartbeatAnswers&& message,
                          GroupOutbox& out) {
  const Time sent{Duration(message.sent)};
  if (sent > std::max(now.monotonic, last_beat_)) return;  // nobody answers what was not sent
  for (const HeartbeatAnswer& each : message.groups) {
    Replica* replica = named(each.group);
    if (replica == nullptr) continue;
    replica->on_heartbeat_answer(now, from, each, sent, out);
    settle(now, *replica, out);
  }
}

}  // namespace hopring
