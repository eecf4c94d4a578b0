#pragma once

// Load on servers, and what comes of it.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/rng.hpp"
#include "tests/bench/latencies.hpp"
#include "tests/bench/net_options.hpp"
#include "tests/bench/workload.hpp"

namespace hopring::bench {

struct NetFigures {
  Latencies latencies;        // of operations that were done, one for each key
  std::uint64_t misses = 0;   // gets, of those, that found no such key
  std::uint64_t errors = 0;   // operations that failed
  std::string first_error{};  // what was said of the first one
  double seconds = 0;
  // Of the operations of the C++ client, those that the first peer that was asked has answered.
  double one_hop_share = 0;

  double per_second() const { return static_cast<double>(latencies.count()) / seconds; }
};

// Puts every key. Throws if one fails.
void fill_by_client(const NetOptions& options);
void fill_by_sockets(const NetOptions& options);

// By the C++ client, and by bare sockets. Throw if there is no server, or if it hangs up.
NetFigures load_by_client(const NetOptions& options);
NetFigures load_by_sockets(const NetOptions& options);

// The key of a number: 24 bytes.
class NetKey {
 public:
  static constexpr std::size_t size = 24;

  explicit NetKey(std::uint64_t number) noexcept {
    constexpr std::string_view prefix = "key:";
    std::copy(prefix.begin(), prefix.end(), bytes_.begin());
    for (std::size_t i = size; i-- > prefix.size(); number /= 10) {
      bytes_[i] = static_cast<char>('0' + number % 10);
    }
  }

  std::string_view view() const noexcept { return {bytes_.data(), size}; }

 private:
  std::array<char, size> bytes_;
};

// Draws what is asked next.
class Draws {
 public:
  Draws(const NetOptions& options, std::uint64_t seed)
      : rng_(seed), gets_(options.gets), keys_(options.keys) {
    if (options.zipf > 0) zipf_ = std::make_shared<const Zipf>(options.keys, options.zipf);
  }

  bool is_get() { return rng_.below(100) < gets_; }
  NetKey key() { return NetKey(zipf_ ? zipf_->draw(rng_) : rng_.below(keys_)); }

 private:
  Rng rng_;
  unsigned gets_;
  std::uint64_t keys_;
  std::shared_ptr<const Zipf> zipf_;
};

}  // namespace hopring::bench
