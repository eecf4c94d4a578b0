#include "peer/config.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace hopring;
using namespace std::chrono_literals;

namespace {

Config config(const std::vector<std::string>& arguments) {
  const auto read = read_config(arguments);
  const auto* bad = std::get_if<BadConfig>(&read);
  BOOST_REQUIRE_MESSAGE(bad == nullptr, (bad == nullptr ? "" : bad->problem));
  return std::get<Config>(read);
}

std::string problem_with(const std::vector<std::string>& arguments) {
  const auto read = read_config(arguments);
  const auto* bad = std::get_if<BadConfig>(&read);
  return bad == nullptr ? "(none)" : bad->problem;
}

// Each a line that begins with what is wrong and says what would be right.
void check_problem(const std::vector<std::string>& arguments, const std::string& expected) {
  const std::string problem = problem_with(arguments);
  BOOST_TEST(problem.find(expected) != std::string::npos, problem << " lacks: " << expected);
  BOOST_TEST(problem.find('\n') == std::string::npos, problem << " is more than a line");
}

struct File {
  explicit File(const std::string& text) { std::ofstream(path) << text; }
  ~File() { std::filesystem::remove(path); }

  std::string path = (std::filesystem::temp_directory_path() /
                      ("hopring-config-test-" + std::to_string(::getpid())))
                         .string();
};

}  // namespace

BOOST_AUTO_TEST_SUITE(config_of_a_peer)

BOOST_AUTO_TEST_CASE(without_options_it_listens_on_loopback_and_creates_a_ring) {
  const Config defaults = config({});
  BOOST_TEST(to_string(defaults.listen) == "127.0.0.1:7700");
  BOOST_TEST(defaults.contacts.empty());
  BOOST_TEST(defaults.nodes_per_peer == 32);
  BOOST_TEST(defaults.memory_bytes_max == 0);
  BOOST_TEST(!defaults.evicts);
  BOOST_TEST(defaults.copy_rate == std::uint64_t{64} << 20);
  BOOST_TEST(!defaults.nodes_given);
  BOOST_TEST((defaults.reads == Reads::lease));
}

BOOST_AUTO_TEST_CASE(every_option_is_taken) {
  const Config all = config({"--listen",    "[::1]:0",     "--join=10.0.0.1:7",
                             "--join",      "10.0.0.2:8",  "--join-timeout",
                             "0.5",         "--replicas",  "5",
                             "--reads",     "majority",    "--threads=1",
                             "--nodes",     "64",          "--max-memory",
                             "2G",          "--evict",     "lru",
                             "--copy-rate", "10M",         "--takeover-after",
                             "5",           "--log-level", "debug",
                             "--weight",    "3",           "--advertise",
                             "10.0.0.3:9"});
  BOOST_TEST(to_string(all.listen) == "[::1]:0");
  BOOST_REQUIRE(all.contacts.size() == 2);
  BOOST_TEST(to_string(all.contacts[1]) == "10.0.0.2:8");
  BOOST_TEST((all.limits.join_timeout == 500ms));
  BOOST_TEST(all.nodes_per_peer == 64);
  BOOST_TEST(all.nodes_given);
  BOOST_TEST(all.replicas_given);
  BOOST_TEST(all.replicas == 5u);
  BOOST_TEST(all.reads_given);
  BOOST_TEST((all.reads == Reads::majority));
  BOOST_TEST(all.memory_bytes_max == std::uint64_t{2} << 30);
  BOOST_TEST(all.evicts);
  BOOST_TEST(all.copy_rate == std::uint64_t{10} << 20);
  BOOST_TEST((all.limits.takeover_after == 5s));
  BOOST_TEST((all.log_level == LogLevel::debug));
  BOOST_TEST(all.weight == 3);
  BOOST_TEST(to_string(*all.advertise) == "10.0.0.3:9");
  const Config redis = config({"--resp", "127.0.0.1:6379", "--allow-flush"});
  BOOST_TEST(to_string(*redis.resp) == "127.0.0.1:6379");
  BOOST_TEST(redis.may_flush);
  BOOST_TEST(!all.may_flush);
}

BOOST_AUTO_TEST_CASE(bytes_take_suffixes) {
  BOOST_TEST(config({"--max-memory", "20000000"}).memory_bytes_max == 20000000);
  BOOST_TEST(config({"--max-memory", "30000K"}).memory_bytes_max == 30720000);
  BOOST_TEST(config({"--max-memory", "50M"}).memory_bytes_max == 50u << 20);
  for (const char* bad : {"", "G", "2T", "-1", "2GG", "1.5G", "0", "99999999999G"}) {
    check_problem({"--max-memory", bad}, "--max-memory");
  }
}

BOOST_AUTO_TEST_CASE(a_rate_of_copies_is_none_or_not_tiny) {
  BOOST_TEST(config({"--copy-rate", "0"}).copy_rate == 0u);
  BOOST_TEST(config({"--copy-rate", "1M"}).copy_rate == 1u << 20);
  for (const char* bad : {"", "1023K", "fast", "-1"}) {
    check_problem({"--copy-rate", bad}, "--copy-rate");
  }
}

