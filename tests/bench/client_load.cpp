#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <numeric>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "client/map.hpp"
#include "tests/bench/net_load.hpp"
#include "tests/bench/pace.hpp"

namespace hopring::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t fill_batch = 1000;
// Of one map in an open loop: more are late, and are counted as late.
constexpr unsigned outstanding_max = 2000;

Map open(const NetOptions& options) {
  MapOptions chosen;
  chosen.contacts = options.contacts;
  return Map::open(chosen).value();
}

// All of it but start(), ask(), stop() and wait() runs in the thread of its map.
class Client {
 public:
  Client(const NetOptions& options, std::uint64_t seed)
      : options_(options),
        draws_(options, seed),
        value_(options.value_bytes, 'v'),
        map_(open(options)) {}

  void start() {
    if (options_.is_open_loop()) return;
    outstanding_ = options_.pipeline;
    for (unsigned i = 0; i < options_.pipeline; ++i) next(Clock::now());
  }
  // Of an open loop: one request that was due `then`. False: too many are under way.
  bool ask(Clock::time_point then) {
    if (outstanding_ >= outstanding_max) return false;
    ++outstanding_;
    next(then);
    return true;
  }
  void stop() {
    stops_ = true;
    if (options_.is_open_loop() && outstanding_ == 0) end();
  }
  void wait() { ended_.get_future().wait(); }

  ClientFigures asked() const { return map_.figures(); }
  std::uint64_t done() const { return done_; }
  const NetFigures& figures() const { return figures_; }

 private:
  void next(Clock::time_point then) {
    const bool is_get = draws_.is_get();
    if (options_.batch > 1) return next_batch(then, is_get);
    const NetKey key = draws_.key();
    if (is_get) {
      map_.async_get<Value>(key.view(), [this, then](auto&& result) {
        note(then, result);
        go_on();
      });
    } else {
      map_.async_put(key.view(), value_, [this, then](auto&& result) {
        note(then, result);
        go_on();
      });
    }
  }

  void next_batch(Clock::time_point then, bool is_get) {
    const auto answer = [this, then](auto&& results) {
      for (const auto& each : results) note(then, each);
      go_on();
    };
    if (is_get) {
      std::vector<std::string> keys;
      for (unsigned i = 0; i < options_.batch; ++i) keys.emplace_back(draws_.key().view());
      map_.async_get_many<Value>(keys, answer);
    } else {
      std::vector<std::pair<std::string, std::string>> records;
      for (unsigned i = 0; i < options_.batch; ++i) {
        records.emplace_back(draws_.key().view(), value_);
      }
      map_.async_put_many(records, answer);
    }
  }

  template <class T>
  void note(Clock::time_point then, const Result<T>& result) {
    if (!result) {
      if (figures_.errors++ == 0) figures_.first_error = result.error().text;
      return;
    }
    if constexpr (!std::is_void_v<T>) figures_.misses += result.value() ? 0 : 1;
    figures_.latencies.add(Clock::now() - then);
    ++done_;
  }

  void go_on() {
    if (!stops_ && !options_.is_open_loop()) return next(Clock::now());
    if (--outstanding_ == 0 && stops_) end();
  }

  void end() {
    if (!has_ended_.exchange(true)) ended_.set_value();
  }

  const NetOptions& options_;
  Draws draws_;
  std::string value_;
  NetFigures figures_;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<unsigned> outstanding_ = 0;
  std::atomic<bool> stops_ = false;
  std::atomic<bool> has_ended_ = false;
  std::promise<void> ended_;
  Map map_;  // the last one: it ends its thread before the others go
};

using Clients = std::vector<std::unique_ptr<Client>>;

// Until the time is over, and all that was due by then has been asked; closed loops go on by
// themselves meanwhile.
void drive(const NetOptions& options, const Clients& clients) {
  Pace pace(options);
  std::size_t turn = 0;
  for (bool is_over = false; !is_over;) {
    is_over = pace.is_over();
    std::uint64_t done = 0;
    for (const auto& each : clients) done += each->done();
    pace.say(done);
    while (pace.is_due() && clients[turn]->ask(pace.due())) {
      pace.next();
      turn = (turn + 1) % clients.size();
    }
    if (!options.is_open_loop()) std::this_thread::sleep_until(pace.next_look());
  }
}

}  // namespace

void fill_by_client(const NetOptions& options) {
  Map map = open(options);
  const std::string value(options.value_bytes, 'v');
  for (std::uint64_t first = 0; first < options.keys; first += fill_batch) {
    std::vector<std::pair<std::string, std::string>> records;
    for (std::uint64_t i = first; i < std::min(first + fill_batch, options.keys); ++i) {
      records.emplace_back(NetKey(i).view(), value);
    }
    for (const Result<void>& each : map.put_many(records)) each.value();
  }
}

NetFigures load_by_client(const NetOptions& options) {
  Clients clients;
  for (unsigned i = 0; i < options.clients; ++i) {
    clients.push_back(std::make_unique<Client>(options, i + 1));
  }
  const Clock::time_point start = Clock::now();
  for (const auto& each : clients) each->start();
  drive(options, clients);
  for (const auto& each : clients) each->stop();
  for (const auto& each : clients) each->wait();
  NetFigures figures;
  figures.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::uint64_t answered = 0;
  std::uint64_t one_hop = 0;
  for (const auto& each : clients) {
    const auto by_hops = each->asked().by_hops;
    answered = std::accumulate(by_hops.begin(), by_hops.end(), answered);
    one_hop += by_hops[0];
    const NetFigures& part = each->figures();
    figures.latencies.add_all(part.latencies);
    figures.misses += part.misses;
    if (figures.errors == 0) figures.first_error = part.first_error;
    figures.errors += part.errors;
  }
  if (answered > 0) {
    figures.one_hop_share = static_cast<double>(one_hop) / static_cast<double>(answered);
  }
  return figures;
}

}  // namespace hopring::bench
