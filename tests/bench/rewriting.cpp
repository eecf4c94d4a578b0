#include "tests/bench/rewriting.hpp"

#include <cstring>

#include "base/check.hpp"

namespace hopring::bench {

Rewriting::Rewriting(std::uint64_t keys, std::uint64_t seed)
    : rng_(seed), versions_(keys), buffer_(value_bytes_max, '\0') {}

void Rewriting::fill(HopringMap& map) {
  for (std::uint64_t key = 0; key < versions_.size(); ++key) put(map, key);
}

void Rewriting::rewrite(HopringMap& map, std::uint64_t times) {
  const std::uint64_t until = written_bytes_ + times * written_bytes_;
  while (written_bytes_ < until) {
    const std::uint64_t key = rng_.below(versions_.size());
    if (versions_[key].is_there && rng_.chance(1, erase_every)) {
      erase(map, key);
    } else {
      put(map, key);
    }
  }
}

void Rewriting::verify(const HopringMap& map) {
  for (std::uint64_t key = 0; key < versions_.size(); ++key) {
    const auto record = map.find(Key(key).view());
    HOPRING_CHECK(record.has_value() == versions_[key].is_there);
    if (record) HOPRING_CHECK(record->value == value_of(key));
  }
  HOPRING_CHECK(map.size() == records_);
  HOPRING_CHECK(map.table().key_bytes() + map.table().value_bytes() == live_bytes_);
}

std::string_view Rewriting::value_of(std::uint64_t key) {
  Rng rng(key << 32 | versions_[key].number);
  const std::uint64_t size = value_bytes_min + rng.below(value_bytes_max - value_bytes_min + 1);
  for (std::size_t i = 0; i < value_bytes_max; i += sizeof(std::uint64_t)) {
    const std::uint64_t word = rng.next();
    std::memcpy(buffer_.data() + i, &word, sizeof word);
  }
  return std::string_view(buffer_).substr(0, size);
}

void Rewriting::put(HopringMap& map, std::uint64_t key) {
  if (versions_[key].is_there) forget(key);
  versions_[key] = {versions_[key].number + 1, true};
  const Key name(key);
  const std::string_view value = value_of(key);
  map.put(name.view(), value);
  records_ += 1;
  live_bytes_ += name.view().size() + value.size();
  written_bytes_ += name.view().size() + value.size();
}

void Rewriting::erase(HopringMap& map, std::uint64_t key) {
  HOPRING_CHECK(map.erase(Key(key).view()));
  forget(key);
  versions_[key].is_there = false;
}

void Rewriting::forget(std::uint64_t key) {
  records_ -= 1;
  live_bytes_ -= Key(key).view().size() + value_of(key).size();
}

}  // namespace hopring::bench
