#pragma once

// Many whole peers and clients in one process, under virtual time: the same cores that run behind
// sockets, on a network that is a queue of events. One seed decides everything.
//
// The network: connections are dialled (a hello, as on a socket), deliver in order and once, until
// they are cut; messages of different connections overtake each other; what is under way when a
// connection is cut is lost, but what its dialler has sent before it left it arrives. A process
// that is gone refuses dials at its address; one that wakes looks at its timers, its clients'
// requests and all else in any order.
//
// Public: users run rings inside their own tests with it. Thread rule: one thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.hpp"
#include "client/core/op_machine.hpp"
#include "peer/core/peer.hpp"
#include "sim/event_queue.hpp"
#include "sim/trace.hpp"

namespace hopring::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  RingConfig ring;  // ring_id and hash_key are drawn from the seed
  Limits limits;
  ClientLimits client_limits;
  std::uint64_t memory_bytes_max = 0;           // of each peer; 0: no limit
  bool evicts = false;                          // at that limit, else it refuses writes
  std::uint64_t copy_rate = copy_rate_default;  // of each peer
  std::size_t block_bytes = 4096;               // small, so that many peers fit into one process
  std::chrono::microseconds latency_min{100};   // one way
  std::chrono::microseconds latency_max{1000};
  std::uint32_t shards = 0;  // of each peer; 0: one, two and three in turn
  // Commands and news between the front and the shards of a peer that has several.
  std::chrono::microseconds shard_delay_max{200};
  // Clocks: each goes wrong by so many millionths of the time that passes, and each wall clock is
  // off by so much, at most, either way.
  std::uint64_t clock_drift_ppm_max = 0;
  std::chrono::milliseconds wall_skew_max{0};
  bool print_log = false;             // the peers' log lines, to stderr
  PlantedBug bug = PlantedBug::none;  // in every peer, for tests of the judges
};

// How bad the network and the machines are. The defaults: as good as WorldOptions says.
struct Weather {
  std::uint64_t slow_one_in = 0;  // of what is sent one in so many is delayed by up to slow_max
  Duration slow_max{};
  std::uint64_t stall_one_in = 0;  // after one input in so many a process sleeps, up to stall_max,
  Duration stall_max{};            // before the effects leave it
  // Of what peers answer to clients one in so many is lost, and the connection with it; one request
  // in so many loses its connection when it has been read. Half of those who leave a connection
  // take with them what is under way on it.
  std::uint64_t break_one_in = 0;
};

// What peers have sent to bring arcs to others.
struct CopyTraffic {
  std::uint64_t copies = 0;  // offered, of one arc each
  std::uint64_t bytes = 0;   // of keys and values in chunks

  friend bool operator==(const CopyTraffic&, const CopyTraffic&) = default;
};

using ProcessId = std::uint32_t;  // a peer or a client; never used twice

class World {
 public:
  explicit World(const WorldOptions& options);
  ~World();

  Now now() const;
  // As that process reads its clock.
  Now clock(ProcessId process) const;

  // Starts a peer at a new address, or at a given one that is free. Without contacts it creates a
  // ring. `weight`: its relative memory.
  ProcessId start_peer(std::vector<Endpoint> contacts);
  ProcessId start_peer_at(const Endpoint& endpoint, std::vector<Endpoint> contacts);
  // kill -9: its connections break, its port refuses.
  void crash(ProcessId peer);
  // SIGTERM: it hands its arcs over and is gone when it has.
  void leave(ProcessId peer);
  // Breaks the connections that `from` has dialled to `to`, if there are any. It may dial again.
  void cut(ProcessId from, ProcessId to);
  // SIGSTOP, and SIGCONT when the time is over: it accepts connections, and hears nothing.
  void pause(ProcessId process, Duration lasts);
  // Its monotonic clock stands still, and so do its timers. It works on.
  void stop_clock(ProcessId process, Duration lasts);
  // Silence: from now on nothing that `from` has sent reaches `to`, nor is anything acknowledged
  // that way. Systems send again what is not acknowledged, after pauses that double, and nothing
  // else meanwhile: so what is held up arrives some time after the way is open again, unless the
  // connection has ended. Between peers it ends after link_silence_max, which the dialler hears.
  // Peers' dials end by their timeout; clients leave theirs. Ways may be blocked several times, and
  // are then opened as often.
  void block(ProcessId from, ProcessId to);
  void open(ProcessId from, ProcessId to);
  void set_weather(const Weather& weather) { weather_ = weather; }
  // Opens all ways and makes the weather fine. Pauses end when they end.
  void heal();

  bool is_alive(ProcessId process) const;
  // Has printed its `ready` line, and has not been told to leave.
  bool is_ready(ProcessId peer) const;
  const std::string& failure(ProcessId peer) const;  // why it gave up; empty if it did not
  const std::optional<Left>& left(ProcessId peer) const;
  const Endpoint& endpoint(ProcessId process) const;
  const Peer& peer(ProcessId process) const;
  std::vector<ProcessId> alive_peers() const;
  std::vector<ProcessId> ready_peers() const;
  bool all_ready() const;  // of the peers that are alive

  // A client that knows `contacts`.
  ProcessId start_client(const std::vector<Endpoint>& contacts);
  OpMachine& client(ProcessId client);
  // Called with whatever the client's operations end in.
  void on_finish(ProcessId client, std::function<void(Finish&&)> handler);
  // After a start...() on client(): sends what it wants sent.
  void perform(ProcessId client);

