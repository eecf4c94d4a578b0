// The part of World that goes wrong: clocks that drift, processes that sleep, ways that are
// blocked.

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.hpp"
#include "sim/world_parts.hpp"

namespace hopring::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t wall_start_ms = 1'700'000'000'000;  // some moment in 2023

// What was sent and not acknowledged is sent again after so long, and then after pauses that
// double; a dial, after so long. As Linux does.
constexpr Duration first_resend = 200ms;
constexpr Duration last_pause = 120s;
constexpr Duration dial_resend = 1s;

// The first time not before `now` that what was sent `since` is sent again.
Time next_resend(Time since, Time now) {
  Time at = since + first_resend;
  for (Duration pause = 2 * first_resend; at < now; pause = std::min(2 * pause, last_pause)) {
    at = at + pause;
  }
  return at;
}

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

// Before drift.
Duration World::passed_of(const Process& process) const {
  return std::max(time_, process.clock_stands_until).since_start - process.clock_lag;
}

// Of runs of up to three weeks: then the product no longer fits.
Now World::clock_of(const Process& process) const {
  const Duration passed = passed_of(process);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time_.since_start + process.wall_offset)
          .count();
  return Now{Time{passed + passed * process.drift_ppm / 1'000'000}, WallTime{wall_start_ms + ms}};
}

// The first moment at which the process's clock shows `read`.
Time World::time_of(const Process& process, Time read) const {
  const auto shown = [&](Duration passed) {
    return passed + passed * process.drift_ppm / 1'000'000;
  };
  const std::int64_t speed = 1'000'000 + process.drift_ppm;
  const std::int64_t ns = read.since_start.count();
  Duration passed{ns / speed * 1'000'000 + ns % speed * 1'000'000 / speed};  // or less by roundings
  while (shown(passed) < read.since_start) passed += Duration(1);
  return Time{passed + process.clock_lag};
}

void World::stop_clock(ProcessId id, Duration lasts) {
  Process& stopped = process(id);
  const Time from = std::max(time_, stopped.clock_stands_until);
  const Time until = std::max(from, time_ + lasts);
  stopped.clock_lag += until - from;
  stopped.clock_stands_until = until;
}

// Processes that sleep.

void World::pause(ProcessId id, Duration lasts) {
  Process& paused = process(id);
  if (paused.paused_until <= time_ && paused.unread.empty()) paused.read_at = clock_of(paused);
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
  if (const auto* ends = std::get_if<LinkEnds>(&event)) return there(ends->link);
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
  for (Link& link : links_) {
    const bool is_on_it =
        (link.from == from && link.to == to) || (link.from == to && link.to == from);
    if (link.id != 0 && link.open && is_on_it) go_on(link);
  }
  const auto held = held_.find({from, to});
  if (held == held_.end()) return;
  for (Held& each : std::exchange(held->second, {})) {
    const bool is_dial = std::holds_alternative<DialArrives>(each.event) ||
                         std::holds_alternative<DialEnds>(each.event);
    const Time again = each.since + dial_resend;
    if (is_dial && again < time_) continue;  // it times out before it would be sent once more
    events_.add(is_dial ? again : time_, std::move(each.event));
  }
  held_.erase(held);
}

// What waits for acknowledgement on it is sent again at its time, if it has not ended before.
void World::go_on(Link& link) {
  if (blocked_.contains({link.from, link.to}) || blocked_.contains({link.to, link.from})) return;
  for (Flow* flow : {&link.there, &link.back}) {
    if (flow->silent_since == Time::never()) continue;
    flow->resumes = next_resend(flow->silent_since, time_);
    const Time ends = flow->silent_since + options_.limits.link_silence_max;
    const bool is_ending = process(link.from).peer && flow->resumes >= ends;
    if (is_ending) flow->resumes = ends;
    if (!is_ending) flow->silent_since = Time::never();
    stalls_until_ = std::max(stalls_until_, flow->resumes);
  }
}

void World::heal() {
  while (!blocked_.empty()) {
    const Way way = blocked_.begin()->first;
    open(way.first, way.second);
  }
  weather_ = {};
}

// Of what a connection carries: which, and in which direction.
std::pair<World::Link*, World::Flow*> World::flow_of(const Event& event) {
  const auto of = [this](LinkId id, Flow Link::*flow) -> std::pair<Link*, Flow*> {
    Link* const link = find(id);
    return {link, link != nullptr ? &(link->*flow) : nullptr};
  };
  if (const auto* message = std::get_if<PeerMessageArrives>(&event)) {
    return of(message->link, &Link::there);
  }
  if (const auto* request = std::get_if<RequestArrives>(&event)) {
    return of(request->link, &Link::there);
  }
  if (const auto* ends = std::get_if<LinkEnds>(&event)) return of(ends->link, &Link::there);
  if (const auto* reply = std::get_if<ReplyArrives>(&event)) return of(reply->link, &Link::back);
  return {};
}

