// The table of commands, what COMMAND says of it, and what all commands share.

#include <algorithm>
#include <array>
#include <charconv>

#include "peer/resp/command.hpp"

namespace hopring::resp {
namespace {

constexpr std::uint32_t reads = flag_readonly | flag_fast;
constexpr std::uint32_t writes = flag_write | flag_fast;
constexpr std::uint32_t grows = flag_write | flag_denyoom;
constexpr std::uint32_t talks = flag_noscript | flag_loading | flag_stale | flag_fast;
constexpr std::uint32_t tells = flag_loading | flag_stale;

// Names, arities and keys are those of Redis 7.
constexpr Command table[] = {
    {"append", 3, grows | flag_fast, 1, 1, 1, begin::append},
    {"asking", 1, flag_fast, 0, 0, 0, begin::ok},
    {"auth", -2, talks | flag_no_auth, 0, 0, 0, begin::auth},
    {"client", -2, tells | flag_noscript, 0, 0, 0, begin::client},
    {"cluster", -2, flag_stale, 0, 0, 0, begin::cluster},
    {"command", -1, tells, 0, 0, 0, begin::command},
    {"config", -2, tells | flag_noscript, 0, 0, 0, begin::config},
    {"dbsize", 1, flag_readonly | flag_fast | flag_alone, 0, 0, 0, begin::dbsize},
    {"debug", -2, tells | flag_noscript, 0, 0, 0, begin::debug},
    {"decr", 2, grows | flag_fast, 1, 1, 1, begin::decr},
    {"decrby", 3, grows | flag_fast, 1, 1, 1, begin::decrby},
    {"del", -2, flag_write, 1, -1, 1, begin::del},
    {"delex", -2, writes, 1, 1, 1, begin::delex},
    {"echo", 2, tells | flag_fast, 0, 0, 0, begin::echo},
    {"exists", -2, reads, 1, -1, 1, begin::exists},
    {"expire", -3, writes, 1, 1, 1, begin::expire},
    {"expireat", -3, writes, 1, 1, 1, begin::expire},
    {"expiretime", 2, reads, 1, 1, 1, begin::expiretime},
    {"flushall", -1, flag_write | flag_alone, 0, 0, 0, begin::flush},
    {"flushdb", -1, flag_write | flag_alone, 0, 0, 0, begin::flush},
    {"function", -2, flag_write | flag_noscript, 0, 0, 0, begin::function},
    {"get", 2, reads, 1, 1, 1, begin::get},
    {"getdel", 2, writes, 1, 1, 1, begin::getdel},
    {"getex", -2, writes, 1, 1, 1, begin::getex},
    {"getrange", 4, flag_readonly, 1, 1, 1, begin::getrange},
    {"getset", 3, grows | flag_fast, 1, 1, 1, begin::getset},
    {"hello", -1, talks | flag_no_auth | flag_alone, 0, 0, 0, begin::hello},
    {"host:", -1, talks | flag_alone, 0, 0, 0, begin::close},
    {"incr", 2, grows | flag_fast, 1, 1, 1, begin::incr},
    {"incrby", 3, grows | flag_fast, 1, 1, 1, begin::incrby},
    {"incrbyfloat", 3, grows | flag_fast, 1, 1, 1, begin::incrbyfloat},
    {"info", -1, tells, 0, 0, 0, begin::info},
    {"keys", 2, flag_readonly | flag_alone, 0, 0, 0, begin::keys},
    {"memory", -2, flag_readonly, 2, 2, 1, begin::memory},
    {"mget", -2, reads, 1, -1, 1, begin::mget},
    {"mset", -3, grows, 1, -1, 2, begin::mset},
    {"msetnx", -3, grows, 1, -1, 2, begin::msetnx},
    {"object", -2, flag_readonly, 2, 2, 1, begin::object},
    {"persist", 2, writes, 1, 1, 1, begin::persist},
    {"pexpire", -3, writes, 1, 1, 1, begin::expire},
    {"pexpireat", -3, writes, 1, 1, 1, begin::expire},
    {"pexpiretime", 2, reads, 1, 1, 1, begin::expiretime},
    {"ping", -1, flag_fast, 0, 0, 0, begin::ping},
    {"post", -1, talks | flag_alone, 0, 0, 0, begin::close},
    {"psetex", 4, grows, 1, 1, 1, begin::setex},
    {"pttl", 2, reads, 1, 1, 1, begin::ttl},
    {"quit", -1, talks | flag_no_auth | flag_alone, 0, 0, 0, begin::quit},
    {"randomkey", 1, flag_readonly | flag_alone, 0, 0, 0, begin::randomkey},
    {"readonly", 1, talks, 0, 0, 0, begin::ok},
    {"readwrite", 1, talks, 0, 0, 0, begin::ok},
    {"rename", 3, flag_write, 1, 2, 1, begin::rename},
    {"renamenx", 3, writes, 1, 2, 1, begin::renamenx},
    {"reset", 1, talks | flag_no_auth | flag_alone, 0, 0, 0, begin::reset},
    {"scan", -2, flag_readonly | flag_alone, 0, 0, 0, begin::scan},
    {"select", 2, tells | flag_fast, 0, 0, 0, begin::select},
    {"set", -3, grows, 1, 1, 1, begin::set},
    {"setex", 4, grows, 1, 1, 1, begin::setex},
    {"setnx", 3, grows | flag_fast, 1, 1, 1, begin::setnx},
    {"setrange", 4, grows, 1, 1, 1, begin::setrange},
    {"strlen", 2, reads, 1, 1, 1, begin::strlen},
    {"substr", 4, flag_readonly, 1, 1, 1, begin::getrange},
    {"touch", -2, reads, 1, -1, 1, begin::exists},
    {"ttl", 2, reads, 1, 1, 1, begin::ttl},
    {"type", 2, reads, 1, 1, 1, begin::type},
    {"unlink", -2, writes, 1, -1, 1, begin::del},
    {"wait", 3, flag_noscript | flag_alone, 0, 0, 0, begin::wait},
};

constexpr std::size_t name_bytes_max = 16;

constexpr bool is_sorted() {
  for (std::size_t i = 1; i < std::size(table); ++i) {
    if (table[i - 1].name >= table[i].name) return false;
  }
  return true;
}
static_assert(is_sorted(), "find_command() halves the table");

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

void write_flags(const Command& command, ReplyWriter& reply) {
  constexpr std::pair<Flag, std::string_view> names[] = {
      {flag_write, "write"},       {flag_readonly, "readonly"}, {flag_denyoom, "denyoom"},
      {flag_noscript, "noscript"}, {flag_loading, "loading"},   {flag_stale, "stale"},
      {flag_fast, "fast"},         {flag_no_auth, "no_auth"},
  };
  const auto is_set = [&](const auto& each) { return (command.flags & each.first) != 0; };
  reply.set(static_cast<std::size_t>(std::count_if(std::begin(names), std::end(names), is_set)));
  for (const auto& each : names) {
    if (is_set(each)) reply.simple(each.second);
  }
}

// As Redis 7: ten fields, of which the last four (categories, hints, keys, subcommands) are empty.
void write_command(const Command& command, ReplyWriter& reply) {
  reply.array(10);
  reply.bulk(command.name);
  reply.integer(command.arity);
  write_flags(command, reply);
  reply.integer(command.first_key);
  reply.integer(command.last_key);
  reply.integer(command.step);
  reply.set(0);
  for (int empty = 0; empty < 3; ++empty) reply.array(0);
}

void write_commands(ReplyWriter& reply) {
  reply.array(std::size(table));
  for (const Command& each : table) write_command(each, reply);
}

}  // namespace

std::span<const Command> commands() { return table; }

const Command* find_command(std::string_view name) {
  if (name.size() > name_bytes_max) return nullptr;
  std::array<char, name_bytes_max> buffer;
  std::transform(name.begin(), name.end(), buffer.begin(), small);
  const std::string_view wanted(buffer.data(), name.size());
  const auto* const found =
      std::lower_bound(std::begin(table), std::end(table), wanted,
                       [](const Command& each, std::string_view than) { return each.name < than; });
  return found != std::end(table) && found->name == wanted ? found : nullptr;
}

KeyRange keys_of(const Command& command, std::size_t arguments) {
  if (command.first_key == 0) return {};
  const std::size_t last = command.last_key >= 0
                               ? static_cast<std::size_t>(command.last_key)
                               : arguments - static_cast<std::size_t>(-command.last_key);
  const auto first = static_cast<std::size_t>(command.first_key);
  const std::size_t end = std::clamp(last + 1, first, std::max(first, arguments));
  return {first, end, static_cast<std::size_t>(command.step)};
}

bool is_same_word(std::string_view word, std::string_view in_small_letters) {
  return std::equal(word.begin(), word.end(), in_small_letters.begin(), in_small_letters.end(),
                    [](char a, char b) { return small(a) == b; });
}

std::string in_small_letters(std::string_view word) {
  std::string result(word);
  std::transform(result.begin(), result.end(), result.begin(), small);
  return result;
}

void Turn::wrong_arity(std::string_view subcommand) {
  std::string name(command.name);
  if (!subcommand.empty()) name += "|" + in_small_letters(subcommand);
  reply.error("ERR wrong number of arguments for '" + name + "' command");
}

void Turn::unknown_subcommand() {
  std::string name(command.name);
  for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
  reply.error("ERR unknown subcommand '" + std::string(arguments[1].substr(0, 128)) + "'. Try " +
              name + " HELP.");
}

namespace {

class TellReport final : public Task {
 public:
  explicit TellReport(ReportAnswer answer) : answer_(answer) {}

  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    const auto& found = std::get<ReportFound>(findings.front());
    found.error ? write_error(*found.error, turn.reply) : answer_(turn, *found.report);
  }

