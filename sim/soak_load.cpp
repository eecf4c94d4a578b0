#include "sim/soak_load.hpp"

#include <algorithm>
#include <utility>

#include "storage/operation/value.hpp"

namespace hopring::sim {
namespace {

constexpr std::uint32_t plain_keys = 12;
constexpr std::uint32_t sum_keys = 3;
constexpr std::uint32_t brief_strings = 3;
constexpr std::uint32_t brief_integers = 1;
constexpr std::uint64_t brief_ms_least = 50;
constexpr std::uint64_t brief_ms_range = 1500;
// Integers are so far apart that a few additions lead from none to another.
constexpr std::uint64_t integer_step = 100'000;

}  // namespace

std::vector<std::string> SoakLoad::keys() {
  std::vector<std::string> keys;
  const auto add = [&](const std::string& prefix, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) keys.push_back(prefix + std::to_string(i));
  };
  add("key", plain_keys);
  add("sum", sum_keys);
  add("brief", brief_strings + brief_integers);
  return keys;
}

Operation SoakLoad::draw(WallTime now) {
  const std::uint64_t dice = rng_.below(16);
  if (dice < 3) return draw_brief(now);
  return dice < 6 ? draw_sum() : draw_plain();
}

void SoakLoad::learn(const Operation& operation, const OpResult& result) {
  Seen& seen = seen_[key_of(operation)];
  if (result.value) {
    seen = {*result.value, result.expiry_ms};
  } else if (result.outcome == Outcome::done) {
    if (const auto* put = std::get_if<Put>(&operation)) seen = {put->value};
    if (const auto* cas = std::get_if<CompareAndSet>(&operation)) seen = {cas->desired};
  }
}

Operation SoakLoad::draw_sum() {
  const std::string sum = "sum" + std::to_string(rng_.below(sum_keys));
  return rng_.chance(1, 4) ? Operation(Get{sum}) : Operation(Add{sum, 1});
}

Operation SoakLoad::draw_plain() {
  const std::string key = "key" + std::to_string(rng_.below(plain_keys));
  const std::uint64_t dice = rng_.below(20);
  if (dice < 9) return Get{key};
  if (dice < 13) return Put{key, new_value(Kind::plain), {}, PutCondition::always};
  if (dice < 15) return Put{key, new_value(Kind::plain), {}, PutCondition::if_absent};
  if (dice < 16) return Put{key, new_value(Kind::plain), {}, PutCondition::if_present};
  if (dice < 17) return Erase{key};
  if (dice < 18) return Erase{key, likely_value(key, Kind::plain)};
  const Value expected = likely_value(key, Kind::plain);
  return CompareAndSet{key, expected, new_value(Kind::plain), {}};
}

Operation SoakLoad::draw_brief(WallTime now) {
  const std::uint64_t number = rng_.below(brief_strings + brief_integers);
  const std::string key = "brief" + std::to_string(number);
  if (rng_.chance(2, 5)) return Get{key};
  const Kind kind = number >= brief_strings ? Kind::brief_integer : Kind::brief;
  if (kind == Kind::brief_integer && rng_.chance(1, 3)) return Add{key, 1};
  return draw_brief_write(key, kind, now);
}

Operation SoakLoad::draw_brief_write(const std::string& key, Kind kind, WallTime now) {
  const std::uint64_t dice = rng_.below(16);
  if (dice == 0) return Erase{key};
  if (dice < 3) return Erase{key, likely_value(key, kind)};
  const Expiry expiry = draw_expiry(now);
  if (dice < 7) return Put{key, new_value(kind), expiry, PutCondition::always};
  if (dice < 9) return Put{key, new_value(kind), expiry, PutCondition::if_absent};
  if (dice < 11) return Put{key, new_value(kind), expiry, PutCondition::if_present};
  CompareAndSet cas{key, likely_value(key, kind), new_value(kind), expiry};
  if (rng_.chance(1, 4)) cas.expected_expiry_ms = seen_[key].expiry_ms;
  return cas;
}

Value SoakLoad::new_value(Kind kind) { return value_of(++values_made_, kind); }

Value SoakLoad::value_of(std::uint64_t number, Kind kind) const {
  if (kind == Kind::brief_integer) {
    return {ValueType::integer, encode_integer(static_cast<std::int64_t>(number * integer_step))};
  }
  std::string text = "v" + std::to_string(number);
  if (kind == Kind::plain) text.resize(std::max(text.size(), plain_bytes_), '.');
  return {ValueType::string, std::move(text)};
}

// The one that was seen last, or any of the last ones.
Value SoakLoad::likely_value(const std::string& key, Kind kind) {
  const auto seen = seen_.find(key);
  if (seen != seen_.end() && rng_.chance(3, 4)) return seen->second.value;
  const std::uint64_t back = rng_.below(std::min<std::uint64_t>(values_made_, 20) + 1);
  return value_of(values_made_ - back, kind);
}

Expiry SoakLoad::draw_expiry(WallTime now) {
  const auto ms = static_cast<std::int64_t>(brief_ms_least + rng_.below(brief_ms_range));
  const std::uint64_t dice = rng_.below(10);
  if (dice == 0) return {};
  if (dice == 1) return {Expiry::Kind::keep, 0};
  if (dice == 2) return {Expiry::Kind::at, now.ms_since_epoch + ms};
  return {Expiry::Kind::after, ms};
}

}  // namespace hopring::sim
