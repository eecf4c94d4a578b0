#include "base/keyed_hash.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hopring {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are loaded as they lie");

constexpr std::size_t block_bytes = 16;
constexpr std::size_t rounds = 10;           // of AES-128
constexpr std::size_t absorbing_rounds = 4;  // for each block but the last
constexpr std::uint8_t padding = 0x80;       // behind the last byte, then zeros

// --- AES by tables ------------------------------------------------------------------------------

// x * v in the field of AES.
constexpr std::uint8_t times_x(std::uint8_t v) {
  return static_cast<std::uint8_t>(v << 1 ^ ((v >> 7) * 0x1b));
}

// FIPS 197, 5.1.1: the inverse in the field, and an affine map. Inverses come in pairs: while p
// runs through all powers of x + 1, q runs through those of its inverse.
constexpr std::array<std::uint8_t, 256> make_substitution() {
  std::array<std::uint8_t, 256> table{};
  std::uint8_t p = 1;
  std::uint8_t q = 1;
  do {
    p = static_cast<std::uint8_t>(p ^ times_x(p));
    q = static_cast<std::uint8_t>(q ^ q << 1);
    q = static_cast<std::uint8_t>(q ^ q << 2);
    q = static_cast<std::uint8_t>(q ^ q << 4);
    q = static_cast<std::uint8_t>(q ^ ((q >> 7) * 0x09));
    table[p] = static_cast<std::uint8_t>(q ^ std::rotl(q, 1) ^ std::rotl(q, 2) ^ std::rotl(q, 3) ^
                                         std::rotl(q, 4) ^ 0x63);
  } while (p != 1);
  table[0] = 0x63;
  return table;
}
constexpr auto substitution = make_substitution();
static_assert(substitution[1] == 0x7c && substitution[0x53] == 0xed && substitution[255] == 0x16);

constexpr HashBlock add(const HashBlock& a, const HashBlock& b) {
  HashBlock sum;
  for (std::size_t i = 0; i < block_bytes; ++i) {
    sum.bytes[i] = static_cast<std::uint8_t>(a.bytes[i] ^ b.bytes[i]);
  }
  return sum;
}

// SubBytes and ShiftRows.
constexpr HashBlock substitute_and_shift(const HashBlock& in) {
  HashBlock out;
  for (std::size_t i = 0; i < block_bytes; ++i) {
    out.bytes[i] = substitution[in.bytes[i * 5 % block_bytes]];
  }
  return out;
}

constexpr HashBlock mix_columns(const HashBlock& in) {
  HashBlock out;
  for (std::size_t i = 0; i < block_bytes; ++i) {
    const std::size_t column = i / 4 * 4;
    const auto at = [&](std::size_t row) { return in.bytes[column + row % 4]; };
    const auto pair = static_cast<std::uint8_t>(at(i) ^ at(i + 1));
    out.bytes[i] = static_cast<std::uint8_t>(times_x(pair) ^ at(i + 1) ^ at(i + 2) ^ at(i + 3));
  }
  return out;
}

constexpr HashBlock round(const HashBlock& in, const HashBlock& key) {
  return add(mix_columns(substitute_and_shift(in)), key);
}

using Schedule = std::array<HashBlock, rounds + 1>;

// FIPS 197, 5.2.
constexpr Schedule expand(const HashBlock& key) {
  Schedule keys{key};
  std::uint8_t constant = 1;
  for (std::size_t i = 1; i <= rounds; ++i) {
    const auto& before = keys[i - 1].bytes;
    auto& bytes = keys[i].bytes;
    for (std::size_t k = 0; k < block_bytes; ++k) {
      const std::uint8_t beside = k < 4 ? substitution[before[12 + (k + 1) % 4]] : bytes[k - 4];
      bytes[k] = static_cast<std::uint8_t>(before[k] ^ beside);
      if (k == 0) bytes[k] = static_cast<std::uint8_t>(bytes[k] ^ constant);
    }
    constant = times_x(constant);
  }
  return keys;
}

constexpr HashBlock encipher(const Schedule& keys, const HashBlock& block) {
  HashBlock state = add(block, keys[0]);
  for (std::size_t i = 1; i < rounds; ++i) state = round(state, keys[i]);
  return add(substitute_and_shift(state), keys[rounds]);
}

constexpr Schedule public_keys = expand({});

HashBlock load(const char* from, std::size_t bytes) {
  HashBlock block;
  if (bytes > 0) std::memcpy(block.bytes.data(), from, bytes);
  return block;
}

std::uint64_t first_word(const HashBlock& block) {
  std::uint64_t word;
  std::memcpy(&word, block.bytes.data(), sizeof word);
  return word;
}

HashBlock block_of(std::uint64_t low, std::uint64_t high) {
  const std::array<std::uint64_t, 2> words{low, high};
  HashBlock block;
  std::memcpy(block.bytes.data(), words.data(), block_bytes);
  return block;
}

// 2K in GF(2^128), as CMAC doubles its keys (NIST SP 800-38B).
HashBlock doubled(const HashKey& key) {
  const auto [low, high] = key.words;
  return block_of(low << 1 ^ (high >> 63) * 0x87, high << 1 | low >> 63);
}

}  // namespace

HashBlock aes_128(const HashBlock& key, const HashBlock& block) noexcept {
  return encipher(expand(key), block);
}

