// What bytes of a stranger may cost. Every allocation of this executable is counted.

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "peer/wire/codec.hpp"
#include "tests/peer/wire/random_message.hpp"
#include "tests/peer/wire/seed.hpp"

namespace {
std::size_t allocated = 0;  // bytes, ever; this executable has one thread
}

// Not inlined: g++ 12 would take new and free() for a mismatched pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocated += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace hopring;

namespace {

// A list that grows by doubling asks for three times its size in all; an element has at most ten
// times its bytes on the wire (peer/wire/wire_traits.hpp).
constexpr std::size_t cost_per_byte_max = 30;
// A full batch of the shortest operations.
constexpr std::size_t cost_max = 3 * batch_operations_max * sizeof(Operation);

std::size_t cost_of_decoding(std::uint16_t kind, std::string_view body) {
  const Frame frame{frame_version_of(kind), kind, 1, body};
  const std::size_t before = allocated;
  static_cast<void>(decode(frame));
  return allocated - before;
}

bool is_cheap(std::uint16_t kind, std::string_view body) {
  return cost_of_decoding(kind, body) <= cost_max + cost_per_byte_max * body.size();
}

std::string body_of(const WireMessage& message, std::uint16_t& kind) {
  std::string bytes;
  encode(message, 1, bytes);
  std::memcpy(&kind, bytes.data() + 6, sizeof kind);
  return bytes.substr(frame_header_bytes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile)

// Goal: corruption never makes a decoder ask for more memory than its input justifies.
// Method: every byte of random messages of every kind set to values that make lengths large.
BOOST_AUTO_TEST_CASE(a_corrupt_byte_costs_no_memory) {
  Rng rng(test_seed());
  for_random_messages(rng, 10, [](const WireMessage& message) {
    std::uint16_t kind = 0;
    std::string body = body_of(message, kind);
    for (char& byte : body) {
      const char original = byte;
      for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
        byte = static_cast<char>(value);
        BOOST_TEST(is_cheap(kind, body), message_name(kind));
      }
      byte = original;
    }
  });
}

BOOST_AUTO_TEST_CASE(a_truncated_message_costs_no_memory) {
  Rng rng(test_seed());
  for_random_messages(rng, 10, [](const WireMessage& message) {
    std::uint16_t kind = 0;
    const std::string body = body_of(message, kind);
    for (std::size_t size = 0; size < body.size(); ++size) {
      BOOST_TEST(is_cheap(kind, std::string_view(body).substr(0, size)), message_name(kind));
    }
  });
}

BOOST_AUTO_TEST_CASE(random_bytes_cost_no_memory) {
  Rng rng(test_seed());
  for (const MessageRow& row : message_rows) {
    for (int i = 0; i < 500; ++i) {
      std::string body(rng.below(2000), '\0');
      const std::uint64_t mask = rng.chance(1, 2) ? 0xff : 0x01;  // small numbers get further
      for (char& byte : body) byte = static_cast<char>(rng.next() & mask);
      BOOST_TEST(is_cheap(row.kind, body), row.name);
    }
  }
}

// Goal: a large frame of the cheapest elements is refused before it becomes ten times as large.
// Method: a megabyte that announces as many of the shortest operations as it has room for.
BOOST_AUTO_TEST_CASE(a_batch_of_half_a_million_operations_is_refused_unread) {
  std::string body;
  OutArchive(body).save_count(500000);
  body.resize(body.size() + 1000000, '\0');
  BOOST_TEST(cost_of_decoding(kind_of<BatchRequest>, body) < 1000u);
}

BOOST_AUTO_TEST_SUITE_END()
