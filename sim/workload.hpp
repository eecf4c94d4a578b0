#pragma once

// Clients that put, get, erase, compare-and-set and scan while the ring changes, and the model that
// says what each answer must be. Every key belongs to one client, which has one operation on its
// way at a time, so each answer is either right or wrong; a key whose write ended without a known
// outcome is not judged any more.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/scanner.hpp"
#include "sim/world.hpp"

namespace hopring::sim {

struct WorkloadOptions {
  std::uint32_t clients = 4;
  std::uint32_t keys_per_client = 100;
  std::uint32_t value_bytes_max = 100;
  std::chrono::milliseconds pause_max{5};        // between two operations of a client
  std::chrono::milliseconds deadline{5000};      // of an operation
  std::chrono::milliseconds put_wait_max{1000};  // longer is a violation
  std::chrono::milliseconds scan_pause{200};     // between two scans of the whole ring
};

struct WorkloadFigures {
  std::uint64_t operations = 0;  // ended
  std::uint64_t writes_acknowledged = 0;
  std::uint64_t writes_during_moves = 0;  // acknowledged while their arc was on its way
  std::uint64_t indefinite = 0;           // outcome unknown
  std::uint64_t refused = 0;              // definite errors
  std::uint64_t scans = 0;                // of the whole ring, ended
  std::uint64_t keys_lost = 0;            // on crashed peers
  Duration put_wait_max{};
};

class Workload {
 public:
  // Clients know `contacts`. REQUIRES: the world outlives this.
  Workload(World& world, WorkloadOptions options, const std::vector<Endpoint>& contacts);
  ~Workload();

  void start();
  // No new operations; those on their way end.
  void stop();
  bool is_idle() const;

  // To be called before World::crash(): what only that peer holds is lost, and no longer expected.
  void on_crash(ProcessId peer);

  // Reads every key once more, through `contact`, and compares. Runs the world until it is done.
  void verify_all(const Endpoint& contact);

  const WorkloadFigures& figures() const { return figures_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Key {
    std::optional<std::string> value;  // nullopt: absent
    bool judged = true;                // false: a write's outcome is not known
    bool in_flight = false;            // a write is under way
    std::uint64_t stays_since = 0;     // present, without a break, since this step
  };
  struct Client;

  void next_operation(Client& client);
  void start_operation(Client& client);
  void on_finish(Client& client, const OpResult& result);
  void judge(Client& client, const OpResult& result);
  bool is_moving(const std::string& key) const;
  void judge(const Seen& seen);
  void violation(std::string text);
  std::string named(const std::string& key) const;  // with its position, and when
  std::string random_value();

  World& world_;
  WorkloadOptions options_;
  Rng rng_;
  std::unordered_map<std::string, Key> keys_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::unique_ptr<Scanner> scanner_;
  std::uint64_t scan_began_ = 0;  // at which of the steps
  bool running_ = false;
  std::uint64_t steps_ = 0;  // counts starts and ends of writes: the model's clock
  std::uint64_t values_made_ = 0;
  WorkloadFigures figures_;
  std::vector<std::string> violations_;
};

}  // namespace hopring::sim
