// Members of arcs near their limit of memory, where nothing is evicted: what is refused, and why.

#include <boost/test/unit_test.hpp>

#include "replica_hosts.hpp"

namespace hopring {
namespace {

constexpr std::size_t limit = std::size_t{64} << 20;
constexpr std::uint32_t arcs = 16;

GroupOptions bounded() {
  GroupOptions options;
  options.pool.bytes_max = limit;
  return options;
}

// Three peers, members of all arcs, of which the first is primary.
struct BoundedHosts : Hosts {
  explicit BoundedHosts(const GroupOptions& first = bounded()) : Hosts(1, first) {
    for (std::uint16_t n = 2; n <= 3; ++n) {
      hosts.emplace(n, std::make_unique<ReplicaHost>(peer(n), test_hash_key, bounded(), Rng(n)));
    }
    for (std::uint32_t i = 0; i + 1 < arcs; ++i) {
      turn(1, [&](GroupOutbox& out) {
        const Position at = equal_arc(i, arcs).end;
        BOOST_REQUIRE(hosts.at(1)->split(now(), whole_ring().end, at, out));
      });
      run_for(100ms);
    }
    for (std::uint32_t i = 0; i < arcs; ++i) {
      turn(1, [&](GroupOutbox& out) {
        const Position end = equal_arc(i, arcs).end;
        BOOST_REQUIRE(hosts.at(1)->change(now(), end, {peer(1), peer(2), peer(3)}, {}, out));
      });
      run_for(2s);
    }
  }

  static Put large(int i, std::size_t bytes) {
    return put_string("large-" + std::to_string(i), std::string(bytes, 'v'));
  }

  // As a client does: again after `overloaded`, which happens so often; then what it is told.
  std::optional<OpError> put(const Put& put) {
    for (refusals = 0; refusals < 100; ++refusals) {
      const auto result = execute(1, put);
      carry();
      if (!result) return std::nullopt;
      if (result->error != OpError::overloaded) return result->error;
      run_for(10ms);
    }
    return OpError::overloaded;
  }

  std::size_t most_resident() const {  // of those that only follow
    std::size_t most = 0;
    for (std::uint16_t n = 2; n <= 3; ++n) most = std::max(most, hosts.at(n)->resident_bytes());
    return most;
  }

  int refusals = 0;
};

struct UnboundedPrimary : BoundedHosts {
  UnboundedPrimary() : BoundedHosts(GroupOptions{}) {}
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(member_memory, BoundedHosts)

// Of what is free all arcs together may use a quarter from heartbeat to heartbeat; this is more
// than the share of one.
BOOST_AUTO_TEST_CASE(a_value_larger_than_what_members_let_an_arc_have_unasked_is_stored) {
  BOOST_REQUIRE((put(large(0, std::size_t{12} << 20)) == std::nullopt));
  BOOST_TEST(refusals > 0);  // else this shows nothing
  BOOST_TEST(refusals < 5);
}

BOOST_AUTO_TEST_CASE(a_value_is_written_anew_again_and_again_as_fast_as_it_comes) {
  for (int i = 0; i < 300; ++i) {
    BOOST_REQUIRE((put(large(0, std::size_t{1} << 20)) == std::nullopt));
    BOOST_REQUIRE((i == 0 || refusals == 0));
  }
  run_for(1s);
  BOOST_TEST(most_resident() <= std::size_t{2} << 20);
}

// Goal: what is refused has no memory, and what has memory is not refused.
BOOST_AUTO_TEST_CASE(writes_are_out_of_memory_only_when_it_is_used) {
  int count = 0;
  std::optional<OpError> error;
  while (!(error = put(large(count, 300'000)))) BOOST_REQUIRE(++count < 1000);
  BOOST_TEST((*error == OpError::out_of_memory));
  run_for(1s);
  BOOST_TEST(most_resident() >= limit * 17 / 20);
  BOOST_TEST(most_resident() <= limit);
  // A record that is there takes no more than it has.
  for (int i = 0; i < count; ++i) BOOST_REQUIRE((put(large(i, 300'000)) == std::nullopt));
  BOOST_TEST((put(large(count, 300'000)) == OpError::out_of_memory));
  run_for(1s);
  BOOST_TEST(most_resident() <= limit);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_CASE(a_primary_without_a_limit_keeps_to_that_of_its_members, UnboundedPrimary) {
  int count = 0;
  while (!put(large(count, 300'000))) BOOST_REQUIRE(++count < 1000);
  run_for(1s);
  BOOST_TEST(most_resident() >= limit * 17 / 20);
  BOOST_TEST(most_resident() <= limit);
}

}  // namespace hopring
