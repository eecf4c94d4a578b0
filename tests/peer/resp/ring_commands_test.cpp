// Commands about all keys and all peers.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>
#include <string>

#include "routing/arc.hpp"
#include "tests/peer/resp/session_support.hpp"

using namespace hopring;
using namespace hopring::resp;

namespace {

struct Fixture : test::SessionFixture {
  void store(const std::string& key) { keyspace.records[key].value = {ValueType::string, "v"}; }
  void store_many(int count) {
    for (int i = 0; i < count; ++i) store("key" + std::to_string(i));
  }

  struct Page {
    std::string cursor;
    std::vector<std::string> keys;
  };
  // One SCAN; the bulk strings of its reply.
  Page page(const std::string& cursor, const std::string& options = "") {
    std::vector<std::string> texts = bulks(walk("SCAN " + cursor + " " + options + "\n"));
    BOOST_REQUIRE(!texts.empty());
    Page page{texts.front(), {texts.begin() + 1, texts.end()}};
    return page;
  }
  static std::vector<std::string> bulks(const std::string& reply) {
    std::vector<std::string> texts;
    for (std::size_t at = reply.find('$'); at != std::string::npos; at = reply.find('$', at)) {
      const std::size_t size = std::stoul(reply.substr(at + 1));
      const std::size_t begin = reply.find("\r\n", at) + 2;
      texts.push_back(reply.substr(begin, size));
      at = begin + size;
    }
    return texts;
  }

