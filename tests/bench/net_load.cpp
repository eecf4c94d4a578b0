#include "tests/bench/net_load.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <thread>

#include "base/rng.hpp"
#include "client/map.hpp"

namespace hopring::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t fill_batch = 1000;

std::string key_of(std::uint64_t number) {
  char text[25];
  std::snprintf(text, sizeof text, "key:%020llu", static_cast<unsigned long long>(number));
  return text;
}

Map open(const NetOptions& options) {
  MapOptions chosen;
  chosen.contacts = options.contacts;
  return Map::open(chosen).value();
}

// All of it but stop() runs in the thread of its map.
class Client {
 public:
  Client(const NetOptions& options, std::uint64_t seed)
      : options_(options), rng_(seed), value_(options.value_bytes, 'v'), map_(open(options)) {}

  void start() {
    open_ = options_.in_flight;
    for (unsigned i = 0; i < options_.in_flight; ++i) next();
  }
  void stop() { stops_ = true; }
  void wait() { ended_.get_future().wait(); }

  std::vector<float>& latencies_us() { return latencies_us_; }
  std::uint64_t errors() const { return errors_; }

 private:
  void next() {
    const std::string key = key_of(rng_.below(options_.keys));
    const Clock::time_point called = Clock::now();
    if (rng_.below(100) < options_.percent_of_gets) {
      map_.async_get<Value>(key, [this, called](auto&& result) { done(called, bool(result)); });
    } else {
      map_.async_put(key, value_, [this, called](auto&& result) { done(called, bool(result)); });
    }
  }

  void done(Clock::time_point called, bool is_good) {
    const std::chrono::duration<float, std::micro> took = Clock::now() - called;
    if (is_good) {
      latencies_us_.push_back(took.count());
    } else {
      ++errors_;
    }
    if (!stops_) return next();
    if (--open_ == 0) ended_.set_value();
  }

  const NetOptions& options_;
  Rng rng_;
  std::string value_;
  std::vector<float> latencies_us_;
  std::uint64_t errors_ = 0;
  std::atomic<unsigned> open_ = 0;
  std::atomic<bool> stops_ = false;
  std::promise<void> ended_;
  Map map_;  // the last one: it ends its thread before the others go
};

double at_part(const std::vector<float>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto last = static_cast<double>(sorted.size() - 1);
  return static_cast<double>(sorted[static_cast<std::size_t>(part * last)]);
}

}  // namespace

void fill(const NetOptions& options) {
  Map map = open(options);
  const std::string value(options.value_bytes, 'v');
  for (std::uint64_t first = 0; first < options.keys; first += fill_batch) {
    std::vector<std::pair<std::string, std::string>> records;
    for (std::uint64_t i = first; i < std::min(first + fill_batch, options.keys); ++i) {
      records.emplace_back(key_of(i), value);
    }
    for (const Result<void>& each : map.put_many(records)) each.value();
  }
}

NetFigures load(const NetOptions& options) {
  std::vector<std::unique_ptr<Client>> clients;
  for (unsigned i = 0; i < options.clients; ++i) {
    clients.push_back(std::make_unique<Client>(options, i + 1));
  }
  const Clock::time_point start = Clock::now();
  for (const auto& each : clients) each->start();
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  for (const auto& each : clients) each->stop();
  for (const auto& each : clients) each->wait();
  NetFigures figures;
  figures.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::vector<float> all;
  for (const auto& each : clients) {
    all.insert(all.end(), each->latencies_us().begin(), each->latencies_us().end());
    figures.errors += each->errors();
  }
  std::sort(all.begin(), all.end());
  figures.operations = all.size();
  figures.p50_us = at_part(all, 0.5);
  figures.p99_us = at_part(all, 0.99);
  figures.p999_us = at_part(all, 0.999);
  figures.longest_us = at_part(all, 1);
  return figures;
}

}  // namespace hopring::bench
