#pragma once

// Commands: what is known of each, and what it sees while it is executed.
//
// A command begins with its arguments. It replies at once, or asks the keyspace and goes on when
// all has been found: with an Answer if it asked for one operation and the result says all, else
// with a Task, which may ask again. So the commands know nothing of connections, of waiting, or of
// where a key is.
//
// Sans-IO.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "peer/resp/client_list.hpp"
#include "peer/resp/keyspace.hpp"
#include "peer/resp/parser.hpp"
#include "peer/resp/reply.hpp"

namespace hopring::resp {

struct Turn;

// With the result of the one operation that was asked; it writes the reply.
using Answer = void (*)(Turn&, OpResult&&);
// The same, with what this peer says of itself.
using ReportAnswer = void (*)(Turn&, const ReportReply&);

// What a command keeps while what it asks is found.
class Task {
 public:
  virtual ~Task() = default;
  // What was found, in the order of the questions. It writes the reply, or asks again.
  virtual void go_on(Turn& turn, std::vector<Finding>&& findings) = 0;
  // Bytes that it gathers from round to round; about.
  virtual std::size_t memory() const { return 0; }
};

enum Flag : std::uint32_t {
  flag_write = 1,
  flag_readonly = 2,
  flag_fast = 4,
  flag_denyoom = 8,
  flag_loading = 16,
  flag_stale = 32,
  flag_noscript = 64,
  flag_no_auth = 128,
  // Of our own: it changes the connection, or is about all keys. So it waits until all before it
  // has been answered, and all behind it waits until it has.
  flag_alone = 1u << 16,
};

struct Command {
  std::string_view name;  // in small letters
  int arity = 0;          // arguments, the name included; negative: at least so many
  std::uint32_t flags = 0;
  // Which arguments are keys: from the first to the last (negative: from the end) in steps; first
  // 0: none.
  int first_key = 0;
  int last_key = 0;
  int step = 0;
  void (*begin)(Turn&) = nullptr;

  bool takes(std::size_t arguments) const {
    return arity >= 0 ? arguments == static_cast<std::size_t>(arity)
                      : arguments >= static_cast<std::size_t>(-arity);
  }
  bool is_write() const { return (flags & flag_write) != 0; }
  bool is_alone() const { return (flags & flag_alone) != 0; }
};

// Sorted by name.
std::span<const Command> commands();
// In capitals or small letters; nullptr: there is none.
const Command* find_command(std::string_view name);

// The arguments of `command` that are keys, as indices: begin, end, step.
struct KeyRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t step = 1;
};
KeyRange keys_of(const Command& command, std::size_t arguments);

// What the operator and the driver say of how sessions are served.
struct SessionOptions {
  bool may_flush = false;         // --allow-flush: FLUSHALL and FLUSHDB are executed
  ClientList* clients = nullptr;  // of the peer; outlives the session
  Time since{};                   // the peer was started then
};

// Bytes that a session keeps for the keys and values of its next requests.
inline constexpr std::size_t scratch_bytes_max = 4096;

// The operations that a session's commands ask for one by one, kept for their memory.
struct Scratch {
  Operation get = Get{};
  Operation put = Put{};
  Operation other = Get{};

  // Gives back what long keys and values have left: more than scratch_bytes_max.
  void limit();
  std::size_t memory() const;
};

// One command at work: at its beginning, and each time when results are there.
struct Turn {
  Now now;
  Client& client;
  const Command& command;
  const PeerRef& self;
  Keyspace& keyspace;
  const SessionOptions& options;
  Arguments arguments;  // at the beginning only
  ReplyWriter reply;

  Scratch& scratch;

  // What it asks, if it does not reply.
  Operation* one = nullptr;  // in `scratch`
  Answer answer = nullptr;
  bool is_value_wanted = false;  // it replies with the value as it is
  std::vector<Question> many = {};
  std::unique_ptr<Task> task = {};