std::uint64_t KeyedHash::by_tables(const void* keyed_hash, std::string_view bytes) noexcept {
  const auto& hash = *static_cast<const KeyedHash*>(keyed_hash);
  HashBlock state = hash.start_;
  for (; bytes.size() >= block_bytes; bytes.remove_prefix(block_bytes)) {
    state = add(state, load(bytes.data(), block_bytes));
    for (std::size_t i = 0; i < absorbing_rounds; ++i) state = round(state, {});
  }
  HashBlock last = load(bytes.data(), bytes.size());
  last.bytes[bytes.size()] = padding;
  state = add(add(state, last), hash.whitening_);
  return first_word(add(encipher(public_keys, state), hash.whitening_));
}

// --- AES by instructions ------------------------------------------------------------------------

#if defined(__x86_64__)

struct AesInstructions {
  using Block = __m128i;

  [[gnu::target("aes,ssse3")]] static std::uint64_t hash(const void* keyed_hash,
                                                         std::string_view bytes) noexcept;

 private:
  static Block load(const void* from) noexcept {
    return _mm_loadu_si128(static_cast<const Block*>(from));
  }
  // A key that is not one whole block and fewer than sixteen bytes, as most keys are. Out of line:
  // then those need no loop and no stack.
  [[gnu::target("aes,ssse3"), gnu::noinline]] static std::uint64_t hash_unusual(
      const void* keyed_hash, std::string_view bytes) noexcept;
  [[gnu::target("aes,ssse3")]] static std::uint64_t finish(Block state, Block whitening) noexcept;
  [[gnu::target("aes,ssse3")]] static Block absorb(Block state, Block block) noexcept;
  // The last bytes of at least sixteen, behind their whole blocks, and the padding.
  [[gnu::target("aes,ssse3")]] static Block last_of(const char* end, std::size_t rest) noexcept;
  // Fewer than sixteen bytes and the padding. Out of line: keys are longer.
  [[gnu::noinline]] static Block all_of(const char* from, std::size_t size) noexcept;

  // From `sixteen - n`: what moves the last n bytes to the front and clears the others.
  alignas(32) static constexpr std::array<std::uint8_t, 32> to_front = {
      0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,
      11,   12,   13,   14,   15,   0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
      0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
  // From `sixteen - n`: the padding behind n bytes.
  alignas(32) static constexpr std::array<std::uint8_t, 32> behind = {
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, padding};
};

AesInstructions::Block AesInstructions::absorb(Block state, Block block) noexcept {
  state = _mm_xor_si128(state, block);
  for (std::size_t i = 0; i < absorbing_rounds; ++i) {
    state = _mm_aesenc_si128(state, _mm_setzero_si128());
  }
  return state;
}

AesInstructions::Block AesInstructions::last_of(const char* end, std::size_t rest) noexcept {
  const std::size_t skipped = block_bytes - rest;
  return _mm_or_si128(_mm_shuffle_epi8(load(end - block_bytes), load(to_front.data() + skipped)),
                      load(behind.data() + skipped));
}

AesInstructions::Block AesInstructions::all_of(const char* from, std::size_t size) noexcept {
  HashBlock block;
  if (size > 0) std::memcpy(block.bytes.data(), from, size);
  block.bytes[size] = padding;
  return load(block.bytes.data());
}

std::uint64_t AesInstructions::finish(Block state, Block whitening) noexcept {
  const auto key = [](std::size_t i) { return load(public_keys[i].bytes.data()); };
  state = _mm_xor_si128(_mm_xor_si128(state, whitening), key(0));
  for (std::size_t i = 1; i < rounds; ++i) state = _mm_aesenc_si128(state, key(i));
  state = _mm_xor_si128(_mm_aesenclast_si128(state, key(rounds)), whitening);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(state));
}

std::uint64_t AesInstructions::hash(const void* keyed_hash, std::string_view bytes) noexcept {
  const std::size_t rest = bytes.size() - block_bytes;
  if (rest >= block_bytes) [[unlikely]]
    return hash_unusual(keyed_hash, bytes);
  const auto& self = *static_cast<const KeyedHash*>(keyed_hash);
  const Block first = absorb(load(self.start_.bytes.data()), load(bytes.data()));
  const Block last = last_of(bytes.data() + bytes.size(), rest);
  return finish(_mm_xor_si128(first, last), load(self.whitening_.bytes.data()));
}

std::uint64_t AesInstructions::hash_unusual(const void* keyed_hash,
                                            std::string_view bytes) noexcept {
  const auto& self = *static_cast<const KeyedHash*>(keyed_hash);
  Block state = load(self.start_.bytes.data());
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  for (; end - at >= static_cast<std::ptrdiff_t>(block_bytes); at += block_bytes) {
    state = absorb(state, load(at));
  }
  const auto rest = static_cast<std::size_t>(end - at);
  const Block last = bytes.size() < block_bytes ? all_of(at, rest) : last_of(end, rest);
  return finish(_mm_xor_si128(state, last), load(self.whitening_.bytes.data()));
}

KeyedHash::Function KeyedHash::fastest() noexcept {
  const bool has_aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("ssse3");
  return has_aes ? &AesInstructions::hash : &by_tables;
}

#else

KeyedHash::Function KeyedHash::fastest() noexcept { return &by_tables; }

#endif

KeyedHash::KeyedHash(const HashKey& key) noexcept
    : start_(block_of(key.words[0], key.words[1])),
      whitening_(doubled(key)),
      function_(fastest()) {}

}  // namespace hopring
