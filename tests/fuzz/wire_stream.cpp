// A connection's bytes, in pieces: frames and every message. What decodes must encode to the bytes
// that it came from, and the reader's memory must follow what has arrived.

#include <algorithm>

#include "peer/wire/codec.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/peer/wire/random_message.hpp"

using namespace hopring;

namespace {

void check(const Frame& frame) {
  const auto decoded = decode(frame);
  if (!decoded) return;
  std::string again;
  encode(*decoded, frame.request_id, again);
  HOPRING_CHECK(std::string_view(again).substr(frame_header_bytes) == frame.body);
}

}  // namespace

// The first byte is the size of the pieces, less one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] + std::size_t{1};
  FrameReader reader(frame_bytes_max(value_bytes_max_default));
  for (std::size_t at = 1; at < size && !reader.error(); at += piece) {
    const std::size_t count = std::min(piece, size - at);
    std::copy_n(data + at, count, reader.prepare(piece).begin());
    reader.commit(count);
    while (const auto frame = reader.next()) check(*frame);
    HOPRING_CHECK(reader.memory() <= 2 * at + 4 * piece);
  }
  return 0;
}

std::vector<std::string> hopring::fuzz_corpus(Rng& rng) {
  std::vector<std::string> corpus;
  for_random_messages(rng, 5, [&](const WireMessage& message) {
    std::string input(1, static_cast<char>(rng.next()));
    encode(message, rng.next(), input);
    if (!corpus.empty() && rng.chance(1, 2)) encode(message, rng.next(), input);
    corpus.push_back(input);
  });
  return corpus;
}
