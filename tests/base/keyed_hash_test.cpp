#include "base/keyed_hash.hpp"

#include <bit>
#include <boost/test/unit_test.hpp>
#include <numeric>
#include <set>
#include <string>

using namespace hopring;

namespace {
constexpr HashKey counting_key{{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};

std::string counting_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

HashBlock block(const std::array<std::uint8_t, 16>& bytes) { return {bytes}; }
}  // namespace

BOOST_AUTO_TEST_SUITE(keyed_hash)

// The examples of FIPS 197, appendices B and C.1.
BOOST_AUTO_TEST_CASE(the_tables_are_those_of_aes) {
  HashBlock counting;
  std::iota(counting.bytes.begin(), counting.bytes.end(), std::uint8_t{0});
  HashBlock plain;
  for (std::size_t i = 0; i < 16; ++i) plain.bytes[i] = static_cast<std::uint8_t>(i * 0x11);
  BOOST_TEST((aes_128(counting, plain) == block({0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                                 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a})));
  const HashBlock key = block({0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15,
                               0x88, 0x09, 0xcf, 0x4f, 0x3c});
  const HashBlock input = block({0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98,
                                 0xa2, 0xe0, 0x37, 0x07, 0x34});
  BOOST_TEST((aes_128(key, input) == block({0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc,
                                            0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32})));
}

// Peers with different processors must agree where a key lies.
BOOST_AUTO_TEST_CASE(instructions_and_tables_give_the_same_hash) {
  for (const HashKey& key : {counting_key, HashKey{{~0ull, ~0ull}}, HashKey{}}) {
    const KeyedHash hash(key);
    for (std::size_t size = 0; size < 100; ++size) {
      const std::string bytes = counting_bytes(size);
      BOOST_TEST(hash(bytes) == KeyedHash::by_tables(&hash, bytes));
    }
  }
}

// Goal: the hash of a key never changes, whatever is done to the code: rings of two releases mix.
// Method: values that the tables gave when the hash was written.
BOOST_AUTO_TEST_CASE(the_values_stay) {
  const KeyedHash hash(counting_key);
  BOOST_TEST(hash("") == 3116463761284289373ull);
  BOOST_TEST(hash("a key of twenty-four byte") == 1605039061976708855ull);
  BOOST_TEST(hash(counting_bytes(16)) == 528369268314475807ull);
}

BOOST_AUTO_TEST_CASE(depends_on_the_key_and_on_every_bit_and_on_the_length) {
  const KeyedHash hash(counting_key);
  std::set<std::uint64_t> seen;
  std::size_t hashed = 0;
  for (std::size_t size = 0; size < 70; ++size) {
    const std::string bytes = counting_bytes(size);
    seen.insert(hash(bytes));
    seen.insert(hash(std::string(size, '\0')));
    seen.insert(KeyedHash(HashKey{{1, 2}})(bytes));
    hashed += size < 3 ? 2 : 3;  // so short, zeros are among the others
    for (std::size_t bit = 0; bit < 8 * size; ++bit, ++hashed) {
      std::string other = bytes;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
      seen.insert(hash(other));
    }
  }
  BOOST_TEST(seen.size() == hashed);
}

// Goal: keys that differ in little lie anywhere on the ring.
// Method: half the bits of a hash change, in the mean over many pairs.
BOOST_AUTO_TEST_CASE(a_bit_of_the_input_changes_half_the_bits_of_the_hash) {
  const KeyedHash hash(counting_key);
  int changed = 0;
  constexpr int pairs = 4000;
  for (int i = 0; i < pairs; ++i) {
    std::string bytes = "key:" + std::to_string(i);
    bytes.resize(24, '.');
    const std::uint64_t before = hash(bytes);
    bytes[static_cast<std::size_t>(i % 24)] ^= 1;
    changed += std::popcount(before ^ hash(bytes));
  }
  BOOST_TEST(std::abs(changed - 32 * pairs) < pairs / 4);
}

BOOST_AUTO_TEST_SUITE_END()
