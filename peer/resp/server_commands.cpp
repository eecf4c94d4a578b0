// Commands about the peer as a server.

#include <algorithm>

#include "peer/resp/command.hpp"
#include "peer/resp/glob.hpp"

namespace hopring::resp {
namespace {

struct Setting {
  std::string_view name;
  std::string_view value;
};

// True here, and asked for by tools.
constexpr Setting settings[] = {
    {"appendonly", "no"},           {"cluster-enabled", "yes"},         {"databases", "1"},
    {"notify-keyspace-events", ""}, {"proto-max-bulk-len", "33554432"}, {"save", ""},
};
static_assert(bulk_bytes_max == 33554432, "as CONFIG GET says");

void get_settings(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (words.size() < 3) return turn.wrong_arity(words[1]);
  std::vector<Setting> found;
  for (const Setting& each : settings) {
    for (std::size_t i = 2; i < words.size(); ++i) {
      std::uint64_t steps = 0;
      const std::string_view pattern = words[i].substr(0, pattern_bytes_max);
      if (!matches(in_small_letters(pattern), each.name, steps)) continue;
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

// Nothing can be changed; who sets what is so already need not know.
void set_settings(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (words.size() < 4) return turn.wrong_arity(words[1]);
  if (words.size() % 2 != 0) return turn.syntax_error();
  for (std::size_t i = 2; i < words.size(); i += 2) {
    const std::string name = in_small_letters(words[i].substr(0, 128));
    const auto* const found = std::find_if(std::begin(settings), std::end(settings),
                                           [&](const Setting& each) { return each.name == name; });
    if (found == std::end(settings)) {
      return turn.reply.error("ERR Unknown option or number of arguments for CONFIG SET - '" +
                              std::string(words[i].substr(0, 128)) + "'");
    }
    if (found->value != words[i + 1]) {
      return turn.reply.error("ERR CONFIG SET failed (possibly related to argument '" + name +
                              "') - can't set immutable config");
    }
  }
  turn.reply.ok();
}

// INFO's sections, in their order, and what each says.

std::string line(std::string_view name, std::uint64_t number) {
  return std::string(name) + ":" + std::to_string(number) + "\r\n";
}

std::uint64_t counter(const ReportReply& report, std::string_view name) {
  const auto found = std::find_if(report.counters.begin(), report.counters.end(),
                                  [&](const Counter& each) { return each.name == name; });
  return found == report.counters.end() ? 0 : found->value;
}

std::string tell_server(const Turn& turn, const ReportReply&) {
  const Duration up = turn.now.monotonic - turn.options.since;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(up).count();
  return "# Server\r\nredis_version:" + std::string(redis_version) +
         "\r\nredis_mode:standalone\r\nserver_name:hopring\r\n" +
         line("tcp_port", turn.self.endpoint.port) +
         line("uptime_in_seconds", static_cast<std::uint64_t>(seconds));
}

std::string tell_clients(const Turn& turn, const ReportReply&) {
  const std::size_t count = turn.options.clients == nullptr ? 1 : turn.options.clients->size();
  return "# Clients\r\n" + line("connected_clients", count) +
         line("blocked_clients", 0);  // no command waits for others
}

std::string tell_memory(const Turn&, const ReportReply& report) {
  return "# Memory\r\n" + line("used_memory", counter(report, "table_bytes"));
}

std::string tell_stats(const Turn& turn, const ReportReply& report) {
  std::string text = "# Stats\r\n";
  if (const ClientList* clients = turn.options.clients) {
    text += line("total_connections_received", clients->connections()) +
            line("total_commands_processed", clients->commands());
  }
  return text + line("expired_keys", counter(report, "records_expired")) +
         line("evicted_keys", counter(report, "records_evicted"));
}

// To its clients each peer is one that takes writes.
std::string tell_replication(const Turn&, const ReportReply&) {
  return "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n";
}

std::string tell_cluster(const Turn&, const ReportReply&) {
  return "# Cluster\r\ncluster_enabled:1\r\n";
}

// As INFO of Redis Cluster: of the keys that this peer is primary for, not of the whole ring.
std::string tell_keyspace(const Turn&, const ReportReply& report) {
  std::uint64_t keys = 0;
  for (const ArcReport& each : report.arcs) keys += each.keys;
  std::string text = "# Keyspace\r\n";
  if (keys > 0) text += "db0:keys=" + std::to_string(keys) + "\r\n";
  return text;
}

struct Section {
  std::string_view name;
  std::string (*tell)(const Turn&, const ReportReply&);
};
constexpr Section sections[] = {
    {"server", tell_server},     {"clients", tell_clients},         {"memory", tell_memory},
    {"stats", tell_stats},       {"replication", tell_replication}, {"cluster", tell_cluster},
    {"keyspace", tell_keyspace},
};

// Without a word all of them are wanted.
bool wants(const Arguments& words, std::string_view section) {
  if (words.size() == 1) return true;
  for (std::size_t i = 1; i < words.size(); ++i) {
    for (const std::string_view each :
         {section, std::string_view("all"), std::string_view("everything"),
          std::string_view("default")}) {
      if (is_same_word(words[i], each)) return true;
    }
  }
  return false;
}

class TellSections final : public Task {
 public:
  explicit TellSections(std::vector<Section> wanted) : wanted_(std::move(wanted)) {}

  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    const auto& found = std::get<ReportFound>(findings.front());
    if (found.error) return write_error(*found.error, turn.reply);
    std::string text;
    for (const Section& each : wanted_) {
      if (!text.empty()) text += "\r\n";
      text += each.tell(turn, *found.report);
    }
    turn.reply.verbatim(text);
  }

 private:
  std::vector<Section> wanted_;
};

}  // namespace

namespace begin {

void config(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (is_same_word(words[1], "get")) return get_settings(turn);
  if (is_same_word(words[1], "set")) return set_settings(turn);
  if (!is_same_word(words[1], "resetstat")) return turn.unknown_subcommand();
  words.size() == 2 ? turn.reply.ok() : turn.wrong_arity(words[1]);
}

void info(Turn& turn) {
  std::vector<Section> wanted;
  for (const Section& each : sections) {
    if (wants(turn.arguments, each.name)) wanted.push_back(each);
  }
  if (wanted.empty()) return turn.reply.verbatim("");
  turn.many.emplace_back(AskReport{});
  turn.task = std::make_unique<TellSections>(std::move(wanted));
}

void function(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (!is_same_word(words[1], "flush")) return turn.unknown_subcommand();
  if (words.size() > 3) {
    return turn.reply.error(
        "ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP.");
  }
  const bool is_known =
      words.size() == 2 ||
      (words.size() == 3 && (is_same_word(words[2], "sync") || is_same_word(words[2], "async")));
  if (is_known) return turn.reply.ok();  // there are none
  turn.reply.error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
}

void debug(Turn& turn) {
  turn.reply.error(
      "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you "
      "can run it from a local connection, otherwise you need to set this option in the "
      "configuration file, and then restart the server.");
}

}  // namespace begin

}  // namespace hopring::resp
