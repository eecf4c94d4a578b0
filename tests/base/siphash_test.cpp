#include "base/siphash.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>
#include <string>

using namespace hopring;

namespace {
constexpr HashKey counting_key{{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};

std::string counting_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(siphash)

// Goal: the function is SipHash-1-3 and not something like it.
// Method: the first values of the vectors for key 00..0f and messages 00..n-1 that hash tables of
// other languages publish for their SipHash-1-3.
BOOST_AUTO_TEST_CASE(agrees_with_the_published_vectors) {
  const std::uint64_t vectors[] = {0xabac0158050fc4dcull, 0xc9f49bf37d57ca93ull,
                                   0x82cb9b024dc7d44dull};
  for (std::size_t size = 0; size < 3; ++size) {
    BOOST_TEST(siphash13(counting_key, counting_bytes(size)) == vectors[size]);
  }
}

BOOST_AUTO_TEST_CASE(depends_on_the_key_and_on_every_byte) {
  for (std::size_t size = 1; size < 40; ++size) {
    const std::string bytes = counting_bytes(size);
    const std::uint64_t hash = siphash13(counting_key, bytes);
    BOOST_TEST(hash != siphash13(HashKey{{1, 2}}, bytes));
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = bytes;
      other[i] = static_cast<char>(other[i] ^ 1);
      BOOST_TEST(hash != siphash13(counting_key, other));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
