#pragma once

// One connection that speaks RESP: it takes requests out of what has been received, executes them,
// and writes the replies.
//
//     bytes --> Parser --> Command::begin --> Keyspace (at once, or on_finding() later)
//                                |                          |
//     out  <---- replies, in the order of the requests <----+
//
// Requests overlap: while one waits for its operations the next ones are begun. What a reader of
// replies sees is nevertheless one after another:
//   (1) replies leave in the order of their requests; one that is ready too early waits.
//   (2) a command begins only when no earlier one that is under way may change one of its keys, nor
//       has a key that it may change. Keys are told apart by a hash: a collision costs a wait.
//   (3) a command that changes the connection (HELLO, RESET, QUIT) or is about all keys (KEYS,
//       FLUSHALL) is alone under way.
// Where the next request may not begin, nothing more is taken (is_held()), until something is
// found.
//
// Bounds: commands_max under way, and of one command operations_max; none is begun while the
// replies that wait have more than waiting_bytes_mark, or those under way would, were their values
// as long as the last ones. So the most that can come at once is commands_max of the largest
// values, after short ones; before any, nine.
//
// Sans-IO. Thread rule: belongs to its connection's thread.

#include <array>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "peer/resp/command.hpp"
#include "peer/resp/keyspace.hpp"
#include "peer/resp/parser.hpp"

namespace hopring::resp {

// Of one connection, under way at once: as many requests as a native client's may wait for another
// thread (waiting_bytes_mark in peer/core/limits.hpp). More hides no more of a round trip.
inline constexpr std::size_t commands_max = 64;
// Of one command: each may take 30 times the memory of its bytes in a request. More is an error.
inline constexpr std::size_t keys_max = 65536;
// Of one command, at once: the rest of its keys is begun as these end.
inline constexpr std::size_t operations_max = 64;
// Bytes of replies that wait for an earlier one. Above it no command is begun.
inline constexpr std::size_t waiting_bytes_mark = std::size_t{1} << 20;
// What a value is taken for before one has been seen: else a connection that is new, and reads
// nothing, would have commands_max of the largest under way at once.
inline constexpr std::size_t value_bytes_at_first = waiting_bytes_mark / 8;
// Bytes of values that one command may gather (MGET); more is an error that says so.
inline constexpr std::size_t results_bytes_max = std::size_t{64} << 20;

class Session {
 public:
  // `number`: Call::connection. `client`: its id is among all connections of the peer. `self`: this
  // peer; it and `keyspace` outlive the session.
  Session(std::uint64_t number, Client client, const PeerRef& self, Keyspace& keyspace,
          const SessionOptions& options = {});
  Session(const Session&) = delete;
  ~Session();

  struct Taken {
    std::size_t bytes = 0;
    // What is left is the beginning of a request. Else there may be more: replies wait to be read,
    // or it is held.
    bool is_all = true;
  };
  // `bytes`: all that has been received and not taken. Replies are appended to `out`, about
  // `out_bytes_mark` of them: beyond it no request is begun.
  Taken on_bytes(Now now, std::string_view bytes, std::size_t out_bytes_mark, std::string& out);

  void on_finding(Now now, const Call& call, Finding&& finding, std::string& out);

  // The next request waits for a finding: on_bytes() need not be called until one has come, and
  // this is false again.
  bool is_held() const { return is_held_; }
  // Nothing more is taken; close it once what was written has left.
  bool is_ending() const { return client_.is_ending && pending_.empty(); }

  // Requests are under way.
  bool is_busy() const { return !pending_.empty(); }

  // Bytes that it takes, beside those that it was shown.
  std::size_t memory() const { return parser_.memory() + scratch_.memory() + waiting_bytes_; }

 private:
  struct KeyUse {
    std::uint32_t reads = 0;
    std::uint32_t writes = 0;
  };
  // GETs that follow each other, and what is known of their replies.
  struct Reads {
    struct Piece {
      std::size_t begin = 0;
      std::size_t size = 0;
    };
    std::string replies = {};                           // as they came
    std::array<Piece, requests_ahead_max> pieces = {};  // of them, in the order of the requests
    std::size_t count = 0;
  };
  class ReadsSink;
  // A command that waits for findings, or whose reply waits for an earlier one; or several GETs.
  struct Pending {
    const Command* command = nullptr;
    Protocol protocol = Protocol::resp2;
    std::size_t commands = 1;
    boost::container::small_vector<std::uint64_t, 1> keys = {};  // hashes
    std::unique_ptr<Reads> reads = {};
    Answer answer = nullptr;
    std::unique_ptr<Task> task = {};
    std::vector<Question> questions = {};
    std::size_t begun = 0;    // of the questions
    std::size_t missing = 0;  // findings of those that were begun
    std::vector<Finding> findings = {};
    std::size_t asked_bytes = 0;  // that questions and findings take, without their values
    std::size_t found_bytes = 0;  // of values
    std::size_t task_bytes = 0;   // that the task has gathered
    std::string reply = {};
    bool is_done = false;
  };

  Taken take_requests(Now now, std::string_view bytes, std::size_t out_bytes_mark,
                      std::string& out);
  bool may_begin(const Command* command, const Arguments& arguments) const;
  const Command* command_of(std::string_view name);
  void expect(std::string_view bytes);
  using Keys = std::span<const std::string_view>;
  std::size_t read(Now now, std::string_view bytes, std::size_t out_bytes_max, std::string& out);
  std::size_t read_at_once(Now now, Keys keys, std::size_t out_bytes_max, std::string& out);
  std::size_t begin_reads(Now now, Keys keys, std::string& out);
  std::size_t readable(Keys keys) const;
  bool has_room(std::size_t under_way) const;
  void begin(Now now, const Command* command, const Arguments& arguments, std::string& out);
  void begin_command(Now now, const Command& command, const Arguments& arguments, std::string& out);
  bool execute(Turn& turn, const Call& call);
  void add_pending(Turn& turn, const Arguments& arguments);
  void push(Pending&& pending);
  void start(Now now, Pending& pending, std::uint64_t sequence);
  std::size_t expect(const Pending& pending, std::size_t first);
  void ask(Now now, const Call& call, Pending& pending);
  void take_finding(Pending& pending, std::size_t index, Finding&& finding);
  void take_read(Pending& pending, std::size_t index, const OpResult& result);
  void end_reads(Pending& pending);
  void go_on(Now now, std::uint64_t sequence, std::string& out);
  void end_round(Now now, Pending& pending, std::string& out);
  void end(Pending& pending);
  void leave_done(std::string& out);
  Pending* find(const Call& call);
  template <class Visit>
  static void for_each_key(const Command& command, const Arguments& arguments, Visit visit);

  const std::uint64_t number_;
  const PeerRef& self_;
  Keyspace& keyspace_;
  const SessionOptions options_;
  Parser parser_;
  Client client_;
  Scratch scratch_;
  const Command* last_command_ = nullptr;  // most requests are the same again
  bool is_held_ = false;
  std::uint64_t begun_ = 0;                                // commands, not counted yet
  std::uint64_t first_sequence_ = 1;                       // of pending_
  std::deque<Pending> pending_;                            // numbered one after another
  std::size_t under_way_ = 0;                              // commands in pending_
  std::size_t writes_ = 0;                                 // of them, that are not done
  boost::unordered_flat_map<std::uint64_t, KeyUse> keys_;  // of those that are not done
  std::size_t waiting_bytes_ = 0;  // of what is asked, findings and replies in pending_
  // Of a value, as far as the last ones tell: the longest, halved with each that came after it.
  std::size_t value_bytes_ = value_bytes_at_first;
};

}  // namespace hopring::resp
