#include "raft_world.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace hopring {

using namespace std::chrono_literals;

namespace {

constexpr GroupName group{Position{~0ull}, 1, 0};

}  // namespace

RaftWorld::RaftWorld(const RaftWorldOptions& options)
    : FaultWorld({.seed = options.seed, .resume_delay = options.resume_delay, .peers_max = 30}),
      options_(options),
      fault_interval_(50ms * (1 << rng().below(4))),
      fault_lasts_max_(400ms * (1 << rng().below(4))),
      change_interval_(100ms * (1 << rng().below(4))) {
  if (options.has_faults) {
    const std::uint64_t slow_one_in = 10u << rng().below(5);
    set_weather(slow_one_in, 100ms * (1 << rng().below(6)));
  }
  for (std::size_t i = 0; i < options_.members + options_.spares; ++i) add_member();
  Roster roster;
  for (std::size_t i = 0; i < options_.members; ++i) {
    roster.voters.push_back({peer_at(i).self, 1});
  }
  for (std::size_t i = 0; i < options_.members; ++i) {
    rafts_[i] = std::make_unique<Raft>(options_.raft, group, peer_at(i).self,
                                       Raft::Start{0, 0, 0, roster}, rng().fork(), clock(i));
  }
  every(3ms, [this] { write(); });
  every(2ms, [this] { read(); });
  every(350ms, [this] { give_copies(); });
  every(200ms, [this] { drop_removed(); });
  if (options_.has_faults) every(fault_interval_, [this] { fault(fault_lasts_max_); });
  if (options_.has_faults) every(change_interval_, [this] { hand_over(); });
  if (options_.changes_members) every(change_interval_, [this] { change_members(); });
}

RaftWorld::~RaftWorld() = default;

std::size_t RaftWorld::add_member() {
  const std::size_t index = add_peer();
  rafts_.push_back(nullptr);
  every(options_.raft.heartbeat_interval, [this, index] { beat(index); });
  every(10ms, [this, index] { tick(index); });
  return index;
}

bool RaftWorld::recovers_within(Duration duration) {
  const Duration end = now() + duration;
  const std::uint64_t before = figures_.writes;
  while (now() < end) {
    run_for(50ms);
    if (figures_.writes > before + 10 && serving()) return true;
  }
  return false;
}

std::string RaftWorld::describe() const {
  std::string text;
  for (std::size_t i = 0; i < peer_count(); ++i) {
    text += std::to_string(i + 1) + (is_alive(i) ? ":" : ": dead");
    if (rafts_[i] != nullptr) {
      const Raft& raft = *rafts_[i];
      text += " role " + std::to_string(static_cast<int>(raft.role())) + " term " +
              std::to_string(raft.term()) + " committed " + std::to_string(raft.committed()) +
              " last " + std::to_string(raft.last_index()) + " votes " +
              std::to_string(raft.is_voter()) + " lacking " +
              std::to_string(raft.members_without_copy().size()) + " roster";
      for (const Voter& each : raft.roster().voters) {
        text += " " + std::to_string(each.peer.incarnation) + "@" + std::to_string(each.admitted);
      }
      if (raft.roster().is_joint()) text += " and";
      for (const Voter& each : raft.roster().incoming) {
        text += " " + std::to_string(each.peer.incarnation) + "@" + std::to_string(each.admitted);
      }
    }
    text += "\n";
  }
  return text;
}

// Messages.

void RaftWorld::send(std::size_t from, const PeerRef& to, Payload payload) {
  const std::size_t target = number_of(to);
  carry(from, target, [this, from, target, payload = std::move(payload)]() mutable {
    deliver(from, target, std::move(payload));
  });
}

void RaftWorld::deliver(std::size_t from, std::size_t to, Payload payload) {
  const PeerRef& sender = peer_at(from).self;
  Raft* raft = rafts_[to].get();
  if (raft == nullptr) {
    const auto* message = std::get_if<RaftMessage>(&payload);
    const auto* append = message != nullptr ? std::get_if<AppendEntries>(message) : nullptr;
    if (append != nullptr) send(to, sender, NoCopy{group, append->term, append->admitted});
    return;
  }
  RaftOutbox out;
  if (auto* message = std::get_if<RaftMessage>(&payload)) {
    raft->on_message(clock(to), sender, std::move(*message), out);
  } else if (const auto* beat = std::get_if<Beat>(&payload)) {
    const HeartbeatAnswer answer = raft->on_heartbeat(clock(to), sender, beat->heartbeat);
    send(to, sender, BeatAnswer{answer, beat->sent});
  } else {
    const auto& answered = std::get<BeatAnswer>(payload);
    raft->on_heartbeat_answer(clock(to), sender, answered.answer, answered.sent, out);
  }
  send_all(to, out);
  after_input(to);
}

