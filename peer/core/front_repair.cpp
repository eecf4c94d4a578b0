// What the front has to do with arcs that have lost the majority of their members: it sees to it
// that nobody serves them any more before their shards repair them (ReplicaHost::repair()), and who
// was primary in an older generation gives way.

#include <algorithm>
#include <utility>

#include "peer/core/front.hpp"

namespace hopring {
namespace {

// Where it is looked whether an arc is served, beside its two ends: where arcs are known to end in
// between. A cell is seldom cut into more.
constexpr std::size_t places_max = 8;

}  // namespace

// Whoever asks may be late, or wrong: what is served would be lost by it. A shard knows its own
// copies alone. An arc whose primary has just died has another within repair_pause; who has a copy
// has waited for that already (Replica::is_orphan()).
void Front::on_repair(Now now, const RepairWanted& wanted, Outbox& out) {
  if (!ring_ || repairs_.size() == repairs_max) {
    const OpError error = ring_ ? OpError::overloaded : OpError::unavailable;
    errands_.push_back(ToDesk{wanted.desk, ErrandDone{wanted.number, ErrorReply{error}}});
    return;
  }
  const Arc& arc = wanted.repair.arc;
  if (!is_straight(arc) || !is_in_one_cell(arc, ring_->nodes_per_peer)) {
    errands_.push_back(hand_on(wanted));  // to be refused
    return;
  }
  std::vector<Position> places = places_in(arc);
  repairs_.push_back({wanted, std::move(places)});
  look_on(now, repairs_.back(), out);
  settle(now, out);
}

// To the shard that is to repair it.
ToDesk Front::hand_on(const RepairWanted& wanted) const {
  Errand errand{wanted.desk, wanted.number, RepairRequest{wanted.repair}};
  return ToDesk{shard_of(wanted.repair.arc.end), std::move(errand)};
}

std::vector<Position> Front::places_in(const Arc& arc) const {
  Position place = advance(arc.begin, 1);
  std::vector<Position> places{arc.end, place};
  while (places.size() < places_max) {
    const Position end = member_.known_end_near(place);
    if (end == place || !can_cut(arc, end)) break;
    places.push_back(end);
    place = advance(end, 1);
  }
  return places;
}

void Front::look_on(Now now, RepairLook& look, Outbox& out) {
  look.lookup = ++last_sought_;
  member_.start_lookup(now, look.places[look.looked], look.lookup, out, events_);
}

// Was it one for a repair?
bool Front::take_look(Now now, const LookupDone& event, Outbox& out) {
  const auto look = std::find_if(repairs_.begin(), repairs_.end(),
                                 [&](const auto& each) { return each.lookup == event.token; });
  if (look == repairs_.end()) return false;
  const RepairWanted& wanted = look->wanted;
  const Repair& repair = wanted.repair;
  const bool is_served = event.found && overlaps(event.found->view.arc, repair.arc) &&
                         options_.bug != PlantedBug::repairs_what_is_served;
  if (is_served) {
    const RepairReply refused{{RepairRefusal::served}};
    end_repair(event.token, ToDesk{wanted.desk, ErrandDone{wanted.number, refused}});
  } else if (++look->looked < look->places.size()) {
    look_on(now, *look, out);
  } else if (!repair.copy && !std::exchange(look->is_second, true)) {
    look->again_at = now.monotonic + repair_pause;
  } else {
    end_repair(event.token, hand_on(wanted));
  }
  return true;
}

void Front::look_again(Now now, Outbox& out) {
  for (RepairLook& each : repairs_) {
    if (each.again_at > now.monotonic) continue;
    each.again_at = Time::never();
    each.looked = 0;
    look_on(now, each, out);
  }
}

Time Front::next_look() const {
  Time next = Time::never();
  for (const RepairLook& each : repairs_) next = std::min(next, each.again_at);
  return next;
}

void Front::end_repair(std::uint64_t lookup, ToDesk&& errand) {
  errands_.push_back(std::move(errand));
  std::erase_if(repairs_, [&](const RepairLook& each) { return each.lookup == lookup; });
}

// The ring is given up.
void Front::end_repairs() {
  for (const RepairLook& each : repairs_) {
    const ErrorReply unavailable{OpError::unavailable};
    errands_.push_back(ToDesk{each.wanted.desk, ErrandDone{each.wanted.number, unavailable}});
  }
  repairs_.clear();
}

void Front::tell_of_repair(const ArcOpened& news, Outbox& out) const {
  if (!news.copied) return;
  out.push_back(LogLine{LogLevel::warning, "event=arc_repaired arc=" + to_string(news.view) +
                                               " records=" + std::to_string(*news.copied)});
}

// Than what is served here of that.
bool Front::is_later_generation(const View& view, const Arc& served) const {
  const auto& arcs = directory_.entries();
  return std::any_of(arcs.begin(), arcs.end(), [&](const ArcEntry& each) {
    return overlaps(each.view.arc, served) && supersedes(group_of(view), group_of(each.view));
  });
}

}  // namespace hopring
