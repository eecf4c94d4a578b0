#pragma once

// The commands of a scenario (scenario.hpp), carried out on a World:
//
//   seeds COUNTS               the first command of each text: what it is played with
//   replicas COUNT             3 or 5; 3 if not said
//   nodes COUNT                of each peer; 8 if not said
//   peers COUNT                so many start: the first creates the ring, the others join it one
//                              after the other, 20 ms apart
//   join                       one more starts
//   leave PEER                 it begins to leave
//   crash PEERS                they are gone, at one moment
//   stop PEERS for TIME        as by SIGSTOP, and SIGCONT when the time is over
//   cut PEERS | PEERS          nothing passes between the two sides
//   silence PEERS -> PEERS     nothing passes that way
//   mend                       all ways are open
//   run TIME                   time passes
//   call NAMES the ROLES of KEY          the `primary`, or so many of the `members`, of the arc
//                              that holds the key; they have these names from now on. An arc
//                              that changes hands is waited for, three seconds at most
//   put KEY VALUE              by a client that knows all peers; prints `done`, or the error
//   put KEY VALUE at PEER within TIME    ... that knows this peer, and gives up after this time
//   get KEY at PEER within TIME          prints `KEY = VALUE`, `KEY is absent` or the error
//   fill COUNT keys            puts a value of its own to each, and says what came of them
//   read COUNT keys            gets each, and says of how many that is `right`
//   read COUNT keys at PEER    by a client that knows this peer alone
//   read COUNT keys at PEER within TIME  ... that gives each up after this time. Prints what comes
//                              of any: where arcs are lost `right` and `unavailable`
//   served within TIME         prints `served` once each position is served by one peer, or says
//                              what is wrong when the time is over
//   whole within TIME          the same of a ring that all peers serve, in which each arc has all
//                              its copies, these are equal and have applied the same, and none
//                              has no primary
//   repair within TIME         `hopring ring repair --accept-loss` looks twice a second: prints
//                              `repaired` once it has begun arcs anew and the ring is `whole`
//   copies stay at COUNT for TIME        prints `they stay`, if no arc has fewer members in any
//                              millisecond of that time
//   gone PEER within TIME      prints `gone` once it has left, with everything handed over
//
// In a list of peers `others` are all living ones that the command does not name otherwise.
//
// Thread rule: one thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/scenario.hpp"
#include "sim/scenario_text.hpp"
#include "sim/world.hpp"

namespace hopring::sim {

class ScenarioRing {
 public:
  // Of all commands, as for parse_scenario(). The first is `seeds`, the last is `whole`.
  static std::span<const std::string_view> usages();

  ScenarioRing(std::uint64_t seed, const ScenarioOptions& options);

  // Returns what it prints. Not to be called when something is wrong already.
  std::vector<std::string> play(const Command& command);

  // Why the last command cannot be carried out: a mistake in the text. Empty if it could.
  const std::string& refusal() const noexcept { return refusal_; }
  // What must never be, and was.
  const std::vector<std::string>& violations() const noexcept { return violations_; }
  bool has_silence() const noexcept { return is_silent_; }

 private:
  using Arguments = std::vector<Argument>;
  using Counts = std::map<std::string, std::size_t>;
  struct Entry;
  static std::span<const Entry> entries();

  void seeds(const Arguments& arguments);
  void replicas(const Arguments& arguments);
  void nodes(const Arguments& arguments);
  void peers(const Arguments& arguments);
  void join(const Arguments& arguments);
  void leave(const Arguments& arguments);
  void crash(const Arguments& arguments);
  void stop(const Arguments& arguments);
  void cut(const Arguments& arguments);
  void silence(const Arguments& arguments);
  void mend(const Arguments& arguments);
  void run(const Arguments& arguments);
  void call(const Arguments& arguments);
  void put(const Arguments& arguments);
  void put_at(const Arguments& arguments);
  void get_at(const Arguments& arguments);
  void fill(const Arguments& arguments);
  void read(const Arguments& arguments);
  void read_at(const Arguments& arguments);
  void read_within(const Arguments& arguments);
  void served(const Arguments& arguments);
  void whole(const Arguments& arguments);
  void repair(const Arguments& arguments);
  void copies_stay(const Arguments& arguments);
  void gone(const Arguments& arguments);

  void refuse(const std::string& why);
  const View* served_at(Position position) const;
  void print(std::string line) { printed_.push_back(std::move(line)); }
  void print(const Counts& counts);
  std::vector<ProcessId> alive(const Argument& argument);
  std::pair<std::vector<ProcessId>, std::vector<ProcessId>> two_sides(const Arguments& arguments);
  std::vector<ProcessId> all_but(const std::set<ProcessId>& some) const;
  void start(const std::vector<Endpoint>& contacts);
  void block(const std::vector<ProcessId>& from, const std::vector<ProcessId>& to);
  void look();
  void run_for(Duration time);
  // Looks every so often for what must never be.
  bool run_until(Duration timeout, const std::function<bool()>& condition,
                 Duration interval = std::chrono::milliseconds(10));
  std::vector<std::string> what_is_not_served() const;
  std::vector<std::string> what_is_not_whole() const;
  void tell_of(std::vector<std::string> faults, const std::string& what);
  void await(const std::string& what, Duration timeout,
             const std::function<std::vector<std::string>()>& faults);
  std::vector<Endpoint> alive_endpoints() const;
  void write(const Operation& put, const std::vector<Endpoint>& contacts, Duration deadline);
  Counts read_keys(std::uint64_t count, const std::vector<Endpoint>& contacts, Duration deadline);
  std::vector<OpResult> ask(const std::vector<Endpoint>& contacts,
                            const std::vector<Operation>& operations, Duration deadline);

  ScenarioOptions options_;
  WorldOptions world_options_;
  std::unique_ptr<World> world_;            // there are peers
  std::map<std::string, ProcessId> named_;  // by their numbers, and by their other names
  std::uint32_t started_ = 0;
  bool is_silent_ = false;
  std::vector<std::string> printed_;
  std::string refusal_;
  std::vector<std::string> violations_;
};

}  // namespace hopring::sim
