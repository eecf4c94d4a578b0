#include "sim/scanner.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace hopring::sim {

std::vector<ScanFault> judge_scan(const Seen& seen, const std::vector<std::string>& keys,
                                  const std::function<Presence(const std::string&)>& presence) {
  std::vector<ScanFault> faults;
  const auto judge = [&](const std::string& key, int times) {
    const Presence how = presence(key);
    const bool is_wrong = (how == Presence::stayed && times != 1) ||
                          (how == Presence::absent && times != 0) || times > 1;
    if (!is_wrong) return;
    faults.push_back({key, "a scan returned " + std::to_string(times) + " times " +
                               (how == Presence::stayed   ? "what stayed"
                                : how == Presence::absent ? "what was not there"
                                                          : "what came or went")});
  };
  for (const std::string& key : keys) {
    if (!seen.contains(key)) judge(key, 0);
  }
  const std::set<std::pair<std::string, int>> sorted(seen.begin(), seen.end());
  for (const auto& [key, times] : sorted) judge(key, times);
  return faults;
}

Scanner::Scanner(World& world, Rng& rng, Options options, const std::vector<Endpoint>& contacts)
    : world_(world),
      rng_(rng),
      options_(std::move(options)),
      process_(world.start_client(contacts)) {
  world_.on_finish(process_,
                   [this](Finish&& finish) { on_step(std::get<ScanResult>(finish.result)); });
}

void Scanner::start() {
  is_running_ = true;
  begin();
}

void Scanner::begin() {
  if (!is_running_) return;
  is_busy_ = true;
  cursor_ = ScanCursor{};
  seen_.clear();
  options_.on_begun();
  ask();
}

void Scanner::on_step(const ScanResult& result) {
  if (!is_running_) {
    is_busy_ = false;
    return;
  }
  if (!result.error) {
    for (const Record& record : result.step.records) ++seen_[record.key];
    if (!result.step.next) {
      is_busy_ = false;
      options_.on_ended(seen_);
      world_.at(world_.now().monotonic + options_.pause, [this] { begin(); });
      return;
    }
    cursor_ = *result.step.next;
  }
  ask();
}

void Scanner::ask() {
  Scan scan;
  scan.cursor = cursor_;
  scan.records_max = static_cast<std::uint32_t>(1 + rng_.below(options_.records_max));
  const Now read = world_.clock(process_);
  world_.client(process_).start_scan_step(read, Token{++token_}, scan,
                                          read.monotonic + options_.deadline);
  world_.perform(process_);
}

// What a key is known to be.

void KeyWatch::on_called(Effect effect) {
  if (effect != Effect::makes_absent) {
    ++creating_.open;
    absent_since_.reset();
  }
  if (effect != Effect::makes_present) {
    ++erasing_.open;
    present_since_.reset();
  }
}

void KeyWatch::on_ended(Effect effect, Duration called, Duration now, bool happened, bool is_over) {
  if (!is_over) return;
  if (effect != Effect::makes_absent) {
    --creating_.open;
    creating_.last_end = now;
  }
  if (effect != Effect::makes_present) {
    --erasing_.open;
    erasing_.last_end = now;
  }
  if (!happened) return;
  const auto is_alone = [&](const Calls& others) {
    return others.open == 0 && others.last_end <= called;
  };
  if (effect == Effect::makes_present && is_alone(erasing_) && !present_since_) {
    present_since_ = now;
  }
  if (effect == Effect::makes_absent && is_alone(creating_) && !absent_since_) {
    absent_since_ = now;
  }
}

Presence KeyWatch::since(Duration begin) const {
  if (present_since_ && *present_since_ <= begin) return Presence::stayed;
  if (absent_since_ && *absent_since_ <= begin) return Presence::absent;
  return Presence::unknown;
}

}  // namespace hopring::sim
