#pragma once

// Uses of keys as caches see them, and the order of use that an exact one would keep.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/rng.hpp"

namespace hopring {

// Ranks 0 to n-1, rank r with a probability proportional to (r + 1)^-0.99.
class Zipf {
 public:
  explicit Zipf(std::size_t n) {
    double sum = 0;
    for (std::size_t rank = 0; rank < n; ++rank) {
      sum += std::pow(static_cast<double>(rank + 1), -0.99);
      sums_.push_back(sum);
    }
  }
  std::size_t draw(Rng& rng) const {
    const double at = static_cast<double>(rng.next() >> 11) * 0x1p-53 * sums_.back();
    return static_cast<std::size_t>(std::upper_bound(sums_.begin(), sums_.end(), at) -
                                    sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

// The keys used last, exactly.
class ExactOrder {
 public:
  explicit ExactOrder(std::size_t size_max) : size_max_(size_max) {}
  bool use(std::size_t key) {
    const auto found = where_.find(key);
    if (found != where_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    order_.push_front(key);
    where_[key] = order_.begin();
    if (order_.size() > size_max_) {
      where_.erase(order_.back());
      order_.pop_back();
    }
    return false;
  }

 private:
  std::size_t size_max_;
  std::list<std::size_t> order_;
  std::unordered_map<std::size_t, std::list<std::size_t>::iterator> where_;
};

// So many uses of so many keys by Zipf, of which the first quarter warms up: how many of the others
// find their record, and how many would with an exact order of as many records.
struct HitRates {
  double found = 0;
  double exact = 0;
  std::uint64_t records = 0;
};
// bool use(const std::string& key): was it there? It is now. size(): how many are.
template <class Use, class Size>
HitRates hit_rates(std::size_t key_count, std::size_t uses, std::uint64_t seed, Use&& use,
                   Size&& size) {
  const Zipf zipf(key_count);
  Rng rng(seed);
  std::vector<bool> hits;
  for (std::size_t i = 0; i < uses; ++i)
    hits.push_back(use("key:" + std::to_string(zipf.draw(rng))));
  HitRates rates{0, 0, size()};
  ExactOrder exact(rates.records);
  rng = Rng(seed);
  for (std::size_t i = 0; i < uses; ++i) {
    const bool is_hit = exact.use(zipf.draw(rng));
    if (i < uses / 4) continue;
    rates.exact += is_hit;
    rates.found += hits[i];
  }
  rates.exact /= static_cast<double>(uses) * 0.75;
  rates.found /= static_cast<double>(uses) * 0.75;
  return rates;
}

}  // namespace hopring
