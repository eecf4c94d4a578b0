#include "sim/world.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.hpp"
#include "peer/wire/bounds.hpp"
#include "peer/wire/session.hpp"
#include "sim/world_parts.hpp"

namespace hopring::sim {
namespace {

constexpr std::uint32_t first_address = 0x0a000001;  // 10.0.0.1
constexpr std::uint16_t peer_port = 7700;

constexpr auto is_sound = [](const auto& message) { return is_well_formed(message); };

void count(const PeerMessage& message, CopyTraffic& traffic) {
  const auto* group = std::get_if<GroupMessage>(&message);
  if (group == nullptr) return;
  if (const auto* chunk = std::get_if<Chunk>(group)) {
    for (const Record& each : chunk->records) {
      traffic.bytes += each.key.size() + each.value.bytes.size();
    }
  } else if (std::holds_alternative<OfferArc>(*group) ||
             std::holds_alternative<OfferCopy>(*group)) {
    ++traffic.copies;
  }
}

}  // namespace

World::World(const WorldOptions& options) : options_(options), rng_(options_.seed) {
  options_.ring.ring_id = rng_.next() | 1;
  options_.ring.hash_key = HashKey{{rng_.next(), rng_.next()}};
}

World::~World() = default;

// The first ring is ring_config()'s; one that is created later is another.
RingConfig World::new_ring() {
  RingConfig ring = options_.ring;
  if (rings_++ > 0) {
    ring.ring_id = rng_.next() | 1;
    ring.hash_key = HashKey{{rng_.next(), rng_.next()}};
  }
  return ring;
}

// Processes.

ProcessId World::start_peer(std::vector<Endpoint> contacts) {
  const auto address = first_address + static_cast<std::uint32_t>(processes_.size());
  return start_peer_at(ipv4_endpoint(address, peer_port), std::move(contacts));
}

ProcessId World::start_peer_at(const Endpoint& endpoint, std::vector<Endpoint> contacts) {
  HOPRING_CHECK(alive_at(endpoint) == nullptr);
  auto fresh = std::make_unique<Process>();
  fresh->id = static_cast<ProcessId>(processes_.size());
  fresh->self = PeerRef{endpoint, rng_.next() | 1};
  draw_clock(*fresh);
  Peer::Options options;
  options.self = fresh->self;
  if (contacts.empty()) options.ring = new_ring();
  options.contacts = std::move(contacts);
  options.limits = options_.limits;
  options.memory_bytes_max = options_.memory_bytes_max;
  options.evicts = options_.evicts;
  options.copy_rate = options_.copy_rate;
  options.block_bytes = options_.block_bytes;
  options.bug = options_.bug;
  options.shards = options_.shards != 0 ? options_.shards : 1 + fresh->id % 3;
  if (options.shards > 1) options.shard_delay_max = options_.shard_delay_max;
  fresh->peer = std::make_unique<Peer>(std::move(options), rng_.fork(), clock_of(*fresh));
  const ProcessId id = fresh->id;
  at_[endpoint] = id;
  processes_.push_back(std::move(fresh));
  Outbox out;
  process(id).peer->start(clock(id), out);
  perform(id, out);
  return id;
}

ProcessId World::start_client(const std::vector<Endpoint>& contacts) {
  auto fresh = std::make_unique<Process>();
  fresh->id = static_cast<ProcessId>(processes_.size());
  draw_clock(*fresh);
  fresh->client = std::make_unique<OpMachine>(options_.client_limits, contacts, rng_.fork());
  processes_.push_back(std::move(fresh));
  return processes_.back()->id;
}

void World::crash(ProcessId id) { end(id); }

void World::leave(ProcessId id) {
  if (!is_alive(id)) return;
  Outbox out;
  process(id).ready = false;
  process(id).peer->leave(clock(id), out);
  perform(id, out);
}

void World::cut(ProcessId from, ProcessId to) {
  for (const Lane lane : {Lane::control, Lane::bulk}) {
    const Link* link = find_link(from, process(to).self, lane);
    if (link != nullptr) close(link->id, true);
  }
}

void World::end(ProcessId id) {
  Process& gone = process(id);
  if (!gone.alive) return;
  gone.alive = false;
  const auto at = at_.find(gone.self.endpoint);
  if (at != at_.end() && at->second == id) at_.erase(at);
  for (const LinkId link : std::exchange(gone.accepted, {})) close(link, true);
  for (const auto& [to, link] : std::exchange(gone.dialled, {})) leave_link(link);
}

bool World::is_alive(ProcessId id) const { return process(id).alive; }
bool World::is_ready(ProcessId id) const { return process(id).ready; }
const std::string& World::failure(ProcessId id) const { return process(id).failure; }
const std::optional<Left>& World::left(ProcessId id) const { return process(id).left; }
const Endpoint& World::endpoint(ProcessId id) const { return process(id).self.endpoint; }
const Peer& World::peer(ProcessId id) const { return *process(id).peer; }
OpMachine& World::client(ProcessId id) { return *process(id).client; }

void World::on_finish(ProcessId id, std::function<void(Finish&&)> handler) {
  process(id).on_finish = std::move(handler);
}

std::vector<ProcessId> World::alive_peers() const {
  std::vector<ProcessId> ids;
  for (const auto& each : processes_) {
    if (each->alive && each->peer) ids.push_back(each->id);
  }
  return ids;
}

std::vector<ProcessId> World::ready_peers() const {
  std::vector<ProcessId> ids = alive_peers();
  std::erase_if(ids, [this](ProcessId id) { return !is_ready(id); });
  return ids;
}

bool World::all_ready() const {
  const auto peers = alive_peers();
  return std::all_of(peers.begin(), peers.end(), [this](ProcessId id) { return is_ready(id); });
}

World::Process* World::alive_at(const Endpoint& endpoint) {
  const auto at = at_.find(endpoint);
  return at == at_.end() ? nullptr : processes_[at->second].get();
}

// Links.

World::Link* World::find(LinkId id) {
  Link& link = links_[id & 0xffffffff];
  return link.id == id ? &link : nullptr;
}

World::Link* World::find_link(ProcessId from, const PeerRef& to, Lane lane) {
  const auto at = process(from).dialled.find(LinkKey{to, lane});
  return at == process(from).dialled.end() ? nullptr : find(at->second);
}

Time World::arrival(const Process& from, Time& last) {
  const bool slow = weather_.slow_one_in != 0 && rng_.chance(1, weather_.slow_one_in);
  const Duration delay_max = slow ? weather_.slow_max : Duration(options_.latency_max);
  const auto range = static_cast<std::uint64_t>((delay_max - options_.latency_min).count());
  const Time at = std::max(time_, from.stalled_until) + options_.latency_min +
                  Duration(static_cast<std::int64_t>(rng_.below(range + 1)));
  last = std::max(last, at);
  return last;
}

World::Link& World::dial(ProcessId from, const PeerRef& to, Lane lane) {
  if (free_links_.empty()) {
    free_links_.push_back(static_cast<std::uint32_t>(links_.size()));
    links_.emplace_back();
  }
  const std::uint32_t index = free_links_.back();
  free_links_.pop_back();
  Link& reference = links_[index];
  reference.id = ++links_dialled_ << 32 | index;
  reference.from = from;
  reference.lane = lane;
  reference.asked = to;
  process(from).dialled[LinkKey{to, lane}] = reference.id;
  events_.add(arrival(process(from), reference.last_there), DialArrives{reference.id});
  return reference;
}

// What is under way on it is lost. The dialler hears of it a little later.
void World::close(LinkId id, bool tell_dialler) {
  if (find(id) == nullptr) return;
  const auto index = static_cast<std::uint32_t>(id);
  const Link link = std::exchange(links_[index], {});
  free_links_.push_back(index);
  forget_dialled(link);
  if (link.open) std::erase(process(link.to).accepted, id);
  if (!tell_dialler || link.left || !process(link.from).alive) return;
  Time any{};
  events_.add(arrival(process(link.from), any),
              LinkLost{link.from, link.asked, link.established ? link.actual : link.asked,
                       link.open ? std::optional(link.to) : std::nullopt});
}

void World::forget_dialled(const Link& link) {
  auto& dialled = process(link.from).dialled;
  for (const PeerRef& to : {link.asked, link.actual}) {
    const auto at = dialled.find(LinkKey{to, link.lane});
    if (at != dialled.end() && at->second == link.id) dialled.erase(at);
  }
}

// The dialler ends it. What it has sent is dealt with before that, unless its system drops it, as
// it may in bad weather.
void World::leave_link(LinkId id) {
  Link* const link = find(id);
  if (link == nullptr) return;
  const bool drops = weather_.break_one_in != 0 && rng_.chance(1, 2);
  if (!link->established || drops) return close(id, false);
  link->left = true;
  forget_dialled(*link);
  events_.add(arrival(process(link->from), link->last_there), LinkEnds{id});
}

void World::handle(DialArrives&& event) {
  Link* const found = find(event.link);
  if (found == nullptr) return;
  Link& link = *found;
  DialEnds ends{link.id, {}, true};
  Process* target = alive_at(link.asked.endpoint);
  if (target != nullptr) {
    const Process& from = process(link.from);
    const RingConfig* mine = from.peer ? from.peer->ring() : nullptr;
    const HelloDialer dialer({from.peer ? Role::peer : Role::client,
                              from.self,
                              mine != nullptr ? mine->ring_id : 0,
                              link.asked.incarnation,
                              {}});
    const RingConfig* theirs = target->peer->ring();
    const HelloListener listener(target->self,
                                 theirs != nullptr ? std::optional(*theirs) : std::nullopt);
    const auto reply = listener.on_first(HelloMessage(dialer.hello()));
    ends.answer = reply.answer;
    ends.refused = false;
    if (reply.accepted) {
      link.open = true;
      link.to = target->id;
      link.actual = target->self;
      target->accepted.push_back(link.id);
    } else if (reply.answer.verdict == HelloAnswer::Verdict::other_ring && from.peer) {
      Outbox out;
      target->peer->on_stranger(clock(target->id), from.self, mine->ring_id, out);
      perform(target->id, out);
    }
  }
  events_.add(arrival(target != nullptr ? *target : process(link.from), link.last_back), ends);
}

void World::handle(DialEnds&& event) {
  Link* const found = find(event.link);
  if (found == nullptr) return;
  Link& link = *found;
  using Verdict = HelloAnswer::Verdict;
  if (event.refused) return end_dial(link, Unreachable::refused);
  if (event.answer.verdict == Verdict::other_incarnation) {
    return end_dial(link, Unreachable::other_incarnation);
  }
  if (event.answer.verdict == Verdict::other_ring) return end_dial(link, Unreachable::other_ring);
  if (event.answer.verdict != Verdict::welcome) return end_dial(link, Unreachable::timed_out);
  if (process(link.from).client) return end_dial_of_client(link, event.answer.ring);
  link.established = true;
  Process& from = process(link.from);
  for (PeerMessage& message : std::exchange(link.waiting, {})) {
    events_.add(arrival(from, link.last_there), PeerMessageArrives{link.id, std::move(message)});
  }
  Outbox out;
  from.peer->on_connected(clock_of(from), link.asked, link.actual, event.answer.ring, out);
  perform(from.id, out);
}

// Of two dials that end at the same peer the first one's connection is kept, under its name alone.
void World::end_dial_of_client(Link& link, const RingConfig& ring) {
  Process& from = process(link.from);
  const PeerRef asked = link.asked;
  const PeerRef actual = link.actual;
  const Link* const standing = find_link(from.id, actual);
  if (standing != nullptr && standing->established) {
    close(link.id, false);
  } else {
    if (asked != actual) from.dialled.erase(LinkKey{asked, link.lane});
    from.dialled[LinkKey{actual, link.lane}] = link.id;
    link.established = true;
  }
  from.client->on_connected(clock_of(from), asked, actual, ring);
  perform(from.id);
}

void World::handle(DialTimesOut&& event) {
  Link* const link = find(event.link);
  if (link != nullptr && !link->established) end_dial(*link, Unreachable::timed_out);
}

// A client that has reached the peer by another dial meanwhile has a link to it.
void World::end_dial(Link& link, Unreachable why) {
  const ProcessId id = link.from;
  const PeerRef asked = link.asked;
  close(link.id, false);
  Process& from = process(id);
  if (from.client) {
    const Link* const standing = find_link(id, asked);
    if (standing != nullptr && standing->established) {
      const RingConfig& ring = *process(standing->to).peer->ring();
      from.client->on_connected(clock_of(from), asked, standing->actual, ring);
      return perform(id);
    }
    const bool stranger = why == Unreachable::other_ring;
    from.client->on_link_down(clock_of(from), asked,
                              stranger ? LinkDown::stranger : LinkDown::unreachable);
    return perform(id);
  }
  Outbox out;
  from.peer->on_unreachable(clock_of(from), asked, why, out);
  perform(id, out);
}

void World::handle(LinkLost&& event) {
  Process& from = process(event.from);
  if (!from.alive) return;
  if (from.client) {
    // It has given up the link that was lost, and dialled again, before it could hear of that.
    if (find_link(event.from, event.actual) != nullptr) return;
    const bool established = event.actual != event.asked || event.asked.incarnation != 0;
    from.client->on_link_down(clock_of(from), event.actual,
                              established ? LinkDown::lost : LinkDown::unreachable);
    return perform(event.from);
  }
  Outbox out;
  from.peer->on_unreachable(clock_of(from), event.asked, Unreachable::lost, out);
  perform(event.from, out);
}

// Messages.

void World::handle(PeerMessageArrives&& event) {
  const Link* const found = find(event.link);
  if (found == nullptr) return;
  const Link& link = *found;
  ++peer_messages_;
  trace_.add(link.from << 16 | link.to);
  trace_.add(std::visit([](const auto& family) { return family.index(); }, event.message));
  const ProcessId to = link.to;
  const PeerRef from = process(link.from).self;
  Outbox out;
  process(to).peer->on_message(clock(to), from, std::move(event.message), out);
  perform(to, out);
}

void World::handle(RequestArrives&& event) {
  const Link* const link = find(event.link);
  if (link == nullptr) return;
  const LinkId id = event.link;
  take(clock(link->to), *link, std::move(event));
  if (weather_.break_one_in != 0 && rng_.chance(1, weather_.break_one_in)) close(id, true);
}

void World::take(Now now, const Link& link, RequestArrives&& event) {
  const ProcessId to = link.to;
  Outbox out;
  const Ticket asker{link.id, event.id.value, 0};
  process(to).peer->on_request(now, asker, std::move(event.message), out);
  perform(to, out);
}

void World::handle(ReplyArrives&& event) {
  const Link* const link = find(event.link);
  if (link == nullptr || link->left) return;
  Process& from = process(link->from);
  from.client->on_reply(clock_of(from), link->actual, event.id, std::move(event.message));
  perform(from.id);
}

void World::handle(Timer&& event) {
  Process& woken = process(event.process);
  if (woken.timer <= time_) woken.timer = Time::never();
  if (!woken.alive) return;
  const Now now = clock_of(woken);
  if (woken.client) {
    if (options_.bug == PlantedBug::client_not_woken) return;
    if (woken.client->next_deadline() <= now.monotonic) woken.client->on_deadline(now);
    return perform(event.process);
  }
  Outbox out;
  if (woken.peer->next_deadline() <= now.monotonic) woken.peer->on_deadline(now, out);
  perform(event.process, out);
}

void World::wake(ProcessId id) {
  Process& sleeper = process(id);
  if (!sleeper.alive) return;
  const Time next =
      sleeper.client ? sleeper.client->next_deadline() : sleeper.peer->next_deadline();
  if (next == Time::never()) return;
  const Time at = time_of(sleeper, next);
  if (at >= sleeper.timer) return;
  sleeper.timer = std::max(at, time_);
  events_.add(sleeper.timer, Timer{id});
}

// Effects.

void World::perform(ProcessId id, Outbox& out) {
  stall(process(id));
  bool gone = false;
  for (Effect& effect : out) {
    if (auto* send = std::get_if<SendPeer>(&effect)) {
      perform(process(id), *send);
    } else if (const auto* line = std::get_if<LogLine>(&effect)) {
      if (options_.print_log) {
        std::fprintf(stderr, "%.6f peer=%u %s\n",
                     std::chrono::duration<double>(time_.since_start).count(), id,
                     line->text.c_str());
      }
    } else if (std::holds_alternative<BecameReady>(effect)) {
      process(id).ready = true;
    } else if (auto* left = std::get_if<Left>(&effect)) {
      process(id).left = std::move(*left);
      gone = true;
    } else {
      process(id).failure = std::get<Failed>(effect).reason;
      gone = true;
    }
  }
  for (SendReply& reply : std::exchange(process(id).peer->replies(), {})) perform(reply);
  if (gone) end(id);
  wake(id);
}

void World::perform(SendReply& effect) {
  HOPRING_CHECK(std::visit(is_sound, effect.reply));  // as encode() does
  Link* const link = find(effect.to.connection);
  if (link == nullptr) return;
  if (weather_.break_one_in != 0 && rng_.chance(1, weather_.break_one_in)) {
    return close(link->id, true);
  }
  trace_.add(effect.reply.index());
  events_.add(arrival(process(link->to), link->last_back),
              ReplyArrives{link->id, RequestId{effect.to.request}, std::move(effect.reply)});
}

void World::perform(Process& from, SendPeer& effect) {
  HOPRING_CHECK(effect.to != from.self);
  count(effect.message, copy_traffic_);
  HOPRING_CHECK(
      std::visit([&](const auto& family) { return std::visit(is_sound, family); }, effect.message));
  const Lane lane = lane_of(effect.message);
  Link* link = find_link(from.id, effect.to, lane);
  if (link == nullptr) link = &dial(from.id, effect.to, lane);
  if (!link->established) {
    link->waiting.push_back(std::move(effect.message));
  } else {
    events_.add(arrival(from, link->last_there),
                PeerMessageArrives{link->id, std::move(effect.message)});
  }
}

void World::perform(ProcessId id) {
  ClientOutbox out;
  Process& from = process(id);
  from.client->swap_outbox(out);
  for (ClientEffect& effect : out) {
    if (const auto* connect = std::get_if<Connect>(&effect)) {
      if (find_link(id, connect->to) == nullptr) dial(id, connect->to);
    } else if (const auto* disconnect = std::get_if<Disconnect>(&effect)) {
      if (const Link* link = find_link(id, disconnect->to)) leave_link(link->id);
    } else if (auto* send = std::get_if<SendRequest>(&effect)) {
      Link* link = find_link(id, send->to);
      if (link == nullptr) continue;  // its loss is on the way to the client
      events_.add(arrival(from, link->last_there),
                  RequestArrives{link->id, send->id, *send->message});
    } else if (from.on_finish) {
      from.on_finish(std::move(std::get<Finish>(effect)));
    }
  }
  wake(id);
}

// Time.

bool World::step() {
  if (events_.empty()) return false;
  auto [at, event] = events_.take();
  time_ = std::max(time_, at);
  prefetch_next();
  trace_.add(static_cast<std::uint64_t>(time_.since_start.count()) << 4 | event.index());
  if (!hold_back(event)) std::visit([&](auto& each) { handle(std::move(each)); }, event);
  return true;
}

// Of a large ring nothing that an event needs is in a cache: the next one's link is fetched while
// this one is dealt with.
void World::prefetch_next() {
  const Event* const next = events_.next();
  if (next == nullptr) return;
  if (const auto* message = std::get_if<PeerMessageArrives>(next)) {
    __builtin_prefetch(&links_[message->link & 0xffffffff]);
  } else if (const auto* timer = std::get_if<Timer>(next)) {
    __builtin_prefetch(processes_[timer->process].get());
  }
}

void World::run_until(Time time) {
  while (events_.next_time() <= time) step();
  time_ = std::max(time_, time);
}

bool World::run_until_true(Duration timeout, const std::function<bool()>& condition) {
  const Time end = time_ + timeout;
  while (!condition()) {
    if (events_.empty() || events_.next_time() > end) return false;
    step();
  }
  return true;
}

void World::at(Time time, std::function<void()> action) {
  events_.add(time, Action{std::move(action)});
}

}  // namespace hopring::sim
