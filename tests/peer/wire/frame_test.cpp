#include "peer/wire/frame.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "tests/peer/wire/seed.hpp"

using namespace hopring;

namespace {

std::string frame_of(std::uint64_t request_id, std::string_view body) {
  std::string bytes;
  const std::size_t begin = begin_frame(1, 0x40, request_id, bytes);
  bytes += body;
  end_frame(begin, bytes);
  return bytes;
}

std::string header_with_length(std::uint32_t length) {
  std::string bytes = frame_of(1, "");
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}

void feed(FrameReader& reader, std::string_view bytes) {
  const std::span<char> room = reader.prepare(bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  reader.commit(bytes.size());
}

// Feeds `bytes` and takes whatever is complete.
void feed_and_take(FrameReader& reader, std::string_view bytes, std::vector<std::string>& bodies) {
  feed(reader, bytes);
  while (const auto frame = reader.next()) bodies.emplace_back(frame->body);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(frame)

BOOST_AUTO_TEST_CASE(a_frame_comes_back_with_its_header) {
  FrameReader reader;
  feed(reader, frame_of(0x1122334455667788, "body"));
  const auto frame = reader.next();
  BOOST_TEST_REQUIRE(frame.has_value());
  BOOST_TEST(frame->version == 1);
  BOOST_TEST(frame->kind == 0x40);
  BOOST_TEST(frame->request_id == 0x1122334455667788u);
  BOOST_TEST(frame->body == "body");
  BOOST_TEST(!reader.next().has_value());
  BOOST_TEST(!reader.error().has_value());
}

// Goal: it does not matter where the network cuts the stream.
// Method: the same frames byte by byte, and in random pieces of three sizes.
BOOST_AUTO_TEST_CASE(the_pieces_in_which_bytes_arrive_do_not_matter) {
  Rng rng(test_seed());
  std::vector<std::string> expected;
  std::string stream;
  for (std::uint64_t i = 0; i < 200; ++i) {
    expected.emplace_back(rng.chance(1, 20) ? rng.below(3000) : rng.below(40),
                          static_cast<char>(i));
    stream += frame_of(i, expected.back());
  }
  for (const std::uint64_t piece_max : {1u, 30u, 10000u}) {
    FrameReader reader;
    std::vector<std::string> bodies;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + rng.below(piece_max);
      const std::string_view piece = std::string_view(stream).substr(at, size);
      feed_and_take(reader, piece, bodies);
      at += piece.size();
    }
    BOOST_TEST(bodies == expected, boost::test_tools::per_element());
    BOOST_TEST(!reader.error().has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_frame_above_the_bound_is_refused_by_its_length_alone) {
  FrameReader reader(100);
  feed(reader, frame_of(1, std::string(100 - frame_header_bytes, 'x')));
  BOOST_TEST(reader.next().has_value());
  feed(reader, header_with_length(100 - 4 + 1).substr(0, 4));
  BOOST_TEST(!reader.next().has_value());
  BOOST_TEST((reader.error() == WireError::frame_too_long));
}

BOOST_AUTO_TEST_CASE(an_error_stays) {
  FrameReader reader;
  feed(reader, header_with_length(0xffffffff));
  BOOST_TEST(!reader.next().has_value());
  feed(reader, frame_of(1, "good"));
  BOOST_TEST(!reader.next().has_value());
  BOOST_TEST((reader.error() == WireError::frame_too_long));
}

BOOST_AUTO_TEST_CASE(a_length_without_room_for_the_header_is_an_error) {
  for (const std::uint32_t length : {0u, 11u}) {
    FrameReader reader;
    feed(reader, header_with_length(length));
    BOOST_TEST(!reader.next().has_value());
    BOOST_TEST((reader.error() == WireError::frame_too_short));
  }
}

BOOST_AUTO_TEST_CASE(a_flag_that_is_not_known_is_an_error) {
  std::string bytes = frame_of(1, "");
  bytes[5] = 1;
  FrameReader reader;
  feed(reader, bytes);
  BOOST_TEST(!reader.next().has_value());
  BOOST_TEST((reader.error() == WireError::unknown_flags));
}

// Before the hello is through a stranger gets 4 KiB, and not more because it sent it early.
BOOST_AUTO_TEST_CASE(the_bound_rises_after_the_hello) {
  const std::string large = frame_of(2, std::string(100000, 'x'));
  FrameReader stranger;
  feed(stranger, large);
  BOOST_TEST(!stranger.next().has_value());
  BOOST_TEST((stranger.error() == WireError::frame_too_long));

  FrameReader reader;
  feed(reader, frame_of(1, "hello") + large);
  BOOST_TEST(reader.next().has_value());
  reader.set_frame_bytes_max(frame_bytes_max(value_bytes_max_default));
  const auto frame = reader.next();
  BOOST_TEST_REQUIRE(frame.has_value());
  BOOST_TEST(frame->body.size() == 100000u);
}

// Goal: memory follows what has arrived, not what was announced.
// Method: announce 32 MiB and send a million bytes in pieces of 4 KiB.
BOOST_AUTO_TEST_CASE(a_claimed_length_takes_no_memory) {
  constexpr std::size_t piece = 4096;
  FrameReader reader(frame_bytes_max(value_bytes_max_default));
  feed(reader, header_with_length(32u << 20));
  std::size_t received = frame_header_bytes;
  for (; received < 1000000; received += piece) {
    BOOST_TEST_REQUIRE(!reader.next().has_value());
    BOOST_TEST_REQUIRE(!reader.error().has_value());
    BOOST_TEST_REQUIRE(reader.memory() <= 2 * received + piece);
    feed(reader, std::string(piece, 'x'));
  }
}

// Goal: no hello is taken for RESP, and no command for a frame.
// Method: first frames of every length, and commands; cut short, they say nothing yet.
BOOST_AUTO_TEST_CASE(frames_and_resp_are_told_apart_by_their_first_bytes) {
  for (std::size_t length = 12; length <= hello_frame_bytes_max; ++length) {
    const std::string frame = header_with_length(static_cast<std::uint32_t>(length));
    BOOST_TEST_REQUIRE(is_frame(frame).value());
    BOOST_TEST_REQUIRE(is_frame(frame.substr(0, 2)).value_or(true));
  }
  for (const char* text : {"*1\r\n", "PING", "get", "\r\n\r\n", "\n\n\n", " PI", "GET /"}) {
    BOOST_TEST(!is_frame(text).value(), text);
    BOOST_TEST(!is_frame(std::string_view(text).substr(0, 2)).has_value(), text);
  }
  BOOST_TEST(!is_frame("").has_value());
  BOOST_TEST(is_frame("\x16\x03\x01").value());  // TLS
  BOOST_TEST(is_frame("\xff").value());
}

BOOST_AUTO_TEST_CASE(an_empty_reader_gives_a_large_buffer_back) {
  FrameReader reader(1 << 20);
  std::vector<std::string> bodies;
  feed_and_take(reader, frame_of(1, std::string(500000, 'x')), bodies);
  BOOST_TEST(bodies.size() == 1u);
  BOOST_TEST(reader.prepare(4096).size() == 4096u);
  BOOST_TEST(reader.memory() <= 4 * 4096u);
}

BOOST_AUTO_TEST_SUITE_END()
