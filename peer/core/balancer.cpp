#include "peer/core/balancer.hpp"

#include <algorithm>
#include <cmath>

namespace hopring {
namespace {

double parts_of(const PeerLoad& load) { return static_cast<double>(load.ring_parts); }

double weight_of(const PeerLoad& load) { return std::max<double>(load.weight, 1); }

double load_of_arc(const Balancer::Candidate& arc, Measure measure) {
  const double width = ring_share(arc.arc) * empty_ring_bytes;
  return measure == Measure::copies ? static_cast<double>(arc.bytes) + width : width;
}

std::uint64_t whole(double value) { return static_cast<std::uint64_t>(std::llround(value)); }

struct Totals {
  double peers = 0;
  double weight = 0;
  double bytes = 0;
  double copy_parts = 0;
  double arcs = 0;

  // A peer that stands for `times` peers like it. One that leaves has no share.
  void add(const PeerLoad& load, double times) {
    peers += load.weight > 0 ? times : 0;
    weight += load.weight * times;
    bytes += static_cast<double>(load.bytes) * times;
    copy_parts += static_cast<double>(load.copy_parts) * times;
    arcs += load.arcs * times;
  }
};

}  // namespace

double load_of(const PeerLoad& load, Measure measure) {
  constexpr double bytes_per_part = empty_ring_bytes / static_cast<double>(ring_parts_whole);
  if (measure == Measure::lead) return parts_of(load) * bytes_per_part / weight_of(load);
  const double width = static_cast<double>(load.copy_parts) * bytes_per_part;
  return (static_cast<double>(load.bytes) + width) / weight_of(load);
}

void Balancer::on_sample(Time now, const PeerRef& peer, const PeerLoad& load) {
  if (round_.size() < samples_max) round_.push_back(load);
  on_load(now, peer, load);
  for (bool& passed_over : samples_[peer].passed_over) passed_over = false;
}

void Balancer::on_promised(const PeerRef& peer, std::uint64_t bytes, std::uint64_t parts) {
  const auto at = samples_.find(peer);
  if (at == samples_.end()) return;
  at->second.load.bytes += bytes;
  at->second.load.copy_parts = std::min(at->second.load.copy_parts + parts, ring_parts_whole);
}

double Balancer::step(double fair, Measure measure) const {
  return fair / step_parts / (measure == Measure::copies ? replicas_ : 1);
}

double Balancer::gap(double fair, Measure measure, double peers) {
  if (measure != Measure::copies) return 0;
  return fair / (peers >= many_peers ? gap_parts_of_many : gap_parts);
}

void Balancer::on_load(Time now, const PeerRef& peer, const PeerLoad& load) {
  if (!samples_.contains(peer) && samples_.size() >= samples_max) {
    const auto older = [](const auto& a, const auto& b) { return a.second.at < b.second.at; };
    samples_.erase(std::min_element(samples_.begin(), samples_.end(), older));
  }
  Sample& sample = samples_[peer];
  sample.load = load;
  sample.at = now;
}

void Balancer::pass_over(const PeerRef& peer, Measure measure) {
  const auto at = samples_.find(peer);
  if (at != samples_.end()) at->second.passed_over[static_cast<std::size_t>(measure)] = true;
}

const PeerLoad* Balancer::known(Time now, const PeerRef& peer) const {
  const auto at = samples_.find(peer);
  if (at == samples_.end() || now - at->second.at > sample_age_max) return nullptr;
  return &at->second.load;
}

bool Balancer::covers_ring(const PeerRef& self, const PeerLoad& own) const {
  double parts = parts_of(own);
  for (const auto& [peer, sample] : samples_) {
    if (peer != self) parts += parts_of(sample.load);
  }
  return parts >= static_cast<double>(ring_parts_whole) * 0.999;
}

// While all peers are known, their sum. Otherwise each random position stands for 1/share peers
// like its owner: a peer is hit with a probability of its share of the ring.
Balancer::Estimate Balancer::estimate(const PeerRef& self, const PeerLoad& own) const {
  Totals totals;
  if (covers_ring(self, own)) {
    totals.add(own, 1);
    for (const auto& [peer, sample] : samples_) {
      if (peer != self) totals.add(sample.load, 1);
    }
  } else {
    for (const PeerLoad& load : round_) {
      if (load.ring_parts == 0) continue;
      const double share = parts_of(load) / static_cast<double>(ring_parts_whole);
      totals.add(load, 1 / share / static_cast<double>(round_.size()));
    }
    if (own.ring_parts == 0) totals.add(own, 1);
    // Peers that have just come are hit too rarely to be counted that way.
    const auto is_other = [&](const auto& each) {
      return each.first != self && each.second.load.ring_parts > 0;
    };
    const auto known =
        1.0 + static_cast<double>(std::count_if(samples_.begin(), samples_.end(), is_other));
    totals.weight *= std::max(totals.peers, known) / std::max(totals.peers, 1.0);
    totals.peers = std::max(totals.peers, known);
  }
  totals.peers = std::max(totals.peers, 1.0);
  totals.weight = std::max(totals.weight, 1.0);
  Estimate estimate;
  estimate.peers = totals.peers;
  estimate.arcs = totals.arcs;
  estimate.fair.bytes = whole(totals.bytes / totals.weight);
  estimate.fair.ring_parts = whole(static_cast<double>(ring_parts_whole) / totals.weight);
  // While a peer leaves, those that stay may be too few for so many copies.
  estimate.fair.copy_parts = std::min(whole(totals.copy_parts / totals.weight), ring_parts_whole);
  return estimate;
}

std::optional<PeerRef> Balancer::giver(Time now, const PeerLoad& own, const Estimate& estimate,
                                       Measure measure) const {
  const double fair = load_of(estimate.fair, measure);
  const double mine = load_of(own, measure);
  if (mine >= fair) return std::nullopt;
  std::optional<PeerRef> heaviest;
  // Who lacks much does not wait until somebody has too much: if all have a little more than their
  // share, nobody is known to have enough of it.
  const double wide = gap(fair, measure, estimate.peers);
  const bool lacks_much = measure == Measure::copies && mine < fair - 2 * wide;
  const double enough = lacks_much ? fair : fair + step(fair, measure);
  double most = std::max(enough, mine + wide);
  for (const auto& [peer, sample] : samples_) {
    const bool passed_over = sample.passed_over[static_cast<std::size_t>(measure)];
    if (passed_over || now - sample.at > sample_age_max) continue;
    if (load_of(sample.load, measure) < most) continue;
    most = load_of(sample.load, measure);
    heaviest = peer;
  }
  return heaviest;
}

std::vector<PeerRef> Balancer::lightest(Time now) const {
  std::vector<std::pair<double, PeerRef>> sorted;
  for (const auto& [peer, sample] : samples_) {
    const bool stays = sample.load.weight > 0 && now - sample.at <= sample_age_max;
    if (stays) sorted.emplace_back(load_of(sample.load), peer);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<PeerRef> peers;
  peers.reserve(sorted.size());
  for (const auto& each : sorted) peers.push_back(each.second);
  return peers;
}

std::optional<Balancer::Gift> Balancer::gift(const PeerLoad& own, std::span<const Candidate> arcs,
                                             const WantArc& want) const {
  const double fair = load_of(want.fair, want.measure);
  const double mine = load_of(own, want.measure);
  const double theirs = load_of(want.load, want.measure);
  const auto peers = static_cast<double>(want.peers);
  if (mine - theirs < gap(fair, want.measure, peers)) return std::nullopt;
  // Beyond either of these the two would be further from the fair share than they need be.
  const double wanted =
      std::min((mine - fair) * weight_of(own), (fair - theirs) * weight_of(want.load));
  const bool scarce = static_cast<double>(want.arcs) <
                      static_cast<double>(nodes_per_peer_) * static_cast<double>(want.peers);
  std::optional<Gift> best;
  double best_load = 0;
  const auto consider = [&](const Candidate& each, unsigned cuts) {
    if (want.measure == Measure::copies &&
        !want.load.has_room(each.arc.end, nodes_per_peer_, each.bytes >> cuts)) {
      return;
    }
    const double load = std::ldexp(load_of_arc(each, want.measure), -static_cast<int>(cuts));
    const double peak =
        std::max(mine - load / weight_of(own), theirs + load / weight_of(want.load));
    if (peak > mine - step(fair, want.measure)) return;
    // Where bytes go, at least half of the difference must go with them.
    const double closed = load / weight_of(own) + load / weight_of(want.load);
    if (want.measure == Measure::copies && closed > 1.5 * (mine - theirs)) return;
    const bool fits = load <= wanted;
    const bool best_fits = best && best_load <= wanted;
    const bool better = !best || (fits != best_fits ? fits : fits == (load > best_load));
    if (!better) return;
    best = Gift{each.arc.end, cuts, each.bytes >> cuts};
    best_load = load;
  };
  for (const Candidate& each : arcs) {
    // While arcs are scarce every gift cuts one in two; more often if that suits both better.
    const bool cut = scarce && each.may_cut && width_minus_one(each.arc) >> cuts_max != 0;
    if (!cut) consider(each, 0);
    for (unsigned cuts = 1; cut && cuts <= cuts_max; ++cuts) consider(each, cuts);
  }
  return best;
}

}  // namespace hopring
