#include "peer/core/peer.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "base/check.hpp"
#include "peer/core/membership.hpp"
#include "peer/core/ring_member.hpp"
#include "storage/group/group_host.hpp"

namespace hopring {
namespace {

enum class State : std::uint8_t {
  idle,      // start() has not been called
  dialling,  // no contact has answered yet
  joining,   // let in, but without an arc
  fresh,     // has created a ring, and waits whether an older one claims it
  serving,
  leaving,
  gone,
};

void log(Outbox& out, LogLevel level, std::string text) {
  out.push_back(LogLine{level, std::move(text)});
}

bool is_write(const Operation& operation) { return !std::holds_alternative<Get>(operation); }

std::string hex(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

}  // namespace

// What exists once the ring's configuration is known.
struct InRing {
  InRing(const Peer::Options& options, const RingConfig& config, Rng& rng)
      : ring(config),
        host(options.self, config.hash_key, group_options(options), rng.fork()),
        membership(options.self, options.limits, config.nodes_per_peer, options.weight,
                   rng.fork()) {}

  static GroupOptions group_options(const Peer::Options& options) {
    GroupOptions groups;
    groups.pool.bytes_max = options.memory_bytes_max;
    groups.pool.block_bytes = options.block_bytes;
    groups.moves_max = Membership::giving_max;
    return groups;
  }

  RingConfig ring;
  GroupHost host;
  Membership membership;
};

struct Peer::Parts {
  Parts(Options given, Rng generator)
      : options(std::move(given)),
        rng(generator),
        member(options.self, options.limits, rng.fork()) {
    std::erase(options.contacts, options.self.endpoint);
  }

  void create(Now now, Outbox& out);
  void enter(const RingConfig& ring);
  void dial(Now now, Outbox& out);
  void fail(std::string reason, Outbox& out);
  std::optional<std::string> mismatch(const RingConfig& ring) const;
  void settle(Now now, Outbox& out);
  void carry_out(Now now, RingEvents& events, Outbox& out);
  void carry_out(Now now, GroupOutbox& groups, Outbox& out);
  void on(Now now, const ClaimArc& event, GroupOutbox& groups, Outbox& out);
  void on(Now now, const LoseArc& event, GroupOutbox& groups, Outbox& out);
  void on(Now now, const LookupDone& event, GroupOutbox& groups, Outbox& out);
  void on(Now now, const PeerDied& event, GroupOutbox& groups, Outbox& out);
  void sync(Now now);
  void arc_came(Now now, const View& view, Outbox& out);
  void become_ready(Outbox& out);
  void check_left(Now now, Outbox& out);
  Redirect elsewhere(Position position) const;
  OpAnswer execute(Now now, const Operation& operation, GroupOutbox& groups, View* executed_in);
  ClientReplyMessage answer(Now now, const OpRequest& request, GroupOutbox& groups);
  ClientReplyMessage answer(Now now, const BatchRequest& request, GroupOutbox& groups);
  ClientReplyMessage answer(Now now, const ScanRequest& request, GroupOutbox& groups);
  ClientReplyMessage answer(Now now, const ReportRequest& request, GroupOutbox& groups);
  ReportReply report() const;

