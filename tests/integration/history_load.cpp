// hopring-history: puts load on a ring of processes, records what its clients see, and judges that
// by hopring::sim::HistoryChecker. Whoever runs it kills, pauses and cuts meanwhile.
//
// Each client is a thread with a map, and so connections, of its own. Keys change every epoch, so
// that no history becomes long; at the end every key that was ever used is read once more. Nobody
// may have used them before: another run on the same ring takes another seed.

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "client/map.hpp"
#include "sim/history_checker.hpp"

namespace hopring {
namespace {

using Clock = std::chrono::steady_clock;
using sim::HistoryEntry;

struct Options {
  std::vector<std::string> contacts;
  unsigned clients = 8;
  unsigned keys = 40;  // of one epoch
  unsigned seconds = 10;
  unsigned rate = 250;    // operations a second of each client, at most
  unsigned percent = 60;  // of operations that are gets
  std::uint64_t seed = 1;
};

constexpr std::chrono::seconds epoch{10};
constexpr std::chrono::seconds call_timeout{15};
// Less than this is no proof of anything.
constexpr double success_least = 0.5;

struct Figures {
  std::uint64_t operations = 0;
  std::uint64_t done = 0;
  std::uint64_t refused = 0;  // for certain
  std::uint64_t unknown = 0;
  Duration longest{};  // however it ended

  void add(const Figures& other) {
    operations += other.operations;
    done += other.done;
    refused += other.refused;
    unknown += other.unknown;
    longest = std::max(longest, other.longest);
  }
};

// What a result says, for the judge.
OpResult seen(Outcome outcome, std::optional<Value> value = {}) {
  return {std::nullopt, outcome, std::move(value), 0};
}

class Client {
 public:
  Client(const Options& options, unsigned number, Clock::time_point start)
      : options_(options),
        number_(number),
        start_(start),
        rng_(options.seed * 1000 + number),
        map_(Map::open({options.contacts, call_timeout}).value()) {}