BOOST_AUTO_TEST_CASE(names_are_resolved) {
  const Config named = config({"--listen", "localhost:7701", "--join", "localhost:7702"});
  BOOST_TEST(to_string(named.listen) == "127.0.0.1:7701");
  BOOST_REQUIRE(!named.contacts.empty());
  BOOST_TEST(to_string(named.contacts.front()) == "127.0.0.1:7702");
  check_problem({"--join", "no-such-host.invalid:7700"}, "no-such-host.invalid");
}

BOOST_AUTO_TEST_CASE(bad_options_are_refused_in_one_line) {
  check_problem({"--frob"}, "--frob");
  check_problem({"stray"}, "stray");
  check_problem({"--listen"}, "listen");
  check_problem({"--listen", "7700"}, "must be HOST:PORT");
  check_problem({"--listen", "127.0.0.1:77000"}, "must be HOST:PORT");
  check_problem({"--join", "127.0.0.1:0"}, "needs the port");
  check_problem({"--join-timeout", "0"}, "--join-timeout must be a number of seconds");
  check_problem({"--join-timeout", "nan"}, "--join-timeout must be a number of seconds");
  check_problem({"--nodes", "33"}, "--nodes must be a power of two");
  check_problem({"--nodes", "many"}, "--nodes must be a whole number");
  check_problem({"--replicas", "2"}, "--replicas must be 1, 3 or 5");
  check_problem({"--replicas", "7"}, "--replicas must be 1, 3 or 5");
  check_problem({"--replicas", "three"}, "--replicas must be 1, 3 or 5");
  check_problem({"--reads", "quorum"}, "--reads must be lease or majority");
  check_problem({"--max-memory", "1"}, "--max-memory must be at least 16M");
  check_problem({"--threads", "4", "--max-memory", "19M"}, "and 1M more for each thread");
  config({"--threads", "4", "--max-memory", "20M"});
  check_problem({"--evict", "lru"}, "--evict lru needs a limit");
  check_problem({"--max-memory", "20M", "--evict", "all"}, "--evict must be none or lru");
  check_problem({"--threads", "0"}, "--threads must be a whole number from 1 to 64");
  check_problem({"--threads", "65"}, "--threads must be a whole number from 1 to 64");
  check_problem({"--takeover-after", "0.1"}, "--takeover-after must not be shorter");
  check_problem({"--log-level", "loud"}, "--log-level must be error, warning, info or debug");
  check_problem({"--weight", "0"}, "--weight must be");
  check_problem({"--nodes", "2", "--nodes", "4"}, "given twice");
  check_problem({"--resp", "127.0.0.1:0"}, "--resp needs a port");
  check_problem({"--allow-flush=yes"}, "--allow-flush");
}

BOOST_AUTO_TEST_CASE(a_wildcard_address_needs_one_that_others_can_dial) {
  check_problem({"--listen", "0.0.0.0:7700"}, "add --advertise");
  check_problem({"--listen", "[::]:7700"}, "add --advertise");
  check_problem({"--advertise", "0.0.0.0:7700"}, "--advertise must be an address");
  config({"--listen", "0.0.0.0:7700", "--advertise", "10.0.0.1:7700"});
}

BOOST_AUTO_TEST_CASE(help_and_version_are_told) {
  BOOST_TEST(std::get<Notice>(read_config({"--help"})).text.find("--takeover-after") !=
             std::string::npos);
  BOOST_TEST(std::get<Notice>(read_config({"--version"})).text.starts_with("hopring-peer "));
}

BOOST_AUTO_TEST_CASE(a_file_sets_what_the_command_line_does_not) {
  const File file(
      "# a peer\n"
      "listen = 127.0.0.1:1111\r\n"
      "\n"
      "  join=10.0.0.1:1   # the first\n"
      "join = 10.0.0.2:2\n"
      "nodes = 8\n"
      "allow-flush = yes\n");
  const Config from_file = config({"--config", file.path});
  BOOST_TEST(from_file.may_flush);
  BOOST_TEST(to_string(from_file.listen) == "127.0.0.1:1111");
  BOOST_TEST(from_file.contacts.size() == 2);
  BOOST_TEST(from_file.nodes_per_peer == 8);

  const Config both = config({"--nodes", "16", "--config", file.path, "--join", "10.0.0.3:3"});
  BOOST_TEST(both.nodes_per_peer == 16);
  BOOST_REQUIRE(both.contacts.size() == 1);
  BOOST_TEST(to_string(both.contacts[0]) == "10.0.0.3:3");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_in_a_file_is_told_with_its_line) {
  const File unknown("nodes = 8\nfrob = 1\n");
  check_problem({"--config", unknown.path}, unknown.path + ":2: there is no option `frob`");
  const File bad("\nnodes = eight\n");
  check_problem({"--config", bad.path}, bad.path + ":2: nodes must be a whole number");
  const File shapeless("nodes 8\n");
  check_problem({"--config", shapeless.path}, shapeless.path + ":1: must be `key = value`");
  check_problem({"--config", "/no/such/file"}, "cannot read /no/such/file");
}

BOOST_AUTO_TEST_SUITE_END()
