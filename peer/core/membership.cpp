#include "peer/core/membership.hpp"

#include <algorithm>
#include <cmath>

namespace hopring {
namespace {

using namespace std::chrono_literals;

constexpr auto busy_pause = 50ms;         // before a giver that was busy is asked again; jittered
constexpr auto look_again_pause = 200ms;  // after arcs have come; jittered
constexpr auto arrival_patience =
    10s;                             // a promised arc that has not come by then is not waited for
constexpr auto refusal_memory = 2s;  // a peer that refused an arc is passed over this long
constexpr auto hand_over_pause = 20ms;  // between looks for arcs that can be handed over
// A leaver that hears of nobody's load for so long, as one that leads every arc, gives to members.
constexpr auto loads_patience = 2s;
constexpr auto passing_patience = 10s;  // a copy that its primary has not taken by then is kept
constexpr auto passing_pause = 500ms;   // leaving: before primaries are asked again

// Where the first part ends once the arc has been cut in the middle so many times.
Position part_of(Arc arc, unsigned cuts) {
  for (; cuts > 0 && width_minus_one(arc) > 0; --cuts) arc.end = middle(arc);
  return arc.end;
}

// On a host where nobody of these stays.
bool is_apart(const PeerRef& peer, std::span<const PeerRef> staying) {
  return std::none_of(staying.begin(), staying.end(),
                      [&](const PeerRef& each) { return share_host(each, peer); });
}

}  // namespace

Membership::Membership(const PeerRef& self, const Limits& limits, const RingConfig& ring,
                       const PeerHealth& health, std::uint32_t weight, Rng rng)
    : self_(self),
      limits_(limits),
      health_(health),
      nodes_per_peer_(ring.nodes_per_peer),
      replicas_(ring.replicas),
      weight_(weight),
      rng_(rng),
      balancer_(ring.nodes_per_peer, ring.replicas) {}

PeerLoad Membership::load(const ArcDirectory& arcs) const {
  PeerLoad load = arcs.load();
  load.weight = leaving_ ? 0 : weight_;
  load.rooms = rooms_;
  load.makes_room = makes_room_;
  return load;
}

// What this peer will carry once the arcs that were promised have come.
PeerLoad Membership::expected(const ArcDirectory& arcs, const Balancer::Estimate& estimate) const {
  PeerLoad load = this->load(arcs);
  const auto part_of = [&](std::uint64_t fair, double parts) {
    return static_cast<std::uint64_t>(static_cast<double>(fair) / parts);
  };
  const double copies_per_peer = static_cast<double>(nodes_per_peer_) * replicas_;
  for (const Coming& each : coming_) {
    if (each.measure == Measure::copies) {
      load.bytes += part_of(estimate.fair.bytes, copies_per_peer);
      load.copy_parts += part_of(estimate.fair.copy_parts, copies_per_peer);
    } else {
      load.ring_parts += part_of(estimate.fair.ring_parts, nodes_per_peer_);
    }
  }
  load.ring_parts = std::min(load.ring_parts, ring_parts_whole);
  load.copy_parts = std::min(load.copy_parts, ring_parts_whole);
  return load;
}

std::size_t Membership::peers_estimated(const ArcDirectory& arcs) const {
  return static_cast<std::size_t>(std::llround(balancer_.estimate(self_, load(arcs)).peers));
}

void Membership::on_lookup(Now now, const LookupDone& done) {
  if (lookups_open_ > 0) --lookups_open_;
  if (done.found) {
    balancer_.on_sample(now.monotonic, primary_of(done.found->view), done.found->load);
    if (!due_at_) due_at_ = now.monotonic;
  }
  if (lookups_open_ == 0) next_step_ = now.monotonic;
}

void Membership::on_gone(const PeerRef& peer) {
  balancer_.forget(peer);
  std::erase_if(wants_, [&](const auto& each) { return each.second.asked == peer; });
  std::erase_if(coming_, [&](const Coming& each) { return each.from == peer; });
}

// Copies that are placed.

// All that may have a copy beside the members. Who is silent would be waited for; who is full would
// refuse it, and whoever leaves, or is dead, would be kept for it. Where all are full those are
// asked that evict for it, though they refuse at first. Who has just refused one, or not answered,
// is asked again only where there is nobody else.
std::vector<PeerRef> Membership::candidates(Now now, const Vacancy& vacancy,
                                            std::span<const PeerRef> others) const {
  const auto& members = vacancy.members;
  const auto may_have = [&](const PeerRef& peer) {
    if (peer == self_ || std::find(members.begin(), members.end(), peer) != members.end()) {
      return false;
    }
    const PeerLoad* load = balancer_.known(now.monotonic, peer);
    return health_.is_routable(peer) && (load == nullptr || load->weight > 0);
  };
  std::vector<PeerRef> choice = balancer_.lightest(now.monotonic);
  for (const PeerRef& each : others) {
    if (std::find(choice.begin(), choice.end(), each) == choice.end()) choice.push_back(each);
  }
  std::erase_if(choice, [&](const PeerRef& each) { return !may_have(each); });
  const auto is_full = [&](const PeerRef& each) {
    return !has_room(now, each, vacancy.end, vacancy.bytes);
  };
  const bool must_evict = std::all_of(choice.begin(), choice.end(), is_full);
  std::erase_if(choice, [&](const PeerRef& each) {
    if (!must_evict) return is_full(each);
    return vacancy.must_be_willing || !makes_room(now, each);
  });
  std::vector<PeerRef> willing = choice;
  std::erase_if(willing, [&](const PeerRef& each) { return has_refused(now, each); });
  return vacancy.must_be_willing || !willing.empty() ? willing : choice;
}

// As far as is known.
bool Membership::has_room(Now now, const PeerRef& peer, Position end, std::uint64_t bytes) const {
  const PeerLoad* load = balancer_.known(now.monotonic, peer);
  return load == nullptr || load->has_room(end, nodes_per_peer_, bytes);
}

bool Membership::makes_room(Now now, const PeerRef& peer) const {
  const PeerLoad* load = balancer_.known(now.monotonic, peer);
  return load != nullptr && load->makes_room;
}

// Those on hosts where nobody stays. If that is not all of them, who has just refused is not asked
// again before the others: the host may be full.
std::vector<PeerRef> Membership::elsewhere(Now now, const std::vector<PeerRef>& choice,
                                           std::span<const PeerRef> staying) const {
  std::vector<PeerRef> apart = choice;
  std::erase_if(apart, [&](const PeerRef& peer) { return !is_apart(peer, staying); });
  if (apart.size() == choice.size()) return apart;
  std::erase_if(apart, [&](const PeerRef& peer) { return has_refused(now, peer); });
  return apart;
}

bool Membership::has_refused(Now now, const PeerRef& peer) const {
  const auto refused = refused_.find(peer);
  return refused != refused_.end() && refused->second > now.monotonic;
}

void Membership::remember_refusal(Now now, const PeerRef& peer) {
  std::erase_if(refused_, [&](const auto& each) { return each.second <= now.monotonic; });
  if (refused_.size() >= refused_max) {
    const auto earlier = [](const auto& a, const auto& b) { return a.second < b.second; };
    refused_.erase(std::min_element(refused_.begin(), refused_.end(), earlier));
  }
  refused_[peer] = now.monotonic + refusal_memory;
}

std::optional<PeerRef> Membership::draw(Now now, const std::vector<PeerRef>& choice) {
  if (choice.empty()) return std::nullopt;
  const PeerRef& one = choice[rng_.below(choice.size())];
  const PeerRef& other = choice[rng_.below(choice.size())];
  const PeerLoad* load = balancer_.known(now.monotonic, one);
  const PeerLoad* other_load = balancer_.known(now.monotonic, other);
  if (load == nullptr || other_load == nullptr) return one;
  return load_of(*load) <= load_of(*other_load) ? one : other;
}

std::optional<PeerRef> Membership::newcomer(Now now, const Vacancy& vacancy,
                                            std::span<const PeerRef> others) {
  const std::vector<PeerRef> choice = candidates(now, vacancy, others);
  const std::vector<PeerRef> apart = elsewhere(now, choice, vacancy.staying);
  return draw(now, apart.empty() ? choice : apart);
}

std::optional<PeerRef> Membership::newcomer_elsewhere(Now now, const Vacancy& vacancy,
                                                      std::span<const PeerRef> others) {
  // Of a ring on one host every arc asks, at each look.
  const auto may_do = [&](const PeerRef& peer) { return is_apart(peer, vacancy.staying); };
  if (std::none_of(others.begin(), others.end(), may_do)) return std::nullopt;
  return draw(now, elsewhere(now, candidates(now, vacancy, others), vacancy.staying));
}

void Membership::on_leaver(Now now, const PeerRef& peer) {
  const PeerLoad* known = balancer_.known(now.monotonic, peer);
  PeerLoad load = known != nullptr ? *known : PeerLoad{};
  load.weight = 0;
  balancer_.on_load(now.monotonic, peer, load);
}

// Giving.

// Of an arc that is cut before its lower part goes, that part alone is on its way.
Membership::Offer Membership::offer_for(const PeerRef& from, Measure measure,
                                        const ArcDirectory& arcs) const {
  Offer offer;
  offer.staying = load(arcs);
  const auto consider = [&](const ArcEntry& each, bool is_led) {
    const Arc& arc = each.view.arc;
    const bool has_copy = is_member(each.view, from);
    const bool is_passable =
        is_led || primary_of(each.view) != self_;  // it may just have been ours
    const bool in_our_place = !has_copy && (!is_led || each.view.members.size() >= replicas_);
    // A change would wait for the member that lacks its copy, and placement for the change.
    const bool lacks_copies = is_led && replicas_ > 1 && each.copies < each.view.members.size();
    const bool is_wanted = has_copy == (measure == Measure::lead) && !lacks_copies &&
                           !(in_our_place && crowds(each.view.members, self_, from));
    const std::optional<Arc> going = arcs.moving_part(arc);
    if (is_wanted && is_passable && !going) offer.candidates.push_back({arc, each.bytes, is_led});
    if (!going) return;
    ++offer.moving;
    const double part = ring_share(*going) / ring_share(arc);
    const std::uint64_t parts = ring_parts(*going);
    if (is_led) offer.staying.ring_parts -= std::min(offer.staying.ring_parts, parts);
    offer.take_away(parts, static_cast<std::uint64_t>(static_cast<double>(each.bytes) * part));
  };
  for (const ArcEntry& each : arcs.entries()) consider(each, true);
  if (measure == Measure::copies) {
    for (const ArcEntry& each : arcs.copies()) consider(each, false);
  }
  return offer;
}

void Membership::Offer::take_away(std::uint64_t parts, std::uint64_t bytes) {
  staying.bytes -= std::min(staying.bytes, bytes);
  staying.copy_parts -= std::min(staying.copy_parts, parts);
}

std::optional<GiveArc> Membership::on(Now now, const PeerRef& from, const WantArc& message,
                                      ArcDirectory& arcs, Outbox& out) {
  balancer_.on_load(now.monotonic, from, message.load);
  forget_passed(now, arcs);
  WantArcAnswer answer{message.nonce, WantArcAnswer::Verdict::nothing, load(arcs), {}};
  Offer offer = offer_for(from, message.measure, arcs);
  // While arcs are on their way the loads are about to change: ask again.
  if (offer.moving > 0 && !leaving_) answer.verdict = WantArcAnswer::Verdict::busy;
  std::optional<GiveArc> give;
  if (!leaving_ && arcs.moves() < giving_max) {
    if (const auto gift = balancer_.gift(offer.staying, offer.candidates, message)) {
      if (const ArcEntry* led = arcs.at(gift->end)) {
        give = GiveArc{gift->end, part_of(led->view.arc, gift->cuts), from};
        arcs.begin_move(give->part);
        offer.take_away(ring_parts(led->view.arc) >> gift->cuts, gift->bytes);
      } else {
        const ArcEntry* copy = arcs.copy_holding(gift->end);
        out.push_back(SendPeer{primary_of(copy->view), RingMessage(PassCopy{gift->end, from})});
        passed_[gift->end] = now.monotonic + passing_patience;
        next_step_ = std::min(next_step_, now.monotonic + passing_patience);
        arcs.begin_move(gift->end);
        offer.take_away(ring_parts(copy->view.arc), gift->bytes);
      }
      answer.verdict = WantArcAnswer::Verdict::coming;
      answer.end = give ? give->part : gift->end;
    }
  }
  // What goes is here until it has come. Who were told of it as staying would take more than there
  // is too much, and pass over those that are heavier by then.
  answer.load.bytes = offer.staying.bytes;
  answer.load.copy_parts = offer.staying.copy_parts;
  out.push_back(SendPeer{from, RingMessage(answer)});
  return give;
}

// Those that have gone, or have stayed for too long.
void Membership::forget_passed(Now now, ArcDirectory& arcs) {
  std::erase_if(passed_, [&](const auto& each) {
    const ArcEntry* copy = arcs.copy_holding(each.first);
    const bool is_here = copy != nullptr && copy->view.arc.end == each.first;
    if (is_here && each.second > now.monotonic) return false;
    arcs.end_move(each.first);
    return true;
  });
}

// Taking.

void Membership::on(Now now, const PeerRef& from, const WantArcAnswer& message) {
  const auto want = wants_.find(message.nonce);
  if (want == wants_.end() || want->second.asked != from) return;
  const Measure measure = want->second.measure;
  wants_.erase(want);
  balancer_.on_load(now.monotonic, from, message.load);
  if (message.verdict != WantArcAnswer::Verdict::nothing) due_at_ = now.monotonic;
  switch (message.verdict) {
    case WantArcAnswer::Verdict::coming:
      coming_.push_back({now.monotonic + arrival_patience, measure, message.end, from});
      next_step_ = now.monotonic;
      break;
    case WantArcAnswer::Verdict::busy:
      next_step_ = std::min(next_step_, now.monotonic + rng_.jittered(busy_pause));
      break;
    case WantArcAnswer::Verdict::nothing:
      balancer_.pass_over(from, measure);
      next_step_ = now.monotonic;
      break;
  }
}

void Membership::on_came(Now now, Position end, Measure measure) {
  std::erase_if(coming_, [&](const Coming& each) {
    return each.end == end && (each.measure == measure || measure == Measure::lead);
  });
  came_ = true;
  due_at_ = next_step_ = now.monotonic;
}

bool Membership::waits_for(Position end) const {
  return std::any_of(coming_.begin(), coming_.end(),
                     [&](const Coming& each) { return each.end == end; });
}

void Membership::on_not_given(Now now, Position end, ArcDirectory& arcs) {
  std::erase_if(coming_, [&](const Coming& each) { return each.end == end; });
  if (passed_.erase(end) > 0) arcs.end_move(end);
  next_step_ = std::min(next_step_, now.monotonic + rng_.jittered(busy_pause));
}

void Membership::ask_givers(Now now, const ArcDirectory& arcs, Outbox& out) {
  std::erase_if(coming_, [&](const Coming& each) { return each.until <= now.monotonic; });
  while (coming_.size() + wants_.size() < coming_max) {
    const bool asked = ask_giver(now, arcs, Measure::copies, out) ||
                       (replicas_ > 1 && ask_giver(now, arcs, Measure::lead, out));
    if (asked) continue;
    const bool idle = coming_.empty() && wants_.empty();
    settled_ = idle && !came_;
    if (idle && came_) {
      // What has come has changed the loads: look again soon.
      came_ = false;
      next_round_ = std::min(next_round_, now.monotonic + rng_.jittered(look_again_pause));
    }
    return;
  }
  settled_ = false;
}

// Asks one more peer, if there is one that should give.
bool Membership::ask_giver(Now now, const ArcDirectory& arcs, Measure measure, Outbox& out) {
  const Balancer::Estimate estimate = balancer_.estimate(self_, load(arcs));
  const PeerLoad own = expected(arcs, estimate);
  const auto giver = balancer_.giver(now.monotonic, own, estimate, measure);
  if (!giver || *giver == self_) return false;
  const auto asked = [&](const auto& each) {
    return each.second.asked == *giver && each.second.measure == measure;
  };
  if (std::any_of(wants_.begin(), wants_.end(), asked)) return false;
  wants_[++last_nonce_] = {*giver, measure};
  wants_deadline_ = now.monotonic + limits_.ask_timeout;
  WantArc want{last_nonce_,
               own,
               estimate.fair,
               static_cast<std::uint64_t>(std::llround(estimate.peers)),
               static_cast<std::uint64_t>(std::llround(estimate.arcs)),
               measure};
  out.push_back(SendPeer{*giver, RingMessage(want)});
  return true;
}

// Leaving.

void Membership::leave(Now now) {
  if (leaving_) return;
  leaving_ = true;
  last_progress_ = now.monotonic;
  next_round_ = now.monotonic;
  next_step_ = now.monotonic;
}

void Membership::on_move_ended(Now now, const PeerRef& to, bool done) {
  if (done) {
    last_progress_ = now.monotonic;
  } else {
    remember_refusal(now, to);
  }
  // What is refused at once is asked again after the pause.
  if (leaving_ && done) next_step_ = now.monotonic;
}

bool Membership::is_done_leaving(Now now, const ArcDirectory& arcs) const {
  if (!leaving_) return false;
  if (arcs.entries().empty() && arcs.copies().empty() && arcs.transfers() == 0) {
    return now.monotonic - last_progress_ >= limits_.linger;
  }
  return now.monotonic - last_progress_ >= limits_.leave_patience;
}

void Membership::hand_over(Now now, ArcDirectory& arcs, std::vector<GiveArc>& gifts, Outbox& out) {
  pass_copies_on(now, arcs, out);
  while (arcs.moves() < giving_max) {
    const ArcEntry* largest = nullptr;
    for (const ArcEntry& each : arcs.entries()) {
      const bool is_free = !arcs.is_moving(each.view.arc.end);
      if (is_free && (largest == nullptr || each.bytes > largest->bytes)) largest = &each;
    }
    const auto to = largest != nullptr ? taker(now, *largest) : std::nullopt;
    if (!to) return;
    const Position end = largest->view.arc.end;
    gifts.push_back(GiveArc{end, end, *to, true});
    balancer_.on_promised(*to, largest->bytes, ring_parts(largest->view.arc));
    arcs.begin_move(end);
  }
}

// The lightest one that has room for the arc, unless the next ones suit the other members' hosts
// better. Where nobody has, a member: it has the arc already, and the copy here goes later.
std::optional<PeerRef> Membership::taker(Now now, const ArcEntry& arc) const {
  const View& view = arc.view;
  const auto may_take = [&](const PeerRef& each) {
    return each != self_ && health_.is_routable(each) && !has_refused(now, each);
  };
  const std::vector<PeerRef> known = balancer_.lightest(now.monotonic);
  std::optional<PeerRef> first;
  for (const PeerRef& each : known) {
    if (!may_take(each)) continue;
    if (!is_member(view, each) && !has_room(now, each, view.arc.end, arc.bytes)) continue;
    if (is_member(view, each) || !crowds(view.members, self_, each)) return each;
    if (!first) first = each;
  }
  if (first || now.monotonic - last_progress_ < loads_patience) return first;
  for (const auto& choice : {std::span<const PeerRef>(view.members), std::span(known)}) {
    const auto one = std::find_if(choice.begin(), choice.end(), may_take);
    if (one != choice.end()) return *one;
  }
  return std::nullopt;
}

// Their primaries find somebody else for them, in their own time.
void Membership::pass_copies_on(Now now, const ArcDirectory& arcs, Outbox& out) {
  if (arcs.copies().size() < copies_left_) last_progress_ = now.monotonic;
  copies_left_ = arcs.copies().size();
  if (now.monotonic < next_passing_) return;
  next_passing_ = now.monotonic + passing_pause;
  for (const ArcEntry& each : arcs.copies()) {
    const PeerRef& primary = primary_of(each.view);
    if (primary == self_) continue;
    out.push_back(SendPeer{primary, RingMessage(PassCopy{each.view.arc.end, {}})});
  }
}

// Time.

void Membership::begin_round(Now now, RingMember& ring, const ArcDirectory& arcs, Outbox& out,
                             RingEvents& events) {
  const bool first = arcs.entries().empty() || leaving_;
  const Duration pause = limits_.balance_interval;
  next_round_ = now.monotonic + rng_.jittered(settled_ ? 2 * pause : pause);
  balancer_.begin_round();
  lookups_open_ = first ? samples_to_join : samples_a_round;
  for (std::size_t i = lookups_open_; i > 0; --i) {
    // Who holds an arc near a random position is known at best: asking there takes one hop.
    const Position random{rng_.next()};
    ring.start_lookup(now, first ? random : ring.known_end_near(random), membership_lookup, out,
                      events);
  }
}

void Membership::on_deadline(Now now, RingMember& ring, ArcDirectory& arcs,
                             std::vector<GiveArc>& gifts, Outbox& out, RingEvents& events) {
  if (wants_deadline_ <= now.monotonic) {
    for (const auto& [nonce, want] : wants_) balancer_.pass_over(want.asked, want.measure);
    wants_.clear();
    wants_deadline_ = Time::never();
  }
  if (next_round_ <= now.monotonic) begin_round(now, ring, arcs, out, events);
  if (next_step_ > now.monotonic) return;
  next_step_ = Time::never();
  forget_passed(now, arcs);
  for (const auto& [end, until] : passed_) next_step_ = std::min(next_step_, until);
  if (leaving_) {
    hand_over(now, arcs, gifts, out);
    next_step_ = now.monotonic + hand_over_pause;
  } else {
    ask_givers(now, arcs, out);
  }
}

Time Membership::next_deadline() const {
  return std::min({next_round_, next_step_, wants_deadline_});
}

}  // namespace hopring
