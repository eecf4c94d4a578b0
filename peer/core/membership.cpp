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

// Where the first part ends once the arc has been cut in the middle so many times.
Position part_of(Arc arc, unsigned cuts) {
  for (; cuts > 0 && width_minus_one(arc) > 0; --cuts) arc.end = middle(arc);
  return arc.end;
}

}  // namespace

Membership::Membership(const PeerRef& self, const Limits& limits, std::uint32_t nodes_per_peer,
                       std::uint32_t weight, Rng rng)
    : self_(self),
      limits_(limits),
      nodes_per_peer_(nodes_per_peer),
      weight_(weight),
      rng_(rng),
      balancer_(nodes_per_peer) {}

PeerLoad Membership::load(const ArcDirectory& arcs) const {
  PeerLoad load = arcs.load();
  load.weight = weight_;
  return load;
}

// What this peer will carry once the arcs that were promised have come.
PeerLoad Membership::expected(const ArcDirectory& arcs, const Balancer::Estimate& estimate) const {
  PeerLoad load = this->load(arcs);
  const double part = static_cast<double>(coming_.size()) / nodes_per_peer_;
  load.bytes += static_cast<std::uint64_t>(static_cast<double>(estimate.fair.bytes) * part);
  load.ring_parts +=
      static_cast<std::uint64_t>(static_cast<double>(estimate.fair.ring_parts) * part);
  return load;
}

std::size_t Membership::peers_estimated(const ArcDirectory& arcs) const {
  return static_cast<std::size_t>(std::llround(balancer_.estimate(self_, load(arcs)).peers));
}

void Membership::on_lookup(Now now, const LookupDone& done) {
  if (lookups_open_ > 0) --lookups_open_;
  if (done.found) {
    balancer_.on_sample(now.monotonic, primary_of(done.found->view), done.found->load);
  }
  if (lookups_open_ == 0) next_step_ = now.monotonic;
}

void Membership::on_gone(const PeerRef& peer) {
  balancer_.forget(peer);
  std::erase_if(wants_, [&](const auto& each) { return each.second == peer; });
}

// Giving.

std::optional<GiveArc> Membership::on(Now, const PeerRef& from, const WantArc& message,
                                      ArcDirectory& arcs, Outbox& out) {
  WantArcAnswer answer{message.nonce, WantArcAnswer::Verdict::nothing, load(arcs)};
  std::vector<Balancer::Candidate> candidates;
  PeerLoad staying = answer.load;  // without what is on its way to others
  for (const ArcEntry& each : arcs.entries()) {
    if (!arcs.is_moving(each.view.arc.end)) {
      candidates.push_back({each.view.arc, each.bytes});
      continue;
    }
    staying.bytes -= each.bytes;
    staying.ring_parts -= ring_parts(each.view.arc);
  }
  // While arcs are on their way the loads are about to change: ask again.
  const bool giving = candidates.size() < arcs.entries().size();
  if (giving && !leaving_) answer.verdict = WantArcAnswer::Verdict::busy;
  std::optional<GiveArc> give;
  if (!leaving_ && arcs.moves() < giving_max) {
    if (const auto gift = balancer_.gift(staying, candidates, message)) {
      give = GiveArc{gift->end, part_of(arcs.at(gift->end)->view.arc, gift->cuts), from};
      arcs.begin_move(give->part);
      answer.verdict = WantArcAnswer::Verdict::coming;
    }
  }
  out.push_back(SendPeer{from, RingMessage(answer)});
  return give;
}

// Taking.

void Membership::on(Now now, const PeerRef& from, const WantArcAnswer& message) {
  const auto want = wants_.find(message.nonce);
  if (want == wants_.end() || want->second != from) return;
  wants_.erase(want);
  balancer_.on_load(now.monotonic, from, message.load);
  switch (message.verdict) {
    case WantArcAnswer::Verdict::coming:
      coming_.push_back(now.monotonic + arrival_patience);
      next_step_ = now.monotonic;
      break;
    case WantArcAnswer::Verdict::busy:
      next_step_ = std::min(next_step_, now.monotonic + rng_.jittered(busy_pause));
      break;
    case WantArcAnswer::Verdict::nothing:
      balancer_.pass_over(from);
      next_step_ = now.monotonic;
      break;
  }
}

