// Commands about the connection.

#include <algorithm>
#include <set>

#include "peer/resp/command.hpp"

namespace hopring::resp {
namespace {

// As Redis: no blanks, no control characters, so that CLIENT INFO stays one line of words.
bool is_word(std::string_view text) {
  return text.size() <= client_word_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

// What CLIENT LIST of other connections says of it.
void tell_others(const Turn& turn) {
  if (turn.options.clients != nullptr) turn.options.clients->put(turn.client);
}

bool set_name(Turn& turn, std::string_view name) {
  if (!is_word(name)) {
    turn.reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
  }
  turn.client.name = name;
  tell_others(turn);
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
  tell_others(turn);
  turn.reply.ok();
}

// The words that select lines of CLIENT LIST; false: an error has been written.
bool select_clients(Turn& turn, std::vector<Client>& clients) {
  const Arguments& words = turn.arguments;
  if (words.size() == 2) return true;
  if (words.size() == 4 && is_same_word(words[2], "type")) {
    for (const std::string_view type : {"master", "replica", "slave", "pubsub"}) {
      if (is_same_word(words[3], type)) clients.clear();
    }
    if (clients.empty() || is_same_word(words[3], "normal")) return true;
    turn.reply.error("ERR Unknown client type '" + std::string(words[3].substr(0, 128)) + "'");
    return false;
  }
  if (words.size() < 4 || !is_same_word(words[2], "id")) {
    turn.syntax_error();
    return false;
  }
  std::set<std::uint64_t> ids;
  for (std::size_t i = 3; i < words.size(); ++i) {
    std::int64_t id = 0;
    if (!parse_integer(words[i], id) || id < 1) {
      turn.reply.error("ERR Invalid client ID");
      return false;
    }
    ids.insert(static_cast<std::uint64_t>(id));
  }
  std::erase_if(clients, [&](const Client& each) { return !ids.contains(each.id); });
  return true;
}

void list_clients(Turn& turn) {
  std::vector<Client> clients =
      turn.options.clients != nullptr ? turn.options.clients->all() : std::vector{turn.client};
  if (!select_clients(turn, clients)) return;
  std::string lines;
  for (const Client& each : clients) lines += line_of(each, turn.self.endpoint, turn.now.monotonic);
  turn.reply.verbatim(lines);
}

void set_switch(Turn& turn) {
  const std::string_view to = turn.arguments[2];
  is_same_word(to, "on") || is_same_word(to, "off") ? turn.reply.ok() : turn.syntax_error();
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
  turn.client =
      Client{.id = turn.client.id, .address = turn.client.address, .opened = turn.client.opened};
  turn.reply.set_protocol(turn.client.protocol);
  tell_others(turn);
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
  tell_others(turn);
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
    has(2) ? turn.reply.verbatim(line_of(turn.client, turn.self.endpoint, turn.now.monotonic))
           : turn.wrong_arity(what);
  } else if (is("list")) {
    list_clients(turn);
  } else {
    turn.unknown_subcommand();
  }
}

}  // namespace begin

}  // namespace hopring::resp
