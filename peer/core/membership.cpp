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

std::uint64_t ring_parts(const Arc& arc) {
  return static_cast<std::uint64_t>(std::llround(ring_share(arc) * 4294967296.0));
}

std::uint64_t arcs_of(const GroupHost& host) { return host.totals().arcs; }

}  // namespace

Membership::Membership(const PeerRef& self, const Limits& limits, std::uint32_t nodes_per_peer,
                       std::uint32_t weight, Rng rng)
    : self_(self),
      limits_(limits),
      nodes_per_peer_(nodes_per_peer),
      weight_(weight),
      rng_(rng),
      balancer_(nodes_per_peer) {}

PeerLoad Membership::load(const GroupHost& host) const {
  PeerLoad load;
  load.weight = weight_;
  host.for_each_arc([&](const View& view, std::uint64_t, std::uint64_t bytes) {
    load.bytes += bytes;
    load.ring_parts += ring_parts(view.arc);
    load.arcs += 1;
  });
  return load;
}

// What this peer will carry once the arcs that were promised have come.
PeerLoad Membership::expected(const GroupHost& host, const Balancer::Estimate& estimate) const {
  PeerLoad load = this->load(host);
  const double part = static_cast<double>(coming_.size()) / nodes_per_peer_;
  load.bytes += static_cast<std::uint64_t>(static_cast<double>(estimate.fair.bytes) * part);
  load.ring_parts +=
      static_cast<std::uint64_t>(static_cast<double>(estimate.fair.ring_parts) * part);
  return load;
}

std::size_t Membership::peers_estimated(const GroupHost& host) const {
  return static_cast<std::size_t>(std::llround(balancer_.estimate(self_, load(host)).peers));
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

void Membership::on(Now now, const PeerRef& from, const WantArc& message, GroupHost& host,
                    GroupOutbox& groups, Outbox& out) {
  WantArcAnswer answer{message.nonce, WantArcAnswer::Verdict::nothing, load(host)};
  std::vector<Balancer::Candidate> candidates;
  std::size_t giving = 0;
  PeerLoad staying = answer.load;  // without what is on its way to others
  host.for_each_arc([&](const View& view, std::uint64_t, std::uint64_t bytes) {
    if (!host.is_moving(view.arc.end)) {
      candidates.push_back({view.arc, bytes});
      return;
    }
    ++giving;
    staying.bytes -= bytes;
    staying.ring_parts -= ring_parts(view.arc);
  });
  // While arcs are on their way the loads are about to change: ask again.
  if (giving > 0 && !leaving_) answer.verdict = WantArcAnswer::Verdict::busy;
  if (leaving_ || giving >= giving_max) {
    // Nothing to give at present.
  } else if (const auto gift = balancer_.gift(staying, candidates, message)) {
    Position end = gift->end;
    for (unsigned i = 0; i < gift->cuts; ++i) {
      const Position at = middle(host.find(end)->arc);
      if (!host.split(end, at, groups)) break;
      end = at;
    }
    if (host.move(now, end, from, groups)) answer.verdict = WantArcAnswer::Verdict::coming;
  }
  out.push_back(SendPeer{from, RingMessage(answer)});
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

void Membership::ask_givers(Now now, const GroupHost& host, Outbox& out) {
  std::erase_if(coming_, [&](Time until) { return until <= now.monotonic; });
  while (coming_.size() + wants_.size() < coming_max) {
    const Balancer::Estimate estimate = balancer_.estimate(self_, load(host));
    const PeerLoad own = expected(host, estimate);
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

bool Membership::is_done_leaving(Now now, const GroupHost& host) const {
  if (!leaving_) return false;
  if (arcs_of(host) == 0 && host.transfers() == 0) {
    return now.monotonic - last_progress_ >= limits_.linger;
  }
  return now.monotonic - last_progress_ >= limits_.leave_patience;
}

void Membership::hand_over(Now now, GroupHost& host, GroupOutbox& groups, Outbox&) {
  std::erase_if(refused_, [&](const auto& each) { return each.second <= now.monotonic; });
  std::vector<PeerRef> takers = balancer_.lightest(now.monotonic);
  std::erase_if(takers,
                [&](const PeerRef& peer) { return peer == self_ || refused_.contains(peer); });
  std::vector<Position> staying;
  std::size_t moving = 0;
  host.for_each_arc([&](const View& view, std::uint64_t, std::uint64_t) {
    if (host.is_moving(view.arc.end)) {
      ++moving;
    } else {
      staying.push_back(view.arc.end);
    }
  });
  for (std::size_t i = 0; i < staying.size() && moving < giving_max && !takers.empty(); ++i) {
    const PeerRef& to = takers[(staying.size() + i) % takers.size()];
    if (host.move(now, staying[i], to, groups)) ++moving;
  }
}

// Time.

void Membership::begin_round(Now now, RingMember& ring, const GroupHost& host, Outbox& out,
                             RingEvents& events) {
  const bool first = arcs_of(host) == 0 || leaving_;
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

void Membership::on_deadline(Now now, RingMember& ring, GroupHost& host, GroupOutbox& groups,
                             Outbox& out, RingEvents& events) {
  if (wants_deadline_ <= now.monotonic) {
    for (const auto& [nonce, peer] : wants_) balancer_.pass_over(peer);
    wants_.clear();
    wants_deadline_ = Time::never();
  }
  if (next_round_ <= now.monotonic) begin_round(now, ring, host, out, events);
  if (next_step_ > now.monotonic) return;
  next_step_ = Time::never();
  if (leaving_) {
    hand_over(now, host, groups, out);
    next_step_ = now.monotonic + hand_over_pause;
  } else {
    ask_givers(now, host, out);
  }
}

Time Membership::next_deadline() const {
  return std::min({next_round_, next_step_, wants_deadline_});
}

}  // namespace hopring