  void ask(Operation&& operation, Answer then) {
    scratch.other = std::move(operation);
    one = &scratch.other;
    answer = then;
  }
  // The two that nearly all requests are; they take no memory of their own.
  void ask_value(std::string_view key);
  void ask_put(std::string_view key, std::string_view value, const Expiry& expiry,
               PutCondition condition, Answer then);
  void ask(std::vector<Question>&& questions, std::unique_ptr<Task> then) {
    many = std::move(questions);
    task = std::move(then);
  }
  // Of a task, for its next round.
  void ask_again(Operation&& operation) { many.emplace_back(std::move(operation)); }
  void ask_again(Scan&& scan) { many.emplace_back(std::move(scan)); }
  void ask_report(ReportAnswer then);

  std::string key(std::size_t index) const { return std::string(arguments[index]); }

  // Redis's words for common mistakes.
  void syntax_error() { reply.error("ERR syntax error"); }
  void not_an_integer() { reply.error("ERR value is not an integer or out of range"); }
  void wrong_arity(std::string_view subcommand = {});
  void unknown_subcommand();
};

// Of an operation that has failed. What may have happened is UNKNOWN; else it has not.
void write_error(OpError error, ReplyWriter& reply);

// As RESP reads a value: numbers as decimal text, all else as the bytes that are stored.
std::string_view text_of(ValueType type, std::string_view bytes, std::string& buffer);
inline std::string_view text_of(const Value& value, std::string& buffer) {
  return text_of(value.type, value.bytes, buffer);
}

// Replies with the value as it is read, or null.
class ValueSink final : public ResultSink {
 public:
  explicit ValueSink(ReplyWriter& reply) : reply_(reply) {}

  void on_outcome(Outcome) override { reply_.null(); }
  void on_value(Outcome, ValueType type, std::string_view bytes, std::int64_t) override;
  void on_error(OpError error) override { write_error(error, reply_); }

 private:
  ReplyWriter& reply_;
};

// Of a command of several writes of which only some have failed.
void write_partly_done(ReplyWriter& reply);

// The operation that `make` makes of the key, for each argument from `first` to before `end`.
template <class Make>
std::vector<Question> ask_for_each(const Turn& turn, std::size_t first, std::size_t end,
                                   Make make) {
  std::vector<Question> questions;
  questions.reserve(end - first);
  for (std::size_t i = first; i < end; ++i) {
    questions.emplace_back(Operation(make(turn.key(i))));
  }
  return questions;
}

// Whose commands and texts these are: clients look at it to know what they may send.
inline constexpr std::string_view redis_version = "7.0.15";

bool is_same_word(std::string_view word, std::string_view in_small_letters);
std::string in_small_letters(std::string_view word);

// The commands of each file; commands.cpp makes the table of them.
namespace begin {
void append(Turn& turn);
void auth(Turn& turn);
void client(Turn& turn);
void close(Turn& turn);
void cluster(Turn& turn);
void command(Turn& turn);
void config(Turn& turn);
void dbsize(Turn& turn);
void debug(Turn& turn);
void decr(Turn& turn);
void decrby(Turn& turn);
void del(Turn& turn);
void delex(Turn& turn);
void echo(Turn& turn);
void exists(Turn& turn);
void expire(Turn& turn);
void expiretime(Turn& turn);
void flush(Turn& turn);
void function(Turn& turn);
void get(Turn& turn);
void getdel(Turn& turn);
void getex(Turn& turn);
void getrange(Turn& turn);
void getset(Turn& turn);
void hello(Turn& turn);
void incr(Turn& turn);
void incrby(Turn& turn);
void incrbyfloat(Turn& turn);
void info(Turn& turn);
void keys(Turn& turn);
void memory(Turn& turn);
void mget(Turn& turn);
void mset(Turn& turn);
void msetnx(Turn& turn);
void object(Turn& turn);
void ok(Turn& turn);
void persist(Turn& turn);
void ping(Turn& turn);
void quit(Turn& turn);
void randomkey(Turn& turn);
void rename(Turn& turn);
void renamenx(Turn& turn);
void reset(Turn& turn);
void scan(Turn& turn);
void select(Turn& turn);
void set(Turn& turn);
void setex(Turn& turn);
void setnx(Turn& turn);
void setrange(Turn& turn);
void strlen(Turn& turn);
void ttl(Turn& turn);
void type(Turn& turn);
void wait(Turn& turn);
}  // namespace begin

}  // namespace hopring::resp
