#pragma once

// What the hosts of a shard do with several keys at once, whatever their arcs are made of.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "base/keyed_hash.hpp"
#include "storage/group/arc_records.hpp"

namespace hopring {

// `find`: Position -> const Each*, what holds the position here; nullptr: nothing does. An Each has
// records().
template <class Find>
void expect_each(const KeyedHash& hash, std::span<const std::string_view> keys, Find&& find) {
  ArcRecords::Expected expected;
  for (const std::string_view key : keys) {
    const Position position{hash(key)};
    if (const auto* const holder = find(position)) expected.add(holder->records(), position);
  }
  expected.ask();
}

// As GroupHost::try_read(). `find`: Position -> Each*; an Each has try_read() and view(), too.
template <class Find>
std::size_t try_read_each(Now now, const KeyedHash& hash, std::span<const std::string_view> keys,
                          ReadSink& sink, Find&& find) {
  using Holder = decltype(find(Position{}));
  std::array<std::pair<Holder, Position>, keys_expected_max> places;
  ArcRecords::Expected expected;
  std::size_t count = 0;
  for (const std::string_view key : keys) {
    const Position position{hash(key)};
    const Holder holder = is_key(key) ? find(position) : nullptr;
    if (holder == nullptr) break;
    expected.add(holder->records(), position);
    places[count++] = {holder, position};
  }
  if (count > 1) expected.ask();
  for (std::size_t i = 0; i < count; ++i) {
    const auto [holder, position] = places[i];
    if (!sink.takes_more() || !holder->try_read(now, position, keys[i], sink)) return i;
    sink.on_view(holder->view());
  }
  return count;
}

}  // namespace hopring