void RaftWorld::send_all(std::size_t from, RaftOutbox& out) {
  for (SendRaft& each : out) send(from, each.to, std::move(each.message));
}

void RaftWorld::beat(std::size_t index) {
  if (!has_member(index)) return;
  const Time sent = clock(index).monotonic;
  rafts_[index]->beat([&](const PeerRef& to, const Heartbeat& heartbeat) {
    send(index, to, Beat{heartbeat, sent});
  });
}

void RaftWorld::tick(std::size_t index) {
  if (!has_member(index)) return;
  const Now now = clock(index);
  if (now.monotonic < rafts_[index]->next_deadline()) return;
  RaftOutbox out;
  rafts_[index]->on_deadline(now, out);
  send_all(index, out);
  after_input(index);
}

void RaftWorld::after_input(std::size_t index) {
  apply(index);
  const Raft& raft = *rafts_[index];
  if (!raft.is_primary()) return;
  const auto [known, fresh] = primary_of_.emplace(raft.term(), index);
  if (fresh) ++figures_.terms;
  if (known->second != index) {
    violation("two primaries in term " + std::to_string(raft.term()));
  }
  if (raft.wants_heartbeat()) beat(index);
}

void RaftWorld::apply(std::size_t index) {
  Raft& raft = *rafts_[index];
  while (raft.applied() < raft.committed()) {
    const Entry& entry = raft.entry(raft.applied() + 1);
    if (order_.size() < entry.index) {
      HOPRING_CHECK(order_.size() + 1 == entry.index);
      order_.push_back(entry);
    } else if (order_[entry.index - 1] != entry) {
      violation("index " + std::to_string(entry.index) + " was applied as two entries");
    }
    if (const auto* change = std::get_if<ChangeRoster>(&entry.command)) {
      if (entry.index > roster_index_) {
        roster_index_ = entry.index;
        roster_ = change->roster;
      }
    }
    raft.on_applied(entry.index);
  }
  // A primary answers those that it proposed itself, when it has applied them.
  while (!asked_.empty() && raft.is_primary()) {
    const auto mine = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& each) {
      return each.peer == index && each.index <= raft.applied();
    });
    if (mine == asked_.end()) break;
    if (mine->term == raft.term()) {
      ++figures_.writes;
      floor_ = std::max(floor_, mine->index);
    }
    asked_.erase(mine);
  }
}

// The client.

std::optional<std::size_t> RaftWorld::serving() const {
  for (std::size_t i = 0; i < peer_count(); ++i) {
    if (has_member(i) && rafts_[i]->may_serve(clock(i))) return i;
  }
  return std::nullopt;
}

const Raft* RaftWorld::raft(std::size_t peer) const { return rafts_[peer].get(); }

void RaftWorld::write() {
  for (std::size_t i = 0; i < peer_count(); ++i) {
    if (!has_member(i) || !rafts_[i]->is_primary() || !rafts_[i]->has_room()) continue;
    const std::string value = std::to_string(++values_made_);
    const std::uint64_t index =
        rafts_[i]->propose(Put{"key", Value{ValueType::string, value}, {}, {}});
    asked_.push_back({i, index, rafts_[i]->term()});
    RaftOutbox out;
    rafts_[i]->flush(clock(i), out);
    send_all(i, out);
    after_input(i);
  }
  if (asked_.size() > 1000) asked_.erase(asked_.begin(), asked_.begin() + 500);
}

// The clock is read when the request has come; the answer may take its time after that.
void RaftWorld::read() {
  std::size_t serving = 0;
  for (std::size_t i = 0; i < peer_count(); ++i) {
    if (!is_alive(i) || rafts_[i] == nullptr) continue;
    const Now now = clock(i);
    if (!rafts_[i]->may_serve(now)) continue;
    if (++serving > 1) violation("two peers serve");
    const Duration takes = rng().chance(1, 20) ? below(2s) : Duration{};
    post(takes, [this, i, now, floor = floor_] {
      if (!has_member(i) || !rafts_[i]->may_serve(now)) return;
      ++figures_.reads;
      const std::uint64_t applied = rafts_[i]->applied();
      if (applied < floor) {
        violation("a read saw index " + std::to_string(applied) + " after " +
                  std::to_string(floor) + " had been seen");
      }
      floor_ = std::max(floor_, applied);
    });
  }
}

// Faults.

bool RaftWorld::may_crash(std::size_t index) const {
  const auto lives = [&](const Voter& voter) {
    const std::size_t peer = number_of(voter.peer);
    return peer != index && is_alive(peer);
  };
  if (is_proposed() && !decides(proposed_, lives)) return false;
  return std::all_of(rafts_.begin(), rafts_.end(), [&](const auto& raft) {
    return raft == nullptr || decides(raft->roster(), lives);
  });
}

