#include "fault_world.hpp"

#include <algorithm>
#include <cstdlib>

namespace hopring {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t violations_kept = 10;
constexpr std::int64_t epoch_ms = 1'700'000'000'000;
// Two that differ by twice this stay below the bound of clock_drift_percent_max.
constexpr std::uint64_t drift_ppm_max = 4500;
constexpr Duration wrong_clock_interval = 1s;

}  // namespace

FaultWorld::FaultWorld(const FaultWorldOptions& options)
    : options_(options),
      rng_(options.seed),
      clock_rng_(~options.seed),
      slow_max_(options.slow_max_after_faults) {
  if (options_.wrong_clock_lasts_max > 0s) post(wrong_clock_interval, [this] { disturb_clock(); });
}

std::size_t FaultWorld::add_peer() {
  const auto n = static_cast<std::uint16_t>(peers_.size() + 1);
  Peer peer;
  peer.self = PeerRef{ipv4_endpoint(0x7f000001, n), n};
  peer.offset = below(1000s);
  peer.drift_ppm = static_cast<std::int64_t>(rng_.below(2 * drift_ppm_max + 1)) -
                   static_cast<std::int64_t>(drift_ppm_max);
  const Duration skew = options_.wall_skew_max;
  if (skew > 0s) peer.wall_offset = below(2 * skew) - skew;
  peers_.push_back(peer);
  return peers_.size() - 1;
}

Now FaultWorld::clock_at(std::size_t number, Duration time) const {
  const Peer& peer = peers_[number];
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time + peer.wall_offset).count();
  const Duration passed = time + gained_at(peer, time);
  return Now{Time{peer.offset + passed + passed / 1'000'000 * peer.drift_ppm},
             WallTime{epoch_ms + ms}};
}

Duration FaultWorld::gained_at(const Peer& peer, Duration time) const {
  return peer.gained + std::max(time - peer.gains_since, Duration{}) * peer.gains_percent / 100;
}

void FaultWorld::set_clock(std::size_t number, int gains_percent) {
  Peer& peer = peers_[number];
  peer.gained = gained_at(peer, now_);
  peer.gains_since = now_;
  peer.gains_percent = gains_percent;
}

// One clock, for a while, and perhaps its peer is cut off meanwhile: alone a wrong clock does
// little harm. The wall clock is another one, and stays right.
void FaultWorld::disturb_clock() {
  if (healed_) return;
  const std::size_t victim = clock_rng_.below(peers_.size());
  set_clock(victim, clock_rng_.chance(1, 2) ? -100 : 100);
  const auto range = static_cast<std::uint64_t>(options_.wrong_clock_lasts_max.count());
  const Duration lasts(static_cast<std::int64_t>(clock_rng_.below(range)));
  post(lasts, [this, victim] { set_clock(victim, 0); });
  if (clock_rng_.chance(1, 2)) cut_for(ways_of(victim), lasts);
  post(wrong_clock_interval, [this] { disturb_clock(); });
}

void FaultWorld::violation(const std::string& text) {
  if (violations_.size() < violations_kept) {
    violations_.push_back("at " + std::to_string(now_.count() / 1'000'000) + " ms: " + text);
  }
}

// Events.

Duration FaultWorld::below(Duration bound) {
  return Duration(static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(bound.count()))));
}

void FaultWorld::post(Duration after, std::function<void()> action) {
  events_.push_back(Event{now_ + after, events_added_++, std::move(action)});
  std::push_heap(events_.begin(), events_.end(), Later{});
}

void FaultWorld::run_for(Duration duration) {
  const Duration end = now_ + duration;
  while (!events_.empty() && events_.front().at <= end) {
    std::pop_heap(events_.begin(), events_.end(), Later{});
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.at;
    event.run();
  }
  now_ = end;
}

// The network.

void FaultWorld::set_weather(std::uint64_t slow_one_in, Duration slow_max) {
  slow_one_in_ = slow_one_in;
  slow_max_ = slow_max;
}

void FaultWorld::carry(std::size_t from, std::size_t to, std::function<void()> deliver) {
  if (is_cut(from, to)) return;
  Duration& last = last_arrival_[{from, to}];
  const Duration delay_max = rng_.chance(1, slow_one_in_) ? slow_max_ : options_.delay_max;
  last = std::max(last, now_ + 100us + below(delay_max));
  post(last - now_, [this, from, to, cut = cut_, deliver = std::move(deliver)]() mutable {
    if (cut == cut_ && !is_cut(from, to)) arrive(to, std::move(deliver));
  });
}

void FaultWorld::arrive(std::size_t to, std::function<void()> deliver) {
  if (!is_alive(to)) return;
  const Duration reads_at = peers_[to].paused_until + options_.resume_delay;
  if (reads_at <= now_) return deliver();
  post(reads_at - now_,
       [this, to, deliver = std::move(deliver)]() mutable { arrive(to, std::move(deliver)); });
}

// Faults.

void FaultWorld::heal() {
  healed_ = true;
  cuts_.clear();
  ++cut_;
  last_arrival_.clear();
  set_weather(50, options_.slow_max_after_faults);
  for (Peer& each : peers_) each.paused_until = now_;
  for (std::size_t peer = 0; peer < peers_.size(); ++peer) set_clock(peer, 0);
}

void FaultWorld::isolate(std::size_t peer) { cuts_.merge(ways_of(peer)); }

void FaultWorld::pause(std::size_t peer, Duration lasts) {
  peers_[peer].paused_from = now_;
  peers_[peer].paused_until = now_ + lasts;
}

std::set<FaultWorld::Way> FaultWorld::ways_of(std::size_t peer) const {
  std::set<Way> ways;
  for (std::size_t other = 0; other < peers_.size(); ++other) {
    ways.insert({peer, other});
    ways.insert({other, peer});
  }
  return ways;
}

void FaultWorld::fault(Duration lasts_max) {
  if (healed_) return;
  const std::size_t victim = rng_.below(peers_.size());
  const Duration lasts = below(lasts_max);
  const std::uint64_t dice = rng_.below(6);
  if (dice == 0) {
    if (!is_alive(victim) || !may_crash(victim) || peers_.size() >= options_.peers_max) return;
    crash(victim);
    replace(victim);
  } else if (dice == 1) {
    pause(victim, lasts);
  } else if (dice == 2) {
    ++cut_;
  } else {
    cut_some(dice, victim, lasts);
  }
}

// Some ways, all between two sides, or all to and from one peer.
void FaultWorld::cut_some(std::uint64_t dice, std::size_t victim, Duration lasts) {
  std::set<Way> cuts;
  const std::uint64_t side = rng_.next();
  for (std::size_t a = 0; a < peers_.size(); ++a) {
    for (std::size_t b = 0; b < peers_.size(); ++b) {
      const bool split = (side >> a & 1) != (side >> b & 1);
      const bool one_way = rng_.chance(1, 6);
      if (dice == 3 ? one_way : dice == 4 ? split : (a == victim) != (b == victim)) {
        cuts.insert({a, b});
      }
    }
  }
  cut_for(cuts, lasts);
}

void FaultWorld::cut_for(const std::set<Way>& cuts, Duration lasts) {
  cuts_.insert(cuts.begin(), cuts.end());
  post(lasts, [this, cuts] {
    for (const auto& each : cuts) cuts_.erase(each);
  });
}

std::string text_of(const std::vector<std::string>& violations) {
  std::string text;
  for (const std::string& each : violations) text += each + "\n";
  return text;
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

}  // namespace hopring