bool World::hold_up_dial(Event& event, const Way& way) {
  const auto* dial = std::get_if<DialArrives>(&event);
  const auto* answer = std::get_if<DialEnds>(&event);
  if (dial != nullptr || answer != nullptr) {
    const LinkId id = dial != nullptr ? dial->link : answer->link;
    const Link* const link = find(id);
    const bool is_by_peer = link != nullptr && process(link->from).peer;  // a client leaves it
    if (is_by_peer) events_.add(time_ + options_.limits.connect_timeout, DialTimesOut{id});
  }
  held_[way].push_back(Held{time_, std::move(event)});
  return true;
}

// What arrives where acknowledgements are blocked is the last that does, until one comes.
bool World::hold_up(Event& event) {
  const std::optional<Way> way = way_of(event);
  if (!way) return false;
  const bool is_cut = blocked_.contains(*way);
  const auto [link, flow] = flow_of(event);
  if (flow == nullptr) return is_cut && hold_up_dial(event, *way);
  if (flow->resumes > time_) {
    events_.add(flow->resumes, std::move(event));
    return true;
  }
  const Way back{way->second, way->first};
  if (!is_cut && !blocked_.contains(back)) return false;
  if (flow->silent_since == Time::never()) {
    flow->silent_since = time_;
    if (process(link->from).peer) {
      events_.add(time_ + options_.limits.link_silence_max, LinkSilent{link->id, time_});
    }
  }
  if (!is_cut && time_ - flow->silent_since < first_resend) return false;
  held_[is_cut ? *way : back].push_back(Held{time_, std::move(event)});
  return true;
}

void World::handle(LinkSilent&& event) {
  const Link* const link = find(event.link);
  if (link == nullptr || link->left || link->there.silent_since != event.since) return;
  const LinkLost lost{link->from, link->asked, link->actual, std::nullopt};
  close(link->id, false);
  if (process(lost.from).alive) events_.add(time_, lost);
}

// Keeps what cannot happen now for later.
bool World::hold_back(Event& event) {
  if ((!blocked_.empty() || time_ < stalls_until_) && hold_up(event)) return true;
  if (!has_pauses_) return false;
  const std::optional<ProcessId> hearer = hearer_of(event);
  if (!hearer) return false;
  Process& sleeper = process(*hearer);
  if (sleeper.paused_until <= time_ && sleeper.unread.empty()) return false;
  if (sleeper.unread.empty()) events_.add(sleeper.paused_until, Resume{*hearer});
  sleeper.unread.push_back(std::move(event));
  return true;
}

// Until the process sleeps again.
void World::handle(Resume&& event) {
  Process& woken = process(event.process);
  if (options_.bug == PlantedBug::clock_read_early) take_requests_early(woken);
  shuffle_unread(woken);
  while (woken.paused_until <= time_ && !woken.unread.empty()) {
    Event next = std::move(woken.unread.front());
    woken.unread.pop_front();
    std::visit([this](auto& each) { handle(std::move(each)); }, next);
  }
  if (!woken.unread.empty()) events_.add(woken.paused_until, event);
}

// A request, or the end of the link behind the last one.
bool World::is_of_client(const Event& event) {
  if (std::holds_alternative<RequestArrives>(event)) return true;
  const auto* ends = std::get_if<LinkEnds>(&event);
  const Link* const link = ends != nullptr ? find(ends->link) : nullptr;
  return link != nullptr && process(link->from).client;
}

// Which of its sockets and timers a process looks at first when it wakes nobody promises: timers,
// what clients have sent and all else come one after the other, each in the order in which it came.
// A request waits for the answer to its dial: it never comes before that.
void World::shuffle_unread(Process& woken) {
  enum { timer, request, other, kinds };
  std::array<std::uint64_t, kinds> turns;
  for (std::uint64_t& each : turns) each = rng_.below(kinds);
  const auto turn_of = [&](const Event& event) {
    if (std::holds_alternative<Timer>(event)) return turns[timer];
    return turns[is_of_client(event) ? request : other];
  };
  std::stable_sort(woken.unread.begin(), woken.unread.end(),
                   [&](const Event& a, const Event& b) { return turn_of(a) < turn_of(b); });
}

// As a peer would that reads what has come from clients first, and the clock before that.
void World::take_requests_early(Process& woken) {
  const Now read = woken.read_at;
  std::vector<RequestArrives> requests;
  for (Event& each : woken.unread) {
    if (auto* request = std::get_if<RequestArrives>(&each)) requests.push_back(std::move(*request));
  }
  std::erase_if(woken.unread,
                [](const Event& each) { return std::holds_alternative<RequestArrives>(each); });
  for (RequestArrives& each : requests) {
    const Link* const link = find(each.link);
    if (link != nullptr) take(read, *link, std::move(each));
  }
}

}  // namespace hopring::sim
