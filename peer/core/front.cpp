#include "peer/core/front.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <limits>

#include "base/check.hpp"

namespace hopring {
namespace {

void log(Outbox& out, LogLevel level, std::string text) {
  out.push_back(LogLine{level, std::move(text)});
}

std::string hex(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

// What became of a dial, as a joiner that gives up tells it.
const char* told(Unreachable why) {
  switch (why) {
    case Unreachable::refused:
      return "nobody listens there";
    case Unreachable::lost:
      return "what listens there closed the connection, or is no peer of hopring";
    default:
      return "no answer";
  }
}

// The last position of the cell that the position lies in.
Position last_of_cell(Position position, std::uint32_t cells) {
  return equal_arc(cell_of(position, cells), cells).end;
}

}  // namespace

Front::Front(PeerOptions options, Rng rng)
    : options_(std::move(options)),
      rng_(rng),
      member_(options_.self, options_.limits, rng_.fork()) {
  HOPRING_CHECK(!problem(options_.limits));
  HOPRING_CHECK(!problem(options_.ring));
  HOPRING_CHECK(options_.self.incarnation != 0);
  HOPRING_CHECK(options_.shards >= 1 && options_.shards <= shards_max);
  std::erase(options_.contacts, options_.self.endpoint);
}

// Creating and joining.

void Front::start(Now now, Outbox& out) {
  HOPRING_CHECK(state_ == State::idle);
  member_.sync(now, {});
  if (options_.contacts.empty()) {
    create(now, out);
  } else {
    state_ = State::dialling;
    join_deadline_ = now.monotonic + options_.limits.join_timeout;
    dial(now, out);
  }
  settle(now, out);
}

void Front::enter(const RingConfig& ring) {
  ring_ = ring;
  membership_.emplace(options_.self, options_.limits, ring, member_.health(), options_.weight,
                      rng_.fork());
  statuses_.assign(options_.shards, {});
  takes_writes_ = false;
  next_placement_ = ring.replicas > 1 ? Time{} : Time::never();
  if (ring.replicas > 1) member_.on_several_copies();
  command_all(EnterRing{ring});
}

void Front::create(Now now, Outbox& out) {
  RingConfig ring = options_.ring;
  while (ring.ring_id == 0) ring.ring_id = rng_.next();
  enter(ring);
  state_ = State::fresh;
  fresh_until_ = now.monotonic + options_.limits.fresh_for;
  for (std::uint32_t i = 0; i < ring.nodes_per_peer; ++i) {
    const View view{equal_arc(i, ring.nodes_per_peer), {1, 0, 1}, 0, {options_.self}};
    command(view.arc.end, OpenArc{view});
  }
  log(out, LogLevel::info, "event=ring_created ring=" + hex(ring.ring_id));
}

void Front::dial(Now now, Outbox& out) {
  for (const Endpoint& contact : options_.contacts) {
    out.push_back(SendPeer{PeerRef{contact, 0}, RingMessage(Ping{})});
  }
  next_dial_ = now.monotonic + rng_.jittered(options_.limits.join_retry_interval);
}

// Others count on the copies of one that has been given no arc to serve: it is in the ring, and may
// not go as if it had come for nothing.
void Front::end_joining(Now now, Outbox& out) {
  join_deadline_ = Time::never();
  if (ring_ && !directory_.copies().empty()) {
    state_ = State::serving;
    return become_ready(out);
  }
  if (ring_ && directory_.transfers() > 0) {
    join_deadline_ = now.monotonic + options_.limits.join_timeout;
    return;
  }
  std::string tried;
  for (const Endpoint& contact : options_.contacts) {
    const auto end = dial_ends_.find(contact);
    tried += " " + to_string(contact);
    if (state_ != State::dialling) continue;
    tried += std::string(" (") + (end != dial_ends_.end() ? told(end->second) : "no answer") + ")";
  }
  fail(state_ == State::dialling
           ? "no peer answers at --join" + tried
           : "let into the ring by" + tried +
                 ", but no peer gave it an arc in time: `hopring ring --at HOST:PORT` says what is "
                 "wrong there, and arcs that have lost their majority need `hopring ring repair`",
       out);
}

void Front::fail(std::string reason, Outbox& out) {
  state_ = State::gone;
  out.push_back(Failed{std::move(reason)});
}

void Front::on_connected(Now now, const PeerRef& actual, const RingConfig& ring, Outbox& out) {
  member_.on_heard(actual);
  if (ring_ && ring_->ring_id == ring.ring_id) {
    member_.add_contact(actual);  // should all die that are known otherwise
  } else if (state_ == State::joining && is_contact(actual.endpoint)) {
    return fail("the peers at --join belong to different rings: " + to_string(actual.endpoint) +
                    " is of ring " + hex(ring.ring_id) + ", another of " + hex(ring_->ring_id),
                out);
  } else if (ring_ && ring_->ring_id != ring.ring_id) {
    log(out, LogLevel::warning,
        "event=contact_of_another_ring peer=" + to_string(actual) + " ring=" + hex(ring.ring_id) +
            " ours=" + hex(ring_->ring_id));
  }
  if (state_ != State::dialling) return;
  if (const auto wrong = mismatch(options_, ring)) return fail(*wrong, out);
  enter(ring);
  state_ = State::joining;
  member_.add_contact(actual);
  on_write();
  log(out, LogLevel::info, "event=let_in ring=" + hex(ring.ring_id) + " by=" + to_string(actual));
  settle(now, out);
}

bool Front::is_contact(const Endpoint& endpoint) const {
  const auto& contacts = options_.contacts;
  return std::find(contacts.begin(), contacts.end(), endpoint) != contacts.end();
}

void Front::on_stranger(Now now, const PeerRef& from, std::uint64_t ring_id, Outbox& out) {
  const bool fresh = (state_ == State::fresh || state_ == State::serving) && !written_ &&
                     options_.contacts.empty();
  if (!fresh || from.incarnation == 0) return;
  log(out, LogLevel::warning,
      "event=ring_given_up ring=" + hex(ring_->ring_id) + " for=" + hex(ring_id) +
          " of=" + to_string(from));
  ring_.reset();
  membership_.reset();
  directory_ = {};
  passing_.clear();
  mending_.clear();
  burst_ = {};
  end_repairs();
  command_all(LeaveRing{});
  member_ = RingMember(options_.self, options_.limits, rng_.fork());
  member_.sync(now, {});
  options_.contacts = {from.endpoint};
  state_ = State::dialling;
  fresh_until_ = Time::never();
  join_deadline_ = now.monotonic + options_.limits.join_timeout;
  dial(now, out);
  settle(now, out);
}

// Messages.

void Front::on_message(Now now, const PeerRef& from, PeerMessage&& message, Outbox& out) {
  if (from.endpoint == options_.self.endpoint) return;  // nobody speaks in our name
  written_ = true;
  if (!ring_ || state_ == State::gone) return;
  auto* ring = std::get_if<RingMessage>(&message);
  if (ring == nullptr) {
    on_group_message(from, std::get<GroupMessage>(std::move(message)), out);
  } else if (const auto* want = std::get_if<WantArc>(ring)) {
    member_.on_heard(from);
    if (const auto give = membership_->on(now, from, *want, directory_, out)) {
      command(give->part, *give);
    }
  } else if (const auto* answer = std::get_if<WantArcAnswer>(ring)) {
    member_.on_heard(from);
    membership_->on(now, from, *answer);
  } else if (const auto* pass = std::get_if<PassCopy>(ring)) {
    member_.on_heard(from);
    on_pass(now, from, *pass, out);
  } else if (const auto* not_given = std::get_if<NotGiven>(ring)) {
    member_.on_heard(from);
    membership_->on_not_given(now, not_given->end, directory_);
  } else {
    member_.on_message(now, from, *ring, out, events_);
  }
  settle(now, out);
}

void Front::on_group_message(const PeerRef& from, GroupMessage&& message, Outbox& out) {
  member_.on_heard(from);
  const auto* offer = std::get_if<OfferArc>(&message);
  if (offer != nullptr && !is_welcome(from, *offer)) {
    out.push_back(SendPeer{from, GroupMessage(OfferAnswer{offer->transfer, false})});
    return;
  }
  const auto* copy = std::get_if<OfferCopy>(&message);
  // Who leaves takes no more arcs, and says why: else it would be offered them again where all the
  // others leave. But where it has a vote, others may wait for what it lacks.
  if (copy != nullptr && membership_->leaving() && !find(copy->roster, options_.self)) {
    out.push_back(SendPeer{from, RingMessage(PassCopy{copy->transfer.end, {}})});
    out.push_back(SendPeer{from, GroupMessage(OfferAnswer{copy->transfer, false})});
    return;
  }
  if (options_.shards == 1) {
    commands_.push_back(ToShard{0, FromPeer{from, std::move(message)}});
    return;
  }
  if (auto* heartbeats = std::get_if<Heartbeats>(&message)) return deal(from, *heartbeats);
  if (auto* answers = std::get_if<HeartbeatAnswers>(&message)) return deal(from, *answers);
  if (auto* appends = std::get_if<AppendsTogether>(&message)) return deal(from, *appends);
  const Position end = arc_end_of(message);
  command(end, FromPeer{from, std::move(message)});
}

// What travels together may belong to several shards here.
template <class Together>
void Front::deal(const PeerRef& from, Together& message) {
  std::vector<Together> dealt(options_.shards);
  for (auto& each : message.groups) {
    dealt[shard_of(each.group.end)].groups.push_back(std::move(each));
  }
  for (std::uint32_t i = 0; i < options_.shards; ++i) {
    if (dealt[i].groups.empty()) continue;
    dealt[i].sent = message.sent;
    commands_.push_back(ToShard{i, FromPeer{from, GroupMessage(std::move(dealt[i]))}});
  }
}

void Front::deal(const PeerRef& from, AppendsTogether& message) {
  std::vector<AppendsTogether> dealt(options_.shards);
  for (AppendEntries& each : message.appends) {
    dealt[shard_of(each.group.end)].appends.push_back(std::move(each));
  }
  for (AppendEntriesAnswer& each : message.answers) {
    dealt[shard_of(each.group.end)].answers.push_back(each);
  }
  for (std::uint32_t i = 0; i < options_.shards; ++i) {
    if (dealt[i].appends.empty() && dealt[i].answers.empty()) continue;
    commands_.push_back(ToShard{i, FromPeer{from, GroupMessage(std::move(dealt[i]))}});
  }
}

bool Front::is_welcome(const PeerRef& from, const OfferArc& offer) const {
  if (membership_->leaving() || member_.health().is_dead(from)) return false;
  return is_in_one_cell(offer.view.arc, ring_->nodes_per_peer);
}

void Front::on_unreachable(Now now, const PeerRef& peer, Unreachable why, Outbox& out) {
  if (is_contact(peer.endpoint)) dial_ends_[peer.endpoint] = why;
  if (state_ == State::dialling || state_ == State::gone || !ring_) return;
  member_.on_unreachable(now, peer, why, out, events_);
  settle(now, out);
}

void Front::on_deadline(Now now, Outbox& out) {
  if (state_ == State::gone || state_ == State::idle) return;
  if (join_deadline_ <= now.monotonic) {
    end_joining(now, out);
    if (state_ == State::gone) return;
  }
  if (next_dial_ <= now.monotonic) {
    next_dial_ = Time::never();
    if (state_ == State::dialling) dial(now, out);
  }
  if (fresh_until_ <= now.monotonic) {
    fresh_until_ = Time::never();
    state_ = State::serving;
    become_ready(out);
  }
  if (ring_) {
    if (next_placement_ <= now.monotonic) {
      place_copies(now, out);
      seek_primaries(now, out);
    }
    if (next_look() <= now.monotonic) look_again(now, out);
    if (member_.next_deadline() <= now.monotonic) member_.on_deadline(now, out, events_);
    if (membership_->next_deadline() <= now.monotonic) {
      std::vector<GiveArc> gifts;
      membership_->on_deadline(now, member_, directory_, gifts, out, events_);
      for (const GiveArc& each : gifts) command(each.part, each);
      tell_of_leaving(now, out);
    }
    // One that is to lead nothing, as by its weight, has nothing to wait for but its copies.
    const bool has_copies = state_ == State::joining && !directory_.copies().empty();
    if (has_copies && membership_->is_nothing_due(now)) end_joining(now, out);
  }
  settle(now, out);
}

Time Front::next_deadline() const {
  if (state_ == State::gone || state_ == State::idle) return Time::never();
  Time next = std::min({join_deadline_, next_dial_, fresh_until_});
  if (!ring_) return next;
  next = std::min({next, next_placement_, next_look()});
  return std::min({next, member_.next_deadline(), membership_->next_deadline()});
}

bool Front::looks_at_sizes(Now now) const {
  if (!membership_) return false;
  if (membership_->leaving() || membership_->next_deadline() <= now.monotonic) return true;
  return next_placement_ <= now.monotonic && is_meeting(now);
}

// Nobody is known who could take anything, and no copy here counts for others.
bool Front::is_alone() const {
  if (!ring_) return true;
  const auto has_others = [this](const ArcEntry& each) {
    return std::any_of(each.view.members.begin(), each.view.members.end(),
                       [this](const PeerRef& member) {
                         return member != options_.self && !member_.health().is_dead(member);
                       });
  };
  const auto& led = directory_.entries();
  return member_.known_peers().empty() && directory_.transfers() == 0 &&
         std::none_of(led.begin(), led.end(), has_others);
}

// Commands and news.

std::uint32_t Front::shard_of(Position position) const {
  return hopring::shard_of(position, ring_->nodes_per_peer, options_.shards);
}

void Front::command(Position position, ShardCommand&& command) {
  commands_.push_back(ToShard{shard_of(position), std::move(command)});
}

void Front::command_all(const ShardCommand& command) {
  for (std::uint32_t i = 0; i < options_.shards; ++i) commands_.push_back(ToShard{i, command});
}

void Front::on_news(Now now, ShardNews&& news, Outbox& out) {
  if (ring_ && ring_->ring_id == news.ring_id && state_ != State::gone) {
    directory_.set_transfers(news.shard, news.transfers);
    for (GroupEffect& effect : news.news) {
      std::visit([&](auto& each) { on_each(now, std::move(each), out); }, effect);
    }
    for (const ArcSize& each : news.sizes) directory_.set_size(each);
  }
  if (std::exchange(arcs_changed_, false)) sync(now);
  settle(now, out);
}

void Front::on_status(const ShardStatus& status) {
  if (!ring_ || ring_->ring_id != status.ring_id) return;
  for (const ArcSize& each : status.arcs) {
    directory_.set_size(each);
    if (each.is_orphan) orphans_.insert(each.end);
  }
  directory_.set_transfers(status.shard, status.transfers);
  statuses_[status.shard] = status;
  statuses_[status.shard].arcs.clear();
  std::vector<std::uint64_t> rooms;
  if (status.room) {
    for (const ShardStatus& each : statuses_) {
      rooms.push_back(each.room.value_or(std::numeric_limits<std::uint64_t>::max()));
    }
  }
  membership_->set_rooms(std::move(rooms), options_.evicts);
  member_.set_load(membership_->load(directory_));
}

void Front::on_write() {
  if (!ring_ || state_ == State::fresh) return;
  written_ = true;
  if (!std::exchange(takes_writes_, true)) command_all(TakeWrites{});
}

void Front::on_each(Now, SendGroup&& news, Outbox& out) {
  out.push_back(SendPeer{news.to, std::move(news.message)});
}

void Front::on_each(Now now, ArcOpened&& news, Outbox& out) {
  directory_.set(news.view);
  arcs_changed_ = true;
  if (ring_->replicas > 1) tell_of_repair(news, out);
  const bool claimed = ring_->replicas == 1 &&
                       news.view.number.claimant == options_.self.incarnation &&
                       news.view.number.number == 1;  // a claim's first view
  if (claimed) {
    ++arcs_taken_over_;
    log(out, LogLevel::warning,
        "event=take_over arc=" + to_string(news.view) + " dead=" + hex(news.view.taken_from) +
            (news.copied ? " from=copy records=" + std::to_string(*news.copied) : " from=nothing"));
  }
  log(out, LogLevel::debug, "event=arc_opened arc=" + to_string(news.view));
  membership_->on_came(now, news.view.arc.end, Measure::lead);
  if (state_ != State::joining) return;
  state_ = State::serving;
  join_deadline_ = Time::never();
  become_ready(out);
}

void Front::on_each(Now, ArcChanged&& news, Outbox&) {
  directory_.set(news.view);
  arcs_changed_ = true;
}

void Front::on_each(Now now, ArcMoved&& news, Outbox& out) {
  log(out, LogLevel::debug, "event=arc_moved arc=" + to_string(news.view));
  member_.on_moved(now, news.view, out);
  directory_.erase(news.view.arc.end);
  if (news.keeps_copy) directory_.set_copy(news.view);
  if (ring_->replicas > 1) {
    handed_on_.insert_or_assign(news.view.arc.end, HandedOn{news.view, now.monotonic});
  }
  arcs_changed_ = true;
}

void Front::on_each(Now, ArcLost&& news, Outbox& out) {
  if (ring_->replicas > 1 && news.records > 0) {
    log(out, LogLevel::warning,
        "event=arc_lost arc=" + to_string(news.view) + " records=" + std::to_string(news.records));
  }
  log(out, LogLevel::debug, "event=arc_dropped arc=" + to_string(news.view));
  directory_.erase(news.view.arc.end);
  directory_.erase_copy(news.view.arc.end);
  handed_on_.erase(news.view.arc.end);
  arcs_changed_ = true;
}

void Front::on_each(Now, CopyKept&& news, Outbox&) {
  events_.push_back(ClaimArc{claim_of(news.view.arc, news.view, options_.self)});
}

void Front::on_each(Now now, ArcFollowed&& news, Outbox& out) {
  log(out, LogLevel::debug, "event=arc_followed arc=" + to_string(news.view));
  const bool is_known = directory_.copy_holding(news.view.arc.end) != nullptr &&
                        !handed_on_.contains(news.view.arc.end);
  if (!is_known || membership_->waits_for(news.view.arc.end)) {
    membership_->on_came(now, news.view.arc.end, Measure::copies);
  }
  directory_.set_copy(news.view);
  handed_on_.erase(news.view.arc.end);
  member_.on_followed(news.view, out);
}

void Front::on_each(Now, CopySuperseded&& news, Outbox& out) {
  log(out, LogLevel::warning,
      "event=copy_superseded arc=" + to_string(news.view) +
          " records=" + std::to_string(news.records));
}

// For desks alone.
void Front::on_each(Now, Answered&&, Outbox&) {}

void Front::sync(Now now) {
  std::vector<View> views;
  views.reserve(directory_.entries().size());
  for (const ArcEntry& each : directory_.entries()) views.push_back(each.view);
  member_.sync(now, views);
  member_.set_load(membership_->load(directory_));
}

void Front::become_ready(Outbox& out) {
  if (is_ready_) return;
  is_ready_ = true;
  out.push_back(BecameReady{std::max<std::size_t>(membership_->peers_estimated(directory_), 1)});
}

// What the ring member finds out.

// Runs until the parts have nothing more to say to each other.
void Front::settle(Now now, Outbox& out) {
  while (!events_.empty()) {
    RingEvents batch;
    batch.swap(events_);
    if (!ring_) continue;
    for (const RingEvent& event : batch) {
      std::visit([&](const auto& each) { on_event(now, each, out); }, event);
    }
  }
  check_left(now, out);
}

// No arc reaches across two cells, so a wide claim is several.
void Front::on_event(Now, const ClaimArc& event, Outbox&) {
  const auto served = [&](const Arc& arc) {
    return std::any_of(directory_.entries().begin(), directory_.entries().end(),
                       [&](const ArcEntry& each) { return overlaps(each.view.arc, arc); });
  };
  View claim = event.claim;
  const Position end = claim.arc.end;
  do {
    const Position last = last_of_cell(advance(claim.arc.begin, 1), ring_->nodes_per_peer);
    claim.arc.end = can_cut(Arc{claim.arc.begin, end}, last) ? last : end;
    if (!served(claim.arc)) command(claim.arc.end, TakeOverArc{claim});
    claim.arc.begin = claim.arc.end;
  } while (claim.arc.begin != end);
}

void Front::on_event(Now, const LoseArc& event, Outbox& out) {
  // Where there are several copies it is no loss that another member is primary now.
  if (ring_->replicas > 1 && !is_later_generation(event.winner, event.lost)) return;
  log(out, LogLevel::warning, "event=arc_lost to=" + to_string(event.winner));
  command(event.lost.end, DropArc{event.lost, event.winner.number});
}

void Front::on_event(Now now, const LookupDone& event, Outbox& out) {
  if (event.token == membership_lookup) {
    note_lookup(now, event.found.has_value());
    return membership_->on_lookup(now, event);
  }
  if (take_look(now, event, out)) return;
  const auto sought = sought_.find(event.token);
  if (sought == sought_.end()) return;
  const Position end = sought->second;
  sought_.erase(sought);
  if (event.found) command(end, AskPrimary{end, event.found->view});
}

void Front::on_event(Now, const PeerDied& event, Outbox& out) {
  if (member_.health().has_departed(event.peer)) {
    log(out, LogLevel::info, "event=peer_left peer=" + to_string(event.peer));
  } else {
    log(out, LogLevel::warning,
        "event=peer_dead peer=" + to_string(event.peer) + " why=" + std::string(event.why));
  }
  membership_->on_gone(event.peer);
  command_all(PeerGone{event.peer});
}

}  // namespace hopring
