// What a GET and a SET cost a session whose own thread serves their keys, in a ring of one copy.

#include <boost/test/unit_test.hpp>
#include <string>

#include "peer/resp/ring_keyspace.hpp"
#include "peer/resp/session.hpp"
#include "tests/support/counted_memory.hpp"

using namespace hopring;

namespace {

constexpr std::size_t mark = std::size_t{1} << 20;
constexpr std::size_t keys = 1000;
constexpr std::size_t pipeline = 40;

std::string bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}
std::string key(std::size_t number) {
  const std::string digits = std::to_string(number);
  return "key:" + std::string(20 - digits.size(), '0') + digits;
}

struct ShortWay {
  ShortWay() {
    RingConfig ring;
    ring.ring_id = 1;
    ring.hash_key = HashKey{{1, 2}};
    shard.on(now, EnterRing{ring}, out.news);
    shard.on(now, TakeWrites{}, out.news);
    for (std::uint32_t cell = 0; cell < ring.nodes_per_peer; ++cell) {
      shard.on(now, OpenArc{View{equal_arc(cell, ring.nodes_per_peer), {1, 0, 1}, 0, {self}}},
               out.news);
    }
    for (std::size_t i = 0; i < keys; ++i) BOOST_REQUIRE(say(set(i)) == "+OK\r\n");
  }

  static std::string get(std::size_t number) {
    return "*2\r\n" + bulk("GET") + bulk(key(number % keys));
  }
  static std::string set(std::size_t number) {
    return "*3\r\n" + bulk("SET") + bulk(key(number % keys)) + bulk(value);
  }
  // Of many requests at once.
  template <class Make>
  static std::string many(Make make) {
    std::string bytes;
    for (std::size_t i = 0; i < pipeline; ++i) bytes += make(i * 7);
    return bytes;
  }

  const std::string& say(const std::string& bytes) {
    said.clear();
    std::string_view left = bytes;
    while (!left.empty()) {
      const auto taken = session.on_bytes(now, left, mark, said);
      BOOST_REQUIRE(taken.bytes > 0);
      left.remove_prefix(taken.bytes);
    }
    return said;
  }
  // Allocations of the second of two equal turns.
  std::uint64_t cost(const std::string& bytes) {
    say(bytes);
    const std::uint64_t before = allocations();
    say(bytes);
    return allocations() - before;
  }

  static inline const std::string value = std::string(100, 'v');
  Now now{Time{}, WallTime{1'000'000}};
  PeerRef self{ipv4_endpoint(0x7f000001, 7700), 0xa};
  Shard shard{self, GroupOptions{}, Rng(1)};
  Desk desk{shard, 0, 1};
  DeskOutbox out;
  resp::RingKeyspace keyspace{self, shard, desk, out, Rng(2)};
  resp::Session session{1, resp::Client{.id = 42}, self, keyspace, {}};
  std::string said;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resp_short_way, ShortWay)

BOOST_AUTO_TEST_CASE(the_counter_counts) {
  BOOST_TEST(cost("*2\r\n" + bulk("STRLEN") + bulk(key(1))) > 0u);
}

BOOST_AUTO_TEST_CASE(a_get_allocates_nothing) {
  BOOST_TEST(say(get(1)) == bulk(value));
  BOOST_TEST(cost(get(1)) == 0u);
  BOOST_TEST(cost("*2\r\n" + bulk("GET") + bulk("no such key, of some length")) == 0u);
}

BOOST_AUTO_TEST_CASE(gets_of_a_pipeline_allocate_nothing) {
  BOOST_TEST(say(many(get)).size() == pipeline * bulk(value).size());
  BOOST_TEST(cost(many(get)) == 0u);
}

BOOST_AUTO_TEST_CASE(a_set_over_a_value_of_the_same_size_allocates_nothing) {
  BOOST_TEST(say(set(1)) == "+OK\r\n");
  BOOST_TEST(cost(set(1)) == 0u);
  BOOST_TEST(cost(many(set)) == 0u);
  BOOST_TEST(cost(many(set) + many(get)) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
