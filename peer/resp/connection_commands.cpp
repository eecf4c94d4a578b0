// Commands about the connection and the peer, which ask nothing of any key.

#include <algorithm>

#include "peer/resp/command.hpp"

namespace hopring::resp {
namespace {

// Whose commands and texts these are: clients look at it to know what they may send.
constexpr std::string_view redis_version = "7.0.15";

// As Redis: no blanks, no control characters, so that CLIENT INFO stays one line of words.
bool is_word(std::string_view text) {
  return text.size() <= client_word_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

bool set_name(Turn& turn, std::string_view name) {
  if (!is_word(name)) {
    turn.reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
  }
  turn.client.name = name;
  return true;
}

// There are no passwords: the one user is `default`, and any word is right for it, as for a user of
// Redis that has none.
bool may_be(Turn& turn, std::string_view user) {
  if (user == "default") return true;
  turn.reply.error("WRONGPASS invalid username-password pair or user is disabled.");
  return false;
}

void write_hello(Turn& turn) {
  ReplyWriter reply(turn.reply);
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(redis_version);
  reply.bulk("proto");
  reply.integer(static_cast<std::int64_t>(turn.client.protocol));
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(turn.client.id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

void set_info(Turn& turn) {
  const std::string_view what = turn.arguments[2];
  const std::string_view value = turn.arguments[3];
  const bool is_library = is_same_word(what, "lib-name");
  if (!is_library && !is_same_word(what, "lib-ver")) {
    return turn.reply.error("ERR Unrecognized option '" + std::string(what.substr(0, 128)) + "'");
  }
  if (!is_word(value)) {
    return turn.reply.error("ERR " + in_small_letters(what) +
                            " cannot contain spaces, newlines or special characters.");
  }
  (is_library ? turn.client.library : turn.client.library_version) = value;
  turn.reply.ok();
}

std::string client_info(const Client& client) {
  return "id=" + std::to_string(client.id) + " name=" + client.name +
         " db=0 resp=" + std::to_string(static_cast<int>(client.protocol)) +
         " lib-name=" + client.library + " lib-ver=" + client.library_version + "\n";
}

void set_switch(Turn& turn) {
  const std::string_view to = turn.arguments[2];
  is_same_word(to, "on") || is_same_word(to, "off") ? turn.reply.ok() : turn.syntax_error();
}

struct Setting {
  std::string_view name;
  std::string_view value;
};

// True here, and asked for by tools.
constexpr Setting settings[] = {
    {"appendonly", "no"},
    {"databases", "1"},
    {"proto-max-bulk-len", "33554432"},
    {"save", ""},
};
static_assert(bulk_bytes_max == 33554432, "as CONFIG GET says");

// INFO's sections that were wanted; without any, all.
bool wants(const Arguments& words, std::string_view section) {
  if (words.size() == 1) return true;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const bool is_all = is_same_word(word, "all") || is_same_word(word, "everything") ||
                        is_same_word(word, "default");
    if (is_all || is_same_word(word, section)) return true;
  }
  return false;
}

}  // namespace

namespace begin {

void ping(Turn& turn) {
  if (turn.arguments.size() > 2) return turn.wrong_arity();
  turn.arguments.size() == 1 ? turn.reply.simple("PONG") : turn.reply.bulk(turn.arguments[1]);
}

void echo(Turn& turn) { turn.reply.bulk(turn.arguments[1]); }

void quit(Turn& turn) {
  turn.client.is_ending = true;
  turn.reply.ok();
}

// The words of HTTP: a browser that was led here must not have its body executed.
void close(Turn& turn) { turn.client.is_ending = true; }

void reset(Turn& turn) {
  turn.client = Client{.id = turn.client.id};
  turn.reply.simple("RESET");
}

void select(Turn& turn) {
  std::int64_t database = 0;
  if (!parse_integer(turn.arguments[1], database)) return turn.not_an_integer();
  database == 0 ? turn.reply.ok() : turn.reply.error("ERR DB index is out of range");
}

void auth(Turn& turn) {
  if (turn.arguments.size() > 3) return turn.syntax_error();
  if (turn.arguments.size() == 2) {
    return turn.reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  if (may_be(turn, turn.arguments[1])) turn.reply.ok();
}

void hello(Turn& turn) {
  const Arguments& words = turn.arguments;
  std::int64_t version = static_cast<std::int64_t>(turn.client.protocol);
  if (words.size() > 1 && !parse_integer(words[1], version)) {
    return turn.reply.error("ERR Protocol version is not an integer or out of range");
  }
  if (version != 2 && version != 3) {
    return turn.reply.error("NOPROTO unsupported protocol version");
  }
  std::optional<std::string_view> name;
  for (std::size_t i = 2; i < words.size();) {
    if (is_same_word(words[i], "auth") && i + 2 < words.size()) {
      if (!may_be(turn, words[i + 1])) return;
      i += 3;
    } else if (is_same_word(words[i], "setname") && i + 1 < words.size()) {
      name = words[i + 1];
      i += 2;
    } else {
      return turn.reply.error("ERR Syntax error in HELLO option '" +
                              std::string(words[i].substr(0, 128)) + "'");
    }
  }
  if (name && !set_name(turn, *name)) return;
  turn.client.protocol = version == 3 ? Protocol::resp3 : Protocol::resp2;
  turn.reply.set_protocol(turn.client.protocol);
  write_hello(turn);
}

void client(Turn& turn) {
  const std::string_view what = turn.arguments[1];
  const auto is = [&](std::string_view word) { return is_same_word(what, word); };
  const auto has = [&](std::size_t words) { return turn.arguments.size() == words; };
  if (is("setname")) {
    if (!has(3)) return turn.wrong_arity(what);
    if (set_name(turn, turn.arguments[2])) turn.reply.ok();
  } else if (is("setinfo")) {
    has(4) ? set_info(turn) : turn.wrong_arity(what);
  } else if (is("no-evict") || is("no-touch")) {
    has(3) ? set_switch(turn) : turn.wrong_arity(what);
  } else if (is("getname")) {
    if (!has(2)) return turn.wrong_arity(what);
    turn.client.name.empty() ? turn.reply.null() : turn.reply.bulk(turn.client.name);
  } else if (is("id")) {
    if (!has(2)) return turn.wrong_arity(what);
    turn.reply.integer(static_cast<std::int64_t>(turn.client.id));
  } else if (is("info")) {
    has(2) ? turn.reply.verbatim(client_info(turn.client)) : turn.wrong_arity(what);
  } else {
    turn.unknown_subcommand();
  }
}

void config(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (!is_same_word(words[1], "get")) return turn.unknown_subcommand();
  if (words.size() < 3) return turn.wrong_arity(words[1]);
  std::vector<Setting> found;
  for (const Setting& each : settings) {
    for (std::size_t i = 2; i < words.size(); ++i) {
      if (words[i] != "*" && !is_same_word(words[i], each.name)) continue;
      found.push_back(each);
      break;
    }
  }
  turn.reply.map(found.size());
  for (const Setting& each : found) {
    turn.reply.bulk(each.name);
    turn.reply.bulk(each.value);
  }
}

namespace {

std::string server_section(const PeerRef& self) {
  return "# Server\r\nredis_version:" + std::string(redis_version) +
         "\r\nredis_mode:standalone\r\nserver_name:hopring\r\ntcp_port:" +
         std::to_string(self.endpoint.port) + "\r\n";
}

std::string memory_section(const ReportReply& report) {
  std::uint64_t bytes = 0;
  for (const Counter& each : report.counters) {
    if (each.name == "table_bytes") bytes = each.value;
  }
  return "# Memory\r\nused_memory:" + std::to_string(bytes) + "\r\n";
}

// As INFO of Redis Cluster: of the keys that this peer is primary for, not of the whole ring.
std::string keyspace_section(const ReportReply& report) {
  std::uint64_t keys = 0;
  for (const ArcReport& each : report.arcs) keys += each.keys;
  std::string text = "# Keyspace\r\n";
  if (keys > 0) text += "db0:keys=" + std::to_string(keys) + "\r\n";
  return text;
}

}  // namespace

void info(Turn& turn) {
  const bool server = wants(turn.arguments, "server");
  const bool memory = wants(turn.arguments, "memory");
  const bool keyspace = wants(turn.arguments, "keyspace");
  if (memory && keyspace && server) {
    turn.ask_report([](Turn& then, const ReportReply& report) {
      then.reply.verbatim(server_section(then.self) + "\r\n" + memory_section(report) + "\r\n" +
                          keyspace_section(report));
    });
  } else if (memory) {
    turn.ask_report(
        [](Turn& then, const ReportReply& report) { then.reply.verbatim(memory_section(report)); });
  } else if (keyspace) {
    turn.ask_report([](Turn& then, const ReportReply& report) {
      then.reply.verbatim(keyspace_section(report));
    });
  } else {
    turn.reply.verbatim(server ? server_section(turn.self) : std::string());
  }
}

}  // namespace begin

}  // namespace hopring::resp