  void run() {
    const auto end = start_ + std::chrono::seconds(options_.seconds);
    const auto pause = std::chrono::nanoseconds(1'000'000'000 / options_.rate);
    for (auto next = Clock::now(); next < end; next += rng_.jittered(pause)) {
      std::this_thread::sleep_until(next);
      one();
    }
  }

  // Every key of every epoch, those whose number leaves this client's as a remainder.
  void read_all() {
    for (unsigned round = 0; round <= options_.seconds / epoch.count(); ++round) {
      for (unsigned i = number_; i < options_.keys; i += options_.clients) {
        get(key_of(round, i));
      }
    }
  }

  std::vector<HistoryEntry>& history() { return history_; }
  const Figures& figures() const { return figures_; }

 private:
  std::string key_of(long round, std::uint64_t i) const {
    return "history-" + std::to_string(options_.seed) + "-" + std::to_string(round) + "-" +
           std::to_string(i);
  }
  std::string new_value() { return std::to_string(number_) + "." + std::to_string(++last_value_); }

  void one() {
    const auto round = (Clock::now() - start_) / epoch;
    const std::uint64_t i = rng_.below(options_.keys);
    const std::string key = key_of(round, i);
    if (rng_.chance(options_.percent, 100)) return get(key);
    if (i % 4 == 0) return add(key);  // of these nothing but integers
    switch (rng_.below(6)) {
      case 0:
        return erase(key);
      case 1:
        return put(key, PutCondition::if_absent);
      case 2:
        return put(key, PutCondition::if_present);
      case 3:
        return compare_and_set(key);
      default:
        return put(key, PutCondition::always);
    }
  }

  // `read(R&)`: what the judge should know of a result without error.
  template <class Call, class Read>
  void record(Operation operation, Call&& call, Read&& read) {
    HistoryEntry entry;
    entry.operation = std::move(operation);
    entry.called = Clock::now() - start_;
    auto result = call();
    const Duration returned = Clock::now() - start_;
    ++figures_.operations;
    figures_.longest = std::max(figures_.longest, returned - entry.called);
    if (result.has_value()) {
      ++figures_.done;
      entry.returned = returned;
      entry.result = read(result);
    } else if (is_definite(result.error())) {
      ++figures_.refused;
      return;
    } else {
      ++figures_.unknown;
    }
    history_.push_back(std::move(entry));
  }

  void get(const std::string& key) {
    record(
        Get{key}, [&] { return map_.get<Value>(key); },
        [&](const Result<std::optional<Value>>& result) {
          if (!*result) return seen(Outcome::not_found);
          known_ = (*result)->bytes;
          return seen(Outcome::done, **result);
        });
  }

  void put(const std::string& key, PutCondition condition) {
    const std::string value = new_value();
    const Put operation{key, Value{ValueType::string, value}, {}, condition};
    if (condition == PutCondition::always) {
      return record(
          operation, [&] { return map_.put(key, value); },
          [](const Result<void>&) { return seen(Outcome::done); });
    }
    const bool inserts = condition == PutCondition::if_absent;
    record(
        operation, [&] { return inserts ? map_.insert(key, value) : map_.replace(key, value); },
        [&](const Result<bool>& result) {
          const Outcome otherwise = inserts ? Outcome::exists : Outcome::not_found;
          return seen(*result ? Outcome::done : otherwise);
        });
  }

  void erase(const std::string& key) {
    record(
        Erase{key}, [&] { return map_.erase(key); },
        [](const Result<bool>& result) {
          return seen(*result ? Outcome::done : Outcome::not_found);
        });
  }

  // From what was seen last, of any key: it fits at times.
  void compare_and_set(const std::string& key) {
    if (const auto now = map_.get<Value>(key); now && *now) known_ = (*now)->bytes;
    const std::string expected = known_;
    const std::string desired = new_value();
    record(
        CompareAndSet{key, Value{ValueType::string, expected}, Value{ValueType::string, desired}},
        [&] { return map_.compare_and_set(key, expected, desired); },
        [](const Result<CompareAndSetResult>& result) {
          return seen(result->outcome, result->actual);
        });
  }

  void add(const std::string& key) {
    const auto delta = static_cast<std::int64_t>(1 + rng_.below(1000));
    record(
        Add{key, delta}, [&] { return map_.add(key, delta); },
        [](const Result<std::int64_t>& result) {
          return seen(Outcome::done, Value{ValueType::integer, encode_integer(*result)});
        });
  }

  const Options& options_;
  unsigned number_;
  Clock::time_point start_;
  Rng rng_;
  Map map_;
  std::uint64_t last_value_ = 0;
  std::string known_;
  std::vector<HistoryEntry> history_;
  Figures figures_;
};

template <class Work>
void in_threads(std::vector<std::unique_ptr<Client>>& clients, Work work) {
  std::vector<std::thread> threads;
  threads.reserve(clients.size());
  for (const auto& client : clients) threads.emplace_back([&] { work(*client); });
  for (std::thread& thread : threads) thread.join();
}

int judge(const std::vector<std::unique_ptr<Client>>& clients) {
  sim::HistoryChecker checker;
  Figures figures;
  for (const auto& client : clients) {
    figures.add(client->figures());
    for (HistoryEntry& each : client->history()) checker.add(std::move(each));
  }
  const auto verdict = checker.check();
  for (const std::string& each : verdict.violations) std::cout << each << '\n';
  std::cout << "keys " << verdict.keys << ", violations " << verdict.violations.size()
            << ", undecided " << verdict.undecided << "\noperations " << figures.operations
            << ", done " << figures.done << ", refused " << figures.refused << ", unknown "
            << figures.unknown << "\nlongest wait "
            << std::chrono::duration_cast<std::chrono::milliseconds>(figures.longest).count()
            << " ms\n";
  if (!verdict.violations.empty() || verdict.undecided > 0) return 1;
  const double success = success_least * static_cast<double>(figures.operations);
  if (static_cast<double>(figures.done) >= success && figures.done > 0) return 0;
  std::cout << "void: too few operations were done\n";
  return 3;
}

// A negative number reads as one that is too large.
void check(const Options& options) {
  struct Bound {
    const char* name;
    unsigned given;
    unsigned least;
    unsigned most;
  };
  for (const Bound& each :
       {Bound{"clients", options.clients, 1, 256}, Bound{"keys", options.keys, 1, 1'000'000},
        Bound{"seconds", options.seconds, 1, 86'400}, Bound{"rate", options.rate, 1, 100'000},
        Bound{"reads", options.percent, 0, 100}}) {
    if (each.least <= each.given && each.given <= each.most) continue;
    throw std::invalid_argument(std::string("--") + each.name + " takes " +
                                std::to_string(each.least) + " to " + std::to_string(each.most));
  }
}

int run(const Options& options) {
  const Clock::time_point start = Clock::now();
  std::vector<std::unique_ptr<Client>> clients;
  for (unsigned i = 0; i < options.clients; ++i) {
    clients.push_back(std::make_unique<Client>(options, i, start));
  }
  in_threads(clients, [](Client& client) { client.run(); });
  in_threads(clients, [](Client& client) { client.read_all(); });
  return judge(clients);
}

}  // namespace
}  // namespace hopring

int main(int count, char** words) {
  hopring::Options options;
  namespace po = boost::program_options;
  po::options_description known("options");
  known.add_options()("help", "this text")                                                      //
      ("at", po::value(&options.contacts)->required(), "HOST:PORT of a peer; may be repeated")  //
      ("clients", po::value(&options.clients), "threads, 8 by default")                         //
      ("keys", po::value(&options.keys), "in use at a time, 40 by default")                     //
      ("seconds", po::value(&options.seconds), "10 by default")                                 //
      ("rate", po::value(&options.rate), "operations a second of each client, 250 by default")  //
      ("reads", po::value(&options.percent), "percent of gets, 60 by default")                  //
      ("seed", po::value(&options.seed),
       "of what the clients do, and of their keys: one that this ring has not had before");
  try {
    po::variables_map given;
    po::store(po::parse_command_line(count, words, known), given);
    if (given.contains("help")) {
      std::cout << "usage: hopring-history --at HOST:PORT ...\nExit code: 0 linearizable, 1 not, 2 "
                   "usage, 3 void\n"
                << known;
      return 0;
    }
    po::notify(given);
    hopring::check(options);
    return hopring::run(options);
  } catch (const std::exception& error) {
    std::cerr << "hopring-history: " << error.what() << '\n';
    return 2;
  }
}
