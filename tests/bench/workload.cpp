#include "tests/bench/workload.hpp"

#include <algorithm>
#include <cmath>

namespace hopring::bench {
namespace {

constexpr std::uint64_t scatter = 2'654'435'761;  // a prime: rank -> number is one to one

}  // namespace

Key::Key(std::uint64_t number) {
  constexpr std::size_t digits = 16;
  const std::uint64_t mixed = Rng(number).next();  // one to one, so no two keys are equal
  for (std::size_t i = 0; i < digits; ++i) bytes_[i] = "0123456789abcdef"[mixed >> (4 * i) & 15];
  size_ = static_cast<std::uint8_t>(digits + mixed % (bytes_max - digits + 1));
  std::fill(bytes_.begin() + digits, bytes_.end(), '.');
}

std::vector<Key> keys_from(std::uint64_t first, std::uint64_t count) {
  std::vector<Key> keys;
  keys.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) keys.emplace_back(first + i);
  return keys;
}

std::vector<Key> random_keys(Rng& rng, std::uint64_t first, std::uint64_t range,
                             std::uint64_t count) {
  std::vector<Key> keys;
  keys.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) keys.emplace_back(first + rng.below(range));
  return keys;
}

Zipf::Zipf(std::uint64_t range, double exponent) : range_(range), exponent_(exponent) {
  for (std::uint64_t i = 1; i <= range; ++i) {
    zeta_ += 1 / std::pow(static_cast<double>(i), exponent_);
  }
  const double zeta_of_two = 1 + std::pow(0.5, exponent_);
  eta_ = (1 - std::pow(2 / static_cast<double>(range), 1 - exponent_)) / (1 - zeta_of_two / zeta_);
}

std::uint64_t Zipf::draw(Rng& rng) const {
  const double uniform = static_cast<double>(rng.next() >> 11) * 0x1p-53;
  return rank(uniform) * scatter % range_;
}

std::uint64_t Zipf::rank(double uniform) const {
  const double share = uniform * zeta_;
  if (share < 1) return 0;
  if (share < 1 + std::pow(0.5, exponent_)) return 1;
  const double place = std::pow(eta_ * uniform - eta_ + 1, 1 / (1 - exponent_));
  return std::min(static_cast<std::uint64_t>(static_cast<double>(range_) * place), range_ - 1);
}

}  // namespace hopring::bench
