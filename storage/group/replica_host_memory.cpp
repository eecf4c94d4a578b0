// The part of ReplicaHost that keeps a shard's memory within its bound.
//
// What is in the order must be applied, on every member. So a write is let in only while all
// members have memory for it: each says in its answers to heartbeats how much the primary may go on
// to propose. What several primaries let in at the same moment may exceed that, by what they write
// between two heartbeats; where records are evicted, writes make up for it afterwards. A copy that
// has been accepted has its memory from then on.

#include <algorithm>
#include <limits>

#include "storage/group/replica_host.hpp"

namespace hopring {
namespace {

// Of the bound, for the logs of all arcs: half for entries on their way, half for what has been
// applied and some member may lack.
constexpr std::size_t logs_part = 16;
// A log may have so much, whatever the bound: a hundred small entries.
constexpr std::size_t log_bytes_min = std::size_t{16} << 10;
// Of the bound, how much of the holes between pieces counts as free, at most.
constexpr std::size_t holes_part = 64;
// Of the bound, what writes leave free for copies: a ring that is full must be able to mend itself.
constexpr std::size_t copies_part = 32;
// Of what is left, how much arcs may take without asking, each as much as any other.
constexpr std::uint64_t unasked_part = 4;
// Where records are evicted an arc may take more, as long as this part of the bound is left.
constexpr std::size_t scarce_part = 16;
constexpr std::size_t takers_expected = 8;
// A record may be so large a part of what is led here that others are evicted for it.
constexpr std::size_t evicted_part = 2;
// So much of an arc is evicted from heartbeat to heartbeat without a write. Small next to a log.
constexpr std::uint64_t relieved_bytes_max = 4096;
// For a copy of at most this part of the bound room is made; so long after it was offered last,
// which is longer than whoever was refused takes to offer it again.
constexpr std::size_t copy_part_max = 2;
constexpr Duration room_wanted_for = std::chrono::seconds(5);
// So many places are searched for what may go, and again as many if that must not be large.
constexpr int draws_max = 64;

}  // namespace

std::optional<std::uint64_t> ReplicaHost::room() const noexcept {
  const std::size_t bound = options_.pool.bytes_max;
  if (bound == 0) return std::nullopt;
  const std::size_t used =
      pool_.resident_bytes() + coming_bytes_ + std::max(log_bytes_, bound / logs_part);
  return bound - std::min(bound, used);
}

// For a copy that there was no room for. The members of the arcs that are kept here evict until it
// would be taken, and whoever offers it comes again.
void ReplicaHost::want_room(Now now, const OfferCopy& offer) {
  if (!options_.pool.keeps_ages) return;
  const std::size_t bound = options_.pool.bytes_max;
  const std::uint64_t bytes = bytes_needed(offer);
  if (bytes <= *room() || bytes > bound / copy_part_max) return;
  // Of the holes memory_left() counts some as free, room() none.
  room_wanted_ = std::max(room_wanted_, bytes + bound / holes_part);
  room_wanted_until_ = now.monotonic + room_wanted_for;
}

// What the copies that are coming have been promised and do not take yet.
void ReplicaHost::count_coming_bytes() {
  coming_bytes_ = 0;
  for (const Incoming& each : incoming_) coming_bytes_ += still_promised(each);
}

std::uint64_t ReplicaHost::still_promised(const Incoming& coming) const {
  const Replica* replica = named(coming.group);
  if (replica == nullptr || replica->is_complete()) return 0;
  return coming.bytes - std::min(coming.bytes, replica->bytes());
}

// After the number of arcs has changed. Where memory is bounded their logs are, too.
void ReplicaHost::share_log_memory() {
  if (options_.pool.bytes_max == 0) return;
  const std::size_t logs = options_.pool.bytes_max / logs_part;
  const std::size_t arcs = std::max<std::size_t>(replicas_.size(), 1);
  RaftOptions& raft = options_.raft;
  raft.kept_bytes_max =
      std::clamp(logs / 2 / arcs, log_bytes_min, std::max(log_bytes_min, log_bytes_max_));
  raft.uncommitted_bytes_max = raft.kept_bytes_max;
  raft.kept_for_copies_bytes_max = std::clamp(
      logs / 2, raft.kept_bytes_max, std::max(raft.kept_bytes_max, raft.kept_for_copies_bytes_max));
}

// Negative: so much too much is in use. REQUIRES: there is a bound.
std::int64_t ReplicaHost::memory_left() const {
  const std::size_t bound = options_.pool.bytes_max;
  const std::size_t holes = pool_.resident_bytes() - pool_.lent_bytes();
  const std::size_t used = pool_.resident_bytes() - std::min(holes / 2, bound / holes_part) +
                           coming_bytes_ + std::max(log_bytes_, bound / logs_part) +
                           std::max<std::size_t>(bound / copies_part, room_wanted_);
  return static_cast<std::int64_t>(bound) - static_cast<std::int64_t>(used);
}

// How far a primary may go on that has proposed so much, and wants to propose so much at once.
Raft::Room ReplicaHost::room_after(Replica& replica, std::uint64_t proposed, std::uint64_t wanted) {
  const std::int64_t left = memory_left();
  const std::size_t arcs = std::max<std::size_t>(replicas_.size(), 1);
  if (left < 0) {
    // No business of an arc that holds less than others do: it could not make up for what is held
    // by arcs whose entries do not come, and would be emptied.
    const std::uint64_t excess =
        has_its_share(replica, held_) ? static_cast<std::uint64_t>(-left) / arcs : 0;
    replica.account().bytes_granted = 0;
    const std::uint64_t end = proposed - std::min(proposed, excess);
    return {end, end};
  }
  const auto free = static_cast<std::uint64_t>(left);
  if (options_.pool.keeps_ages) {  // what is too much then is evicted
    const bool is_scarce = free < options_.pool.bytes_max / scarce_part;
    const std::uint64_t share = free / (is_scarce ? arcs : std::min(arcs, takers_expected));
    return {proposed + std::max(share, grant(replica, free, wanted)), proposed + free};
  }
  const std::uint64_t unasked = free / unasked_part;
  const std::uint64_t rest = free - unasked;
  return {proposed + std::max(unasked / arcs, grant(replica, rest, wanted)), proposed + rest};
}

// What the arc asks for, of so much that is free. Others do not get it before the next heartbeat
// for this arc, which says whether it has been proposed: then it is not free.
std::uint64_t ReplicaHost::grant(Replica& replica, std::uint64_t free, std::uint64_t wanted) {
  std::uint64_t& granted = replica.account().bytes_granted;
  granted = 0;
  if (wanted == 0) return 0;
  std::uint64_t others = 0;
  for (const auto& each : replicas_) others += each->account().bytes_granted;
  granted = std::min(wanted, free - std::min(free, others));
  return granted;
}

// The primary holds itself to what it asks of members.
void ReplicaHost::limit(Replica& replica) {
  if (options_.pool.bytes_max == 0) return;
  const Raft& raft = replica.raft();
  replica.set_room(room_after(replica, raft.proposed(), raft.wanted()));
}

// Evicts where members are beyond their bound, though nobody writes: it may have come by copies.
void ReplicaHost::relieve(Now now, GroupOutbox& out) {
  std::vector<GroupName> lacking;
  for (const auto& each : replicas_) {
    if (each->leads() && each->raft().memory_lacking(now, 0) > 0) {
      lacking.push_back(each->raft().group());
    }
  }
  for (const GroupName& name : lacking) {
    Replica* replica = named(name);
    if (replica == nullptr || !replica->may_serve(now) || replica->is_splitting()) continue;
    const std::uint64_t wanted =
        std::min<std::uint64_t>(replica->raft().memory_lacking(now, 0), relieved_bytes_max);
    std::uint64_t freed = 0;
    while (freed < wanted) {
      const Position near = draw(replica->arc());
      const auto evicted = replica->evict(near, near, {}, 0);
      if (!evicted) break;
      freed += *evicted;
      ++counters_.records_evicted;
    }
    replica->count_freed(freed);
    replica->flush(now, out);
    settle(now, *replica, out);
  }
}

// Is there memory for the write, with all members?
std::optional<OpError> ReplicaHost::make_room(Now now, Replica& replica, Position position,
                                              const Operation& operation, GroupOutbox& out) {
  const std::uint64_t bytes = memory_of(operation);
  if (bytes == 0) return std::nullopt;
  const std::uint64_t wanted = bytes + window_result_bytes;
  const Raft& raft = replica.raft();
  const std::uint64_t lacking = raft.memory_lacking(now, wanted);
  if (options_.pool.keeps_ages) {
    if (lacking == 0) return std::nullopt;
    return evict_for(now, replica, position, operation, wanted, out);
  }
  // Nothing would make up for too much afterwards: what is free at this moment counts, too, less
  // what has been proposed and is not applied yet.
  const bool is_bounded = options_.pool.bytes_max != 0;
  const std::int64_t left = is_bounded ? memory_left() : std::numeric_limits<std::int64_t>::max();
  const auto coming = static_cast<std::int64_t>(wanted + raft.waiting_bytes());
  if (lacking == 0 && coming <= left) return std::nullopt;
  // What takes the place of a record that is not smaller takes nothing.
  if (replica.memory_at(position, key_of(operation)) >= bytes) return std::nullopt;
  if (raft.is_out_of_memory(now, wanted) || static_cast<std::int64_t>(wanted) > left) {
    return OpError::out_of_memory;
  }
  return ask_for_memory(replica, wanted);
}

// It is there, but no member has let this arc have so much: in a moment, when the write comes
// again.
OpError ReplicaHost::ask_for_memory(Replica& replica, std::uint64_t bytes) {
  replica.ask_for_memory(bytes);
  note_unsent(replica);
  return OpError::overloaded;
}

// Evicts what the write needs, and as much again where too much is in use. What a write has evicted
// in vain serves the next one.
std::optional<OpError> ReplicaHost::evict_for(Now now, Replica& replica, Position position,
                                              const Operation& operation, std::uint64_t wanted,
                                              GroupOutbox& out) {
  const std::uint64_t lacking = replica.raft().memory_lacking(now, wanted);
  // For a moment nothing is removed: it ends with an answer of its own, or is given more room.
  if (!replica.may_serve(now) || replica.is_splitting()) return std::nullopt;
  if (wanted > std::max(led_.bytes, replica.bytes()) / evicted_part) {
    if (replica.raft().is_out_of_memory(now, wanted)) return OpError::out_of_memory;
    return ask_for_memory(replica, wanted);
  }
  std::uint64_t& freed = replica.account().bytes_evicted;
  const std::uint64_t enough = std::clamp(lacking, wanted, 2 * wanted);
  std::size_t evictions = options_.evictions_per_write_max;
  // First near the record, where the room can be used at once. What has memory of its own needs
  // such a one to go (HopscotchTable::oldest()), or else many others.
  Replica* giver = has_its_share(replica, led_) ? &replica : draw_giver(now, replica);
  Position near = giver == &replica ? position : draw(giver->arc());
  for (int i = 0; i < 2 * draws_max && freed < enough && evictions > 0; ++i) {
    const std::size_t bytes = i < draws_max ? wanted : 0;
    for (; freed < enough && evictions > 0; --evictions) {
      const auto evicted = giver->evict(near, position, key_of(operation), bytes);
      if (!evicted) break;
      freed += *evicted;
      ++counters_.records_evicted;
    }
    giver->flush(now, out);
    if (giver != &replica) settle(now, *giver, out);
    giver = has_its_share(replica, led_) ? &replica : draw_giver(now, replica);
    near = draw(giver->arc());
  }
  // What is evicted takes room in the order, too.
  if (freed < wanted || !replica.raft().has_room()) return OpError::overloaded;
  const std::uint64_t used = std::min(freed, enough);
  freed -= used;
  replica.count_freed(used);
  return std::nullopt;
}

// An arc that came when memory was full would have to live for ever on what it got first: as long
// as it has less than three quarters of what its width would hold if all of these arcs were equally
// full, others give.
bool ReplicaHost::has_its_share(const Replica& replica, const Held& all) const {
  constexpr double share_min = 0.75;
  return static_cast<double>(replica.bytes()) >=
         share_min * all.bytes_per_ring * ring_share(replica.arc());
}

// An arc that is led here and has its share, from a random one on; `asking` if there is none.
Replica* ReplicaHost::draw_giver(Now now, Replica& asking) {
  const std::size_t first = rng_.below(replicas_.size());
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    Replica& each = *replicas_[(first + i) % replicas_.size()];
    if (each.may_serve(now) && !each.is_splitting() && has_its_share(each, led_)) return &each;
  }
  return &asking;
}

// What has_its_share() goes by, from time to time.
void ReplicaHost::look_at_shares() {
  const auto held = [&](bool only_led) {
    Held all;
    double width = 0;
    for (const auto& each : replicas_) {
      if (only_led && !each->leads()) continue;
      all.bytes += each->bytes();
      width += ring_share(each->arc());
    }
    all.bytes_per_ring = width > 0 ? static_cast<double>(all.bytes) / width : 0;
    return all;
  };
  led_ = held(true);
  held_ = held(false);
}

Position ReplicaHost::draw(const Arc& arc) {
  return advance(arc.begin, 1 + rng_.below(width_minus_one(arc) | 1));
}

}  // namespace hopring
