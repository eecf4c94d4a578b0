#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "base/rng.hpp"
#include "peer/net/write_queue.hpp"

namespace hopring {
namespace {

constexpr std::size_t bytes_max = std::size_t{2} << 20;
constexpr std::size_t frame_bytes_max = std::size_t{1} << 20;
constexpr std::size_t piece_bytes = std::size_t{256} << 10;
constexpr std::size_t idle_bytes_max = std::size_t{64} << 10;

auto appends(std::string_view bytes) {
  return [bytes](std::string& to) { to += bytes; };
}

// All of one letter: two side by side are hardly alike.
std::string frame(Rng& rng, std::size_t size) {
  return std::string(size, static_cast<char>(rng.below(256)));
}

BOOST_AUTO_TEST_SUITE(net_write_queue)

BOOST_AUTO_TEST_CASE(what_was_pushed_comes_out_in_order_whatever_is_written_at_a_time) {
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Rng rng(seed);
      WriteQueue queue(bytes_max);
      std::string model;
      for (int step = 0; step < 500; ++step) {
        if (rng.below(2) == 0) {
          const std::string bytes =
              frame(rng, rng.below(rng.below(8) == 0 ? frame_bytes_max : 999));
          const bool fits = model.size() + bytes.size() <= bytes_max;
          BOOST_TEST(queue.push(appends(bytes)) == fits);
          if (fits) model += bytes;
          refused += fits ? 0 : 1;
        } else if (!queue.empty()) {
          const std::string_view front = queue.front();
          BOOST_REQUIRE(!front.empty());
          BOOST_REQUIRE(model.starts_with(front));
          const std::size_t written = 1 + rng.below(front.size());
          queue.pop(written);
          model.erase(0, written);
        }
        BOOST_REQUIRE(queue.bytes() == model.size());
        BOOST_REQUIRE(queue.empty() == model.empty());
      }
    }
  }
  BOOST_TEST(refused > 0u);
}

BOOST_AUTO_TEST_CASE(what_would_overfill_it_leaves_no_trace) {
  WriteQueue queue(100);
  BOOST_TEST(!queue.push(appends(std::string(101, 'x'))));
  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.front().empty());
  BOOST_TEST(queue.push(appends(std::string(60, 'a'))));
  BOOST_TEST(!queue.push(appends(std::string(41, 'x'))));
  BOOST_TEST(queue.push(appends(std::string(40, 'b'))));
  BOOST_TEST(queue.front() == std::string(60, 'a') + std::string(40, 'b'));
}

BOOST_AUTO_TEST_CASE(what_is_long_stays_where_it_was_encoded) {
  WriteQueue queue(bytes_max);
  BOOST_TEST(queue.push(appends(std::string(piece_bytes, 'a'))));
  const char* const place = queue.front().data();
  BOOST_TEST(queue.push(appends(std::string(frame_bytes_max, 'b'))));
  BOOST_TEST(queue.front().size() == piece_bytes);
  BOOST_TEST(static_cast<const void*>(queue.front().data()) == static_cast<const void*>(place));
}

// Strings double, and what has been written of a piece is freed with its rest.
BOOST_AUTO_TEST_CASE(its_memory_follows_what_waits) {
  Rng rng(1);
  WriteQueue queue(bytes_max);
  const auto push_until = [&](std::size_t bytes, std::size_t frame_bytes) {
    while (queue.bytes() < bytes) BOOST_REQUIRE(queue.push(appends(frame(rng, frame_bytes))));
  };
  for (const std::size_t frame_bytes : {std::size_t{10}, std::size_t{3000}, piece_bytes}) {
    for (int round = 0; round < 3; ++round) {
      push_until(bytes_max / 2, frame_bytes);
      BOOST_TEST(queue.memory() >= queue.bytes());
      BOOST_TEST(queue.memory() <= 2 * queue.bytes() + 4 * piece_bytes);
      while (!queue.empty()) {
        queue.pop(std::min<std::size_t>(queue.front().size(), 1 + rng.below(piece_bytes)));
        BOOST_TEST(queue.memory() <= 2 * queue.bytes() + 4 * piece_bytes);
      }
      BOOST_TEST(queue.memory() <= idle_bytes_max);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