void Membership::on_arc_came(Now now) {
  if (!coming_.empty()) coming_.erase(coming_.begin());
  came_ = true;
  next_step_ = now.monotonic;
}

void Membership::ask_givers(Now now, const ArcDirectory& arcs, Outbox& out) {
  std::erase_if(coming_, [&](Time until) { return until <= now.monotonic; });
  while (coming_.size() + wants_.size() < coming_max) {
    const Balancer::Estimate estimate = balancer_.estimate(self_, load(arcs));
    const PeerLoad own = expected(arcs, estimate);
    const auto giver = balancer_.giver(now.monotonic, own, estimate);
    const bool idle = (!giver || *giver == self_) && coming_.empty() && wants_.empty();
    settled_ = idle && !came_;
    if (idle && came_) {
      // What has come has changed the loads: look again soon.
      came_ = false;
      next_round_ = std::min(next_round_, now.monotonic + rng_.jittered(look_again_pause));
    }
    if (!giver || *giver == self_) return;
    const auto asked = [&](const auto& each) { return each.second == *giver; };
    if (std::any_of(wants_.begin(), wants_.end(), asked)) return;
    wants_[++last_nonce_] = *giver;
    wants_deadline_ = now.monotonic + limits_.ask_timeout;
    WantArc want{last_nonce_, own, estimate.fair,
                 static_cast<std::uint64_t>(std::llround(estimate.peers)),
                 static_cast<std::uint64_t>(std::llround(estimate.arcs))};
    out.push_back(SendPeer{*giver, RingMessage(want)});
  }
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
    refused_[to] = now.monotonic + refusal_memory;
  }
  if (leaving_) next_step_ = now.monotonic;
}

bool Membership::is_done_leaving(Now now, const ArcDirectory& arcs) const {
  if (!leaving_) return false;
  if (arcs.entries().empty() && arcs.transfers() == 0) {
    return now.monotonic - last_progress_ >= limits_.linger;
  }
  return now.monotonic - last_progress_ >= limits_.leave_patience;
}

void Membership::hand_over(Now now, ArcDirectory& arcs, std::vector<GiveArc>& gifts) {
  std::erase_if(refused_, [&](const auto& each) { return each.second <= now.monotonic; });
  std::vector<PeerRef> takers = balancer_.lightest(now.monotonic);
  std::erase_if(takers,
                [&](const PeerRef& peer) { return peer == self_ || refused_.contains(peer); });
  std::size_t turn = arcs.entries().size();
  for (const ArcEntry& each : arcs.entries()) {
    const Position end = each.view.arc.end;
    if (takers.empty() || arcs.moves() >= giving_max) break;
    if (arcs.is_moving(end)) continue;
    gifts.push_back(GiveArc{end, end, takers[turn++ % takers.size()]});
    arcs.begin_move(end);
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
    ring.start_lookup(now, first ? random : ring.known_end_near(random), 0, out, events);
  }
}

void Membership::on_deadline(Now now, RingMember& ring, ArcDirectory& arcs,
                             std::vector<GiveArc>& gifts, Outbox& out, RingEvents& events) {
  if (wants_deadline_ <= now.monotonic) {
    for (const auto& [nonce, peer] : wants_) balancer_.pass_over(peer);
    wants_.clear();
    wants_deadline_ = Time::never();
  }
  if (next_round_ <= now.monotonic) begin_round(now, ring, arcs, out, events);
  if (next_step_ > now.monotonic) return;
  next_step_ = Time::never();
  if (leaving_) {
    hand_over(now, arcs, gifts);
    next_step_ = now.monotonic + hand_over_pause;
  } else {
    ask_givers(now, arcs, out);
  }
}

Time Membership::next_deadline() const {
  return std::min({next_round_, next_step_, wants_deadline_});
}

}  // namespace hopring