  // Runs one event; false if there is none.
  bool step();
  void run_until(Time time);
  void run_for(Duration duration) { run_until(now().monotonic + duration); }
  // Runs until the condition holds, looking after every event; false if `timeout` passes first.
  bool run_until_true(Duration timeout, const std::function<bool()>& condition);
  // Calls `action` at a time to come.
  void at(Time time, std::function<void()> action);

  std::uint64_t trace_hash() const { return trace_.hash(); }
  std::uint64_t messages_between_peers() const { return peer_messages_; }
  const CopyTraffic& copy_traffic() const { return copy_traffic_; }
  Rng& rng() { return rng_; }
  const RingConfig& ring_config() const { return options_.ring; }
  PlantedBug bug() const { return options_.bug; }

 private:
  using Way = std::pair<ProcessId, ProcessId>;  // from, to
  using LinkId = std::uint64_t;  // never used twice; the lower half is the index in links_
  struct Process;
  struct Flow;
  struct Link;

  struct Timer {
    ProcessId process;
  };
  struct DialArrives {
    LinkId link;
  };
  struct DialEnds {
    LinkId link;
    HelloAnswer answer;
    bool refused = false;
  };
  struct PeerMessageArrives {
    LinkId link;
    PeerMessage message;
  };
  struct RequestArrives {
    LinkId link;
    RequestId id;
    ClientRequestMessage message;
  };
  struct ReplyArrives {
    LinkId link;
    RequestId id;
    ClientReplyMessage message;
  };
  struct Resume {
    ProcessId process;
  };
  struct DialTimesOut {
    LinkId link;
  };
  struct LinkSilent {
    LinkId link;
    Time since;
  };
  struct LinkEnds {  // behind all that was sent on it
    LinkId link;
  };
  struct LinkLost {
    ProcessId from;
    PeerRef asked;                // as it was dialled
    PeerRef actual;               // who had answered, if anybody had
    std::optional<ProcessId> to;  // the process
  };
  struct Action {
    std::function<void()> run;
  };
  using Event =
      std::variant<Timer, DialArrives, DialEnds, PeerMessageArrives, RequestArrives, ReplyArrives,
                   Resume, DialTimesOut, LinkLost, Action, LinkSilent, LinkEnds>;
  struct Held {
    Time since;
    Event event;
  };

  void handle(Timer&& event);
  void handle(DialArrives&& event);
  void handle(DialEnds&& event);
  void handle(PeerMessageArrives&& event);
  void handle(RequestArrives&& event);
  void take(Now now, const Link& link, RequestArrives&& event);
  void handle(ReplyArrives&& event);
  void handle(Resume&& event);
  void handle(DialTimesOut&& event);
  void handle(LinkLost&& event);
  void handle(LinkSilent&& event);
  void handle(LinkEnds&& event) { close(event.link, false); }
  void handle(Action&& event) { event.run(); }

  Process& process(ProcessId id) { return *processes_[id]; }
  const Process& process(ProcessId id) const { return *processes_[id]; }
  RingConfig new_ring();
  Process* alive_at(const Endpoint& endpoint);
  Link* find(LinkId id);
  Link* find_link(ProcessId from, const PeerRef& to, Lane lane = Lane::control);
  Link& dial(ProcessId from, const PeerRef& to, Lane lane = Lane::control);
  void close(LinkId id, bool tell_dialler);
  void leave_link(LinkId id);
  void forget_dialled(const Link& link);
  void end(ProcessId process);
  void end_dial(Link& link, Unreachable why);
  void end_dial_of_client(Link& link, const RingConfig& ring);
  Time arrival(const Process& from, Time& last);
  void draw_clock(Process& fresh);
  Duration passed_of(const Process& process) const;
  Now clock_of(const Process& process) const;
  Time time_of(const Process& process, Time read) const;
  void stall(Process& process);
  std::optional<Way> way_of(const Event& event);
  std::optional<ProcessId> hearer_of(const Event& event);
  bool hold_back(Event& event);
  void take_requests_early(Process& woken);
  bool is_of_client(const Event& event);
  void shuffle_unread(Process& woken);
  std::pair<Link*, Flow*> flow_of(const Event& event);
  bool hold_up(Event& event);
  bool hold_up_dial(Event& event, const Way& way);
  void go_on(Link& link);
  void perform(ProcessId peer, Outbox& out);
  void perform(Process& from, SendPeer& effect);
  void perform(SendReply& effect);
  void wake(ProcessId process);
  void prefetch_next();

  WorldOptions options_;
  Rng rng_;
  Trace trace_;
  Time time_{};
  EventQueue<Event> events_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::map<Endpoint, ProcessId> at_;
  std::deque<Link> links_;                 // id 0: free
  std::vector<std::uint32_t> free_links_;  // indices in links_
  std::uint64_t links_dialled_ = 0;
  std::uint32_t rings_ = 0;
  Weather weather_;
  bool has_pauses_ = false;  // there may be one
  std::map<Way, std::uint32_t> blocked_;
  std::map<Way, std::vector<Held>> held_;  // what waits for its way to open
  Time stalls_until_{};  // some connections have not gone on before, since their ways have opened
  std::uint64_t peer_messages_ = 0;
  CopyTraffic copy_traffic_;
};

}  // namespace hopring::sim