  // Reports of two peers that have half of the ring each.
  PeerRef other{ipv4_endpoint(0x7f000002, 7700), 0xb};
  ReportFound report(const PeerRef& of, std::uint32_t half, std::uint64_t keys) const {
    ReportFound found{{}, std::make_unique<ReportReply>()};
    found.report->self = of;
    found.report->ring = keyspace.config;
    found.report->known = {of == self ? other : self};
    const View view{equal_arc(half, 2), {1, 0, 1}, 0, {self, other, of}};
    found.report->arcs = {ArcReport{view, keys, 0, 3}};
    return found;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resp_ring_commands, Fixture)

// Goal: a scan meets each key that stays, once, whatever it asks for at a time.
// Method: pages of each size over 500 keys, while others come and go.
BOOST_AUTO_TEST_CASE(a_scan_meets_each_key_that_stays) {
  store_many(500);
  for (const int count : {1, 2, 10, 499, 100000}) {
    std::multiset<std::string> met;
    std::string cursor = "0";
    int pages = 0;
    do {
      const Page found = page(cursor, "COUNT " + std::to_string(count));
      met.insert(found.keys.begin(), found.keys.end());
      if (count < 499) BOOST_TEST(found.keys.size() <= static_cast<std::size_t>(count));
      cursor = found.cursor;
      keyspace.records.erase("passing" + std::to_string(pages));
      store("passing" + std::to_string(++pages));
    } while (cursor != "0");
    for (int i = 0; i < 500; ++i) BOOST_TEST(met.count("key" + std::to_string(i)) == 1u);
    std::erase_if(keyspace.records, [](const auto& each) { return each.first[0] == 'p'; });
  }
}

BOOST_AUTO_TEST_CASE(a_scan_tells_what_matches) {
  store_many(100);
  store("other");
  const auto all = [&](const std::string& options) {
    std::set<std::string> met;
    std::string cursor = "0";
    do {
      const Page found = page(cursor, options);
      met.insert(found.keys.begin(), found.keys.end());
      cursor = found.cursor;
    } while (cursor != "0");
    return met;
  };
  BOOST_TEST(all("MATCH key9*").size() == 11u);
  BOOST_TEST(all("MATCH *9 COUNT 7").size() == 10u);
  BOOST_TEST(all("MATCH other TYPE string").size() == 1u);
  BOOST_TEST(all("TYPE hash").empty());
  BOOST_TEST(keyspace.scans.empty());
}

// Goal: a pattern that is slow to match holds up nobody, and nothing is left out.
// Method: long keys, each of which takes more steps than a page may.
BOOST_AUTO_TEST_CASE(a_pathological_pattern_makes_smaller_pages) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  std::set<std::string> wanted;
  for (int i = 0; i < 8; ++i) {
    const std::string key = std::to_string(i) + std::string(20000, 'a');
    wanted.insert(key + "a");
    store(key + "b");
    store(key + "a");
  }
  pattern += std::string(200, 'a') + "[a]";
  std::set<std::string> met;
  std::string cursor = "0";
  int pages = 0;
  do {
    std::string reply = say("SCAN " + cursor + " COUNT 1000 MATCH " + pattern + "\n");
    for (; reply.empty(); ++pages) reply = end_scan();
    const std::vector<std::string> texts = bulks(reply);
    cursor = texts.front();
    met.insert(texts.begin() + 1, texts.end());
  } while (cursor != "0");
  BOOST_TEST((met == wanted));
  BOOST_TEST(pages > 8);
  BOOST_TEST(say("KEYS " + std::string(513, '*') + "\n") ==
             "-ERR a pattern has at most 512 bytes\r\n");
}

BOOST_AUTO_TEST_CASE(a_scan_of_an_empty_ring_ends) {
  const Page found = page("0");
  BOOST_TEST(found.cursor == "0");
  BOOST_TEST(found.keys.empty());
}

BOOST_AUTO_TEST_CASE(mistakes_of_scans_are_told_in_the_words_of_redis) {
  BOOST_TEST(say("SCAN x\nSCAN 18446744073709551616\nSCAN 0 COUNT 0\nSCAN 0 COUNT x\n") ==
             "-ERR invalid cursor\r\n-ERR invalid cursor\r\n-ERR syntax error\r\n"
             "-ERR value is not an integer or out of range\r\n");
  BOOST_TEST(say("SCAN 0 FOO x\nSCAN 0 MATCH\n") == "-ERR syntax error\r\n-ERR syntax error\r\n");
  say("SCAN 0\n");
  BOOST_TEST(end_scan(OpError::unavailable).starts_with("-UNAVAILABLE"));
  keyspace.is_in_ring = false;
  BOOST_TEST(say("KEYS *\n").starts_with("-UNAVAILABLE"));
}

BOOST_AUTO_TEST_CASE(keys_tells_all_that_match_once) {
  store_many(300);
  const std::vector<std::string> all = bulks(walk("KEYS *\n"));
  BOOST_TEST(all.size() == 300u);
  BOOST_TEST(std::set<std::string>(all.begin(), all.end()).size() == 300u);
  BOOST_TEST(bulks(walk("KEYS key?\n")).size() == 10u);
  BOOST_TEST(walk("KEYS none*\n") == "*0\r\n");
}

BOOST_AUTO_TEST_CASE(keys_of_a_ring_that_is_too_large_is_refused) {
  for (int i = 0; i < 1100; ++i) {
    store(std::to_string(i) + std::string(key_bytes_max - 4, 'k'));
  }
  BOOST_TEST(walk("KEYS *\n") == "-ERR the reply would be larger than 64 MiB; use SCAN\r\n");
  BOOST_TEST(session.memory() < 100000u);
  store_many(10000);
  say("KEYS x*\n");
  now.monotonic = now.monotonic + std::chrono::seconds(60);
  std::string out;
  while (out.empty()) out = end_scan();
  BOOST_TEST(out == "*0\r\n");  // one round was enough
  say("KEYS key*\n");
  now.monotonic = now.monotonic + std::chrono::seconds(60);
  for (out.clear(); out.empty();) out = end_scan();
  BOOST_TEST(out == "-ERR the ring has too many keys to walk within 60 s; use SCAN\r\n");
}

BOOST_AUTO_TEST_CASE(a_random_key_is_found_wherever_it_is) {
  BOOST_TEST(walk("RANDOMKEY\n") == "$-1\r\n");
  store("one");
  for (const std::uint64_t random : {0ull, 1ull << 62, 1ull << 63, ~0ull}) {
    keyspace.next_random = random;
    BOOST_TEST(walk("RANDOMKEY\n") == "$3\r\none\r\n");
  }
}

BOOST_AUTO_TEST_CASE(all_keys_are_erased_and_what_comes_behind_waits) {
  store_many(5000);
  BOOST_TEST(walk("FLUSHALL\nSET k v\nGET k\n") == "+OK\r\n+OK\r\n$1\r\nv\r\n");
  BOOST_TEST(keyspace.records.size() == 1u);
  BOOST_TEST(walk("FLUSHDB ASYNC\n") == "+OK\r\n");
  BOOST_TEST(keyspace.records.empty());
  BOOST_TEST(say("FLUSHALL FOO\nFLUSHALL SYNC ASYNC\n") ==
             "-ERR syntax error\r\n-ERR syntax error\r\n");
}

BOOST_AUTO_TEST_CASE(an_erase_of_all_keys_that_fails_says_whether_it_has_begun) {
  store_many(10);
  say("FLUSHALL\n");
  std::string out = end_scan(OpError::unavailable);
  while (out.empty()) out = end_scan();
  BOOST_TEST(out.starts_with("-UNAVAILABLE"));
  BOOST_TEST(keyspace.records.size() == 10u);
  say("FLUSHALL\n");
  keyspace.next_error = OpError::timed_out;
  for (out.clear(); out.empty();) out = end_scan();
  BOOST_TEST(out.starts_with("-UNKNOWN some of the keys"));
}

BOOST_AUTO_TEST_CASE(where_it_is_not_allowed_nothing_is_erased) {
  store("k");
  Session careful(2, Client{.id = 43}, self, keyspace);
  std::string out;
  careful.on_bytes(now, "FLUSHALL\n", mark, out);
  BOOST_TEST(out.starts_with("-ERR this would erase all keys of the ring"));
  BOOST_TEST(keyspace.scans.empty());
}

BOOST_AUTO_TEST_CASE(the_keys_of_all_peers_are_counted) {
  BOOST_TEST(say("DBSIZE\n") == "");
  BOOST_TEST(!keyspace.reports.front().second.has_value());
  BOOST_TEST(end_report(report(self, 0, 3)) == "");
  BOOST_TEST((keyspace.reports.front().second == other));
  BOOST_TEST(end_report(report(other, 1, 4)) == ":7\r\n");
}

BOOST_AUTO_TEST_CASE(keys_are_not_counted_where_a_part_of_the_ring_is_silent) {
  say("DBSIZE\n");
  std::string out;
  int rounds = 0;
  for (; out.empty(); ++rounds) {
    end_report(report(self, 0, 3));
    out = end_report(ReportFound{OpError::no_route, {}});
  }
  BOOST_TEST(out.starts_with("-UNAVAILABLE"));
  BOOST_TEST(rounds == 3);
}

BOOST_AUTO_TEST_CASE(wait_tells_the_copies_that_a_majority_has) {
  keyspace.config.replicas = 3;
  const auto wait_among = [&](std::vector<PeerRef> others) {
    say("WAIT 5 0\n");
    ReportFound found = report(self, 0, 0);
    found.report->known = std::move(others);
    return end_report(std::move(found));
  };
  BOOST_TEST(wait_among({other, PeerRef{ipv4_endpoint(3, 3), 3}}) == ":1\r\n");
  BOOST_TEST(wait_among({}) == ":0\r\n");
  BOOST_TEST(say("WAIT x 0\nWAIT 0 x\nWAIT 0 -1\n") ==
             "-ERR value is not an integer or out of range\r\n"
             "-ERR timeout is not an integer or out of range\r\n-ERR timeout is negative\r\n");
}

BOOST_AUTO_TEST_CASE(wait_waits_for_the_writes_before_it) {
  keyspace.is_slow = true;
  say("SET k v\nWAIT 1 0\n");
  BOOST_TEST(session.is_held());
  BOOST_TEST(keyspace.reports.empty());
  BOOST_TEST(end(0) == "+OK\r\n");
  BOOST_TEST(keyspace.reports.size() == 1u);
}

BOOST_AUTO_TEST_CASE(slots_are_dealt_out_among_the_peers) {
  const std::string a = "000000000000000a1e1400000000ffff7f000001";
  const std::string b = "000000000000000b1e1400000000ffff7f000002";
  const auto ask = [&](const std::string& what) {
    say("CLUSTER " + what + "\n");
    return end_report(report(self, 0, 0));
  };
  BOOST_TEST(ask("SLOTS") ==
             "*2\r\n*3\r\n:0\r\n:8191\r\n*4\r\n$9\r\n127.0.0.1\r\n:7700\r\n$40\r\n" + a +
                 "\r\n*0\r\n*3\r\n:8192\r\n:16383\r\n*4\r\n$9\r\n127.0.0.2\r\n:7700\r\n$40\r\n" +
                 b + "\r\n*0\r\n");
  BOOST_TEST(bulks(ask("NODES"))[0] ==
             a + " 127.0.0.1:7700@7700 myself,master - 0 0 1 connected 0-8191\n" + b +
                 " 127.0.0.2:7700@7700 master - 0 0 1 connected 8192-16383\n");
  BOOST_TEST(
      ask("SHARDS").starts_with("*2\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:8191\r\n$5\r\nnodes"
                                "\r\n*1\r\n*14\r\n$2\r\nid\r\n$40\r\n" +
                                a));
  BOOST_TEST(ask("INFO").find("cluster_known_nodes:2\r\n") != std::string::npos);
  BOOST_TEST(say("CLUSTER MYID\n") == "$40\r\n" + a + "\r\n");
}

BOOST_AUTO_TEST_CASE(a_key_has_the_slot_that_redis_cluster_gives_it) {
  BOOST_TEST(say("CLUSTER KEYSLOT 123456789\nCLUSTER KEYSLOT foo\nCLUSTER KEYSLOT a{foo}b\n"
                 "CLUSTER KEYSLOT {}foo\nCLUSTER KEYSLOT {foo\n") ==
             ":12739\r\n:12182\r\n:12182\r\n:9500\r\n:13308\r\n");
  store("foo");
  store("{foo}1");
  store("bar");
  BOOST_TEST(walk("CLUSTER COUNTKEYSINSLOT 12182\nCLUSTER COUNTKEYSINSLOT 0\n") == ":2\r\n:0\r\n");
  BOOST_TEST(say("CLUSTER COUNTKEYSINSLOT 16384\nCLUSTER FOO\nCLUSTER KEYSLOT\n") ==
             "-ERR Invalid slot\r\n-ERR unknown subcommand 'FOO'. Try CLUSTER HELP.\r\n"
             "-ERR wrong number of arguments for 'cluster|keyslot' command\r\n");
}

BOOST_AUTO_TEST_CASE(clients_of_the_peer_are_listed) {
  say("CLIENT SETNAME me\n");
  now.monotonic = now.monotonic + std::chrono::milliseconds(2500);
  {
    Session second(2, Client{.id = 43}, self, keyspace, {false, &clients});
    const std::string reply = say("CLIENT LIST\n");
    BOOST_TEST(reply.find("id=42 addr=[::]:0 laddr=127.0.0.1:7700 name=me age=2 flags=N db=0 "
                          "resp=2") != std::string::npos);
    BOOST_TEST(reply.find("id=43 ") != std::string::npos);
    BOOST_TEST(say("CLIENT LIST ID 42\n").find("id=43 ") == std::string::npos);
  }
  BOOST_TEST(say("CLIENT LIST\n").find("id=43 ") == std::string::npos);
  BOOST_TEST(say("CLIENT LIST TYPE pubsub\nCLIENT LIST TYPE foo\nCLIENT LIST ID x\n") ==
             "$0\r\n\r\n-ERR Unknown client type 'foo'\r\n-ERR Invalid client ID\r\n");
}

BOOST_AUTO_TEST_CASE(what_tools_ask_of_a_server_is_answered) {
  BOOST_TEST(say("CONFIG GET app*only SAVE\nCONFIG SET save ''\nCONFIG SET save 60\n") ==
             "*4\r\n$10\r\nappendonly\r\n$2\r\nno\r\n$4\r\nsave\r\n$0\r\n\r\n+OK\r\n"
             "-ERR CONFIG SET failed (possibly related to argument 'save') - can't set immutable "
             "config\r\n");
  BOOST_TEST(say("CONFIG SET foo bar\nCONFIG RESETSTAT\nFUNCTION FLUSH\nREADONLY\n") ==
             "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n+OK\r\n+OK\r\n"
             "+OK\r\n");
  BOOST_TEST(say("DEBUG SLEEP 1\n").starts_with("-ERR DEBUG command not allowed."));
  say("INFO cluster replication\n");
  BOOST_TEST(bulks(end_report(report(self, 0, 0)))[0] ==
             "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n"
             "# Cluster\r\ncluster_enabled:1\r\n");
}

BOOST_AUTO_TEST_CASE(info_counts_what_the_clients_of_the_peer_have_asked) {
  keyspace.records["k"].value.bytes = "v";
  {
    Session second(2, Client{.id = 43}, self, keyspace, {false, &clients});
    std::string out;
    second.on_bytes(now, "GET k\nGET k\nNONSENSE\n", mark, out);
  }
  say("PING\n");
  const auto stats = [&] {
    say("INFO stats\n");
    ReportFound found = report(self, 0, 0);
    found.report->counters = {{"records_evicted", 5}, {"records_expired", 6}};
    return bulks(end_report(std::move(found)))[0];
  };
  BOOST_TEST(stats() ==
             "# Stats\r\ntotal_connections_received:2\r\ntotal_commands_processed:4\r\n"
             "expired_keys:6\r\nevicted_keys:5\r\n");
  BOOST_TEST(stats().find("total_commands_processed:5\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