  Options options;
  Rng rng;
  RingMember member;
  std::optional<InRing> in;
  State state = State::idle;
  bool ready = false;
  bool farewell_said = false;
  bool written = false;  // has taken a write or a peer: its ring is no longer fresh
  Time join_deadline = Time::never();
  Time next_dial = Time::never();
  Time fresh_until = Time::never();
  RingEvents events;  // reused; empty between inputs
  std::uint64_t arcs_taken_over = 0;
};

Peer::Peer(Options options, Rng rng, Now)
    : parts_(std::make_unique<Parts>(std::move(options), rng)) {
  HOPRING_CHECK(!problem(parts_->options.limits));
  HOPRING_CHECK(!problem(parts_->options.ring));
  HOPRING_CHECK(parts_->options.self.incarnation != 0);
}

Peer::~Peer() = default;

const PeerRef& Peer::self() const { return parts_->options.self; }
const RingConfig* Peer::ring() const { return parts_->in ? &parts_->in->ring : nullptr; }
ReportReply Peer::report() const { return parts_->report(); }

bool Peer::is_moving(Position position) const {
  if (!parts_->in) return false;
  const View* view = parts_->in->host.find(position);
  return view != nullptr && parts_->in->host.is_moving(view->arc.end);
}

bool Peer::settled() const { return parts_->in && parts_->in->membership.settled(); }

std::vector<View> Peer::served() const {
  std::vector<View> views;
  if (!parts_->in) return views;
  parts_->in->host.for_each_arc(
      [&](const View& view, std::uint64_t, std::uint64_t) { views.push_back(view); });
  return views;
}

// Creating and joining.

void Peer::start(Now now, Outbox& out) {
  HOPRING_CHECK(parts_->state == State::idle);
  parts_->member.sync(now, {});
  if (parts_->options.contacts.empty()) {
    parts_->create(now, out);
  } else {
    parts_->state = State::dialling;
    parts_->join_deadline = now.monotonic + parts_->options.limits.join_timeout;
    parts_->dial(now, out);
  }
  parts_->settle(now, out);
}

void Peer::Parts::enter(const RingConfig& ring) { in.emplace(options, ring, rng); }

void Peer::Parts::create(Now now, Outbox& out) {
  RingConfig ring = options.ring;
  while (ring.ring_id == 0) ring.ring_id = rng.next();
  enter(ring);
  state = State::fresh;
  fresh_until = now.monotonic + options.limits.fresh_for;
  GroupOutbox groups;
  for (std::uint32_t i = 0; i < ring.nodes_per_peer; ++i) {
    in->host.open(now, View{equal_arc(i, ring.nodes_per_peer), {1, 0, 1}, 0, {options.self}},
                  groups);
  }
  log(out, LogLevel::info, "event=ring_created ring=" + hex(ring.ring_id));
  carry_out(now, groups, out);
}

void Peer::Parts::dial(Now now, Outbox& out) {
  for (const Endpoint& contact : options.contacts) {
    out.push_back(SendPeer{PeerRef{contact, 0}, RingMessage(Ping{})});
  }
  next_dial = now.monotonic + rng.jittered(options.limits.join_retry_interval);
}

void Peer::Parts::fail(std::string reason, Outbox& out) {
  state = State::gone;
  out.push_back(Failed{std::move(reason)});
}

std::optional<std::string> Peer::Parts::mismatch(const RingConfig& ring) const {
  if (options.nodes_given && options.ring.nodes_per_peer != ring.nodes_per_peer) {
    return "--nodes is " + std::to_string(options.ring.nodes_per_peer) + " but the ring has " +
           std::to_string(ring.nodes_per_peer) + "; leave the option out to take the ring's";
  }
  if (options.replicas_given && options.ring.replicas != ring.replicas) {
    return "--replicas is " + std::to_string(options.ring.replicas) + " but the ring has " +
           std::to_string(ring.replicas) + "; leave the option out to take the ring's";
  }
  if (const auto wrong = problem(ring)) return "the ring cannot be joined: " + std::string(*wrong);
  return std::nullopt;
}

void Peer::on_connected(Now now, const PeerRef&, const PeerRef& actual, const RingConfig& ring,
                        Outbox& out) {
  Parts& p = *parts_;
  p.member.on_heard(actual);
  const bool another = p.state == State::joining && p.in->ring.ring_id == ring.ring_id;
  if (another) p.member.add_contact(actual);  // should the first one die
  if (p.state != State::dialling) return;
  if (const auto wrong = p.mismatch(ring)) return p.fail(*wrong, out);
  p.enter(ring);
  p.state = State::joining;
  p.member.add_contact(actual);
  log(out, LogLevel::info, "event=let_in ring=" + hex(ring.ring_id) + " by=" + to_string(actual));
  p.settle(now, out);
}

void Peer::on_stranger(Now now, const PeerRef& from, std::uint64_t ring_id, Outbox& out) {
  Parts& p = *parts_;
  const bool fresh = (p.state == State::fresh || p.state == State::serving) && !p.written &&
                     p.options.contacts.empty();
  if (!fresh || from.incarnation == 0) return;
  log(out, LogLevel::warning,
      "event=ring_given_up ring=" + hex(p.in->ring.ring_id) + " for=" + hex(ring_id) +
          " of=" + to_string(from));
  p.in.reset();
  p.member = RingMember(p.options.self, p.options.limits, p.rng.fork());
  p.member.sync(now, {});
  p.options.contacts = {from.endpoint};
  p.state = State::dialling;
  p.fresh_until = Time::never();
  p.join_deadline = now.monotonic + p.options.limits.join_timeout;
  p.dial(now, out);
  p.settle(now, out);
}

// Messages.

void Peer::on_message(Now now, const PeerRef& from, PeerMessage&& message, Outbox& out) {
  Parts& p = *parts_;
  if (from.endpoint == p.options.self.endpoint) return;  // nobody speaks in our name
  p.written = true;
  if (!p.in || p.state == State::gone) return;
  GroupOutbox groups;
  if (auto* ring = std::get_if<RingMessage>(&message)) {
    if (const auto* want = std::get_if<WantArc>(ring)) {
      p.member.on_heard(from);
      p.in->membership.on(now, from, *want, p.in->host, groups, out);
    } else if (const auto* answer = std::get_if<WantArcAnswer>(ring)) {
      p.member.on_heard(from);
      p.in->membership.on(now, from, *answer);
    } else {
      p.member.on_message(now, from, *ring, out, p.events);
    }
  } else {
    auto& group = std::get<GroupMessage>(message);
    p.member.on_heard(from);
    const auto* offer = std::get_if<OfferArc>(&group);
    if (offer != nullptr && (p.in->membership.leaving() || p.member.health().is_dead(from))) {
      out.push_back(SendPeer{from, GroupMessage(OfferAnswer{offer->transfer, false})});
    } else {
      p.in->host.on_message(now, from, std::move(group), groups);
    }
  }
  p.carry_out(now, groups, out);
  p.settle(now, out);
}

void Peer::on_unreachable(Now now, const PeerRef& peer, Unreachable why, Outbox& out) {
  Parts& p = *parts_;
  if (p.state == State::dialling || p.state == State::gone || !p.in) return;
  p.member.on_unreachable(now, peer, why, out, p.events);
  p.settle(now, out);
}

void Peer::on_deadline(Now now, Outbox& out) {
  Parts& p = *parts_;
  if (p.state == State::gone || p.state == State::idle) return;
  if (p.join_deadline <= now.monotonic) {
    std::string tried;
    for (const Endpoint& contact : p.options.contacts) tried += " " + to_string(contact);
    p.join_deadline = Time::never();
    return p.fail(p.state == State::dialling
                      ? "nobody answers at --join" + tried
                      : "let into the ring by" + tried + ", but no peer gave it an arc in time",
                  out);
  }
  if (p.next_dial <= now.monotonic) {
    p.next_dial = Time::never();
    if (p.state == State::dialling) p.dial(now, out);
  }
  if (p.fresh_until <= now.monotonic) {
    p.fresh_until = Time::never();
    p.state = State::serving;
    p.become_ready(out);
  }
  if (p.in) {
    GroupOutbox groups;
    if (p.in->host.next_deadline() <= now.monotonic) p.in->host.on_deadline(now, groups);
    p.carry_out(now, groups, out);
    if (p.member.next_deadline() <= now.monotonic) p.member.on_deadline(now, out, p.events);
    if (p.in->membership.next_deadline() <= now.monotonic) {
      GroupOutbox moves;
      p.in->membership.on_deadline(now, p.member, p.in->host, moves, out, p.events);
      p.carry_out(now, moves, out);
    }
  }
  p.settle(now, out);
}

Time Peer::next_deadline() const {
  const Parts& p = *parts_;
  if (p.state == State::gone || p.state == State::idle) return Time::never();
  Time next = std::min({p.join_deadline, p.next_dial, p.fresh_until});
  if (!p.in) return next;
  return std::min({next, p.in->host.next_deadline(), p.member.next_deadline(),
                   p.in->membership.next_deadline()});
}

void Peer::leave(Now now, Outbox& out) {
  Parts& p = *parts_;
  if (p.state == State::gone || p.state == State::leaving) return;
  log(out, LogLevel::info, "event=leaving");
  const bool alone = !p.in || p.member.known_peers().empty();
  if (alone) {
    Left left{served(), 0};
    if (p.in) left.records_lost = p.in->host.totals().keys;
    p.state = State::gone;
    out.push_back(std::move(left));
    return;
  }
  p.state = State::leaving;
  p.join_deadline = Time::never();
  p.fresh_until = Time::never();
  p.member.begin_leaving();
  p.in->membership.leave(now);
  p.settle(now, out);
}

// Carrying out what the parts decide.

// Runs until the parts have nothing more to say to each other.
void Peer::Parts::settle(Now now, Outbox& out) {
  while (!events.empty()) {
    RingEvents batch;
    batch.swap(events);
    carry_out(now, batch, out);
  }
  check_left(now, out);
}

void Peer::Parts::carry_out(Now now, RingEvents& batch, Outbox& out) {
  if (!in) return;
  for (const RingEvent& event : batch) {
    GroupOutbox groups;
    std::visit([&](const auto& each) { on(now, each, groups, out); }, event);
    carry_out(now, groups, out);
  }
}

// From a copy, where there is one, the claim is of a higher generation than an empty one would be.
void Peer::Parts::on(Now now, const ClaimArc& event, GroupOutbox& groups, Outbox& out) {
  const auto served = [&](const ChordNode& node) { return overlaps(node.arc(), event.claim.arc); };
  const auto nodes = member.nodes();
  if (std::any_of(nodes.begin(), nodes.end(), served)) return;
  View claim = event.claim;
  if (in->host.has_copy(claim.arc)) ++claim.number.generation;
  const auto records = in->host.open(now, claim, groups);
  ++arcs_taken_over;
  log(out, LogLevel::warning,
      "event=take_over arc=" + to_string(claim) + " dead=" + hex(claim.taken_from) +
          (records ? " from=copy records=" + std::to_string(*records) : " from=nothing"));
}

void Peer::Parts::on(Now now, const LoseArc& event, GroupOutbox& groups, Outbox& out) {
  log(out, LogLevel::warning, "event=arc_lost to=" + to_string(event.winner));
  in->host.drop(now, event.lost, groups);
}

void Peer::Parts::on(Now now, const LookupDone& event, GroupOutbox&, Outbox&) {
  in->membership.on_lookup(now, event);
}

void Peer::Parts::on(Now now, const PeerDied& event, GroupOutbox& groups, Outbox& out) {
  log(out, LogLevel::warning, "event=peer_dead peer=" + to_string(event.peer));
  in->membership.on_gone(event.peer);
  in->host.on_peer_gone(now, event.peer, groups);
}

void Peer::Parts::carry_out(Now now, GroupOutbox& groups, Outbox& out) {
  bool changed = false;
  for (GroupEffect& effect : groups) {
    if (auto* send = std::get_if<SendGroup>(&effect)) {
      out.push_back(SendPeer{send->to, std::move(send->message)});
      continue;
    }
    if (const auto* moved = std::get_if<ArcMoved>(&effect)) {
      member.on_moved(now, moved->view, out);
      changed = true;
    } else if (const auto* opened = std::get_if<ArcOpened>(&effect)) {
      arc_came(now, opened->view, out);
      changed = true;
    } else if (std::holds_alternative<ArcChanged>(effect) ||
               std::holds_alternative<ArcLost>(effect)) {
      changed = true;
    } else if (const auto* kept = std::get_if<CopyKept>(&effect)) {
      events.push_back(ClaimArc{claim_of(kept->view.arc, kept->view, options.self)});
    } else if (const auto* ended = std::get_if<MoveEnded>(&effect)) {
      in->membership.on_move_ended(now, ended->to, ended->done);
    }
  }
  groups.clear();
  if (changed) sync(now);
}

void Peer::Parts::sync(Now now) {
  std::vector<View> views;
  in->host.for_each_arc(
      [&](const View& view, std::uint64_t, std::uint64_t) { views.push_back(view); });
  member.sync(now, views);
  member.set_load(in->membership.load(in->host));
}

void Peer::Parts::arc_came(Now now, const View& view, Outbox& out) {
  log(out, LogLevel::debug, "event=arc_opened arc=" + to_string(view));
  in->membership.on_arc_came(now);
  if (state != State::joining) return;
  state = State::serving;
  join_deadline = Time::never();
  become_ready(out);
}

void Peer::Parts::become_ready(Outbox& out) {
  if (ready) return;
  ready = true;
  out.push_back(BecameReady{std::max<std::size_t>(in->membership.peers_estimated(in->host), 1)});
}

void Peer::Parts::check_left(Now now, Outbox& out) {
  const bool handed_over =
      state == State::leaving && in->host.totals().arcs == 0 && in->host.transfers() == 0;
  if (handed_over && !farewell_said) {
    farewell_said = true;
    member.say_farewell(out);
  }
  if (state != State::leaving || !in->membership.is_done_leaving(now, in->host)) return;
  Left left;
  in->host.for_each_arc([&](const View& view, std::uint64_t keys, std::uint64_t) {
    left.not_handed_over.push_back(view);
    left.records_lost += keys;
  });
  state = State::gone;
  out.push_back(std::move(left));
}

// Clients.

// What to say to a client whose position is not served here. The arc of a peer that is silent may
// be served by nobody; that of a dead one turns up elsewhere or is claimed in a moment.
Redirect Peer::Parts::elsewhere(Position position) const {
  Redirect redirect;
  redirect.hints = member.closest(position);
  for (const ChordNode& node : member.nodes()) {
    for (const View& view : node.successors().entries()) {
      const PeerRef& primary = primary_of(view);
      if (member.health().is_routable(primary)) break;
      if (!contains(view.arc, position)) continue;
      redirect.nobody = member.health().is_dead(primary) ? OpError::moving : OpError::unavailable;
      return redirect;
    }
  }
  const View* view = member.known_view(position);
  if (view != nullptr && member.health().is_routable(primary_of(*view))) redirect.view = *view;
  if (!redirect.view && redirect.hints.empty()) redirect.nobody = OpError::unavailable;
  return redirect;
}

OpAnswer Peer::Parts::execute(Now now, const Operation& operation, GroupOutbox& groups,
                              View* executed_in) {
  const auto refuse = [](OpError error) {
    OpResult result;
    result.error = error;
    return OpAnswer(std::move(result));
  };
  if (!in) return refuse(OpError::unavailable);
  if (const auto error = problem(operation, in->ring.value_bytes_max)) return refuse(*error);
  if (is_write(operation)) {
    if (state == State::fresh) return refuse(OpError::moving);
    written = true;
  }
  const Position position = position_of(in->ring.hash_key, key_of(operation));
  OpResultSink sink;
  if (const View* view = in->host.execute(now, operation, sink, groups)) {
    if (executed_in != nullptr) *executed_in = *view;
    return std::move(sink.result);
  }
  return elsewhere(position);
}

ClientReplyMessage Peer::Parts::answer(Now now, const OpRequest& request, GroupOutbox& groups) {
  OpReply reply;
  View view;
  reply.answer = execute(now, request.operation, groups, &view);
  if (!view.members.empty()) reply.view = std::move(view);
  return reply;
}

ClientReplyMessage Peer::Parts::answer(Now now, const BatchRequest& request, GroupOutbox& groups) {
  BatchReply reply;
  reply.answers.reserve(request.operations.size());
  for (const Operation& operation : request.operations) {
    View view;
    reply.answers.push_back(execute(now, operation, groups, &view));
    if (view.members.empty()) continue;
    const bool told = std::find(reply.views.begin(), reply.views.end(), view) != reply.views.end();
    if (!told) reply.views.push_back(std::move(view));
  }
  return reply;
}

ClientReplyMessage Peer::Parts::answer(Now now, const ScanRequest& request, GroupOutbox& groups) {
  const Scan& scan = request.scan;
  const bool sound = scan.records_max >= 1 && scan.records_max <= scan_records_max &&
                     scan.cursor.last_key.size() <= key_bytes_max &&
                     scan.prefix.size() <= key_bytes_max;
  if (!sound) return ErrorReply{OpError::invalid_argument};
  if (!in) return ErrorReply{OpError::unavailable};
  ScanReply reply;
  ScanStep step;
  if (const View* view = in->host.scan(now, scan, step, groups)) {
    reply.answer = std::move(step);
    reply.view = *view;
    return reply;
  }
  reply.answer = elsewhere(scan.cursor.position);
  return reply;
}

ClientReplyMessage Peer::Parts::answer(Now, const ReportRequest&, GroupOutbox&) { return report(); }

ClientReplyMessage Peer::answer(Now now, const ClientRequestMessage& request, Outbox& out) {
  Parts& p = *parts_;
  GroupOutbox groups;
  ClientReplyMessage reply =
      std::visit([&](const auto& each) { return p.answer(now, each, groups); }, request);
  if (!groups.empty()) p.carry_out(now, groups, out);
  return reply;
}

ReportReply Peer::Parts::report() const {
  ReportReply reply;
  reply.self = options.self;
  if (!in) return reply;
  reply.ring = in->ring;
  reply.load = in->membership.load(in->host);
  in->host.for_each_arc([&](const View& view, std::uint64_t keys, std::uint64_t bytes) {
    reply.arcs.push_back(ArcReport{view, keys, bytes});
  });
  reply.known = member.known_peers();
  reply.counters = {{"arcs_taken_over", arcs_taken_over},
                    {"settled", in->membership.settled() ? 1u : 0u}};
  const GroupCounters groups = in->host.counters();
  reply.counters.insert(reply.counters.end(), {{"moves_begun", groups.moves_begun},
                                               {"moves_done", groups.moves_done},
                                               {"moves_given_up", groups.moves_given_up},
                                               {"arcs_received", groups.arcs_received},
                                               {"copies_used", groups.copies_used},
                                               {"splits", groups.splits},
                                               {"records_expired", groups.records_expired},
                                               {"records_dropped", groups.records_dropped},
                                               {"table_bytes", in->host.resident_bytes()}});
  return reply;
}

}  // namespace hopring
