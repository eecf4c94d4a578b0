// The part of GroupHost that makes room for a write by evicting what was used least recently.

#include "storage/group/group_host.hpp"

namespace hopring {
namespace {

struct ValueBytes {
  std::size_t operator()(const Put& put) const { return put.value.bytes.size(); }
  std::size_t operator()(const CompareAndSet& operation) const {
    return operation.desired.bytes.size();
  }
  std::size_t operator()(const Add&) const { return sizeof(std::int64_t); }
  std::size_t operator()(const Get&) const { return 0; }
  std::size_t operator()(const Erase&) const { return 0; }
};

std::size_t bytes_wanted(const Operation& operation) {
  return key_of(operation).size() + std::visit(ValueBytes{}, operation);
}

// A record with memory of its own needs such a record to go: so many places are searched for one.
constexpr int draws_max = 64;
// Of the bound. Where none is found, the limit may be passed by so much: what many small records
// leave are holes between pieces.
constexpr std::size_t holes_part = 64;

}  // namespace

// The room that a record leaves in the segment of the one to be written can be used at once, and
// what is oldest there is among the oldest of all, since keys lie on the ring evenly. But an arc
// that came when memory was full would have to live for ever on what it got first: as long as it
// has less than its share, others give.
Change GroupHost::execute_evicting(const Write& write, GroupOutbox& out) {
  Change change = Change::out_of_memory;
  std::size_t evictions = options_.evictions_per_write_max;
  if (has_its_share(write.group)) {
    change = evict_at({&write.group, write.position}, write, evictions);
  }
  for (int i = 0; i < draws_max && change == Change::out_of_memory && evictions > 0; ++i) {
    const std::optional<Place> place = draw_place();
    if (!place) break;
    change = evict_at(*place, write, evictions);
    if (place->group != &write.group) appended(write.now, *place->group, out);
  }
  if (change == Change::out_of_memory) change = execute_over_holes(write, evictions, out);
  return change;
}

Change GroupHost::execute_over_holes(const Write& write, std::size_t evictions, GroupOutbox& out) {
  const std::size_t wanted = BlockPool::cost_alone(bytes_wanted(write.operation));
  const std::size_t bound = options_.pool.bytes_max;
  if (pool_.resident_bytes() + wanted > bound + bound / holes_part) return Change::out_of_memory;
  std::size_t freed = 0;
  for (int i = 0; i < draws_max && freed < wanted; ++i) {
    const std::optional<Place> place = draw_place();
    if (!place) break;
    for (; evictions > 0 && freed < wanted; --evictions) {
      const auto evicted =
          place->group->evict(place->near, write.position, key_of(write.operation), 0);
      if (!evicted) break;
      freed += *evicted;
    }
    if (place->group != &write.group) appended(write.now, *place->group, out);
  }
  if (freed < wanted) return Change::out_of_memory;
  const BlockPool::Overdraft beyond(pool_);
  return write.group.execute(write.now, write.position, write.operation, write.sink);
}

// Evicts at one place, which is how a segment comes to give memory back, until the write has been
// executed or there is nothing to give up.
Change GroupHost::evict_at(const Place& place, const Write& write, std::size_t& evictions) {
  const std::string& key = key_of(write.operation);
  const std::size_t wanted = bytes_wanted(write.operation);
  std::size_t freed = 0;
  for (; evictions > 0; --evictions) {
    const auto evicted = place.group->evict(place.near, write.position, key, wanted);
    if (!evicted) return Change::out_of_memory;
    freed += *evicted;
    if (freed < wanted) continue;
    const Change change =
        write.group.execute(write.now, write.position, write.operation, write.sink);
    if (change == Change::out_of_memory) continue;
    --evictions;
    return change;
  }
  return Change::out_of_memory;
}

// Does the arc hold at least three quarters of what its part of the positions served here would
// hold if all were equally full?
bool GroupHost::has_its_share(const Group& group) const {
  double positions = 0;  // as a share of the ring's
  double bytes = 0;
  for (const Served& each : served_) {
    positions += ring_share(each.group->view().arc);
    bytes += static_cast<double>(each.group->bytes());
  }
  const double share = bytes * ring_share(group.view().arc) / positions;
  return static_cast<double>(group.bytes()) >= share * 0.75;
}

// A position of a served arc, by the number of records. nullopt: there are no records.
std::optional<GroupHost::Place> GroupHost::draw_place() {
  const std::uint64_t keys = totals().keys;
  if (keys == 0) return std::nullopt;
  std::uint64_t drawn = rng_.below(keys);
  for (const Served& each : served_) {
    if (drawn >= each.group->size()) {
      drawn -= each.group->size();
      continue;
    }
    const Arc& arc = each.group->view().arc;
    const std::uint64_t steps =
        is_whole_ring(arc) ? rng_.next() : rng_.below(distance(arc.begin, arc.end));
    return Place{each.group.get(), advance(arc.begin, steps + 1)};
  }
  return std::nullopt;
}

}  // namespace hopring