void RaftWorld::crash(std::size_t peer) {
  bury(peer);
  rafts_[peer].reset();
  std::erase_if(asked_, [&](const Asked& each) { return each.peer == peer; });
}

// A primary that has had enough.
void RaftWorld::hand_over() {
  if (is_healed()) return;
  for (std::size_t i = 0; i < peer_count(); ++i) {
    if (!has_member(i) || !rafts_[i]->is_primary() || !rng().chance(1, 2)) continue;
    const Voters& voters = rafts_[i]->roster().voters;
    const PeerRef to = voters[rng().below(voters.size())].peer;
    if (to == peer_at(i).self) continue;
    RaftOutbox out;
    rafts_[i]->hand_lead_to(clock(i), to, out);
    send_all(i, out);
  }
}

// Members that come and go.

void RaftWorld::give_copies() {
  for (std::size_t i = 0; i < peer_count(); ++i) {
    if (!has_member(i) || !rafts_[i]->is_primary()) continue;
    for (const PeerRef& to : rafts_[i]->members_without_copy()) give_copy(i, number_of(to));
  }
}

void RaftWorld::give_copy(std::size_t from, std::size_t to) {
  if (is_cut(from, to) || is_cut(to, from) || !is_alive(to)) return;
  Raft& source = *rafts_[from];
  const Raft::Start start = source.start_of_copy();
  source.add_learner(clock(from), peer_at(to).self, start.index);
  post(below(100ms), [this, to, start] {
    if (!is_alive(to)) return;
    ++figures_.copies;
    if (rafts_[to] != nullptr) {
      rafts_[to]->install(clock(to), start);
    } else {
      rafts_[to] = std::make_unique<Raft>(options_.raft, group, peer_at(to).self, start,
                                          rng().fork(), clock(to));
    }
    after_input(to);
  });
}

void RaftWorld::change_members() {
  for (std::size_t i = 0; i < peer_count(); ++i) {
    if (!has_member(i) || !rafts_[i]->can_change_members()) continue;
    if (next_members_.empty() || rng().chance(1, 5)) {
      next_members_.clear();
      const std::size_t wanted = 1 + rng().below(4);
      for (std::size_t tries = 0; tries < 20 && next_members_.size() < wanted; ++tries) {
        const Peer& chosen = peer_at(rng().below(peer_count()));
        const bool known = std::find(next_members_.begin(), next_members_.end(), chosen.self) !=
                           next_members_.end();
        if (chosen.alive && !known) next_members_.push_back(chosen.self);
      }
      for (const PeerRef& each : next_members_) {
        if (find(rafts_[i]->roster(), each) == nullptr) give_copy(i, number_of(each));
      }
      return;
    }
    const bool near =
        std::all_of(next_members_.begin(), next_members_.end(), [&](const auto& each) {
          const bool alive = is_alive(number_of(each));
          const std::uint64_t matched = rafts_[i]->matched(each);
          return each == peer_at(i).self ||
                 (alive && matched > 0 && matched + 50 > rafts_[i]->committed());
        });
    if (!near) continue;
    ++figures_.changes;
    rafts_[i]->change_members(clock(i), std::exchange(next_members_, {}));
    proposed_ = rafts_[i]->roster();
    proposed_index_ = rafts_[i]->last_index();
    RaftOutbox out;
    rafts_[i]->flush(clock(i), out);
    send_all(i, out);
    after_input(i);
  }
}

// Whoever learns that it is no member any more drops its copy, and may become one again. Not so a
// learner that hears of a primary, or whose admission is on its way.
void RaftWorld::drop_removed() {
  if (roster_index_ == 0 || roster_.is_joint()) return;
  for (std::size_t i = 0; i < peer_count(); ++i) {
    const PeerRef& self = peer_at(i).self;
    const auto names_it = [&](const auto& each) {
      return each != nullptr && each != rafts_[i] &&
             (find(each->roster(), self) != nullptr || each->sends_to(self));
    };
    const bool comes =
        (is_proposed() && find(proposed_, self) != nullptr) ||
        std::find(next_members_.begin(), next_members_.end(), self) != next_members_.end();
    if (!has_member(i) || find(roster_, self) != nullptr || comes) continue;
    if (std::any_of(rafts_.begin(), rafts_.end(), names_it) || rng().chance(1, 2)) continue;
    rafts_[i].reset();
    std::erase_if(asked_, [&](const Asked& each) { return each.peer == i; });
  }
}

}  // namespace hopring
