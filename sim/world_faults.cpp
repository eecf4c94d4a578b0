// The part of World that goes wrong: clocks that drift, processes that sleep, ways that are
// blocked.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "sim/world_parts.hpp"

namespace hopring::sim {
namespace {

constexpr std::int64_t wall_start_ms = 1'700'000'000'000;  // some moment in 2023

}  // namespace

// Clocks.

void World::draw_clock(Process& fresh) {
  const auto either_way = [this](std::uint64_t bound) {
    return static_cast<std::int64_t>(rng_.below(2 * bound + 1)) - static_cast<std::int64_t>(bound);
  };
  if (options_.clock_drift_ppm_max > 0) {
    fresh.drift_ppm = either_way(options_.clock_drift_ppm_max);
  }
  const auto skew_max = static_cast<std::uint64_t>(options_.wall_skew_max.count());
  if (skew_max > 0) fresh.wall_offset = std::chrono::milliseconds(either_way(skew_max));
}

Now World::now() const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time_.since_start).count();
  return Now{time_, WallTime{wall_start_ms + ms}};
}

Now World::clock(ProcessId id) const { return clock_of(process(id)); }

// Of runs of up to three weeks: then the product no longer fits.
Now World::clock_of(const Process& process) const {
  const Duration passed = time_.since_start;
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(passed + process.wall_offset).count();
  return Now{time_ + passed * process.drift_ppm / 1'000'000, WallTime{wall_start_ms + ms}};
}

// When the process's clock shows `read`, or a moment later.
Time World::time_of(const Process& process, Time read) const {
  const auto shown = [&](Duration passed) {
    return passed + passed * process.drift_ppm / 1'000'000;
  };
  Duration passed = read.since_start - read.since_start * process.drift_ppm / 1'000'000;
  while (shown(passed) < read.since_start) passed += read.since_start - shown(passed);
  return Time{passed};
}

// Processes that sleep.

void World::pause(ProcessId id, Duration lasts) {
  Process& paused = process(id);
  paused.paused_until = std::max(paused.paused_until, time_ + lasts);
  has_pauses_ = true;
}

void World::stall(Process& process) {
  if (weather_.stall_one_in == 0 || !rng_.chance(1, weather_.stall_one_in)) return;
  const auto range = static_cast<std::uint64_t>(weather_.stall_max.count());
  process.stalled_until = time_ + Duration(static_cast<std::int64_t>(rng_.below(range + 1)));
  pause(process.id, process.stalled_until - time_);
}

// Who deals with the event, if a process does.
std::optional<ProcessId> World::hearer_of(const Event& event) {
  if (const auto* timer = std::get_if<Timer>(&event)) return timer->process;
  if (const auto* lost = std::get_if<LinkLost>(&event)) return lost->from;
  const std::optional<Way> way = way_of(event);
  return way ? std::optional(way->second) : std::nullopt;
}

// Ways.

std::optional<World::Way> World::way_of(const Event& event) {
  const auto there = [this](LinkId id) -> std::optional<Way> {
    const Link* link = find(id);
    return link == nullptr ? std::nullopt : std::optional(Way{link->from, link->to});
  };
  const auto back = [this](LinkId id) -> std::optional<Way> {
    const Link* link = find(id);
    return link == nullptr ? std::nullopt : std::optional(Way{link->to, link->from});
  };
  if (const auto* dial = std::get_if<DialArrives>(&event)) {
    const Link* link = find(dial->link);
    if (link == nullptr) return std::nullopt;
    const Process* target = alive_at(link->asked.endpoint);
    return target == nullptr ? std::nullopt : std::optional(Way{link->from, target->id});
  }
  if (const auto* ends = std::get_if<DialEnds>(&event)) {
    const Link* link = find(ends->link);
    return link == nullptr || !link->open ? std::nullopt : back(ends->link);
  }
  if (const auto* message = std::get_if<PeerMessageArrives>(&event)) return there(message->link);
  if (const auto* request = std::get_if<RequestArrives>(&event)) return there(request->link);
  if (const auto* reply = std::get_if<ReplyArrives>(&event)) return back(reply->link);
  if (const auto* lost = std::get_if<LinkLost>(&event)) {
    return lost->to ? std::optional(Way{*lost->to, lost->from}) : std::nullopt;
  }
  return std::nullopt;
}

void World::block(ProcessId from, ProcessId to) { ++blocked_[{from, to}]; }

void World::open(ProcessId from, ProcessId to) {
  const auto found = blocked_.find({from, to});
  if (found == blocked_.end() || --found->second > 0) return;
  blocked_.erase(found);
  const auto held = held_.find({from, to});
  if (held == held_.end()) return;
  for (Event& event : held->second) events_.add(time_, std::move(event));
  held_.erase(held);
}

void World::heal() {
  while (!blocked_.empty()) {
    const Way way = blocked_.begin()->first;
    open(way.first, way.second);
  }
  weather_ = {};
}

// Keeps what cannot happen now for later.
bool World::hold_back(Event& event) {
  if (!blocked_.empty()) {
    const std::optional<Way> way = way_of(event);
    if (way && blocked_.contains(*way)) {
      const auto* dial = std::get_if<DialArrives>(&event);
      const auto* answer = std::get_if<DialEnds>(&event);
      if (dial != nullptr || answer != nullptr) {
        const LinkId link = dial != nullptr ? dial->link : answer->link;
        events_.add(time_ + options_.limits.connect_timeout, DialTimesOut{link});
      }
      held_[*way].push_back(std::move(event));
      return true;
    }
  }
  if (!has_pauses_) return false;
  const std::optional<ProcessId> hearer = hearer_of(event);
  if (!hearer) return false;
  Process& sleeper = process(*hearer);
  if (sleeper.paused_until <= time_ && sleeper.unread.empty()) return false;
  if (sleeper.unread.empty()) events_.add(sleeper.paused_until, Resume{*hearer});
  sleeper.unread.push_back(std::move(event));
  return true;
}

// In the order in which it came, until the process sleeps again.
void World::handle(Resume&& event) {
  Process& woken = process(event.process);
  while (woken.paused_until <= time_ && !woken.unread.empty()) {
    Event next = std::move(woken.unread.front());
    woken.unread.pop_front();
    std::visit([this](auto& each) { handle(std::move(each)); }, next);
  }
  if (!woken.unread.empty()) events_.add(woken.paused_until, event);
}

}  // namespace hopring::sim