 private:
  ReportAnswer answer_;
};

}  // namespace

void Turn::ask_report(ReportAnswer then) {
  many.emplace_back(AskReport{});
  task = std::make_unique<TellReport>(then);
}

void write_error(OpError error, ReplyWriter& reply) {
  switch (error) {
    case OpError::key_empty:
      return reply.error("ERR the empty key is not supported");
    case OpError::key_too_long:
      return reply.error("ERR a key has at most 65535 bytes");
    case OpError::value_too_long:
      return reply.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    case OpError::wrong_type:
      return reply.error("ERR value is not an integer or out of range");
    case OpError::overflow:
      return reply.error("ERR increment or decrement would overflow");
    case OpError::out_of_memory:
      return reply.error("OOM command not allowed when used memory > 'maxmemory'.");
    case OpError::overloaded:
      return reply.error("TRYAGAIN too much waits to be done; nothing was changed");
    case OpError::moving:
      return reply.error("TRYAGAIN the key is moving to another peer; nothing was changed");
    case OpError::unavailable:
    case OpError::no_route:
    case OpError::stranger:
    case OpError::cancelled:
      return reply.error("UNAVAILABLE no peer that may serve the key answers; nothing was changed");
    case OpError::timed_out:
    case OpError::connection_lost:
    case OpError::unknown:
    case OpError::stale_stamp:
      return reply.error("UNKNOWN the answer was lost; the command may have been executed");
    case OpError::invalid_argument:
      break;
  }
  reply.error("ERR invalid argument");
}

void write_partly_done(ReplyWriter& reply) {
  reply.error("UNKNOWN some of the keys were changed, others were not or may have been");
}

std::string_view text_of(ValueType type, std::string_view bytes, std::string& buffer) {
  if (type == ValueType::integer) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, decode_integer(bytes)).ptr;
    buffer.assign(text, end);
    return buffer;
  }
  if (type == ValueType::floating) {
    buffer = to_text(decode_floating(bytes));
    return buffer;
  }
  return bytes;
}

void ValueSink::on_value(Outcome, ValueType type, std::string_view bytes, std::int64_t) {
  std::string buffer;
  reply_.bulk(text_of(type, bytes, buffer));
}

// What one operation asks.

void Turn::ask_value(std::string_view key) {
  std::get<Get>(scratch.get).key = key;
  one = &scratch.get;
  is_value_wanted = true;
  answer = [](Turn& then, OpResult&& result) {
    ValueSink sink(then.reply);
    tell(result, sink);
  };
}

void Turn::ask_put(std::string_view key, std::string_view value, const Expiry& expiry,
                   PutCondition condition, Answer then) {
  Put& put = std::get<Put>(scratch.put);
  put.key = key;
  put.value.type = ValueType::string;
  put.value.bytes = value;
  put.expiry = expiry;
  put.condition = condition;
  one = &scratch.put;
  answer = then;
}

std::size_t Scratch::memory() const {
  const Put& written = std::get<Put>(put);
  return std::get<Get>(get).key.capacity() + written.key.capacity() +
         written.value.bytes.capacity();
}

void Scratch::limit() {
  if (memory() <= scratch_bytes_max) return;
  get = Get{};
  put = Put{};
  other = Get{};
}

namespace begin {

void command(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (words.size() == 1) return write_commands(turn.reply);
  if (is_same_word(words[1], "count")) {
    return words.size() == 2 ? turn.reply.integer(static_cast<std::int64_t>(std::size(table)))
                             : turn.wrong_arity(words[1]);
  }
  // Their texts are Redis's; clients that want them do without.
  if (is_same_word(words[1], "docs")) return turn.reply.map(0);
  if (is_same_word(words[1], "list") && words.size() == 2) {
    turn.reply.array(std::size(table));
    for (const Command& each : table) turn.reply.bulk(each.name);
    return;
  }
  if (!is_same_word(words[1], "info")) return turn.unknown_subcommand();
  if (words.size() == 2) return write_commands(turn.reply);
  turn.reply.array(words.size() - 2);
  for (std::size_t i = 2; i < words.size(); ++i) {
    const Command* const found = find_command(words[i]);
    found == nullptr ? turn.reply.null_array() : write_command(*found, turn.reply);
  }
}

}  // namespace begin

}  // namespace hopring::resp
